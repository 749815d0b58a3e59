"""An Airflow connection of type ``partner_center`` becomes checked settings, before anything is sent."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_partnercenter.connection import values
from airflow_partnercenter.connection.fields import (
    CONNECTION_FIELDS,
    CONNECTION_NAME,
    CONNECTION_TYPE,
    ConnectionField,
    form_fields,
)

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

__all__ = [
    "CONNECTION_FIELDS",
    "CONNECTION_NAME",
    "CONNECTION_TYPE",
    "ConnectionField",
    "ConnectionSettings",
    "form_fields",
    "read_connection",
]

_HOW_TO_SIGN_IN = (
    "sign the service account in with MFA, by `airflow-partnercenter login`, and enter the refresh token you get"
)
#: By what an application proves itself; one at most.
_PROOFS = ("password", "certificate", "federated_token_file", "managed_identity_client_id")


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """A checked connection; every value is usable as it is.

    :param client_id: empty where ``auth_mode`` is ``access_token``, as ``tenant_id`` may be too.
    :param client_secret: None if the application proves itself otherwise, or is a public client.
    :param certificate: PEM text.
    :param token_cache: ``variable:NAME``, ``file:`` with an absolute path, or None.
    :param base_url: override of the cloud's address, or None.
    :param authority: override of the cloud's login host, or None.
    """

    client_id: str
    client_secret: str | None = field(repr=False)
    tenant_id: str
    auth_mode: str
    refresh_token: str | None = field(repr=False)
    certificate: str | None = field(repr=False)
    certificate_passphrase: str | None = field(repr=False)
    certificate_thumbprint: str | None
    federated_token_file: str | None
    managed_identity_client_id: str | None
    access_token: str | None = field(repr=False)
    token_cache: str | None
    cloud: str
    base_url: str | None
    authority: str | None
    commercial_prefix: str
    ca_bundle: str | None
    proxy: str | None = field(repr=False)
    locale: str
    application_name: str | None
    request_timeout_seconds: int
    retry_total_seconds: int
    max_response_megabytes: int


def read_connection(connection: "Connection") -> ConnectionSettings:
    """Check a connection and return its settings. Blanks around a value are dropped; an empty one is not given.

    :raises ConfigurationError: something is missing or cannot work; the message names the field and what to do.
    """
    conn_id = connection.conn_id or CONNECTION_TYPE
    extra = values.read_extra(connection.extra, conn_id)
    given = {item.name: values.read_value(item, extra.get(item.name), conn_id) for item in CONNECTION_FIELDS}
    signs_in = given["auth_mode"] != "access_token"
    if signs_in:
        given["password"] = values.optional(connection.password, "password", "the client secret", conn_id)
    _check_sign_in(given, conn_id)
    what = "the application (client) ID"
    return ConnectionSettings(
        client_id=values.required(connection.login, "login", what, conn_id) if signs_in else "",
        client_secret=given.get("password"),
        tenant_id=values.tenant(given["tenant_id"], conn_id) if signs_in or given["tenant_id"] else "",
        auth_mode=given["auth_mode"],
        refresh_token=given["refresh_token"],
        certificate=values.certificate(given["certificate"], conn_id) if signs_in else None,
        certificate_passphrase=given["certificate_passphrase"],
        certificate_thumbprint=given["certificate_thumbprint"],
        federated_token_file=values.existing_file(given["federated_token_file"], "federated_token_file", conn_id)
        if signs_in
        else None,
        managed_identity_client_id=values.identity(given["managed_identity_client_id"], conn_id),
        access_token=values.access_token(given["access_token"], conn_id),
        token_cache=values.token_cache(given["token_cache"], conn_id),
        cloud=given["cloud"],
        base_url=values.base_url(connection.host, connection.port, conn_id),
        authority=values.https_url(given["authority"], "authority", "https://login.microsoftonline.us", conn_id),
        commercial_prefix=values.prefix(given["commercial_prefix"], conn_id),
        ca_bundle=values.existing_file(given["ca_bundle"], "ca_bundle", conn_id),
        proxy=values.proxy(given["proxy"], conn_id),
        locale=values.header(given["locale"], "locale", conn_id) or "",
        application_name=values.header(given["application_name"], "application_name", conn_id),
        request_timeout_seconds=given["request_timeout_seconds"],
        retry_total_seconds=given["retry_total_seconds"],
        max_response_megabytes=given["max_response_megabytes"],
    )


def _check_sign_in(given: dict[str, Any], conn_id: str) -> None:
    """Refuse a combination of fields that cannot sign in, or could in more than one way."""
    mode = given["auth_mode"]
    if mode == "access_token":
        if not given["access_token"]:
            what = "is missing: have a secrets backend enter a token for Partner Center, or choose another auth_mode"
            raise values.wrong(conn_id, "access_token", what)
        return
    if mode == "app_user" and not given["refresh_token"]:
        other = ", or set auth_mode to access_token" if given["access_token"] else ""
        raise values.wrong(conn_id, "refresh_token", f"is missing: {_HOW_TO_SIGN_IN}{other}")
    proofs = [name for name in _PROOFS if given[name]]
    if len(proofs) > 1:
        what = "are given: keep the one that the application proves itself by, and empty the other"
        raise values.wrong(conn_id, " and ".join(proofs), what)
    if mode == "app_only" and not proofs:
        what = f"is missing: enter the client secret of the application, or one of {', '.join(_PROOFS[1:])}"
        raise values.wrong(conn_id, "password", what)
    for name in ("certificate_passphrase", "certificate_thumbprint"):
        if given[name] and not given["certificate"]:
            what = "is given without a certificate: enter the certificate too, or empty this field"
            raise values.wrong(conn_id, name, what)
