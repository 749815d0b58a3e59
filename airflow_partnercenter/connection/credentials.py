"""The settings of a connection become the client's credentials."""

from collections.abc import Callable

from airflow_partnercenter.api.clouds import CLOUDS
from airflow_partnercenter.api.entra.credentials import (
    AccessTokenCredentials,
    AppOnlyCredentials,
    AppUserCredentials,
    ClientAssertion,
    Credentials,
    FederatedTokenFile,
    ManagedIdentity,
)
from airflow_partnercenter.api.entra.pem import key_lines
from airflow_partnercenter.connection.settings import ConnectionSettings


def credentials_of(
    settings: ConnectionSettings, *, newer_access_token: Callable[[], str | None] | None = None
) -> Credentials:
    """Return who signs in.

    :param newer_access_token: asked for another one when Partner Center refuses the connection's access token.
    :raises ConfigurationError: the certificate cannot be used.
    """
    if settings.auth_mode == "access_token":
        return AccessTokenCredentials(settings.access_token or "", newer_access_token)
    who = settings.tenant_id, settings.client_id, settings.client_secret
    if settings.auth_mode == "app_only":
        return AppOnlyCredentials(*who, client_assertion=_client_assertion(settings))
    return AppUserCredentials(*who, settings.refresh_token or "", client_assertion=_client_assertion(settings))


def secrets_of(settings: ConnectionSettings) -> list[str]:
    """Return what of a connection no log may show, also where Airflow does not know that a field is secret."""
    given = (settings.client_secret, settings.refresh_token, settings.access_token, settings.certificate_passphrase)
    return [*filter(None, given), *key_lines(settings.certificate or "")]


def _client_assertion(settings: ConnectionSettings) -> ClientAssertion | None:
    if settings.certificate:
        # Here, as it loads cryptography: 15 ms that every other task can do without.
        from airflow_partnercenter.api.entra.certificates import read_certificate

        return read_certificate(
            settings.certificate,
            passphrase=settings.certificate_passphrase,
            thumbprint=settings.certificate_thumbprint,
        )
    if settings.federated_token_file:
        return FederatedTokenFile(settings.federated_token_file)
    if settings.managed_identity_client_id:
        return ManagedIdentity(settings.managed_identity_client_id, CLOUDS[settings.cloud].token_exchange_audience)
    return None
