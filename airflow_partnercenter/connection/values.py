"""Single values of a connection: each is usable as it is, or refused with its name and what to do."""

import json
import logging
import re
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from airflow_partnercenter.connection.fields import CONNECTION_FIELDS, CONNECTION_TYPE, ConnectionField
from airflow_partnercenter.exceptions import ConfigurationError
from airflow_partnercenter.one_line import one_line

logger = logging.getLogger(__name__)

MASKED = "***"
FIELDS_BY_NAME = {item.name: item for item in CONNECTION_FIELDS}


def read_extra(text: str | None, conn_id: str) -> dict[str, Any]:
    """Return Extra by key, as :func:`extra_by_name` does, and warn of keys that nobody reads."""
    by_name = extra_by_name(text, conn_id)
    if unknown := sorted(by_name.keys() - FIELDS_BY_NAME.keys()):
        logger.warning(
            "Connection %s has unknown keys in extra, which are ignored: %s. Known are: %s",
            conn_id,
            ", ".join(one_line(name, 60) for name in unknown),
            ", ".join(FIELDS_BY_NAME),
        )
    return by_name


def extra_by_name(text: str | None, conn_id: str) -> dict[str, Any]:
    """Return Extra by key; keys as Airflow's older forms saved them (``extra__partner_center__x``) lose their prefix.

    :raises ConfigurationError: it is no JSON object.
    """
    try:
        extra = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        raise wrong(conn_id, "extra", 'is not JSON: write it as an object, such as {"tenant_id": "…"}') from None
    if not isinstance(extra, dict):
        raise wrong(conn_id, "extra", 'is not a JSON object, such as {"tenant_id": "…"}')
    prefix = f"extra__{CONNECTION_TYPE}__"
    old = {name.removeprefix(prefix): value for name, value in extra.items() if name.startswith(prefix)}
    return old | {name: value for name, value in extra.items() if not name.startswith(prefix)}


def read_value(item: ConnectionField, value: Any, conn_id: str) -> Any:
    """Return the value of a field of Extra, or its default; of the type and among the choices that the table says."""
    if isinstance(value, str):
        value = value.strip() or None
    if value is None:
        return item.default
    if value == MASKED:
        raise wrong(conn_id, item.name, f"is {MASKED}, a masked value that was saved: enter the real one again")
    if item.whole_number:
        return _whole_number(item, value, conn_id)
    if not isinstance(value, str):
        raise wrong(conn_id, item.name, f"must be text, but is of type {type(value).__name__}: put it in quotes")
    if item.choices and value not in item.choices:
        raise wrong(conn_id, item.name, f"is {value!r}: use one of {', '.join(item.choices)}")
    return value


def _whole_number(item: ConnectionField, value: Any, conn_id: str) -> int:
    text = str(value)
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < 1:
        raise wrong(conn_id, item.name, f"must be a whole number of at least 1, such as {item.default}")
    return int(text)


def optional(value: str | None, name: str, what: str, conn_id: str) -> str | None:
    """Return a standard field, or None if it is empty."""
    value = (value or "").strip()
    if value == MASKED:
        raise wrong(conn_id, name, f"is {MASKED}, a masked value that was saved: enter {what} again")
    return value or None


def required(value: str | None, name: str, what: str, conn_id: str) -> str:
    """Return a field that must be there."""
    if found := optional(value, name, what, conn_id):
        return found
    raise wrong(conn_id, name, f"is missing: enter {what}")


def tenant(value: str | None, conn_id: str) -> str:
    """Return the tenant, which goes into the login address."""
    found = required(value, "tenant_id", "the GUID or domain of the partner's own Microsoft Entra tenant", conn_id)
    if found.lower() in ("common", "organizations", "consumers"):
        raise wrong(conn_id, "tenant_id", f"is {found!r}: enter the partner's own tenant, its GUID or domain")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]*", found):
        raise wrong(conn_id, "tenant_id", "is neither a GUID nor a domain such as contoso.com")
    return found


def certificate(value: str | None, conn_id: str) -> str | None:
    """Return PEM text, given as it is or by the path of its file. No message repeats it, as it may be a key."""
    if not value or "-----BEGIN " in value:
        return value
    try:
        text = Path(value).expanduser().read_bytes().decode("latin-1")
    except (OSError, ValueError, RuntimeError) as error:
        raise wrong(
            conn_id,
            "certificate",
            f"is neither PEM text nor the path of a file that can be read on this machine ({type(error).__name__}): "
            "give the PEM text with its BEGIN and END lines, or the path of such a file",
        ) from None
    if "-----BEGIN " not in text:
        how = "openssl pkcs12 -in NAME.pfx -out NAME.pem"
        raise wrong(conn_id, "certificate", f"is the path of a file without PEM text: convert a .pfx file with `{how}`")
    return text


def identity(value: str | None, conn_id: str) -> str | None:
    """Return the client ID of a managed identity."""
    if value and not re.fullmatch(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", value):
        raise wrong(
            conn_id,
            "managed_identity_client_id",
            "is no GUID: enter the client ID of a user-assigned managed identity; Entra ID lets no system-assigned one "
            "stand for an application",
        )
    return value


def access_token(value: str | None, conn_id: str) -> str | None:
    """Return a token that a header can carry."""
    if value and not re.fullmatch(r"[!-~]+", value):
        raise wrong(conn_id, "access_token", "is no access token: enter the token alone, without Bearer before it")
    return value


def token_cache(value: str | None, conn_id: str) -> str | None:
    """Return ``variable:NAME`` or ``file:`` with an absolute path."""
    kind, _, place = (value or "").partition(":")
    if not value or (kind == "variable" and re.fullmatch(r"[^\s:][^\n]{0,249}", place)):
        return value
    path = "/" + place.lstrip("/") if place.startswith("///") else place
    if kind == "file" and "\0" not in path and path.startswith("/") and not path.startswith("//") and path != "/":
        return f"file:{path}"
    raise wrong(
        conn_id,
        "token_cache",
        "is neither variable:NAME nor file:PATH with an absolute path: write it as "
        "variable:partner_center_token_cache, or file:/var/lib/airflow/partner_center_token_cache.json",
    )


def base_url(host: str | None, port: int | None, conn_id: str) -> str | None:
    """Return the address without a trailing slash. Airflow's URI form moves the port into a field of its own."""
    host = (host or "").strip()
    if not host:
        return None
    example = "https://api.partnercenter.microsoft.com"
    if host == MASKED:
        raise wrong(conn_id, "host", f"is {MASKED}, a masked value that was saved: leave it empty or write {example}")
    url = https_url(host if "://" in host else f"https://{host}", "host", example, conn_id)
    if not url or not port or urlsplit(url).port:
        return url
    parts = urlsplit(url)
    return parts._replace(netloc=f"{parts.netloc}:{port}").geturl()


def https_url(value: str | None, name: str, example: str, conn_id: str) -> str | None:
    """Return the address of a server, without a trailing slash."""
    if not value:
        return None
    if not value.startswith("https://"):
        raise wrong(conn_id, name, f"must start with https://, as secrets travel there: such as {example}")
    parts = _split(value)
    if not parts or "@" in parts.netloc or parts.query or parts.fragment or not re.fullmatch(r"[!-\[\]-~]+", value):
        raise wrong(conn_id, name, f"is not the address of a server: write it as {example}")
    return value.rstrip("/")


def _split(url: str) -> SplitResult | None:
    """Return the parts of an address, or None if it names no host or an impossible port."""
    try:
        parts = urlsplit(url)
        # The port is read only when it is asked for.
        usable = parts.hostname and parts.port != 0
    except ValueError:
        return None
    return parts if usable else None


def prefix(value: str, conn_id: str) -> str:
    """Return a path of plain segments, without a trailing slash."""
    if not re.fullmatch(r"(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*/?", value):
        raise wrong(conn_id, "commercial_prefix", "is not a path such as /partner/v1 or /v1")
    return value.rstrip("/")


def existing_file(value: str | None, name: str, conn_id: str) -> str | None:
    """Return the path of a file that is there."""
    try:
        exists = value is None or Path(value).is_file()
    except (OSError, ValueError):
        exists = False
    if not exists:
        raise wrong(conn_id, name, f"is {str(value)[:200]!r}, which is no file on this machine: give its path")
    return value


def header(value: str | None, name: str, conn_id: str) -> str | None:
    """Return text that can travel as an HTTP header."""
    if value and not re.fullmatch(r"[ -~]+", value):
        raise wrong(conn_id, name, "travels as an HTTP header: write it in plain ASCII letters, on one line")
    return value


def proxy(value: str | None, conn_id: str) -> str | None:
    """Return the address of a proxy. It may hold a password, so no message repeats it."""
    parts = _split(value) if value else None
    if value and (not parts or parts.scheme not in ("http", "https")):
        raise wrong(conn_id, "proxy", "is not an address such as http://proxy.example:3128")
    return value


def wrong(conn_id: str, name: str, what: str) -> ConfigurationError:
    """Return the error that names a field and says what to do."""
    return ConfigurationError(f"Connection {conn_id}: {name} {what}.")
