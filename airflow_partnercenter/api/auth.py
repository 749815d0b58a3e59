"""Credentials become access tokens, through MSAL alone.

Source: https://learn.microsoft.com/en-us/partner-center/developer/enable-secure-app-model (read 2026-11-20)
"""

import base64
import json
import logging
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import msal
import requests
import urllib3

from airflow_partnercenter.api.faults import retry_after_seconds
from airflow_partnercenter.api.network import Network, transport_error
from airflow_partnercenter.api.redaction import Redactor
from airflow_partnercenter.api.refusals import SERVICE_TROUBLE, refusal
from airflow_partnercenter.api.retrying import RetryPolicy
from airflow_partnercenter.exceptions import TokenServiceError

logger = logging.getLogger(__name__)

# MSAL treats a cached token as expired when less than this is left; so do we with the one we hold.
_LEEWAY_SECONDS = 300
_OK = 200


@dataclass(frozen=True, slots=True)
class AppOnlyCredentials:
    """The application itself signs in. The licence resources refuse this; other resources accept it.

    :param tenant_id: the partner's tenant, GUID or domain.
    :param client_id: application (client) ID.
    :param client_secret: its secret.
    """

    tenant_id: str
    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AppUserCredentials:
    """App+User sign-in of the Secure Application Model: an application acts for a partner user.

    :param tenant_id: the partner's tenant, GUID or domain.
    :param client_id: application (client) ID.
    :param client_secret: its secret.
    :param refresh_token: from the user's interactive sign-in with MFA. Entra answers each use with a newer one,
        which is used from then on.
    """

    tenant_id: str
    client_id: str
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)


Credentials = AppOnlyCredentials | AppUserCredentials


class TokenProvider:
    """Hands out access tokens that are valid now; may be shared between threads.

    Constructing it sends nothing: MSAL's own constructor does a request, so MSAL's application is built when the
    first token is asked for.

    :param credentials: who signs in.
    :param authority: login host; the tenant is appended.
    :param audience: resource the tokens are for.
    :param network: how to reach the token service.
    :param retry: patience with the token service.
    :param redactor: told every token, so that none is shown.
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
    ) -> None:
        self._credentials = credentials
        self._authority = f"{authority.rstrip('/')}/{credentials.tenant_id}"
        self._audience = audience
        self._http = _TokenServiceHttp(network, retry, redactor)
        self._redactor = redactor
        self._lock = threading.Lock()
        self._held: tuple[str, float] | None = None
        redactor.add(credentials.client_secret)
        if isinstance(credentials, AppUserCredentials):
            redactor.add(credentials.refresh_token)

    @property
    def app_only(self) -> bool:
        """Whether tokens name no user."""
        return isinstance(self._credentials, AppOnlyCredentials)

    def access_token(self, *, refused: str | None = None) -> str:
        """Return an access token with some life left.

        :param refused: a token that Partner Center has just refused: never returned again. Of several threads whose
            requests were refused, one asks for a new token and the others get that one.
        :raises AuthenticationError: the credentials were refused; the message says who must do what.
        :raises TokenServiceError: Microsoft Entra ID itself failed, also after retries.
        :raises TransportError: Microsoft Entra ID could not be reached.
        """
        with self._lock:
            if self._held and self._held[0] != refused and time.monotonic() < self._held[1]:
                return self._held[0]
            result = self._acquire(force_refresh=refused is not None)
            token = result.get("access_token")
            if not isinstance(token, str) or not token:
                raise refusal(self._without_secrets(result))
            self._redactor.add(token)
            if not re.fullmatch(r"[!-~]+", token):
                raise TokenServiceError("The token service's access token holds signs that no HTTP header can carry.")
            self._redactor.add(result.get("refresh_token"))
            self._held = (token, time.monotonic() + _usable_seconds(result))
            return token

    def _acquire(self, *, force_refresh: bool) -> Mapping[str, Any]:
        """Ask MSAL, which looks into its cache first; raise what is not a refusal."""
        try:
            if isinstance(self._credentials, AppUserCredentials):
                return self._acquire_for_user(self._credentials, force_refresh=force_refresh)
            if force_refresh:
                self._app.remove_tokens_for_client()
            return dict(self._app.acquire_token_for_client([f"{self._audience}/.default"]) or {})
        except (ValueError, LookupError, TypeError, AttributeError, msal.exceptions.MsalError) as error:
            # MSAL raises these when the answer is not one of a token service at all.
            raise TokenServiceError(
                f"The token service at {self._authority} answered in a way MSAL does not understand "
                f"({type(error).__name__}); check `authority` and `tenant_id`."
            ) from error

    def _acquire_for_user(self, credentials: AppUserCredentials, *, force_refresh: bool) -> Mapping[str, Any]:
        """Prefer the newest refresh token, which MSAL keeps in its cache, to the one of the connection."""
        scopes = [f"{self._audience}/user_impersonation"]
        for account in self._app.get_accounts():
            result = self._app.acquire_token_silent_with_error(scopes, account, force_refresh=force_refresh)
            if result and "access_token" in result:
                return dict(result)
        return dict(self._app.acquire_token_by_refresh_token(credentials.refresh_token, scopes) or {})

    @cached_property
    def _app(self) -> msal.ConfidentialClientApplication:
        return msal.ConfidentialClientApplication(
            self._credentials.client_id,
            client_credential=self._credentials.client_secret,
            authority=self._authority,
            # The authority is the operator's own setting; Microsoft's list of hosts knows no private one.
            instance_discovery=False,
            http_client=self._http,
        )

    def _without_secrets(self, result: Mapping[str, Any]) -> dict[str, Any]:
        return {key: self._redactor(value) if isinstance(value, str) else value for key, value in result.items()}


@dataclass(frozen=True, slots=True)
class _TokenAnswer:
    """What MSAL reads of an HTTP answer."""

    status_code: int
    text: str
    headers: Mapping[str, str]


class _TokenServiceHttp:
    """The HTTP client under MSAL: verified TLS, retries below MSAL's own throttling, failures as our errors.

    MSAL repeats a 429 or 5xx from memory instead of asking again, so retries must happen here, and such an answer
    must not reach it. Nor must one that is not a JSON object, as MSAL would log its text, whatever that repeats.
    """

    def __init__(self, network: Network, retry: RetryPolicy, redactor: Redactor) -> None:
        self._network = network
        self._retry = retry
        self._redactor = redactor

    def get(self, url: str, params: Any = None, headers: Any = None, **_: Any) -> _TokenAnswer:
        """Fetch the tenant's discovery document; a tenant that has none is a refusal, which MSAL would hide."""
        response, body = self._send("GET", url, params=params, headers=headers)
        if response.status_code >= 400:
            said = f"{response.url} answered {response.status_code}: check `authority`, `tenant_id`"
            raise refusal(body if "error" in body else {"error": "invalid_authority", "error_description": said})
        if response.status_code != _OK or not {"token_endpoint", "authorization_endpoint"} <= body.keys():
            raise TokenServiceError(f"{response.url} is no token service's discovery document: check `authority`.")
        return _TokenAnswer(response.status_code, json.dumps(body), response.headers)

    def post(self, url: str, params: Any = None, data: Any = None, headers: Any = None, **_: Any) -> _TokenAnswer:
        """Ask for a token; a refusal is MSAL's to read."""
        response, body = self._send("POST", url, params=params, data=data, headers=headers)
        if response.status_code == _OK and not ("access_token" in body or "error" in body):
            raise TokenServiceError(f"The token service at {urlsplit(url).netloc} answered 200 without a token.")
        return _TokenAnswer(response.status_code, json.dumps(body), response.headers)

    def close(self) -> None:
        """Close the connections; called by MSAL."""
        self._network.close()

    def _send(self, method: str, url: str, **request: Any) -> tuple[requests.Response, dict[str, Any]]:
        host = urlsplit(url).netloc

        def attempt() -> tuple[requests.Response, dict[str, Any]]:
            options = self._network.request_options | {"stream": True}
            try:
                with self._network.session.request(method, url, **request, **options) as response:
                    content = self._network.read(response)
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                raise transport_error(error, f"the token service at {host}", self._redactor) from error
            body = self._json_object(response.status_code, content)
            trouble = body.get("error") in SERVICE_TROUBLE
            if trouble or response.status_code == 429 or response.status_code >= 500:
                raise TokenServiceError(
                    f"Microsoft Entra ID at {host} answered {response.status_code} {self._redactor(response.reason)}.",
                    retry_after_seconds=retry_after_seconds(response.headers),
                )
            return response, body

        return self._retry.call(attempt)

    def _json_object(self, status: int, content: bytearray) -> dict[str, Any]:
        """Return the body, in an error without our secrets; empty if it is not a JSON object."""
        try:
            body = json.loads(content)
        except (ValueError, RecursionError):
            return {}
        if not isinstance(body, dict):
            return {}
        if status == _OK and "access_token" in body:
            return _without_unreadable_identity(body)
        return {key: self._redactor(value) if isinstance(value, str) else value for key, value in body.items()}


def _without_unreadable_identity(body: dict[str, Any]) -> dict[str, Any]:
    """Leave out an ``id_token`` or ``client_info`` that MSAL could not decode: neither is needed for a request."""
    parts = {"id_token": str(body.get("id_token", "")).split("."), "client_info": ["", str(body.get("client_info"))]}
    unreadable = {name for name, encoded in parts.items() if not _is_encoded_object(encoded[1:2])}
    return {name: value for name, value in body.items() if name not in unreadable}


def _is_encoded_object(encoded: list[str]) -> bool:
    try:
        return isinstance(json.loads(base64.urlsafe_b64decode(encoded[0] + "==")), dict)
    except (IndexError, ValueError):
        return False


def _usable_seconds(result: Mapping[str, Any]) -> float:
    """Return for how long a token may be used; v1 token services send numbers as text."""
    try:
        seconds = float(result.get("expires_in") or 0)
    except (TypeError, ValueError):
        return 0.0
    return seconds - min(_LEEWAY_SECONDS, seconds / 2)
