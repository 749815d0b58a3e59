"""A connection, field by field or as a URI: checked settings or a typed error that repeats no secret."""

import json
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from airflow_partnercenter.connection.fields import CONNECTION_FIELDS
from airflow_partnercenter.connection.settings import ConnectionSettings, read_connection
from fuzz.promises import SECRET, result_or_error, text_of

_SECRETS = [item.name for item in CONNECTION_FIELDS if item.secret]
_EXTRAS: tuple[Mapping[str, Any], ...] = (
    {"tenant_id": "contoso.com", "refresh_token": "0.AAA", "token_cache": "variable:partner_center_token_cache"},
    {"tenant_id": "contoso.com", "auth_mode": "app_only", "certificate": "-----BEGIN X-----\nAAAA\n-----END X-----"},
    {"auth_mode": "access_token", "access_token": "eyJ", "cloud": "china", "request_timeout_seconds": 30},
    {"tenant_id": "a", "refresh_token": "r", "proxy": "http://user:word@proxy.example:3128", "locale": "de-DE"},
    {"extra__partner_center__tenant_id": "a", "authority": "https://login.microsoftonline.us", "unknown": 1},
    {
        "tenant_id": "a",
        "refresh_token": "***",
        "commercial_prefix": "/v1",
        "ca_bundle": "/nowhere",
        "application_name": "a",
    },
)


def seeds() -> Iterator[bytes]:
    """Yield connections: login, password, host and port on a line each, then Extra; and one as a URI."""
    for extra in _EXTRAS:
        for fields in ("app-id\nsecret\n\n\n", "\n\nhttps://127.0.0.1\n8443\n", "app\n\nhost.example:443/x\n0\n"):
            yield b"\x01" + fields.encode() + json.dumps(extra).encode()
            yield b"\x02" + fields.encode() + json.dumps(extra).encode()
    yield b"\x01app\n\n\n\n" + b"[" * 2_000
    yield b"\x00partner-center://app-id:secret@https%3A%2F%2F127.0.0.1:8443/?tenant_id=contoso.com&refresh_token=0.A"


def check(data: bytes) -> None:
    """Read a connection; every second one has a secret planted in each secret field that is given."""
    kind, text = data[0] if data else 0, text_of(data[1:])
    connection = _by_uri(text) if kind % 4 == 0 else _by_field(text)
    if kind % 2 == 0:
        connection = _planted(connection)
    settings = result_or_error(lambda: read_connection(connection))
    if isinstance(settings, ConnectionSettings):
        assert SECRET not in repr(settings)
        assert (settings.base_url or "https://").startswith("https://")
        assert (settings.authority or "https://").startswith("https://")
        hash(settings)


def _by_field(text: str) -> Any:
    login, password, host, port, extra = [*text.split("\n", 4), "", "", "", "", ""][:5]
    number = int(port) if port.isascii() and port.isdecimal() and len(port) < 10 else None
    return SimpleNamespace(conn_id="c", login=login, password=password, host=host, port=number, extra=extra)


def _by_uri(text: str) -> Any:
    """Take a URI apart as Airflow does; what it refuses itself never reaches us."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return _by_field(text)
    extra = dict(parse_qsl(parts.query, keep_blank_values=True))
    whole = extra.pop("__extra__", None)
    return SimpleNamespace(
        conn_id="c",
        login=parts.username,
        password=parts.password,
        host=parts.hostname,
        port=port,
        extra=whole if whole is not None else json.dumps(extra),
    )


def _planted(connection: Any) -> Any:
    connection.password = connection.password and connection.password + SECRET
    try:
        extra = json.loads(connection.extra)
    except (ValueError, RecursionError):
        return connection
    if isinstance(extra, dict):
        for name in extra:
            if name.removeprefix("extra__partner_center__") in _SECRETS and isinstance(extra[name], str):
                extra[name] += SECRET
        connection.extra = json.dumps(extra)
    return connection
