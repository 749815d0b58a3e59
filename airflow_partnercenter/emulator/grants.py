"""Reading a request for tokens: which grant it is, who asks, for which resource."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from airflow_partnercenter.emulator import credentials as known
from airflow_partnercenter.emulator import entra_errors as errors
from airflow_partnercenter.emulator.entra_errors import EntraError
from airflow_partnercenter.emulator.proofs import check_assertion
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


def read_grant(form: Mapping[str, str], base_url: str, *, v1: bool) -> Grant:
    """Return what a form asks for.

    :param base_url: of the token service.
    :raises EntraError: the form is incomplete, or asks for what the tenant does not give.
    """
    grant_type = required(form, "grant_type")
    if grant_type not in ("refresh_token", "client_credentials"):
        raise EntraError(errors.UNSUPPORTED_GRANT, grant_type)
    check_client(form, base_url)
    app_only = grant_type == "client_credentials"
    if app_only and form["client_id"].lower() == known.PUBLIC_CLIENT_ID:
        raise EntraError(errors.SECRET_MISSING)
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


def check_client(form: Mapping[str, str], base_url: str) -> None:
    """Refuse an unknown application, or one that does not prove itself."""
    client_id = required(form, "client_id")
    if client_id.lower() == known.PUBLIC_CLIENT_ID:
        if form.get("client_secret") or form.get("client_assertion"):
            raise EntraError(PUBLIC_CLIENT_WITH_SECRET)
        return
    if client_id.lower() != known.CLIENT_ID:
        raise EntraError(errors.UNKNOWN_CLIENT, client_id)
    if form.get("client_assertion"):
        check_assertion(form, base_url)
    elif not (secret := form.get("client_secret")):
        raise EntraError(errors.SECRET_MISSING)
    elif secret == known.EXPIRED_CLIENT_SECRET:
        raise EntraError(errors.EXPIRED_SECRET, client_id)
    elif secret != known.CLIENT_SECRET:
        raise EntraError(errors.WRONG_SECRET, client_id)


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
