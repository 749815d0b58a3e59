"""The credentials that the emulator's Entra ID knows. All are made up; none is valid anywhere else."""

from types import MappingProxyType

# ruff: noqa: S105 - these "secrets" are public by design

TENANT_ID = "aaaabbbb-0000-cccc-1111-dddd2222eeee"
TENANT_DOMAIN = "contoso.example"
CLIENT_ID = "00001111-aaaa-2222-bbbb-3333cccc4444"
CLIENT_SECRET = "emulator~not-a-real-client-secret~0001"
EXPIRED_CLIENT_SECRET = "emulator~not-a-real-client-secret~expired"
# an app of a desktop: it has no secret, and may sign people in by device code
PUBLIC_CLIENT_ID = "22223333-cccc-4444-dddd-5555eeee6666"
CLIENT_IDS = (CLIENT_ID, PUBLIC_CLIENT_ID)
# where both apps may be answered; the port is free
REDIRECT_URIS = ("http://localhost", "http://localhost/signed-in", "http://127.0.0.1")
USER_ID = "11112222-bbbb-3333-cccc-4444dddd5555"
USER_NAME = "licence.reports@contoso.example"
# who can sign in on the login page, with their object ids
USERS = MappingProxyType({USER_NAME: USER_ID, "sales.agent@contoso.example": "33334444-dddd-5555-eeee-6666ffff7777"})

# a token of a cluster, and a managed identity, which the application trusts; Entra ID's word for both is federated
TOKEN_EXCHANGE_AUDIENCE = "api://AzureADTokenExchange"
FEDERATED_ISSUER = "https://oidc.contoso.example/cluster"
FEDERATED_SUBJECT = "system:serviceaccount:airflow:worker"
MANAGED_IDENTITY_ISSUER = f"https://login.microsoftonline.com/{TENANT_ID}/v2.0"
MANAGED_IDENTITY_CLIENT_ID = "44445555-eeee-6666-ffff-7777aaaa8888"
MANAGED_IDENTITY_ID = "55556666-ffff-7777-aaaa-8888bbbb9999"
IDENTITY_HEADER = "emulator-not-a-real-identity-header"

# refresh tokens begin like this; anything else is "garbled" rather than unknown, as at Entra ID
REFRESH_TOKEN_PREFIX = "1.AemulatorRefreshTokenNotReal."


def _refresh_token(name: str) -> str:
    """Return a refresh token of about the shape and more than half the length of a real one."""
    return f"{REFRESH_TOKEN_PREFIX}{name}." + "0123456789abcdefghijklmnopqrstuvwxyz" * 6


REFRESH_TOKEN = _refresh_token("valid")
PUBLIC_REFRESH_TOKEN = _refresh_token("valid-of-public-client")
SPECIAL_REFRESH_TOKENS = MappingProxyType(
    {
        name: _refresh_token(name)
        for name in (
            "expired",
            "inactive",
            "revoked",
            "mfa_required",
            "mfa_expired",
            "consent_missing",
            "conditional_access",
            "other_client",
            "no_mfa",
        )
    }
)


def issued_refresh_token(number: int) -> str:
    """Return the refresh token that takes the place of another one."""
    return _refresh_token(f"issued-{number:06}")
