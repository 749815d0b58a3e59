"""An access token that somebody else got: used as it is, and never renewed here."""

from datetime import UTC, datetime

from airflow_partnercenter.api.entra.claims import read_claims
from airflow_partnercenter.api.entra.credentials import AccessTokenCredentials
from airflow_partnercenter.api.wire.redaction import Redactor
from airflow_partnercenter.exceptions import AccessTokenRefusedError


class GivenToken:
    """Hands out the connection's access token.

    :param audience: what the token must be for, for messages.
    """

    def __init__(self, credentials: AccessTokenCredentials, *, audience: str, redactor: Redactor) -> None:
        self._token = credentials.access_token
        self._newer = credentials.newer
        self._audience = audience
        self._redactor = redactor
        redactor.add(self._token)

    @property
    def app_only(self) -> bool:
        """Whether the token, as far as it can be read, names no user."""
        claims = read_claims(self._token)
        return claims.readable and claims.user is None and claims.mfa is None

    def acquire(self, *, refused: str | None) -> tuple[str, float]:
        """Return the token; after a refusal another one, if its supplier has put one there meanwhile.

        :raises AccessTokenRefusedError: there is no other one; the message says who must supply it.
        """
        if refused == self._token:
            newer = self._newer() if self._newer else None
            if not newer or newer == refused:
                raise AccessTokenRefusedError(
                    f"Partner Center refused the access token of the connection ({_age(self._token)}). With auth_mode "
                    "access_token nothing here can renew it: whoever supplies access_token, such as your secrets "
                    f"backend, must put a new one there, for {self._audience}.",
                    status_code=401,
                )
            self._token = newer
            self._redactor.add(newer)
        # Asked for before each request, at no cost; how long it lives is for Partner Center to say.
        return self._token, 0.0


def _age(token: str) -> str:
    expires_at = read_claims(token).expires_at
    if expires_at is None:
        return "it may have expired; it does not say when"
    return f"it {'expired' if expires_at < datetime.now(UTC) else 'expires'} on {expires_at:%Y-%m-%d at %H:%M} UTC"
