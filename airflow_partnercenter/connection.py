"""The connection type ``partner_center``: one table of its fields, and the reader that checks a connection.

The table feeds the form in Airflow, the reader and the documentation. This module imports next to nothing, as Airflow
loads it whenever it lists its providers.
"""

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from airflow_partnercenter.exceptions import ConfigurationError

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

logger = logging.getLogger(__name__)

CONNECTION_TYPE = "partner_center"
CONNECTION_NAME = "Microsoft Partner Center"

_MASKED = "***"
_DEFAULT_TIMEOUT_SECONDS = 180


@dataclass(frozen=True, slots=True)
class ConnectionField:
    """One field of the connection's Extra.

    :param name: key in Extra.
    :param label: as shown in the form.
    :param help: one or two sentences below the field.
    :param secret: whether to mask it.
    :param choices: the values there are; empty for free text.
    :param default: what applies when it is not given.
    :param whole_number: whether it is a number of at least 1.
    """

    name: str
    label: str
    help: str
    secret: bool = False
    choices: tuple[str, ...] = ()
    default: str | int | None = None
    whole_number: bool = False


CONNECTION_FIELDS = (
    ConnectionField(
        "tenant_id", "Tenant ID", "The partner's own Microsoft Entra tenant: its GUID, or a domain such as contoso.com."
    ),
    ConnectionField(
        "auth_mode",
        "Sign-in",
        "app_user signs in as a partner user by a refresh token (Secure Application Model), which the licence "
        "resources require; app_only signs in as the application.",
        choices=("app_user", "app_only"),
        default="app_user",
    ),
    ConnectionField(
        "refresh_token",
        "Refresh token",
        "From an interactive sign-in of the service account with MFA. Needed for app_user.",
        secret=True,
    ),
    ConnectionField(
        "cloud",
        "Cloud",
        "The Microsoft cloud the partner tenant lives in: global, us_government or china.",
        choices=("global", "us_government", "china"),
        default="global",
    ),
    ConnectionField(
        "authority",
        "Login host",
        "Overrides the cloud's login host, such as https://login.microsoftonline.us; the tenant is appended.",
    ),
    ConnectionField(
        "commercial_prefix",
        "Path prefix of the superseding resources",
        "/partner/v1 or /v1; Microsoft's page has both.",
        default="/partner/v1",
    ),
    ConnectionField(
        "ca_bundle",
        "CA bundle",
        "Path, on the workers, of a PEM file with the certificate authorities to trust instead of the system's.",
    ),
    ConnectionField(
        "proxy", "Proxy", "URL of an HTTPS proxy. Left empty, HTTPS_PROXY of the worker applies.", secret=True
    ),
    ConnectionField("locale", "Locale", "Language of texts that Partner Center translates.", default="en-US"),
    ConnectionField(
        "application_name", "Application name", "By which Microsoft's support sees the requests. Optional."
    ),
    ConnectionField(
        "request_timeout_seconds",
        "Request timeout (seconds)",
        "For one whole answer. Partner Center can be slow.",
        default=_DEFAULT_TIMEOUT_SECONDS,
        whole_number=True,
    ),
)

_BY_NAME = {item.name: item for item in CONNECTION_FIELDS}
_HOW_TO_SIGN_IN = "sign the service account in interactively, with MFA, and enter the refresh token you get"


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """A checked connection; every value is usable as it is.

    :param base_url: override of the cloud's address, or None.
    :param authority: override of the cloud's login host, or None.
    """

    client_id: str
    client_secret: str = field(repr=False)
    tenant_id: str
    auth_mode: str
    refresh_token: str | None = field(repr=False)
    cloud: str
    base_url: str | None
    authority: str | None
    commercial_prefix: str
    ca_bundle: str | None
    proxy: str | None = field(repr=False)
    locale: str
    application_name: str | None
    request_timeout_seconds: int


def read_connection(connection: "Connection") -> ConnectionSettings:
    """Check a connection and return its settings. Blanks around a value are dropped; an empty one is not given.

    :raises ConfigurationError: something is missing or cannot work; the message names the field and what to do.
    """
    conn_id = connection.conn_id or CONNECTION_TYPE
    extra = _read_extra(connection.extra, conn_id)
    values = {item.name: _read_value(item, extra.get(item.name), conn_id) for item in CONNECTION_FIELDS}
    auth_mode = values["auth_mode"]
    refresh_token = values["refresh_token"]
    if auth_mode == "app_user" and not refresh_token:
        raise _wrong(conn_id, "refresh_token", f"is missing: {_HOW_TO_SIGN_IN}")
    return ConnectionSettings(
        client_id=_required(connection.login, "login", "the application (client) ID", conn_id),
        client_secret=_required(connection.password, "password", "the client secret of the application", conn_id),
        tenant_id=_tenant(values["tenant_id"], conn_id),
        auth_mode=auth_mode,
        refresh_token=refresh_token,
        cloud=values["cloud"],
        base_url=_base_url(connection.host, connection.port, conn_id),
        authority=_https_url(values["authority"], "authority", "https://login.microsoftonline.us", conn_id),
        commercial_prefix=_prefix(values["commercial_prefix"], conn_id),
        ca_bundle=_existing_file(values["ca_bundle"], conn_id),
        proxy=_proxy(values["proxy"], conn_id),
        locale=_header(values["locale"], "locale", conn_id) or "",
        application_name=_header(values["application_name"], "application_name", conn_id),
        request_timeout_seconds=values["request_timeout_seconds"],
    )


def _read_extra(text: str | None, conn_id: str) -> dict[str, Any]:
    """Return Extra by key; keys as Airflow's older forms saved them (``extra__partner_center__x``) count too."""
    try:
        extra = json.loads(text) if text else {}
    except ValueError:
        raise _wrong(conn_id, "extra", 'is not JSON: write it as an object, such as {"tenant_id": "…"}') from None
    if not isinstance(extra, dict):
        raise _wrong(conn_id, "extra", 'is not a JSON object, such as {"tenant_id": "…"}')
    prefix = f"extra__{CONNECTION_TYPE}__"
    by_name = {name.removeprefix(prefix): value for name, value in extra.items() if name.startswith(prefix)}
    by_name |= {name: value for name, value in extra.items() if not name.startswith(prefix)}
    if unknown := sorted(by_name.keys() - _BY_NAME.keys()):
        logger.warning(
            "Connection %s has unknown keys in extra, which are ignored: %s. Known are: %s",
            conn_id,
            ", ".join(unknown),
            ", ".join(_BY_NAME),
        )
    return by_name


def _read_value(item: ConnectionField, value: Any, conn_id: str) -> Any:
    if isinstance(value, str):
        value = value.strip() or None
    if value is None:
        return item.default
    if value == _MASKED:
        raise _wrong(conn_id, item.name, f"is {_MASKED}, a masked value that was saved: enter the real one again")
    if item.whole_number:
        return _whole_number(item, value, conn_id)
    if not isinstance(value, str):
        raise _wrong(conn_id, item.name, f"must be text, but is of type {type(value).__name__}: put it in quotes")
    if item.choices and value not in item.choices:
        raise _wrong(conn_id, item.name, f"is {value!r}: use one of {', '.join(item.choices)}")
    return value


def _whole_number(item: ConnectionField, value: Any, conn_id: str) -> int:
    text = str(value)
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < 1:
        raise _wrong(conn_id, item.name, f"must be a whole number of at least 1, such as {item.default}")
    return int(text)


def _required(value: str | None, name: str, what: str, conn_id: str) -> str:
    value = (value or "").strip()
    if not value:
        raise _wrong(conn_id, name, f"is missing: enter {what}")
    if value == _MASKED:
        raise _wrong(conn_id, name, f"is {_MASKED}, a masked value that was saved: enter {what} again")
    return value


def _tenant(value: str | None, conn_id: str) -> str:
    tenant = _required(value, "tenant_id", "the GUID or domain of the partner's own Microsoft Entra tenant", conn_id)
    if tenant.lower() in ("common", "organizations", "consumers"):
        raise _wrong(conn_id, "tenant_id", f"is {tenant!r}: enter the partner's own tenant, its GUID or domain")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]*", tenant):
        raise _wrong(conn_id, "tenant_id", "is neither a GUID nor a domain such as contoso.com")
    return tenant


def _base_url(host: str | None, port: int | None, conn_id: str) -> str | None:
    """Return the address without a trailing slash. Airflow's URI form moves the port into a field of its own."""
    host = (host or "").strip()
    if not host:
        return None
    example = "https://api.partnercenter.microsoft.com"
    if host == _MASKED:
        raise _wrong(conn_id, "host", f"is {_MASKED}, a masked value that was saved: leave it empty or write {example}")
    url = _https_url(host if "://" in host else f"https://{host}", "host", example, conn_id)
    if not url or not port or urlsplit(url).port:
        return url
    parts = urlsplit(url)
    return parts._replace(netloc=f"{parts.netloc}:{port}").geturl()


def _https_url(value: str | None, name: str, example: str, conn_id: str) -> str | None:
    if not value:
        return None
    if not value.startswith("https://"):
        raise _wrong(conn_id, name, f"must start with https://, as secrets travel there: such as {example}")
    parts = _split(value)
    if not parts or "@" in parts.netloc or parts.query or parts.fragment or not re.fullmatch(r"[!-\[\]-~]+", value):
        raise _wrong(conn_id, name, f"is not the address of a server: write it as {example}")
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


def _prefix(value: str, conn_id: str) -> str:
    if not re.fullmatch(r"(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*/?", value):
        raise _wrong(conn_id, "commercial_prefix", "is not a path such as /partner/v1 or /v1")
    return value.rstrip("/")


def _existing_file(value: str | None, conn_id: str) -> str | None:
    try:
        exists = value is None or Path(value).is_file()
    except (OSError, ValueError):
        exists = False
    if not exists:
        raise _wrong(conn_id, "ca_bundle", f"is {str(value)[:200]!r}, which is no file on this machine: give its path")
    return value


def _header(value: str | None, name: str, conn_id: str) -> str | None:
    if value and not re.fullmatch(r"[ -~]+", value):
        raise _wrong(conn_id, name, "travels as an HTTP header: write it in plain ASCII letters, on one line")
    return value


def _proxy(value: str | None, conn_id: str) -> str | None:
    # The proxy's address may hold a password, so no message repeats it.
    parts = _split(value) if value else None
    if value and (not parts or parts.scheme not in ("http", "https")):
        raise _wrong(conn_id, "proxy", "is not an address such as http://proxy.example:3128")
    return value


def _wrong(conn_id: str, name: str, what: str) -> ConfigurationError:
    return ConfigurationError(f"Connection {conn_id}: {name} {what}.")


def form_fields() -> dict[str, Mapping[str, Any]]:
    """Return the form as Airflow 3 reads it from provider metadata (``conn-fields``)."""
    return {item.name: _form_field(item) for item in CONNECTION_FIELDS}


def _form_field(item: ConnectionField) -> dict[str, Any]:
    # Without "null" Airflow marks a field as required.
    schema: dict[str, Any] = {"type": ["integer" if item.whole_number else "string", "null"]}
    if item.default is not None:
        schema["default"] = item.default
    if item.whole_number:
        schema["minimum"] = 1
    if item.choices:
        schema["enum"] = list(item.choices)
    if item.secret:
        schema["format"] = "password"
    return {"label": item.label, "description": item.help, "schema": schema}
