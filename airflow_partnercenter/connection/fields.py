"""The connection type ``partner_center``: one table of its fields, which feeds form, reader and documentation.

This module imports next to nothing, as Airflow loads it whenever it lists its providers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CONNECTION_TYPE = "partner_center"
CONNECTION_NAME = "Microsoft Partner Center"

_DEFAULT_TIMEOUT_SECONDS = 180
_DEFAULT_PATIENCE_SECONDS = 300
_DEFAULT_LARGEST_MEGABYTES = 256


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
        "resources require; app_only signs in as the application; access_token takes a token that somebody else got.",
        choices=("app_user", "app_only", "access_token"),
        default="app_user",
    ),
    ConnectionField(
        "refresh_token",
        "Refresh token",
        "From an interactive sign-in of the service account with MFA. Needed for app_user; leave the client secret "
        "empty only if the application is a public client.",
        secret=True,
    ),
    ConnectionField(
        "certificate",
        "Certificate",
        "Instead of the client secret: PEM text with private key and certificate, or the path of such a file on the "
        "workers.",
        secret=True,
    ),
    ConnectionField(
        "certificate_passphrase",
        "Certificate passphrase",
        "Of the certificate's private key, if encrypted.",
        secret=True,
    ),
    ConnectionField(
        "certificate_thumbprint",
        "Certificate thumbprint",
        "Only if Certificate holds the private key alone: 40 hexadecimal digits (SHA-1), from Microsoft Entra ID.",
    ),
    ConnectionField(
        "federated_token_file",
        "Federated token file",
        "Instead of the client secret: path, on the workers, of a token the application trusts (workload identity).",
    ),
    ConnectionField(
        "managed_identity_client_id",
        "Managed identity",
        "Instead of the client secret: client ID of a user-assigned managed identity of the workers, which the "
        "application trusts.",
    ),
    ConnectionField(
        "access_token",
        "Access token",
        "For the sign-in access_token alone: a token for Partner Center, usually from a secrets backend.",
        secret=True,
    ),
    ConnectionField(
        "token_cache",
        "Token cache",
        "Where renewed tokens live between tasks: variable:NAME for an Airflow Variable, file:PATH for a file that all "
        "workers share, empty for nowhere. Without one the refresh token dies after 90 days.",
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
    ConnectionField(
        "retry_total_seconds",
        "Patience (seconds)",
        "For how long a request is tried again: four times where it fails, and as often as Partner Center asks to "
        "wait. Longer waits are left to the task's own retries.",
        default=_DEFAULT_PATIENCE_SECONDS,
        whole_number=True,
    ),
    ConnectionField(
        "max_response_megabytes",
        "Largest answer (MB)",
        "Decompressed; what is larger is refused. A full page of 10 000 rows has 3 to 5 MB.",
        default=_DEFAULT_LARGEST_MEGABYTES,
        whole_number=True,
    ),
)


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
