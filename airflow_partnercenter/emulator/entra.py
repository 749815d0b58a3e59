"""Microsoft Entra ID, as far as a client of Partner Center meets it: discovery and the token endpoint, v1 and v2.

Like Entra ID, it leaves replaced refresh tokens valid.
"""

import time
import uuid
from collections.abc import Mapping
from dataclasses import replace

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from airflow_partnercenter.emulator import credentials as known
from airflow_partnercenter.emulator import entra_errors as errors
from airflow_partnercenter.emulator.entra_errors import EntraError
from airflow_partnercenter.emulator.grants import Grant, read_form, read_grant, read_resource
from airflow_partnercenter.emulator.interactive import AUTHORIZATION_CODE, DEVICE_CODE, Interactive
from airflow_partnercenter.emulator.sign_in_errors import OTHER_CLIENT
from airflow_partnercenter.emulator.sign_ins import DeviceCodes, SignIn
from airflow_partnercenter.emulator.tokens import AccessTokens, base64url_json, jwt


class Entra:
    """The token service of one tenant.

    :param base_url: the login host.
    :param device_codes: the devices whose person has not signed in yet.
    :param rotate_refresh_tokens: whether each use of a refresh token brings a new one.
    """

    def __init__(
        self, base_url: str, tokens: AccessTokens, device_codes: DeviceCodes, *, rotate_refresh_tokens: bool
    ) -> None:
        self._base_url = base_url
        self._tokens = tokens
        self._rotates = rotate_refresh_tokens
        self._refresh_tokens = [known.REFRESH_TOKEN, known.PUBLIC_REFRESH_TOKEN]
        self._interactive = Interactive(base_url, device_codes)
        # whose the refresh tokens are that came from a person's sign-in; the others are the service account's
        self._signed_in = {
            known.PUBLIC_REFRESH_TOKEN: SignIn(known.PUBLIC_CLIENT_ID, (), known.USER_NAME, mfa=True),
        }

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter()
        router.add_api_route("/{tenant}/v2.0/.well-known/openid-configuration", self.discovery, response_model=None)
        router.add_api_route("/{tenant}/.well-known/openid-configuration", self.discovery, response_model=None)
        for path in ("/{tenant}/oauth2/v2.0/token", "/{tenant}/oauth2/token"):
            router.add_api_route(path, self.token, methods=["POST"], response_model=None)
        router.include_router(self._interactive.router())
        return router

    async def discovery(self, request: Request, tenant: str) -> JSONResponse:
        """Answer with the addresses of the tenant's endpoints."""
        try:
            self._check_tenant(tenant)
        except EntraError as error:
            return _refusal(error, str(uuid.uuid4()), v1=False)
        base = f"{self._base_url}/{tenant}/oauth2/v2.0"
        return JSONResponse(
            {
                "issuer": self._issuer,
                "authorization_endpoint": f"{base}/authorize",
                "token_endpoint": f"{base}/token",
                "device_authorization_endpoint": f"{base}/devicecode",
                "end_session_endpoint": f"{base}/logout",
                "jwks_uri": f"{self._base_url}/{tenant}/discovery/v2.0/keys",
                "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
                "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
                "scopes_supported": ["openid", "profile", "email", "offline_access"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )

    async def token(self, request: Request, tenant: str) -> JSONResponse:
        """Answer a grant with tokens, or with the error that Entra ID has for it."""
        v1 = "/v2.0/" not in request.url.path
        form = read_form(await request.body())
        try:
            self._check_tenant(tenant)
            if form.get("grant_type") in (AUTHORIZATION_CODE, DEVICE_CODE):
                grant, answer = self._sign_in_answer(form, v1=v1)
            else:
                grant = read_grant(form, self._base_url, v1=v1)
                answer = self._user_answer(grant) if grant.refresh_token else self._app_answer(grant)
        except EntraError as error:
            return _refusal(error, request.headers.get("client-request-id") or str(uuid.uuid4()), v1=v1)
        if v1:
            answer = _in_v1_form(answer, grant.resource)
        return JSONResponse(answer, headers={"Cache-Control": "no-store, no-cache", "Pragma": "no-cache"})

    @property
    def _issuer(self) -> str:
        """The issuer of the tenant's tokens."""
        return f"{self._base_url}/{known.TENANT_ID}/v2.0"

    def _check_tenant(self, tenant: str) -> None:
        """Refuse a tenant other than ours, by GUID or domain."""
        if tenant.lower() not in (known.TENANT_ID, known.TENANT_DOMAIN):
            raise EntraError(errors.UNKNOWN_TENANT, tenant)

    def _app_answer(self, grant: Grant) -> dict[str, object]:
        """Return the tokens of the application itself."""
        return self._answer(self._tokens.issue(grant.resource, app_only=True))

    def _sign_in_answer(self, form: Mapping[str, str], *, v1: bool) -> tuple[Grant, dict[str, object]]:
        """Return the tokens that a person's sign-in is good for."""
        sign_in = self._interactive.redeem(form)
        scopes = tuple(form.get("scope", "").split()) or sign_in.scopes
        resource = read_resource({"scope": " ".join(scopes), **form}, v1=v1)
        answer = self._answer(
            self._tokens.issue(resource, mfa=sign_in.mfa, user=sign_in.user, client_id=sign_in.client_id)
        )
        answer["scope"] = f"{resource}/user_impersonation {resource}/.default"
        if "offline_access" in scopes:
            answer["refresh_token"] = known.issued_refresh_token(len(self._refresh_tokens))
            self._refresh_tokens.append(str(answer["refresh_token"]))
            self._signed_in[str(answer["refresh_token"])] = sign_in
        return Grant(resource, scopes), answer | self._identity(sign_in)

    def _identity(self, sign_in: SignIn) -> dict[str, object]:
        """Return who signed in, as MSAL wants to know it."""
        nonce = {"nonce": sign_in.nonce} if sign_in.nonce else {}
        oid = known.USERS[sign_in.user]
        about = {"aud": sign_in.client_id, "preferred_username": sign_in.user, "sub": oid, "oid": oid}
        return {
            "id_token": jwt(self._id_claims() | about | nonce),
            "client_info": base64url_json({"uid": oid, "utid": known.TENANT_ID}),
        }

    def _user_answer(self, grant: Grant) -> dict[str, object]:
        """Return the tokens that a refresh token is good for."""
        refresh_token, resource = grant.refresh_token, grant.resource
        name = _special_name(refresh_token)
        if name in errors.REFRESH_TOKEN_FAULTS:
            raise EntraError(errors.REFRESH_TOKEN_FAULTS[name], known.CLIENT_ID)
        if name != "no_mfa" and refresh_token not in self._refresh_tokens:
            shaped = refresh_token.startswith(known.REFRESH_TOKEN_PREFIX)
            raise EntraError(errors.UNKNOWN_GRANT if shaped else errors.GARBLED_GRANT)
        whose = self._signed_in.get(refresh_token)
        sign_in = whose or SignIn(known.CLIENT_ID, grant.scopes, known.USER_NAME, mfa=name != "no_mfa")
        if sign_in.client_id != grant.client_id:
            raise EntraError(OTHER_CLIENT, grant.client_id)
        answer = self._answer(
            self._tokens.issue(resource, mfa=sign_in.mfa, user=sign_in.user, client_id=sign_in.client_id)
        )
        answer["scope"] = f"{resource}/user_impersonation {resource}/.default"
        if "offline_access" in grant.scopes:
            answer["refresh_token"] = self._next_refresh_token(refresh_token)
            if whose:
                self._signed_in[str(answer["refresh_token"])] = replace(whose, nonce="")
        return answer | self._identity(replace(sign_in, nonce=""))

    def _next_refresh_token(self, refresh_token: str) -> str:
        """Return the refresh token to answer with; the one that came stays valid."""
        if not self._rotates or refresh_token == known.SPECIAL_REFRESH_TOKENS["no_mfa"]:
            return refresh_token
        self._refresh_tokens.append(known.issued_refresh_token(len(self._refresh_tokens)))
        return self._refresh_tokens[-1]

    def _answer(self, access_token: str) -> dict[str, object]:
        """Return what every answer has."""
        seconds = self._tokens.lifetime_seconds
        return {
            "token_type": "Bearer",
            "expires_in": seconds,
            "ext_expires_in": seconds,
            "access_token": access_token,
        }

    def _id_claims(self) -> dict[str, object]:
        """Return the claims of an ID token."""
        now = int(time.time())
        return {
            "aud": known.CLIENT_ID,
            "iss": self._issuer,
            "iat": now,
            "nbf": now,
            "exp": now + 3600,
            "sub": known.USER_ID,
            "oid": known.USER_ID,
            "tid": known.TENANT_ID,
            "preferred_username": known.USER_NAME,
            "ver": "2.0",
        }


def _special_name(refresh_token: str) -> str:
    """Return the name of a special refresh token, empty for any other."""
    return next((name for name, value in known.SPECIAL_REFRESH_TOKENS.items() if value == refresh_token), "")


def _in_v1_form(answer: Mapping[str, object], resource: str) -> dict[str, object]:
    """Return an answer as the older endpoint writes it: numbers as strings, times of day, a resource."""
    now, seconds = int(time.time()), int(str(answer["expires_in"]))
    scope = {"scope": "user_impersonation"} if "scope" in answer else {}
    times = {"expires_on": str(now + seconds), "not_before": str(now), "resource": resource}
    numbers = {name: str(answer[name]) for name in ("expires_in", "ext_expires_in")}
    return {**answer, **scope, **numbers, **times}


def _refusal(error: EntraError, correlation_id: str, *, v1: bool) -> JSONResponse:
    """Return the answer for an error."""
    return JSONResponse(error.fault.body(error.detail, correlation_id, v1=v1), status_code=error.fault.status)
