"""What an answer other than 200 means: classes, attributes, and what the sentence must say."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from requests.structures import CaseInsensitiveDict

from airflow_partnercenter.api.wire.faults import (
    Answer,
    error_for,
    heals_with_new_token,
    parse_fault,
    retry_after_seconds,
)
from airflow_partnercenter.exceptions import (
    AccessTokenRefusedError,
    ApiError,
    AuthenticationError,
    InteractionRequiredError,
    MfaRequiredError,
    ServiceError,
    ThrottledError,
)

PATH = "GET /partner/v1/analytics/commercial/usage/license"
BOM = b"\xef\xbb\xbf"


def _answer(status: int, body: object = b"", reason: str = "", **headers: str) -> Answer:
    content = body if isinstance(body, bytes) else BOM + json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(PATH, status, reason, CaseInsensitiveDict(named), content)


def _fault(code: object, description: str) -> dict[str, object]:
    return {"code": code, "description": description, "data": [], "source": "PartnerFD"}


def _error(answer: Answer, *, app_only: bool = False) -> ApiError:
    return error_for(answer, correlation_id="c-1", app_only=app_only)


# HTTP, code, text, class, what the sentence names (reference 4.3)
ROWS = [
    (401, "400", "Access denied", AccessTokenRefusedError, ["tenant_id"]),
    (401, "800001", "Partner Token missing in request context", AccessTokenRefusedError, ["proxy"]),
    (401, "900420", "token audience invalid", AccessTokenRefusedError, ["audience", "graph.windows.net", "cloud"]),
    (401, "900421", "MFA claim missing", MfaRequiredError, ["sign in again", "multi-factor", "refresh token"]),
    (403, "2032", "Access denied", ApiError, ["agent"]),
    (403, "20002", "no commerce relationship", ApiError, ["customer_id"]),
    (403, "900150", "The supplied role does not have the rights to perform the requested operation", ApiError,
     ["Admin agent"]),
    (403, "900149", "program status is not active", ApiError, ["Global admin"]),
    (403, "900308", "insufficient privileges", ApiError, ["agent"]),
    (403, "900309", "blocked by Conditional Access", ApiError, ["Entra administrator"]),
    (403, "900329", "resource doesn't support application-only authentication", ApiError, ["auth_mode", "app_user"]),
    (403, "90000", "Entra error at token issuance", ApiError, ["90000"]),
    (404, "1000", "Not found", ApiError, ["host", "commercial_prefix"]),
    (404, "60003", "Tenant not found", ApiError, ["customer_id"]),
    (400, "3000", "Invalid property", ApiError, ["filter_expression"]),
    (400, "800002", "Invalid request input", ApiError, ["filter_expression"]),
    (400, "900118", "Invalid Customer Id", ApiError, ["customer_id"]),
    (400, "900127", "not supported in this environment", ApiError, ["900127"]),
    (400, "2000", "Account Id has to be set.", ApiError, ["Account Id has to be set"]),
    (500, "800003", "Unexpected service error", ServiceError, ["Unexpected service error"]),
]  # fmt: skip
_IDS = [f"{row[0]}-{row[1]}" for row in ROWS]


@pytest.mark.parametrize(("status", "code", "text", "kind", "names"), ROWS, ids=_IDS)
@pytest.mark.parametrize("code_type", [str, int])
def test_documented_fault_has_its_class_and_says_who_must_act(status, code, text, kind, names, code_type):
    """Each code of the reference, as text and as the number it is on the wire, gets its class and its advice."""
    error = _error(_answer(status, _fault(code_type(code), text), MS_RequestId="r-1"))
    assert type(error) is kind
    assert (error.status_code, error.code, error.request_id, error.correlation_id) == (status, code, "r-1", "c-1")
    assert error.description == text.rstrip(".")
    message = str(error)
    for part in [str(status), code, text.rstrip("."), PATH, *names]:
        assert part in message


@pytest.mark.parametrize(("status", "code", "text", "kind", "names"), ROWS, ids=_IDS)
def test_sentence_is_one_line(status, code, text, kind, names):
    """A message is one line, whatever the service wrote."""
    error = _error(_answer(status, _fault(code, f"{text}\r\n second line\t")))
    assert "\n" not in str(error)
    assert "second line" in str(error)


@pytest.mark.parametrize(
    ("status", "kind", "retriable"),
    [
        (301, ApiError, False),
        (302, ApiError, False),
        (307, ApiError, False),
        (308, ApiError, False),
        (400, ApiError, False),
        (401, AccessTokenRefusedError, False),
        (403, ApiError, False),
        (404, ApiError, False),
        (405, ApiError, False),
        (406, ApiError, False),
        (408, ServiceError, True),
        (409, ApiError, False),
        (412, ApiError, False),
        (418, ApiError, False),
        (429, ThrottledError, True),
        (500, ServiceError, True),
        (502, ServiceError, True),
        (503, ServiceError, True),
        (504, ServiceError, True),
    ],
)
def test_status_alone_decides_class_and_retry(status, kind, retriable):
    """Without a body the status decides: 408, 429 and 5xx may heal, nothing else."""
    error = _error(_answer(status, b"", "Reason"))
    assert type(error) is kind
    assert error.retriable is retriable
    assert error.code is None
    assert "Reason" in str(error)


def test_redirect_says_that_it_is_not_followed():
    """A redirect would take the access token elsewhere; the sentence says to check the host."""
    assert "redirects are not followed" in str(_error(_answer(302, b"", Location="https://evil.example/")))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"Authentication failed. MFA required. (10001)", ""),
        (b"", "Authentication failed. MFA required. (10001)"),
        ({"description": "Authentication failed. MFA required. (10001)"}, ""),
        ({"code": "10001", "description": "Authentication failed."}, ""),
        (b"null", "Authentication failed. MFA required. (10001)"),
    ],
    ids=["text", "reason phrase", "fault without code", "code", "null body"],
)
def test_mfa_refusal_of_2020_is_recognised_wherever_its_code_is(body, reason):
    """The code 10001 comes in the text or even in the reason phrase."""
    error = _error(_answer(401, body, reason))
    assert type(error) is MfaRequiredError
    assert error.code == "10001"
    assert isinstance(error, InteractionRequiredError)


@pytest.mark.parametrize("status", [401, 403, 500])
@pytest.mark.parametrize(
    "text", ["This resource can't be accessed by application credentials", "doesn't support application-only access"]
)
def test_app_only_refusal_is_final_and_says_how_to_sign_in(status, text):
    """App-only is refused with 403, has been seen as a 500, and no waiting heals it."""
    error = _error(_answer(status, _fault("", text)))
    assert not error.retriable
    assert "app_user" in str(error)


@pytest.mark.parametrize("status", [401, 403])
def test_app_only_client_is_told_so_even_without_a_code(status):
    """A plain 403 is all that some app-only callers got."""
    assert "app_user" in str(_error(_answer(status, b"", "Forbidden"), app_only=True))


def test_unauthorized_is_an_authentication_error_too():
    """Callers may catch refused tokens as AuthenticationError or as ApiError."""
    error = _error(_answer(401, _fault("400", "Access denied")))
    assert isinstance(error, AuthenticationError)
    assert isinstance(error, ApiError)
    assert error.error is None


@pytest.mark.parametrize(
    ("body", "code", "description"),
    [
        ({"code": "2000", "description": "Customer search failed.", "data": ["Field1", "Field2"]}, "2000",
         "Customer search failed"),
        ({"code": 2000, "description": "Account Id has to be set.", "data": [], "source": "PartnerFD"}, "2000",
         "Account Id has to be set"),
        ({"code": "2000", "description": "x", "data": [{"a": 1}]}, "2000", "x"),
        ({"statusCode": 429, "message": "Rate limit is exceeded. Try again in 57 seconds."}, "",
         "Rate limit is exceeded. Try again in 57 seconds"),
        ({"error": {"code": "BadRequest", "message": "No.", "target": "x", "innerError": {}}}, "BadRequest", "No"),
        ({"error": "invalid_grant", "error_description": "AADSTS1: no."}, "", "AADSTS1: no"),
        ({"code": None, "description": None}, "", ""),
        ({"code": {"a": 1}, "description": ["x"]}, "", ""),
        (b"Service unavailable.", "", "Service unavailable"),
        (b"", "", ""),
        (BOM, "", ""),
        (b"null", "", ""),
        (b"\xff\xfe", "", "\ufffd\ufffd"),
        (b"<html><head><title>502 Bad Gateway</title></head></html>", "",
         "an HTML page: 502 Bad Gateway, perhaps from a proxy"),
        (b"<html>", "", "an HTML page, perhaps from a proxy"),
    ],
    ids=lambda value: repr(value)[:30] if not isinstance(value, str) else "",
)  # fmt: skip
def test_fault_of_every_known_shape_is_read(body, code, description):
    """Fault, gateway, neighbouring API, Entra, plain text, nothing, and a proxy's page."""
    fault = parse_fault(body if isinstance(body, bytes) else json.dumps(body).encode())
    assert (fault.code, fault.description) == (code, description)


MFA_REFUSALS = [
    (_fault("401", "Unauthorized (900421)"), "", "900421"),
    (b"900421: MFA claim is required", "", "900421"),
    (b"Authentication failed. MFA required.", "", None),
    (_fault("400", "Multi-factor authentication is required"), "", "400"),
    (b"null", "Authentication failed. MFA required. (10001)", "10001"),
    (b"<html></html>", "Authentication failed. MFA required. (10001)", "10001"),
]


@pytest.mark.parametrize(("body", "reason", "code"), MFA_REFUSALS, ids=lambda value: repr(value)[:40])
def test_refusal_for_want_of_mfa_is_known_wherever_it_says_so(body, reason, code):
    """Its body is undocumented: by code, by text, in body or status line, no new token is asked for in vain."""
    answer = _answer(401, body, reason)
    error = _error(answer)
    assert type(error) is MfaRequiredError
    assert error.code == code
    assert "sign in again" in str(error)
    assert not heals_with_new_token(answer)


@pytest.mark.parametrize(
    ("code", "text"), [("2000", "Token expired, correlation 900421"), ("400", "Tenant 10001-x: the token has expired")]
)
def test_number_by_chance_is_no_refusal_for_want_of_mfa(code, text):
    """A code of its own, or a number in the middle of a text, leaves a new token to be tried."""
    answer = _answer(401, _fault(code, text))
    assert type(_error(answer)) is AccessTokenRefusedError
    assert _error(answer).code == code
    assert heals_with_new_token(answer)


def test_reason_phrase_speaks_where_the_body_does_not():
    """Seen with a body of null; the code of another API in a proxy's page is still the reason's."""
    error = _error(_answer(403, b"null", "The supplied role does not have the rights"))
    assert error.description == "The supplied role does not have the rights"
    refused = _answer(500, b"<html></html>", "This resource can't be accessed by application credentials")
    assert type(_error(refused)) is ApiError
    assert "app_user" in str(_error(refused))


def test_byte_order_mark_before_a_fault_is_no_part_of_it():
    """Whether 4xx bodies carry the mark is not known; either way they are read."""
    body = json.dumps(_fault("3000", "Invalid property")).encode()
    assert parse_fault(BOM + body) == parse_fault(body)
    assert parse_fault(BOM + b"text").description == "text"


def test_description_is_shortened():
    """Up to 1,024 characters are documented; a message is for reading."""
    error = _error(_answer(400, _fault("2000", "x" * 5_000)))
    assert len(error.description) <= 400
    assert len(str(error)) < 1_000


def test_deeply_nested_error_body_is_plain_text():
    """A body nested deeper than any parser goes is still an ApiError, not a crash."""
    assert isinstance(_error(_answer(400, b"[" * 100_000)), ApiError)


def test_documented_429_carries_its_wait():
    """The gateway's body with its Retry-After: 57 seconds."""
    body = b'{"statusCode":429,"message":"Rate limit is exceeded. Try again in 57 seconds."}'
    assert _error(_answer(429, body, Retry_After="57")).retry_after_seconds == 57
    assert _error(_answer(429, body)).retry_after_seconds == 57


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("57", 57),
        ("3, 3", 3),
        ("3,57", 57),
        ("3 ,\t57", 57),
        ("1.5,\x1f2", None),
        ("\x1f57", None),
        ("9999999999", 999_999_999),
        ("9" * 400, 999_999_999),
        ("9" * 4000, None),
        (" 5 ", 5),
        ("1.5", 1.5),
        ("", None),
        ("soon", None),
        ("-5", None),
    ],
)
def test_retry_after_in_seconds(value, seconds):
    """Seconds are taken as they are; what is no wait is none."""
    assert retry_after_seconds({"Retry-After": value}) == seconds


def test_unreadable_retry_after_leaves_the_sentence():
    """A header that is no wait does not hide the wait in the body."""
    assert retry_after_seconds({"Retry-After": "soon"}, "Try again in 57 seconds.") == 57


@pytest.mark.parametrize("offset", [timedelta(seconds=30), timedelta(hours=1)])
def test_retry_after_as_a_date(offset):
    """A date is the wait until then."""
    then = datetime.now(UTC) + offset
    seconds = retry_after_seconds({"Retry-After": format_datetime(then, usegmt=True)})
    assert seconds == pytest.approx(offset.total_seconds(), abs=3)


@pytest.mark.parametrize("fast", [timedelta(minutes=-7), timedelta(minutes=7)], ids=["behind", "ahead"])
def test_retry_after_as_a_date_is_measured_by_the_clock_of_the_service(fast):
    """A worker whose clock is wrong waits as long as was asked, not longer and not shorter."""
    then = datetime.now(UTC) + fast
    headers = {"Date": format_datetime(then, usegmt=True)}
    headers["Retry-After"] = format_datetime(then + timedelta(seconds=57), usegmt=True)
    assert retry_after_seconds(headers) == 57


@pytest.mark.parametrize(
    "then", ["Wed, 21 Oct 2026 07:28:00 +9999999999999999", "Wed, 21 Oct 99999999999999999999 07:28:00 GMT"]
)
def test_date_beyond_all_dates_is_no_wait(then):
    """Nonsense in a header is not a crash."""
    assert retry_after_seconds({"Retry-After": then}) is None


def test_retry_after_in_the_past_is_no_wait():
    """A date that has gone by asks for no wait."""
    assert retry_after_seconds({"Retry-After": "Wed, 15 Mar 2017 01:19:18 GMT"}) == 0


@pytest.mark.parametrize(
    ("status", "body", "heals"),
    [
        (401, _fault("400", "Access denied"), True),
        (401, b"", True),
        (401, _fault("900420", "audience"), False),
        (401, _fault(900420, "audience"), False),
        (401, _fault("900421", "MFA"), False),
        (401, b"MFA required. (10001)", False),
        (403, _fault("2032", "Access denied"), False),
        (500, b"", False),
        (200, b"", False),
    ],
)
def test_only_an_unexplained_401_is_worth_a_new_token(status, body, heals):
    """A new token helps against an expired one only: not against a missing MFA claim or a wrong audience."""
    assert heals_with_new_token(_answer(status, body)) is heals
