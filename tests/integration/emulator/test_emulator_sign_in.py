"""The emulated Entra ID as people meet it: the login page, authorization codes, device codes."""

import base64
import hashlib
import re
import secrets
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import requests

from tests.support.browsers import HttpBrowser
from tests.support.patience import PATIENCE

SCOPE = "https://api.partnercenter.microsoft.com/user_impersonation offline_access openid profile"
REDIRECT = "http://localhost:4711"
VERIFIER = secrets.token_urlsafe(48)
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


def authorize(caller, **changes):
    """Return the address of the login page; keywords change or, as None, remove parameters."""
    parameters = {
        "client_id": caller.emulator.client_id,
        "response_type": "code",
        "redirect_uri": REDIRECT,
        "scope": SCOPE,
        "state": "s-1",
        "nonce": "n-1",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    } | changes
    tenant = parameters.pop("tenant", caller.emulator.tenant_id)
    query = urlencode({name: value for name, value in parameters.items() if value is not None})
    return f"{caller.emulator.authority}/{tenant}/oauth2/v2.0/authorize?{query}"


def answer_of(caller, address, **choices):
    """Sign in and return the parameters that the application would get."""
    page = requests.get(address, verify=caller.emulator.ca_bundle, timeout=PATIENCE)
    fields = dict(re.findall(r'name="([^"]*)" value="([^"]*)"', page.text))
    form = {name: value for name, value in (fields | {"mfa": "yes"} | choices).items() if value is not None}
    answer = requests.post(
        address, data=form, verify=caller.emulator.ca_bundle, timeout=PATIENCE, allow_redirects=False
    )
    assert answer.status_code == 302, answer.text
    assert answer.headers["Location"].startswith(f"{REDIRECT}?")
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))


def redeem(caller, issued, **changes):
    """Send a complete request for the tokens of a code."""
    form = {"grant_type": "authorization_code", "code": issued, "redirect_uri": REDIRECT, "code_verifier": VERIFIER}
    return caller.ask_token(**form | {"refresh_token": None, "scope": SCOPE} | changes)


def test_code_becomes_tokens_of_the_user_who_signed_in(caller, claims):
    """User, second factor and nonce are in the tokens, and the refresh token stays that user's."""
    answer = answer_of(caller, authorize(caller), user="sales.agent@contoso.example")
    assert answer["state"] == "s-1"
    tokens = redeem(caller, answer["code"]).json()
    assert claims(tokens["access_token"])["upn"] == "sales.agent@contoso.example"
    assert claims(tokens["access_token"])["amr"] == ["pwd", "mfa"]
    assert claims(tokens["id_token"])["nonce"] == "n-1"
    renewed = caller.ask_token(refresh_token=tokens["refresh_token"]).json()
    assert claims(renewed["access_token"])["upn"] == "sales.agent@contoso.example"
    assert caller.get("/v1/customers", renewed["access_token"]).status_code == 200


def test_sign_in_without_a_second_factor_is_remembered(caller, claims):
    """Neither the first token nor a later one proves MFA, and Partner Center refuses both."""
    tokens = redeem(caller, answer_of(caller, authorize(caller), mfa=None)["code"]).json()
    renewed = caller.ask_token(refresh_token=tokens["refresh_token"]).json()
    for token in (tokens["access_token"], renewed["access_token"]):
        assert claims(token)["amr"] == ["pwd"]
        assert caller.fault("/v1/customers", token)[:2] == (401, 900421)


@pytest.mark.parametrize(
    ("changes", "code", "error"),
    [
        ({"code_verifier": "other"}, 501481, "invalid_grant"),
        ({"code_verifier": None}, 501481, "invalid_grant"),
        ({"redirect_uri": "http://localhost:4712"}, 500112, "invalid_grant"),
        ({"client_secret": "wrong"}, 7000215, "invalid_client"),
        ({"client_secret": None}, 7000218, "invalid_client"),
        ({"client_id": "22223333-cccc-4444-dddd-5555eeee6666", "client_secret": None}, 700007, "invalid_grant"),
        ({"client_id": "22223333-cccc-4444-dddd-5555eeee6666"}, 700025, "invalid_client"),
        ({"code": "unknown"}, 70008, "invalid_grant"),
        ({"code": None}, 900144, "invalid_request"),
        ({"redirect_uri": None}, 900144, "invalid_request"),
    ],
)
def test_code_is_good_for_its_own_request_only(shared, changes, code, error):
    """Verifier, redirect URI and application must be those of the sign-in."""
    answer = redeem(shared, answer_of(shared, authorize(shared))["code"], **changes)
    assert (answer.json()["error_codes"], answer.json()["error"]) == ([code], error)


def test_code_is_good_once(shared):
    """Whoever steals it comes too late."""
    code = answer_of(shared, authorize(shared))["code"]
    assert redeem(shared, code).status_code == 200
    assert redeem(shared, code).json()["error_codes"] == [54005]


@pytest.mark.parametrize(
    ("outcome", "error", "code"),
    [
        ("declined", "access_denied", 65004),
        ("admin_consent", "access_denied", 90094),
        ("not_assigned", "access_denied", 50105),
        ("mfa_failed", "access_denied", 500121),
        ("mfa_enrolment", "interaction_required", 50079),
        ("conditional_access", "access_denied", 53003),
        ("trouble", "temporarily_unavailable", 90033),
    ],
)
def test_login_page_can_end_in_an_error(shared, outcome, error, code):
    """The application is told, with its own state."""
    answer = answer_of(shared, authorize(shared), outcome=outcome)
    assert (answer["error"], answer["state"]) == (error, "s-1")
    assert answer["error_description"].startswith(f"AADSTS{code}: ")
    assert "code" not in answer


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"redirect_uri": "https://evil.example/"}, "AADSTS50011"),
        ({"redirect_uri": "http://localhost:1/other"}, "AADSTS50011"),
        ({"redirect_uri": "http://localhost.evil.example"}, "AADSTS50011"),
        ({"client_id": "11111111-aaaa-2222-bbbb-3333cccc4444"}, "AADSTS700016"),
        ({"tenant": "fabrikam.example"}, "AADSTS90002"),
        ({"scope": None}, "AADSTS900144"),
    ],
)
def test_untrusted_request_is_an_error_page(shared, changes, code):
    """No browser is sent to an address that the application did not register."""
    for method in ("GET", "POST"):
        address = authorize(shared, **changes)
        form = dict(parse_qsl(urlsplit(address).query)) if method == "POST" else None
        answer = requests.request(
            method, address, data=form, verify=shared.emulator.ca_bundle, timeout=PATIENCE, allow_redirects=False
        )
        assert answer.status_code == 400
        assert code in answer.text


def test_other_response_types_are_refused(shared):
    """Only the code flow is offered."""
    answer = requests.get(
        authorize(shared, response_type="token"),
        verify=shared.emulator.ca_bundle,
        timeout=PATIENCE,
        allow_redirects=False,
    )
    assert "error=unsupported_response_type" in answer.headers["Location"]


def test_login_page_shows_text_as_text(shared):
    """What an address brings along is no markup."""
    page = requests.get(authorize(shared, state='"><script>1'), verify=shared.emulator.ca_bundle, timeout=PATIENCE).text
    assert "<script>1" not in page


def ask_device_code(caller, client_id=None):
    """Return the answer to a device."""
    form = {"client_id": client_id or caller.emulator.public_client_id, "scope": SCOPE}
    url = f"{caller.emulator.authority}/{caller.emulator.tenant_id}/oauth2/v2.0/devicecode"
    return requests.post(url, data=form, verify=caller.emulator.ca_bundle, timeout=PATIENCE)


def poll(caller, device_code, **changes):
    """Ask whether the person has signed in."""
    form = {"client_id": caller.emulator.public_client_id, "client_secret": None, "device_code": device_code}
    return caller.ask_token(grant_type=DEVICE_GRANT, refresh_token=None, scope=None, **form | changes)


DEVICE = pytest.mark.parametrize("partner_center_emulator", [{"device_code_interval_seconds": 0}], indirect=True)


@DEVICE
def test_device_waits_for_its_person(caller, claims):
    """Pending, then tokens, then nothing more for the same code."""
    device = ask_device_code(caller).json()
    assert {"user_code", "device_code", "verification_uri", "expires_in", "interval", "message"} == set(device)
    assert poll(caller, device["device_code"]).json()["error"] == "authorization_pending"
    page = HttpBrowser(caller.emulator.ca_bundle).sign_in(
        device["verification_uri"], user_code=device["user_code"].lower(), user="sales.agent@contoso.example"
    )
    assert "You have signed in" in page.text
    tokens = poll(caller, device["device_code"]).json()
    assert claims(tokens["access_token"])["upn"] == "sales.agent@contoso.example"
    assert tokens["refresh_token"]
    assert poll(caller, device["device_code"]).json()["error"] == "bad_verification_code"


@DEVICE
@pytest.mark.parametrize(
    ("outcome", "error"), [("declined", "authorization_declined"), ("conditional_access", "access_denied")]
)
def test_device_learns_that_its_person_did_not_sign_in(caller, outcome, error):
    """The next question is answered with the reason."""
    device = ask_device_code(caller).json()
    browser = HttpBrowser(caller.emulator.ca_bundle)
    browser.sign_in(device["verification_uri"], user_code=device["user_code"], outcome=outcome)
    assert poll(caller, device["device_code"]).json()["error"] == error


@pytest.mark.parametrize("partner_center_emulator", [{"device_code_seconds": -1}], indirect=True)
def test_device_code_expires(caller):
    """Nobody signed in in time."""
    assert poll(caller, ask_device_code(caller).json()["device_code"]).json()["error"] == "expired_token"


def test_device_that_asks_too_often_is_slowed_down(caller):
    """The interval counts."""
    code = ask_device_code(caller).json()["device_code"]
    assert [poll(caller, code).json()["error"] for _ in range(2)] == ["authorization_pending", "slow_down"]


def test_device_code_is_for_its_application(shared):
    """An unknown application gets none, another one cannot spend it, and an application with a secret needs it."""
    assert ask_device_code(shared, "11111111-aaaa-2222-bbbb-3333cccc4444").json()["error_codes"] == [700016]
    code = ask_device_code(shared).json()["device_code"]
    secret = {"client_id": shared.emulator.client_id, "client_secret": shared.emulator.client_secret}
    assert poll(shared, code, **secret).json()["error_codes"] == [700007]
    assert poll(shared, code, client_id=shared.emulator.client_id).json()["error_codes"] == [7000218]


def test_wrong_user_code_is_an_error_page(shared):
    """A mistyped code signs nobody in."""
    page = HttpBrowser(shared.emulator.ca_bundle).sign_in(f"{shared.emulator.base_url}/devicelogin", user_code="X")
    assert page.status_code == 400
