"""A person signs in once, in a browser, and leaves the refresh token that unattended reads live on. All through MSAL.

``acquire_token_interactive`` of MSAL serves public clients only, and inside a container listens on every interface.
The Secure Application Model's application is a web application with a secret, so both kinds take the authorization
code flow step by step here, with PKCE and state; who receives the answer is the caller's business.

Sources: https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-auth-code-flow,
https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-device-code (read 2026-11-25)
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msal
from msal.exceptions import MsalError

from airflow_partnercenter.api.entra.claims import TokenClaims, read_claims
from airflow_partnercenter.api.entra.client_credential import client_credential
from airflow_partnercenter.api.entra.credentials import AppUserCredentials
from airflow_partnercenter.api.entra.refusals import refusal
from airflow_partnercenter.api.entra.token_service import NoMemory, TokenServiceHttp
from airflow_partnercenter.api.wire.network import Network
from airflow_partnercenter.api.wire.redaction import Redactor
from airflow_partnercenter.api.wire.retrying import RetryPolicy
from airflow_partnercenter.exceptions import AuthenticationError, PartnerCenterError, TokenServiceError

#: AADSTS codes that a person meets at the sign-in, and not an unattended task.
_HINTS = {
    "65004": "the person declined to consent to the application: sign in again and accept",
    "90094": "an administrator of the partner tenant must consent to the application first; then sign in again",
    "50105": "an Entra administrator must assign the service account to the application (Enterprise applications > "
    "Users and groups); then sign in again",
    "500121": "the multi-factor authentication was not completed: sign in again and answer its prompt",
    "50079": "the service account must enrol for multi-factor authentication first (https://aka.ms/mfasetup); then "
    "sign in again",
    "50011": "the redirect URI is not registered with the application: whoever keeps the app registration must add it",
    "54005": "the authorization code was used before: sign in again",
    "70008": "the authorization code has expired: sign in again, within ten minutes",
    "501481": "the answer belongs to another sign-in (PKCE does not match): sign in again",
    "7000218": "the application must prove itself, with its secret; for --device-code, whoever keeps the app "
    'registration must set "Allow public client flows" to Yes (Authentication > Settings)',
    "700025": "the application is a public client (mobile and desktop platform): sign in with --public-client",
    "70018": "the person declined, or the code was mistyped: sign in again",
    "70019": "the device code has expired: sign in again",
    "70020": "the device code has expired: sign in again",
}
_NAMED_HINTS = {
    "access_denied": "the sign-in was cancelled or access was denied: sign in again and accept",
    "authorization_declined": "the person declined to sign in: sign in again and accept",
    "expired_token": "nobody signed in before the device code expired: sign in again",
    "bad_verification_code": "the device code was not recognised: sign in again",
}
#: Asks Entra ID for a second factor even where no policy demands one, as Partner Center demands it.
_WITH_MFA = json.dumps({"access_token": {"amr": {"essential": True, "values": ["mfa"]}}})


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What a sign-in left.

    :param refresh_token: for the connection.
    :param claims: of the access token that came with it.
    """

    refresh_token: str = field(repr=False)
    claims: TokenClaims


@dataclass(frozen=True, slots=True)
class Started:
    """A sign-in that waits for its person.

    :param address: what to open in a browser.
    :param user_code: what to type there; empty in the authorization code flow.
    :param state: what the answer to the redirect URI must repeat; empty in the device code flow.
    :param expires_in_seconds: how long the person may take; 0 if the service does not say.
    """

    address: str
    user_code: str = ""
    state: str = field(default="", repr=False)
    expires_in_seconds: int = 0
    flow: dict[str, Any] = field(default_factory=dict, repr=False)


class InteractiveSignIn:
    """Signs one person in to one application. Constructing it sends nothing.

    :param credentials: the application and its proof, if it has one; the refresh token does not matter.
    :param authority: login host; the tenant is appended.
    :param scopes: of the tokens; ``offline_access`` is added.
    """

    def __init__(
        self,
        credentials: AppUserCredentials,
        *,
        authority: str,
        scopes: Sequence[str],
        network: Network,
        retry: RetryPolicy,
        redactor: Redactor,
    ) -> None:
        self._authority = f"{authority.rstrip('/')}/{credentials.tenant_id}"
        self._client_id = credentials.client_id
        self._credential = client_credential(credentials, network, redactor)
        self._scopes = list(scopes)
        self._redactor = redactor
        self._http = TokenServiceHttp(network, retry, redactor)
        redactor.add(credentials.client_secret)

    def start(self, redirect_uri: str, *, user: str | None = None) -> Started:
        """Begin the authorization code flow.

        :param redirect_uri: where the person's browser takes the answer.
        :param user: whom to propose on the login page.
        :raises PartnerCenterError: the tenant has no login page, or cannot be reached.
        """
        with self._our_errors():
            flow = self._app.initiate_auth_code_flow(
                self._scopes,
                redirect_uri=redirect_uri,
                prompt=None if user else "select_account",
                login_hint=user,
                claims_challenge=_WITH_MFA,
                # keeps the code out of addresses, which browsers and proxies remember
                response_mode="form_post",
            )
        self._redactor.add(flow["code_verifier"])
        return Started(flow["auth_uri"], state=flow["state"], flow=flow)

    def finish(self, started: Started, answer: Mapping[str, str]) -> SignedIn:
        """Return what the browser's answer is good for.

        :param answer: the parameters that arrived at the redirect URI.
        :raises AuthenticationError: Entra ID or the person refused; or the answer is not for this sign-in.
        """
        self._redactor.add(answer.get("code"))
        if answer.get("state") != started.state:
            raise AuthenticationError(
                "The answer that the browser brought is not for this sign-in (its state differs): close other sign-in "
                "pages and try again."
            )
        with self._our_errors():
            result = self._app.acquire_token_by_auth_code_flow(started.flow, dict(answer))
        return self._signed_in(result)

    def start_device(self) -> Started:
        """Begin the device code flow; it needs no browser on this machine, and the application's permission.

        :raises PartnerCenterError: the application may not do that, or the token service cannot be reached.
        """
        with self._our_errors():
            flow = self._public_app.initiate_device_flow(self._scopes, claims_challenge=_WITH_MFA)
        if not flow.get("user_code") or not flow.get("device_code"):
            raise self._refusal(flow)
        self._redactor.add(flow["device_code"])
        return Started(
            str(flow.get("verification_uri")), str(flow["user_code"]), expires_in_seconds=flow["expires_in"], flow=flow
        )

    def finish_device(self, started: Started, *, give_up: Callable[[], bool]) -> SignedIn:
        """Wait for the person and return what the sign-in is good for.

        :param give_up: asked every second whether to stop waiting.
        :raises AuthenticationError: Entra ID or the person refused, or it took too long.
        """
        with self._our_errors():
            result = self._public_app.acquire_token_by_device_flow(started.flow, exit_condition=lambda _: give_up())
        if result.get("error") in ("authorization_pending", "slow_down"):
            raise AuthenticationError("Nobody signed in in time: start again, and enter the code at once.")
        signed_in = self._signed_in(result)
        return self._renewed(signed_in.refresh_token) if self._credential else signed_in

    def _renewed(self, refresh_token: str) -> SignedIn:
        """Spend a refresh token as the tasks will, with the application's credential, which a device did not need."""
        with self._our_errors():
            result = self._app.acquire_token_by_refresh_token(refresh_token, self._scopes)
        return self._signed_in({"refresh_token": refresh_token} | result)

    def _signed_in(self, result: Mapping[str, Any]) -> SignedIn:
        token, refresh_token = result.get("access_token"), result.get("refresh_token")
        if not isinstance(token, str) or not token:
            raise self._refusal(result)
        self._redactor.add(token)
        if not isinstance(refresh_token, str) or not refresh_token:
            raise AuthenticationError(
                "Microsoft Entra ID gave no refresh token: the application must be allowed `offline_access` (delegated "
                "permissions of Microsoft Graph); then sign in again."
            )
        self._redactor.add(refresh_token)
        return SignedIn(refresh_token, read_claims(token))

    def _refusal(self, result: Mapping[str, Any]) -> PartnerCenterError:
        """Return the error that an answer without a token stands for, in words for the person at the keyboard."""
        said = {name: self._redactor(value) if isinstance(value, str) else value for name, value in result.items()}
        error = refusal(said)
        if not isinstance(error, AuthenticationError):
            return error
        word, description = error.error or "no_token", error.error_description or ""
        code = next((code for code in _HINTS if f"AADSTS{code}:" in description), "")
        hint = _HINTS.get(code) or (_NAMED_HINTS.get(word) if "AADSTS" not in description else "")
        if not hint:
            return error
        label = f"{word}, AADSTS{code}" if code else word
        support = f" [correlation ID {error.correlation_id}]" if error.correlation_id else ""
        return type(error)(
            f"Microsoft Entra ID refused the sign-in ({label}): {hint}.{support}",
            error=word,
            error_description=description,
            correlation_id=error.correlation_id,
        )

    @cached_property
    def _app(self) -> msal.ClientApplication:
        if self._credential is None:
            return self._public_app
        return msal.ConfidentialClientApplication(
            self._client_id,
            client_credential=self._credential,
            # Otherwise MSAL_FORCE_REGION of the environment would send the proof to another host.
            azure_region=False,
            **self._application_options,
        )

    @cached_property
    def _public_app(self) -> msal.PublicClientApplication:
        return msal.PublicClientApplication(self._client_id, **self._application_options)

    @property
    def _application_options(self) -> dict[str, Any]:
        return {
            "authority": self._authority,
            # The authority is the operator's own setting; Microsoft's list of hosts knows no private one.
            "instance_discovery": False,
            "http_client": self._http,
            "http_cache": NoMemory(),
            "token_cache": _NoCache(),
        }

    @contextmanager
    def _our_errors(self) -> Iterator[None]:
        """Turn what MSAL raises about an answer that is none into one sentence."""
        try:
            yield
        except (ValueError, LookupError, TypeError, AttributeError, RuntimeError, MsalError) as error:
            # Not chained: MSAL's text repeats the ID token it did not like.
            raise TokenServiceError(
                f"The token service at {self._authority} answered in a way MSAL does not accept "
                f"({type(error).__name__}); check the authority and the tenant, and try again."
            ) from None


class _NoCache(msal.TokenCache):  # type: ignore[misc]
    """Keeps nothing: one sign-in is one sign-in, and MSAL's own cache logs codes and verifiers at DEBUG."""

    def add(self, event: object, now: object = None) -> None:
        """Forget what came."""
