"""What an answer other than 200 means, by its status and Partner Center's error code.

Sources: https://learn.microsoft.com/en-us/partner-center/developer/error-codes,
https://learn.microsoft.com/en-us/partner-center/developer/api-throttling-guidance (read 2026-11-20)
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from airflow_partnercenter.exceptions import (
    AccessTokenRefusedError,
    ApiError,
    MfaRequiredError,
    ResponseFormatError,
    ServiceError,
    ThrottledError,
)
from airflow_partnercenter.one_line import one_line

_BOM = b"\xef\xbb\xbf"
_LONGEST_DESCRIPTION = 400
#: Microsoft's have six digits at most.
_LONGEST_CODE = 40
_LONGEST_ID = 100
#: Of a wait; what is longer than that many digits is no number.
_SECONDS = r"\d{1,400}(\.\d{1,9})?"
#: Thirty years; what waits can still reckon with it.
_LONGEST_WAIT_SECONDS = 999_999_999.0

_SIGN_IN_AGAIN = (
    "the service account must sign in again interactively, with multi-factor authentication, and the refresh token "
    "from that sign-in goes into the connection"
)
_NO_APP_ONLY = (
    "this resource accepts App+User credentials only: set auth_mode to app_user and give the refresh token of a "
    "partner user"
)
_NO_ROLE = (
    "a Global admin of the partner tenant must give the signed-in user an agent role (Admin agent, Helpdesk agent or "
    "Sales agent), or a report viewer role, in Partner Center"
)

_HINTS: dict[tuple[int, str], str] = {
    (
        401,
        "900420",
    ): "the access token is for another audience: check `cloud`, and use no token made for graph.windows.net",
    (401, "900421"): _SIGN_IN_AGAIN,
    (401, "10001"): _SIGN_IN_AGAIN,
    (
        401,
        "800001",
    ): "the request arrived without its access token: check what a proxy or gateway in between removes",
    (403, "900329"): _NO_APP_ONLY,
    (
        403,
        "900309",
    ): "Conditional Access blocks the service account: an Entra administrator must let it through",
    (403, "900308"): _NO_ROLE,
    (403, "900150"): _NO_ROLE,
    (403, "2032"): _NO_ROLE,
    (403, "20002"): "the partner has no reseller relationship with this customer: check customer_id",
    (
        403,
        "900149",
    ): "the partner's programme enrolment is not active: the partner's Global admin must look at it",
    (403, "90000"): "Microsoft Entra ID failed while it issued a token for Partner Center: sign the service account in "
    "again, and if it stays so, open a support case with the correlation ID",
    (404, "60003"): "the customer is not known: check customer_id",
    (400, "900118"): "the customer is not known: check customer_id",
    (
        400,
        "900127",
    ): "this environment does not have the resource: check that tenant_id is the production tenant and no "
    "sandbox, and `cloud`",
}
_STATUS_HINTS = {
    400: "check filter_expression, group_by, processed_date_time and customer_id",
    401: "check that tenant_id is the partner's own tenant and sign the service account in again",
    403: _NO_ROLE,
    404: "check `host` and, for the superseding resources, `commercial_prefix` (/partner/v1 or /v1)",
    429: "lower max_parallel_requests, or give the tasks an Airflow pool",
}


_UNAUTHORIZED = 401
_WRONG_AUDIENCE = "900420"
#: Of a token that does not prove multi-factor authentication: of today, and of 2020.
_MFA_CODES = ("900421", "10001")
_MFA_CODE = re.compile(r"\((900421|10001)\)|^(900421|10001)\b")
#: Codes that leave it to the text.
_SAYS_NOTHING = ("", "400", "401")
_MFA = re.compile(r"\bMFA\b|multi-?factor", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, its body decompressed.

    :param method_path: what was asked, without the query, for messages.
    :param request_id: ``MS-RequestId`` that the request had.
    """

    method_path: str
    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes | bytearray
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """What an error body says; empty where it says nothing.

    :param wants_mfa: whether it is about the lack of multi-factor authentication.
    """

    code: str = ""
    description: str = ""
    wants_mfa: bool = False


def parse_fault(body: bytes | bytearray) -> Fault:
    """Return code and text of an error body of any known shape.

    The shapes: Partner Center's fault, whose code is text in the documentation and a number on the wire; the
    gateway's ``{"statusCode", "message"}``; ``{"error": {...}}`` of neighbouring APIs; plain text; a proxy's page.
    """
    try:
        content = msgspec.json.decode(body.removeprefix(_BOM))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Fault(description=_plain_text(body))
    if not isinstance(content, dict):
        # Seen with the reason in the status line.
        return Fault() if content is None else Fault(description=_plain_text(body))
    inner = content.get("error")
    content = inner if isinstance(inner, dict) else content
    text = content.get("description") or content.get("message") or content.get("error_description") or inner
    return Fault(one_line(_scalar(content.get("code")), _LONGEST_CODE), _shorten(_scalar(text)))


def error_for(answer: Answer, *, correlation_id: str, app_only: bool) -> ApiError | ResponseFormatError:
    """Return the error that an answer other than 200 stands for."""
    if 200 < answer.status < 300:
        return ResponseFormatError(
            f"Partner Center answered {answer.status} to {answer.method_path}; only 200 is documented."
        )
    fault = _fault_of(answer)
    said, refused_application = fault.description, _refuses_application(answer, fault)
    hint = _hint(answer, fault, app_only=app_only) or _STATUS_HINTS.get(answer.status, "")
    return _error_class(answer.status, fault, refused_application=refused_application)(
        _message(answer, fault, hint),
        status_code=answer.status,
        code=fault.code or None,
        description=said or None,
        request_id=id_of(answer.headers, "MS-RequestId") or answer.request_id or None,
        correlation_id=correlation_id,
        retry_after_seconds=retry_after_seconds(answer.headers, said),
    )


def refused_for_good(answer: Answer, error: AccessTokenRefusedError, *, app_only: bool) -> AccessTokenRefusedError:
    """Return the error of a token that nothing here can renew, with what Partner Center said of it."""
    fault = _fault_of(answer)
    detail, hint = _detail(fault), _hint(answer, fault, app_only=app_only)
    told = f" It said {answer.status}{f' ({detail})' if detail else ''}{'; ' + hint if hint else ''}."
    return AccessTokenRefusedError(
        f"{error}{told if detail or hint else ''}",
        status_code=answer.status,
        code=fault.code or None,
        description=fault.description or None,
        request_id=id_of(answer.headers, "MS-RequestId") or answer.request_id or None,
    )


def id_of(headers: Mapping[str, str], name: str) -> str:
    """Return a header that names the answer, as one line of no great length; empty if there is none."""
    return one_line(headers.get(name, ""), _LONGEST_ID)


def retry_after_seconds(headers: Mapping[str, str], text: str = "") -> float | None:
    """Return the wait that ``Retry-After`` (seconds or a date), or else the gateway's sentence, asks for."""
    value = headers.get("Retry-After", "").strip(" \t")
    # A header that came twice is joined by a comma.
    if re.fullmatch(_SECONDS + rf"([ \t]*,[ \t]*{_SECONDS})*", value):
        return min(max(map(float, value.split(","))), _LONGEST_WAIT_SECONDS)
    if then := _date(value):
        # By the service's own clock, if it says what that shows: the worker's may be ahead.
        now = _date(headers.get("Date", "")) or datetime.now(UTC)
        return min(max(0.0, (then - now).total_seconds()), _LONGEST_WAIT_SECONDS)
    said = re.search(r"try again in (\d{1,9}) seconds?", text, re.IGNORECASE)
    return float(said[1]) if said else None


def _date(value: str) -> datetime | None:
    """Return an HTTP date, or None if it is none."""
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def heals_with_new_token(answer: Answer) -> bool:
    """Return whether a fresh access token may help: a 401 that is about neither MFA nor the audience."""
    if answer.status != _UNAUTHORIZED:
        return False
    fault = _fault_of(answer)
    return not fault.wants_mfa and fault.code != _WRONG_AUDIENCE


def _fault_of(answer: Answer) -> Fault:
    """Return what an answer says, in its body or else in its status line."""
    fault, reason = parse_fault(answer.body), _shorten(answer.reason)
    said = fault.description or reason
    if answer.status != _UNAUTHORIZED or fault.code == _WRONG_AUDIENCE:
        return Fault(fault.code, said)
    # What a refusal for want of MFA looks like today is not documented; that of 2020 had its code in the text, or even
    # in the reason phrase.
    named = fault.code
    if fault.code in _SAYS_NOTHING:
        found = next(filter(None, map(_MFA_CODE.search, (said, reason))), None)
        named = next(filter(None, found.groups())) if found else fault.code
    return Fault(named, said, named in _MFA_CODES or bool(_MFA.search(f"{said} {reason}")))


def _error_class(status: int, fault: Fault, *, refused_application: bool) -> type[ApiError]:
    if status == _UNAUTHORIZED:
        return MfaRequiredError if fault.wants_mfa else AccessTokenRefusedError
    if status == 429:
        return ThrottledError
    # "This resource can't be accessed by application credentials" has been seen as a 500; waiting does not heal it.
    if status == 408 or (status >= 500 and not refused_application):
        return ServiceError
    return ApiError


def _refuses_application(answer: Answer, fault: Fault) -> bool:
    said = f"{fault.description} {answer.reason}".lower()
    return "application credentials" in said or "application-only" in said


def _hint(answer: Answer, fault: Fault, *, app_only: bool) -> str:
    """Return what to do about an answer, empty if it does not say more than its status."""
    if _refuses_application(answer, fault) or (app_only and answer.status in (401, 403)):
        return _NO_APP_ONLY
    if 300 <= answer.status < 400:
        return "redirects are not followed, as they would take the access token elsewhere: check `host`"
    return _HINTS.get((answer.status, fault.code)) or (_SIGN_IN_AGAIN if fault.wants_mfa else "")


def _detail(fault: Fault) -> str:
    return ": ".join(part for part in (f"code {fault.code}" if fault.code else "", fault.description) if part)


def _message(answer: Answer, fault: Fault, hint: str) -> str:
    detail = _detail(fault)
    sentence = f"Partner Center answered {answer.status} to {answer.method_path}" + (f" ({detail})" if detail else "")
    return f"{sentence}{'; ' + hint if hint else ''}."


def _plain_text(body: bytes | bytearray) -> str:
    text = body.removeprefix(_BOM).decode("utf-8", "replace").strip()
    if text[:1] == "<":
        title = re.search(r"<title>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
        return _shorten(f"an HTML page{': ' + title[1].strip() if title else ''}, perhaps from a proxy")
    return _shorten(text)


def _scalar(value: Any) -> str:
    return "" if value is None or isinstance(value, dict | list) else str(value)


def _shorten(text: str) -> str:
    return one_line(one_line(text).rstrip("."), _LONGEST_DESCRIPTION)
