"""Credentials become tokens: MSAL asks Microsoft Entra ID, unless the cache still has a token.

Source: https://learn.microsoft.com/en-us/partner-center/developer/enable-secure-app-model (read 2026-11-20)
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import msal
from msal.exceptions import MsalError

from airflow_partnercenter.api.entra.client_credential import client_credential
from airflow_partnercenter.api.entra.credentials import AppUserCredentials, Certificate, SignInCredentials
from airflow_partnercenter.api.entra.pem import key_lines
from airflow_partnercenter.api.entra.refusals import DEAD_GRANT, refusal
from airflow_partnercenter.api.entra.token_cache import LEEWAY_SECONDS, SignInCache, TokenStore, is_sendable
from airflow_partnercenter.api.entra.token_service import NoMemory, TokenServiceHttp
from airflow_partnercenter.api.wire.network import Network
from airflow_partnercenter.api.wire.redaction import Redactor
from airflow_partnercenter.api.wire.retrying import RetryPolicy
from airflow_partnercenter.exceptions import TokenServiceError


class SignIn:
    """Signs in at one tenant. Not for several threads at once.

    Constructing it sends nothing: MSAL's own constructor does a request, so MSAL's application is built when it is
    needed, which it is not while the cache has a valid token.

    :param credentials: who signs in.
    :param authority: login host; the tenant is appended.
    :param audience: resource the tokens are for.
    :param store: where tokens live between tasks; None keeps them in this process.
    """

    def __init__(
        self,
        credentials: SignInCredentials,
        *,
        authority: str,
        audience: str,
        network: Network,
        retry: RetryPolicy,
        redactor: Redactor,
        store: TokenStore | None,
    ) -> None:
        self._credentials = credentials
        self._authority = f"{authority.rstrip('/')}/{credentials.tenant_id}"
        self._audience = audience
        self._network = network
        self._redactor = redactor
        self._http = TokenServiceHttp(network, retry, redactor)
        for_user = isinstance(credentials, AppUserCredentials)
        given = credentials.refresh_token if isinstance(credentials, AppUserCredentials) else ""
        for secret in (credentials.client_secret, given):
            redactor.add(secret)
        if isinstance(credentials.client_assertion, Certificate):
            for line in key_lines(credentials.client_assertion.private_key):
                redactor.add(line)
        owner = f"{'app_user' if for_user else 'app_only'} {credentials.client_id} {self._authority} {audience}"
        self._cache = SignInCache(store, owner=owner, refresh_token=given, redactor=redactor)

    @property
    def app_only(self) -> bool:
        """Whether tokens name no user."""
        return not isinstance(self._credentials, AppUserCredentials)

    def acquire(self, *, refused: str | None) -> tuple[str, float]:
        """Return an access token, and for how many seconds it may be used.

        :param refused: one that Partner Center has refused, never returned again.
        :raises AuthenticationError: the credentials were refused; the message says who must do what.
        :raises TokenServiceError: Microsoft Entra ID itself failed, also after retries.
        :raises TransportError: Microsoft Entra ID could not be reached.
        """
        self._cache.load()
        found = self._cache.access_token(refused=refused)
        if not found:
            with self._cache.exclusive():
                # Whoever had the store before us may have left a token there.
                self._cache.load()
                found = self._cache.access_token(refused=refused) or self._ask()
        self._cache.warn_of_age()
        return found

    def _ask(self) -> tuple[str, float]:
        """Ask Entra ID for a new token, and keep it."""
        try:
            if isinstance(self._credentials, AppUserCredentials):
                result = self._for_user(self._credentials.refresh_token)
            else:
                result = self._for_application()
        except (ValueError, LookupError, TypeError, AttributeError, MsalError) as error:
            # MSAL raises these when the answer is not one of a token service at all.
            raise TokenServiceError(
                f"The token service at {self._authority} answered in a way MSAL does not understand "
                f"({type(error).__name__}); check `authority` and `tenant_id`."
            ) from error
        token = result.get("access_token")
        if not isinstance(token, str) or not token:
            raise refusal(self._without_secrets(result))
        self._redactor.add(token)
        if not is_sendable(token):
            raise TokenServiceError("The token service's access token holds signs that no HTTP header can carry.")
        self._redactor.add(result.get("refresh_token"))
        self._cache.save()
        return token, _usable_seconds(result)

    def _for_user(self, given: str) -> Mapping[str, Any]:
        """Spend the newest refresh token; if that one is dead, the connection's may still live."""
        newest_first = dict.fromkeys(filter(None, (self._cache.refresh_token(), given)))
        result: Mapping[str, Any] = {}
        for refresh_token in newest_first:
            result = self._app.acquire_token_by_refresh_token(refresh_token, [f"{self._audience}/user_impersonation"])
            if result.get("error") not in DEAD_GRANT:
                break
        return result

    def _for_application(self) -> Mapping[str, Any]:
        # MSAL looks into its cache first, where a refused token may be.
        self._app.remove_tokens_for_client()
        result: Mapping[str, Any] = self._app.acquire_token_for_client([f"{self._audience}/.default"])
        return result

    @cached_property
    def _app(self) -> msal.ClientApplication:
        options: dict[str, Any] = {
            "authority": self._authority,
            # The authority is the operator's own setting; Microsoft's list of hosts knows no private one.
            "instance_discovery": False,
            "http_client": self._http,
            "http_cache": NoMemory(),
            "token_cache": self._cache.msal,
        }
        credential = client_credential(self._credentials, self._network, self._redactor)
        if credential is None:
            return msal.PublicClientApplication(self._credentials.client_id, **options)
        return msal.ConfidentialClientApplication(
            self._credentials.client_id,
            client_credential=credential,
            # Otherwise MSAL_FORCE_REGION of the environment would send the proof to another host.
            azure_region=False,
            **options,
        )

    def _without_secrets(self, result: Mapping[str, Any]) -> dict[str, Any]:
        return {key: self._redactor(value) if isinstance(value, str) else value for key, value in result.items()}


def _usable_seconds(result: Mapping[str, Any]) -> float:
    """Return for how long a token may be used; v1 token services send numbers as text."""
    try:
        seconds = float(result.get("expires_in") or 0)
    except (TypeError, ValueError):
        return 0.0
    return seconds - min(LEEWAY_SECONDS, seconds / 2)
