"""Reading a request for tokens: which grant it is, who asks, for which resource.

Unlike Entra ID, the emulator does not check the signature of a client assertion, only that it is a JSON Web Token
within its time.
"""

import base64
import binascii
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from airflow_partnercenter.emulator import credentials as known
from airflow_partnercenter.emulator import entra_errors as errors
from airflow_partnercenter.emulator.entra_errors import EntraError
from airflow_partnercenter.emulator.sign_in_errors import PUBLIC_CLIENT_WITH_SECRET

RESOURCES = (
    "https://api.partnercenter.microsoft.com",
    "https://partner.partnercenterapi.microsoftonline.cn",
    # no longer accepted by Partner Center, but Entra ID goes on issuing tokens for it
    "https://graph.windows.net",
)
OPENID_SCOPES = {"openid", "profile", "email", "offline_access"}


@dataclass(frozen=True)
class Grant:
    """What a request asks for; ``refresh_token`` is empty where the application asks for itself."""

    resource: str
    scopes: tuple[str, ...]
    refresh_token: str = ""
    client_id: str = known.CLIENT_ID


def read_form(body: bytes) -> dict[str, str]:
    """Return the parameters of a form; of repeated ones the last counts."""
    return dict(parse_qsl(body.decode(errors="replace")))


def read_grant(form: Mapping[str, str], *, v1: bool) -> Grant:
    """Return what a form asks for.

    :raises EntraError: the form is incomplete, or asks for what the tenant does not give.
    """
    grant_type = required(form, "grant_type")
    if grant_type not in ("refresh_token", "client_credentials"):
        raise EntraError(errors.UNSUPPORTED_GRANT, grant_type)
    check_client(form)
    app_only = grant_type == "client_credentials"
    refresh_token = "" if app_only else required(form, "refresh_token")
    resource = read_resource(form, v1=v1, app_only=app_only)
    return Grant(resource, tuple(form.get("scope", "").split()), refresh_token, form["client_id"].lower())


def read_resource(form: Mapping[str, str], *, v1: bool, app_only: bool = False) -> str:
    """Return the resource that a form asks tokens for."""
    return _v1_resource(form) if v1 else _v2_resource(form, app_only=app_only)


def required(form: Mapping[str, str], name: str) -> str:
    """Return a parameter that must be there."""
    if not (value := form.get(name)):
        raise EntraError(errors.PARAMETER_MISSING, name)
    return value


def check_client(form: Mapping[str, str]) -> None:
    """Refuse an unknown application, or one that does not prove itself."""
    client_id = required(form, "client_id")
    if client_id.lower() == known.PUBLIC_CLIENT_ID:
        if form.get("client_secret") or form.get("client_assertion"):
            raise EntraError(PUBLIC_CLIENT_WITH_SECRET)
        return
    if client_id.lower() != known.CLIENT_ID:
        raise EntraError(errors.UNKNOWN_CLIENT, client_id)
    if assertion := form.get("client_assertion"):
        _check_assertion(assertion)
    elif not (secret := form.get("client_secret")):
        raise EntraError(errors.SECRET_MISSING)
    elif secret == known.EXPIRED_CLIENT_SECRET:
        raise EntraError(errors.EXPIRED_SECRET, client_id)
    elif secret != known.CLIENT_SECRET:
        raise EntraError(errors.WRONG_SECRET, client_id)


def _check_assertion(assertion: str) -> None:
    """Refuse a client assertion that is no JSON Web Token, or out of its time."""
    try:
        payload = assertion.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        expires_at = float(claims["exp"])
    except (IndexError, KeyError, TypeError, ValueError, binascii.Error):
        raise EntraError(errors.ASSERTION_MALFORMED) from None
    if expires_at < time.time():
        raise EntraError(errors.ASSERTION_EXPIRED)


def _v1_resource(form: Mapping[str, str]) -> str:
    """Return the resource that a request to the older endpoint names."""
    return _known_resource(required(form, "resource").rstrip("/"))


def _v2_resource(form: Mapping[str, str], *, app_only: bool) -> str:
    """Return the resource that the scope of a request names."""
    scope = next((scope for scope in required(form, "scope").split() if scope not in OPENID_SCOPES), "")
    resource, _, permission = scope.rpartition("/")
    if not resource:
        raise EntraError(errors.INVALID_SCOPE, form["scope"])
    # a resource may itself end in a slash, which gives a scope with two
    resource = _known_resource(resource.rstrip("/"))
    if app_only and permission != ".default":
        raise EntraError(errors.SCOPE_NOT_DEFAULT, scope)
    if permission not in (".default", "user_impersonation"):
        raise EntraError(errors.INVALID_SCOPE, scope)
    return resource


def _known_resource(resource: str) -> str:
    """Return the resource if the tenant knows it."""
    if resource not in RESOURCES:
        raise EntraError(errors.UNKNOWN_RESOURCE, resource)
    return resource
