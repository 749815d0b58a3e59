"""Access tokens, asked for before each request: held while they are valid, shared between threads."""

import threading
import time

from airflow_partnercenter.api.entra.credentials import (
    AccessTokenCredentials,
    AppOnlyCredentials,
    AppUserCredentials,
    Certificate,
    Credentials,
    FederatedTokenFile,
    ManagedIdentity,
)
from airflow_partnercenter.api.entra.given_token import GivenToken
from airflow_partnercenter.api.entra.sign_in import SignIn
from airflow_partnercenter.api.entra.token_cache import TokenStore, TokenStoreError
from airflow_partnercenter.api.wire.network import Network
from airflow_partnercenter.api.wire.redaction import Redactor
from airflow_partnercenter.api.wire.retrying import RetryPolicy

__all__ = [
    "AccessTokenCredentials",
    "AppOnlyCredentials",
    "AppUserCredentials",
    "Certificate",
    "Credentials",
    "FederatedTokenFile",
    "ManagedIdentity",
    "TokenProvider",
    "TokenStore",
    "TokenStoreError",
]


class TokenProvider:
    """Hands out access tokens that are valid now; may be shared between threads. Constructing it sends nothing.

    :param credentials: who signs in.
    :param authority: login host; the tenant is appended.
    :param audience: resource the tokens are for.
    :param network: how to reach the token service.
    :param retry: patience with the token service.
    :param redactor: told every token, so that none is shown.
    :param store: where tokens live between tasks; None keeps them in this process.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        authority: str,
        audience: str,
        network: Network,
        retry: RetryPolicy,
        redactor: Redactor,
        store: TokenStore | None = None,
    ) -> None:
        self._source: GivenToken | SignIn
        if isinstance(credentials, AccessTokenCredentials):
            self._source = GivenToken(credentials, audience=audience, redactor=redactor)
        else:
            self._source = SignIn(
                credentials,
                authority=authority,
                audience=audience,
                network=network,
                retry=retry,
                redactor=redactor,
                store=store,
            )
        self._lock = threading.Lock()
        self._held: tuple[str, float] | None = None

    @property
    def app_only(self) -> bool:
        """Whether tokens name no user."""
        return self._source.app_only

    def access_token(self, *, refused: str | None = None) -> str:
        """Return an access token with some life left.

        :param refused: a token that Partner Center has just refused: never returned again. Of several threads whose
            requests were refused, one asks for a new token and the others get that one.
        :raises AuthenticationError: the credentials were refused; the message says who must do what.
        :raises ConfigurationError: a file of the connection cannot be used.
        :raises TokenServiceError: Microsoft Entra ID itself failed, also after retries.
        :raises TransportError: Microsoft Entra ID could not be reached.
        """
        with self._lock:
            if self._held and self._held[0] != refused and time.monotonic() < self._held[1]:
                return self._held[0]
            token, seconds = self._source.acquire(refused=refused)
            self._held = (token, time.monotonic() + seconds)
            return token
