"""Sign-in by real MSAL against the emulated token service."""

import base64
import json
import time

import pytest

from airflow_partnercenter.api.entra.auth import AppOnlyCredentials
from airflow_partnercenter.api.wire.retrying import RetryPolicy
from airflow_partnercenter.emulator import Answer, Emulator
from airflow_partnercenter.exceptions import (
    ApiError,
    AuthenticationError,
    InteractionRequiredError,
    MfaRequiredError,
    PartnerCenterError,
    TokenServiceError,
    TransportError,
)
from tests.conftest import client_of
from tests.support.patience import at_once

RESOURCE = "partner_licenses_deployment"
TOKEN = "/oauth2/v2.0/token"
ONCE = RetryPolicy(attempts=1, total_seconds=5)


def _bearers(emulator: Emulator) -> list[str]:
    return [request.headers["authorization"] for request in emulator.api_requests]


def test_constructing_a_client_sends_nothing(emulator, make_client):
    """MSAL's own constructor does a request; ours does not."""
    client = make_client()
    client.iter_licenses(RESOURCE)
    assert repr(client)
    assert emulator.requests == []


def test_token_request_is_that_of_the_secure_application_model(emulator, make_client):
    """Grant refresh_token with the application's secret, for Partner Center's audience, to the tenant's endpoint."""
    make_client().list_licenses(RESOURCE)
    (request,) = emulator.token_requests
    assert request.path == f"/{emulator.tenant_id}{TOKEN}"
    assert request.form["grant_type"] == "refresh_token"
    assert request.form["refresh_token"] == emulator.refresh_token
    assert request.form["client_id"] == emulator.client_id
    assert request.form["client_secret"] == emulator.client_secret
    scopes = request.form["scope"].split()
    assert "https://api.partnercenter.microsoft.com/user_impersonation" in scopes
    assert "offline_access" in scopes
    assert not any("graph.windows.net" in scope or "api.partner.microsoft.com" in scope for scope in scopes)


@pytest.mark.parametrize("emulator", [{"max_page_size": 2}], indirect=True, ids=["pages of two"])
def test_many_pages_need_one_token_request(emulator, make_client):
    """The token is asked for before each request, but only once of the token service."""
    client = make_client()
    client.list_licenses("licenses_deployment")
    client.list_licenses("licenses_usage")
    assert len(emulator.api_requests) > 4
    assert len(emulator.token_requests) == 1
    assert len(set(_bearers(emulator))) == 1


@pytest.mark.parametrize("emulator", [{"max_page_size": 2}], indirect=True, ids=["pages of two"])
def test_token_refused_in_the_middle_is_renewed_once(emulator, make_client):
    """A 401 on a later page costs one token request, and no page is read twice."""
    rows = len(emulator.partner.rows("deployment"))
    reader = make_client().iter_licenses("licenses_deployment")
    next(reader)
    emulator.expire_access_tokens()
    assert sum(batch.num_rows for batch in reader) == rows - 2
    assert len(emulator.token_requests) == 2
    assert len(set(_bearers(emulator))) == 2


def test_rotated_refresh_token_is_used_from_then_on(emulator, make_client):
    """Each use returns a new refresh token; the newest one is sent next time."""
    client = make_client()
    for _ in range(3):
        client.list_licenses(RESOURCE)
        emulator.expire_access_tokens()
    sent = [request.form["refresh_token"] for request in emulator.token_requests]
    assert sent[0] == emulator.refresh_token
    assert len(set(sent)) == 3


@pytest.mark.parametrize("emulator", [{"rotate_refresh_tokens": False}], indirect=True, ids=["no rotation"])
def test_rotation_is_optional(emulator, make_client):
    """The documented answer of the older endpoint has no new refresh token; the old one stays in use."""
    client = make_client()
    client.list_licenses(RESOURCE)
    emulator.expire_access_tokens()
    client.list_licenses(RESOURCE)
    assert {request.form["refresh_token"] for request in emulator.token_requests} == {emulator.refresh_token}


@pytest.mark.parametrize("emulator", [{"access_token_seconds": 2, "max_page_size": 3}], indirect=True, ids=["2 s"])
def test_short_lived_token_is_renewed_in_the_middle_of_a_read(emulator, make_client):
    """A read longer than a token's life asks for a new one before it is refused."""
    rows = len(emulator.partner.rows("deployment"))
    read = 0
    for batch in make_client().iter_licenses("licenses_deployment", max_parallel_requests=1):
        read += batch.num_rows
        time.sleep(0.6)
    assert read == rows
    assert len(emulator.token_requests) >= 2
    assert len(emulator.api_requests) == -(-rows // 3)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(503, "Service Unavailable"),
        Answer(500, {"error": "server_error", "error_description": "AADSTS90033: A transient error."}),
        Answer(504),
        Answer(429, {"error": "temporarily_unavailable"}, {"Retry-After": "1"}),
        Answer(close=True),
    ],
    ids=["503", "500", "504", "429", "no answer"],
)
def test_trouble_of_the_token_service_is_waited_out(emulator, make_client, answer):
    """One failure of the token service heals within the task; MSAL's own throttling does not get in the way."""
    emulator.answer_next(answer, TOKEN)
    start = time.monotonic()
    assert make_client().list_licenses(RESOURCE)
    assert time.monotonic() - start >= (1 if answer.headers else 0)
    assert len(emulator.token_requests) == 2


def test_trouble_reported_as_400_is_waited_out_too(emulator, make_client):
    """``temporarily_unavailable`` is Entra's trouble whatever its status; waiting heals it."""
    body = {"error": "temporarily_unavailable", "error_description": "AADSTS90033: A transient error has occurred."}
    emulator.answer_next(Answer(400, body), TOKEN)
    assert make_client().list_licenses(RESOURCE)


def test_long_throttling_of_the_token_service_frees_the_worker(emulator, make_client):
    """A wait beyond the deadline is raised at once, retriable, with its seconds."""
    emulator.answer_next(Answer(429, {"error": "x"}, {"Retry-After": "3600"}), TOKEN, times=9)
    with at_once(), pytest.raises(TokenServiceError) as caught:
        make_client().list_licenses(RESOURCE)
    assert caught.value.retry_after_seconds == 3600
    assert emulator.api_requests == []


def test_second_call_after_trouble_asks_again(emulator, make_client):
    """A client that met trouble is as good as new: nothing repeats an old answer from memory."""
    client = make_client(retry=ONCE)
    emulator.answer_next(Answer(503, "busy"), TOKEN)
    with pytest.raises(TokenServiceError):
        client.list_licenses(RESOURCE)
    assert client.list_licenses(RESOURCE)


def test_refusal_is_not_repeated_from_memory(emulator, make_client):
    """Once an administrator has done what a refusal asked for, the next call of the same client asks and succeeds."""
    client = make_client()
    consent = {"error": "invalid_grant", "error_description": "AADSTS65001: Consent is missing."}
    emulator.answer_next(Answer(400, consent), TOKEN)
    with pytest.raises(InteractionRequiredError):
        client.list_licenses(RESOURCE)
    assert client.list_licenses(RESOURCE)


def _documented_v1(**more: object) -> dict[str, object]:
    return {
        "token_type": "Bearer",
        "scope": "user_impersonation",
        "expires_in": "3600",
        "ext_expires_in": "3600",
        "expires_on": "1547581389",
        "not_before": "1547577489",
        "resource": "https://api.partnercenter.microsoft.com",
        **more,
    }


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"refresh_token": "another-refresh-token"},
        {"id_token": "IDTokenValue"},
        {"client_info": "not base64"},
        {"expires_in": None},
        {"expires_in": "soon"},
    ],
    ids=["numbers as text", "with rotation", "documented id_token", "broken client_info", "no life", "odd life"],
)
def test_documented_token_answer_is_understood(emulator, make_client, more):
    """Numbers as text, neither client_info nor a readable id_token: the token is used, or an error is one of ours."""
    with emulator_token(emulator) as token:
        answer = _documented_v1(access_token=token) | more
    emulator.answer_next(Answer(200, {name: value for name, value in answer.items() if value is not None}), TOKEN)
    try:
        rows = make_client(retry=ONCE).list_licenses(RESOURCE)
    except PartnerCenterError as error:
        assert more.get("expires_in") == "soon" or set(more) & {"client_info", "id_token"}, repr(error)  # noqa: PT017
    else:
        assert rows


class emulator_token:  # noqa: N801 - reads like a function
    """A valid access token of an emulator, for answers made by hand."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def __enter__(self) -> str:
        client_of(self._emulator).list_licenses(RESOURCE)
        return _bearers(self._emulator)[-1].removeprefix("Bearer ")

    def __exit__(self, *_: object) -> None:
        """Nothing to undo."""


def test_documented_answer_lasts_for_many_requests(emulator, make_client):
    """Without client_info MSAL keeps no account; the token itself is still used until it expires."""
    with emulator_token(emulator) as token:
        emulator.answer_next(Answer(200, _documented_v1(access_token=token)), TOKEN)
    client = make_client()
    before = len(emulator.token_requests)
    for _ in range(3):
        client.list_licenses(RESOURCE)
    assert len(emulator.token_requests) - before == 1


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("expired", ["700082", "sign the service account in again"]),
        ("inactive", ["70008"]),
        ("revoked", ["50173", "revoked"]),
        ("mfa_required", ["50076", "multi-factor"]),
        ("mfa_expired", ["50078", "multi-factor"]),
        ("consent_missing", ["65001", "consent"]),
        ("conditional_access", ["53003", "Conditional Access"]),
        ("other_client", ["700007", "application"]),
    ],
)
def test_refresh_token_that_is_over_asks_for_a_person(emulator, make_client, name, words):
    """Each of Entra's reasons fails at once, with one request, and says what the person must do."""
    with pytest.raises(InteractionRequiredError) as caught:
        make_client(refresh_token=Emulator.REFRESH_TOKENS[name]).list_licenses(RESOURCE)
    assert all(word in str(caught.value) for word in words)
    assert len(emulator.token_requests) == 1
    assert emulator.api_requests == []


@pytest.mark.parametrize("token", ["garbled", "1.AemulatorRefreshTokenNotReal.unknown"])
def test_garbled_refresh_token_asks_for_a_new_one(entra, token):
    """A mistyped refresh token says so."""
    with pytest.raises(InteractionRequiredError, match="refresh token is not valid"):
        client_of(entra, refresh_token=token).list_licenses(RESOURCE)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"client_secret": "wrong-secret"}, ["7000215", "password"]),
        ({"client_secret": Emulator.EXPIRED_CLIENT_SECRET}, ["7000222", "expired"]),
        ({"client_id": "11111111-2222-3333-4444-555555555555"}, ["700016", "login"]),
        ({"tenant_id": "other.example"}, ["90002", "tenant_id"]),
    ],
    ids=["wrong secret", "expired secret", "wrong application", "wrong tenant"],
)
def test_wrong_setting_is_named(entra, changes, words):
    """What is wrong in the connection is said by the field's name."""
    with pytest.raises(AuthenticationError) as caught:
        client_of(entra, **changes).list_licenses(RESOURCE)
    assert not isinstance(caught.value, InteractionRequiredError)
    assert all(word in str(caught.value) for word in words)


def test_token_without_mfa_is_refused_by_partner_center_at_once(emulator, make_client):
    """900421: one token request, one API request, and the sentence says who must sign in again."""
    with pytest.raises(MfaRequiredError, match="multi-factor"):
        make_client(refresh_token=Emulator.REFRESH_TOKENS["no_mfa"]).list_licenses(RESOURCE)
    assert (len(emulator.token_requests), len(emulator.api_requests)) == (1, 1)


def test_app_only_sign_in_is_refused_with_the_way_out(emulator, make_client):
    """The licence resources refuse app-only tokens; the sentence names auth_mode and app_user."""
    credentials = AppOnlyCredentials(emulator.tenant_id, emulator.client_id, emulator.client_secret)
    with pytest.raises(ApiError, match="app_user") as caught:
        make_client(credentials=credentials).list_licenses(RESOURCE)
    assert caught.value.status_code == 403
    (request,) = emulator.token_requests
    assert request.form["grant_type"] == "client_credentials"
    assert request.form["scope"] == "https://api.partnercenter.microsoft.com/.default"


def test_app_only_token_is_renewed_after_401(emulator, make_client):
    """A refused app-only token is asked for anew, not taken from MSAL's cache again."""
    emulator.answer_next(Answer(401, {"code": "400", "description": "Access denied"}), "/v1/analytics")
    credentials = AppOnlyCredentials(emulator.tenant_id, emulator.client_id, emulator.client_secret)
    with pytest.raises(ApiError):
        make_client(credentials=credentials).list_licenses(RESOURCE)
    assert len(emulator.token_requests) == 2
    assert len(set(_bearers(emulator))) == 2


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(404, "<html>Not found</html>"), AuthenticationError),
        (Answer(400, {"error": "invalid_tenant", "error_description": "AADSTS90002: Tenant 'x' not found."}),
         AuthenticationError),
        (Answer(200, "<html>Sign in</html>"), TokenServiceError),
        (Answer(200, {}), TokenServiceError),
        (Answer(200, []), TokenServiceError),
        (Answer(503), TokenServiceError),
        (Answer(302, headers={"Location": "https://evil.example/"}), TokenServiceError),
        (Answer(close=True), TransportError),
    ],
    ids=["404 page", "no such tenant", "html", "empty", "list", "503", "redirect", "no answer"],
)  # fmt: skip
def test_failing_discovery_is_one_of_our_errors(emulator, make_client, answer, kind):
    """MSAL asks for the tenant's endpoints first; whatever comes back, one sentence says what failed."""
    emulator.answer_next(answer, "openid-configuration", times=9)
    with pytest.raises(kind) as caught:
        make_client(retry=ONCE).list_licenses(RESOURCE)
    assert "\n" not in str(caught.value)
    assert emulator.token_requests == []


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, "<html>Sign in</html>"),
        Answer(200, "null"),
        Answer(200, {}),
        Answer(200, []),
        Answer(200, {"access_token": ""}),
        Answer(200, {"access_token": 5}),
        Answer(400, "Bad request"),
        Answer(400, {}),
        Answer(302, headers={"Location": "https://evil.example/"}),
    ],
    ids=lambda answer: f"{answer.status} {json.dumps(answer.body)}",
)
def test_odd_answer_of_the_token_service_is_one_of_our_errors(emulator, make_client, answer):
    """An answer that is no token and no refusal is one of our errors, with nothing sent to Partner Center."""
    emulator.answer_next(answer, TOKEN, times=9)
    with pytest.raises(PartnerCenterError):
        make_client(retry=ONCE).list_licenses(RESOURCE)
    assert emulator.api_requests == []


@pytest.mark.parametrize(
    "answer", [Answer(400, "Bad request"), Answer(302, headers={"Location": "https://evil.example"})]
)
def test_refusal_that_says_nothing_names_its_status(emulator, make_client, answer):
    """So that whoever reads it knows that no token service spoke."""
    emulator.answer_next(answer, TOKEN)
    with pytest.raises(PartnerCenterError, match=f"answered {answer.status} without saying why; check `authority`"):
        make_client(retry=ONCE).list_licenses(RESOURCE)


def test_id_token_is_not_looked_at(emulator, make_client):
    """No request needs it: one for another audience, and of another time, is no reason to fail."""
    with emulator_token(emulator) as token:
        answer = _documented_v1(access_token=token)
    claims = {"aud": "somebody else", "exp": 1, "iss": "https://evil.example"}
    encoded = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    emulator.answer_next(Answer(200, answer | {"id_token": f"e30.{encoded}.e30"}), TOKEN)
    assert make_client(retry=ONCE).list_licenses(RESOURCE)


def test_redirecting_token_service_does_not_spread_the_secret(emulator, make_client, other_origin):
    """A 307 would repeat the POST with the secret in it; it is not followed."""
    emulator.answer_next(Answer(307, headers={"Location": f"{other_origin.url}/token"}), TOKEN, times=9)
    with pytest.raises(PartnerCenterError):
        make_client(retry=ONCE).list_licenses(RESOURCE)
    assert other_origin.requests == []


def test_unreachable_token_service_is_named(entra):
    """The sentence says which of the two hosts did not answer."""
    with pytest.raises(TransportError, match=r"token service at 127\.0\.0\.1:9"):
        client_of(entra, authority="https://127.0.0.1:9", retry=ONCE).list_licenses(RESOURCE)


@pytest.mark.parametrize(
    ("cloud", "audience"),
    [
        ("global", "https://api.partnercenter.microsoft.com"),
        ("us_government", "https://api.partnercenter.microsoft.com"),
        ("china", "https://partner.partnercenterapi.microsoftonline.cn"),
    ],
)
def test_audience_is_that_of_the_cloud_whatever_the_address(emulator, make_client, cloud, audience):
    """An address override is another way to the same service: tokens are for the service."""
    make_client(cloud=cloud).list_licenses(RESOURCE)
    (request,) = emulator.token_requests
    assert f"{audience}/user_impersonation" in request.form["scope"].split()
