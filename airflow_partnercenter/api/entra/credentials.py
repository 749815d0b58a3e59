"""Who signs in, and how the application proves itself. Only data: nothing here is sent.

Sources: https://learn.microsoft.com/en-us/partner-center/developer/enable-secure-app-model,
https://learn.microsoft.com/en-us/entra/identity-platform/certificate-credentials,
https://learn.microsoft.com/en-us/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity
(read 2026-11-25)
"""

from collections.abc import Callable
from dataclasses import dataclass, field

#: For whom a managed identity's token must be, so that Entra ID takes it for an application's proof.
TOKEN_EXCHANGE_AUDIENCE = "api://AzureADTokenExchange"  # noqa: S105 - an address, not a secret


@dataclass(frozen=True, slots=True)
class Certificate:
    """A key registered with the application; see :func:`airflow_partnercenter.api.entra.certificates.read_certificate`.

    :param private_key: PEM text, not encrypted.
    :param chain: PEM text of the certificates, the application's own first; None if only its thumbprint is known.
    :param thumbprint: SHA-1 of the application's certificate, 40 hexadecimal digits.
    """

    private_key: str = field(repr=False)
    chain: str | None
    thumbprint: str

    @property
    def has_issuers(self) -> bool:
        """Whether certificates of issuers follow the application's own."""
        return (self.chain or "").count("-----BEGIN CERTIFICATE-----") > 1


@dataclass(frozen=True, slots=True)
class FederatedTokenFile:
    """A token of another identity provider, such as Kubernetes', that the application trusts.

    :param path: read at each sign-in, as whoever writes it puts a new token there every hour or so.
    """

    path: str


@dataclass(frozen=True, slots=True)
class ManagedIdentity:
    """A user-assigned managed identity of the Azure machine this runs on, which the application trusts.

    :param client_id: of the identity, not of the application.
    :param audience: of the identity's tokens; each cloud has its own.
    """

    client_id: str
    audience: str = TOKEN_EXCHANGE_AUDIENCE


ClientAssertion = Certificate | FederatedTokenFile | ManagedIdentity


@dataclass(frozen=True, slots=True)
class AppOnlyCredentials:
    """The application itself signs in. The licence resources refuse this; other resources accept it.

    :param tenant_id: the partner's tenant, GUID or domain.
    :param client_id: application (client) ID.
    :param client_secret: its secret; None if it proves itself by an assertion.
    :param client_assertion: what to prove itself by instead.
    """

    tenant_id: str
    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    client_assertion: ClientAssertion | None = None


@dataclass(frozen=True, slots=True)
class AppUserCredentials:
    """App+User sign-in of the Secure Application Model: an application acts for a partner user.

    :param tenant_id: the partner's tenant, GUID or domain.
    :param client_id: application (client) ID.
    :param client_secret: its secret; None for a public client, or one that proves itself by an assertion.
    :param refresh_token: from the user's interactive sign-in with MFA. Entra answers each use with a newer one,
        which is used from then on.
    :param client_assertion: what the application proves itself by instead of a secret.
    """

    tenant_id: str
    client_id: str
    client_secret: str | None = field(repr=False)
    refresh_token: str = field(repr=False)
    client_assertion: ClientAssertion | None = None


@dataclass(frozen=True, slots=True)
class AccessTokenCredentials:
    """An access token that somebody else got, such as a secrets backend.

    :param access_token: for Partner Center's audience.
    :param newer: asked for another one when Partner Center refuses this one; None if nobody can be asked.
    """

    access_token: str = field(repr=False)
    newer: Callable[[], str | None] | None = field(default=None, repr=False)


SignInCredentials = AppOnlyCredentials | AppUserCredentials
Credentials = SignInCredentials | AccessTokenCredentials
