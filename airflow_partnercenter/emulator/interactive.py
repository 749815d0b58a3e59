"""How people sign in at the emulated Entra ID: the login page, and codes for devices without a browser.

Sources: https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-auth-code-flow,
https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-device-code
"""

import uuid
from collections.abc import Mapping
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from airflow_partnercenter.emulator import credentials as known
from airflow_partnercenter.emulator import entra_errors, sign_in_errors
from airflow_partnercenter.emulator.entra_errors import EntraError, EntraFault
from airflow_partnercenter.emulator.grants import check_client, read_form, required
from airflow_partnercenter.emulator.login_pages import CONSENT, error_page, form_post_page, login_page, page
from airflow_partnercenter.emulator.sign_in_errors import SIGN_IN_FAULTS
from airflow_partnercenter.emulator.sign_ins import AuthorizationCodes, DeviceCodes, SignIn, is_registered

AUTHORIZATION_CODE = "authorization_code"
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
#: what the login page knows of a request and must not forget when the person sends the form
_KEPT = (
    "client_id",
    "response_type",
    "redirect_uri",
    "response_mode",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
)


class Interactive:
    """The part of Entra ID that people see.

    :param base_url: the login host.
    :param device_codes: the devices that wait.
    """

    def __init__(self, base_url: str, device_codes: DeviceCodes) -> None:
        self._base_url = base_url
        self._codes = AuthorizationCodes()
        self._devices = device_codes

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter()
        for method, endpoint in (("GET", self.login), ("POST", self.signed_in)):
            router.add_api_route("/{tenant}/oauth2/v2.0/authorize", endpoint, methods=[method], response_model=None)
        router.add_api_route(
            "/{tenant}/oauth2/v2.0/devicecode", self.device_code, methods=["POST"], response_model=None
        )
        router.add_api_route("/devicelogin", self.device_login, response_model=None)
        router.add_api_route("/devicelogin", self.device_signed_in, methods=["POST"], response_model=None)
        return router

    def redeem(self, form: Mapping[str, str]) -> SignIn:
        """Return the sign-in that a request for tokens spends.

        :raises EntraError: the application, or what it spends, is refused.
        """
        check_client(form, self._base_url)
        client_id = form["client_id"].lower()
        if form["grant_type"] == DEVICE_CODE:
            return self._devices.redeem(required(form, "device_code"), client_id=client_id)
        return self._codes.redeem(
            required(form, "code"),
            client_id=client_id,
            redirect_uri=required(form, "redirect_uri"),
            verifier=form.get("code_verifier", ""),
        )

    async def login(self, request: Request, tenant: str) -> Response:
        """Show the login page, or what is wrong with the request."""
        parameters = dict(request.query_params)
        if refused := _refused_request(tenant, parameters):
            return refused
        if parameters.get("response_type") != "code":
            fault = sign_in_errors.UNSUPPORTED_RESPONSE_TYPE
            return _to_application(parameters, _error(fault, parameters.get("response_type", "")))
        kept = {name: parameters[name] for name in _KEPT if name in parameters}
        return login_page(kept, login_hint=parameters.get("login_hint", ""))

    async def signed_in(self, request: Request, tenant: str) -> Response:
        """Send the person back to the application, with a code or with an error."""
        form = read_form(await request.body())
        if refused := _refused_request(tenant, form):
            return refused
        outcome = form.get("outcome", CONSENT)
        if outcome != CONSENT:
            return _to_application(form, _error(SIGN_IN_FAULTS[outcome], form["client_id"]))
        challenge_method = form.get("code_challenge_method", "plain")
        code = self._codes.issue(
            _sign_in(form, form["client_id"].lower(), tuple(form.get("scope", "").split())),
            form["redirect_uri"],
            form.get("code_challenge", ""),
            challenge_method,
        )
        return _to_application(form, {"code": code, "session_state": str(uuid.uuid4())})

    async def device_code(self, request: Request, tenant: str) -> JSONResponse:
        """Give a device a code to show, and one to ask with."""
        form = read_form(await request.body())
        try:
            _check_tenant(tenant)
            client_id = _known_client(form)
            scopes = tuple(required(form, "scope").split())
        except EntraError as error:
            body = error.fault.body(error.detail, str(uuid.uuid4()), v1=False)
            return JSONResponse(body, status_code=error.fault.status)
        device = self._devices.issue(client_id, scopes)
        address = f"{self._base_url}/devicelogin"
        return JSONResponse(
            {
                "user_code": device.user_code,
                "device_code": device.device_code,
                "verification_uri": address,
                "expires_in": self._devices.lifetime_seconds,
                "interval": self._devices.interval_seconds,
                "message": f"To sign in, use a web browser to open the page {address} and enter the code "
                f"{device.user_code} to authenticate.",
            }
        )

    async def device_login(self) -> Response:
        """Show the page on which a person types a device's code."""
        return login_page({}, user_code=True)

    async def device_signed_in(self, request: Request) -> Response:
        """Let the device whose code was typed go on, or learn why it cannot."""
        form = read_form(await request.body())
        device = self._devices.find(form.get("user_code", ""))
        if device is None:
            return error_page("That code didn't work. Check the code and try again.", 400)
        outcome = form.get("outcome", CONSENT)
        if outcome == CONSENT:
            device.sign_in = _sign_in(form, device.client_id, device.scopes)
            return page("You have signed in", "<p>You may now close this window.</p>")
        declined = outcome == "declined"
        device.fault = sign_in_errors.DEVICE_DECLINED if declined else SIGN_IN_FAULTS[outcome]
        return page("You have not signed in", "<p>You may now close this window.</p>")


def _sign_in(form: Mapping[str, str], client_id: str, scopes: tuple[str, ...]) -> SignIn:
    """Return who signed in, as the login page's form says."""
    user = form.get("user", known.USER_NAME)
    return SignIn(
        client_id, scopes, user if user in known.USERS else known.USER_NAME, "mfa" in form, form.get("nonce", "")
    )


def _refused_request(tenant: str, parameters: Mapping[str, str]) -> Response | None:
    """Return the page that says what is wrong; where the address is not trusted, the application is not told."""
    try:
        _check_tenant(tenant)
        _known_client(parameters)
        _check_redirect(required(parameters, "redirect_uri"))
        required(parameters, "scope")
    except EntraError as error:
        body = error.fault.body(error.detail, str(uuid.uuid4()), v1=False)
        return error_page(str(body["error_description"]), error.fault.status)
    return None


def _check_tenant(tenant: str) -> None:
    if tenant.lower() not in (known.TENANT_ID, known.TENANT_DOMAIN):
        raise EntraError(entra_errors.UNKNOWN_TENANT, tenant)


def _known_client(parameters: Mapping[str, str]) -> str:
    """Return the application that a request is for."""
    client_id = required(parameters, "client_id").lower()
    if client_id not in known.CLIENT_IDS:
        raise EntraError(entra_errors.UNKNOWN_CLIENT, client_id)
    return client_id


def _check_redirect(redirect_uri: str) -> None:
    if not is_registered(redirect_uri):
        raise EntraError(sign_in_errors.UNKNOWN_REDIRECT, redirect_uri)


def _error(fault: EntraFault, detail: str) -> dict[str, str]:
    """Return the parameters that tell an application of an error."""
    body = fault.body(detail, str(uuid.uuid4()), v1=False)
    return {name: str(body[name]) for name in ("error", "error_description", "error_uri")}


def _to_application(request: Mapping[str, str], parameters: Mapping[str, str]) -> Response:
    """Return the way back to the application, as it asked for: in the address, or as a form."""
    answer = dict(parameters) | ({"state": request["state"]} if "state" in request else {})
    if request.get("response_mode") == "form_post":
        return form_post_page(request["redirect_uri"], answer)
    return RedirectResponse(f"{request['redirect_uri']}?{urlencode(answer)}", 302)
