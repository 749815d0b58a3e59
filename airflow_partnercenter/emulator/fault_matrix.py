"""The faults that the emulator can be told to have, each one declaration: how answers go wrong between two computers.

Statuses and shapes of error bodies are those of Microsoft's documentation and of public recordings; the rest is what
networks, proxies and data that changes while it is read do to any service.

Sources: https://learn.microsoft.com/en-us/partner-center/developer/error-codes,
https://learn.microsoft.com/en-us/partner-center/developer/api-throttling-guidance
"""

import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from airflow_partnercenter.emulator.documented import BOM
from airflow_partnercenter.emulator.faults import (
    ACCESS_DENIED,
    CONTROLLERS,
    FRONT_DOOR,
    MFA_REQUIRED,
    WRONG_AUDIENCE,
    Fault,
)
from airflow_partnercenter.emulator.scripts import Answer, AnswerSource, Request

#: what the paths of Partner Center have in common, and no path of Entra ID has
API = "/v1/"
FOR_EVER = 1_000_000_000
STATUSES = (400, 401, 403, 404, 405, 406, 408, 409, 412, 429, 500, 501, 502, 503, 504)
#: where no token must go; no such host exists
ELSEWHERE = "https://partner-center.example"
HTML = "<!DOCTYPE html><html><head><title>Corporate proxy</title></head><body>Please sign in.</body></html>"
_HTML_TYPE = {"Content-Type": "text/html; charset=utf-8"}

Envelope = dict[str, Any]
Row = dict[str, Any]


@dataclass(frozen=True)
class InjectableFault:
    """One way to go wrong.

    :param summary: in one line, for ``--list-faults``.
    :param answer: what is answered instead, or made of the normal answer.
    :param path: part of the paths that it concerns unless told otherwise.
    :param times: how many requests it hits unless told otherwise.
    """

    summary: str
    answer: AnswerSource
    path: str = API
    times: int = 1


def _status(status: int) -> InjectableFault:
    """Return the fault of a status with Partner Center's usual body, code 0."""
    phrase = HTTPStatus(status).phrase
    return InjectableFault(f"HTTP {status} {phrase}", Answer(status, Fault(status, "0", f"{phrase}.").body(), bom=True))


def _retry_after_date(request: Request) -> Answer:
    """Return a 429 that names the time to come back, about a second from now; such a date has whole seconds."""
    then = datetime.now(UTC) + timedelta(seconds=1.5)
    return Answer(429, _RATE_LIMIT, headers={"Retry-After": format_datetime(then, usegmt=True)})


_RATE_LIMIT = {"statusCode": 429, "message": "Rate limit is exceeded."}


def _edited(change: Callable[[Envelope, Request], object]) -> Callable[[Request], Answer]:
    """Return an answer whose envelope is changed in place; a byte order mark stays."""

    def answer(request: Request) -> Answer:
        def rewrite(body: bytes) -> bytes:
            envelope = json.loads(body)
            change(envelope, request)
            text = json.dumps(envelope, ensure_ascii=False, separators=(",", ":")).encode()
            return (BOM if body.startswith(BOM) else b"") + text

        return Answer(rewrite=rewrite)

    return answer


def _linked(link: Callable[[Request], str | None]) -> Callable[[Request], Answer]:
    """Return an answer with another next link."""
    return _edited(lambda envelope, request: envelope.update({"@nextLink": link(request)}))


def _counted(total: Callable[[Envelope], object]) -> Callable[[Request], Answer]:
    """Return an answer with another total."""
    return _edited(lambda envelope, _: envelope.update({"TotalCount": total(envelope)}))


def _total(envelope: Envelope) -> int:
    """Return the total of an envelope, 0 if another fault took it away."""
    return int(envelope.get("TotalCount") or 0)


def _relative(envelope: Envelope, _: Request) -> None:
    """Leave of a next link its path and query."""
    if link := envelope.get("@nextLink"):
        envelope["@nextLink"] = "/" + link.split("://")[-1].partition("/")[2]


def _each(change: Callable[[Row], Row]) -> Answer:
    """Return an answer whose rows are changed one by one."""
    return Answer(rows=lambda rows: [change(dict(row)) for row in rows])


def _counts_as(kind: Callable[[int], object]) -> Answer:
    """Return an answer whose whole numbers are written otherwise."""
    return _each(lambda row: {name: kind(value) if type(value) is int else value for name, value in row.items()})


def _replaced(row: Row) -> Row:
    """Return a row as it is after the next run of Microsoft's analytics: another day, other numbers."""
    numbers = {name: value + 1 for name, value in row.items() if type(value) is int}
    return {**row, **numbers, "processedDateTime": "2030-01-01T00:00:00"}


def _fault(fault: Fault, **more: object) -> Answer:
    """Return the answer that Partner Center gives for a fault; ``more`` replaces parts of its body."""
    return Answer(fault.status, {**fault.body(), **more}, bom=True)


_DENIED = Fault(403, "2032", "Access denied.")
_TROUBLE = Fault(500, "800003", "Unexpected service error.")
_MFA_TEXT = "Authentication failed. MFA required. (10001)"

_FAULTS: dict[str, InjectableFault] = {
    **{f"status_{status}": _status(status) for status in STATUSES},
    "fault_text_code": InjectableFault(
        "403 with Partner Center's fault, its code as text", _fault(_DENIED, code="2032")
    ),
    "fault_number_code": InjectableFault(
        "403 with Partner Center's fault, its code as a number", _fault(_DENIED, code=2032, source=FRONT_DOOR)
    ),
    "fault_with_data": InjectableFault(
        "500 with a fault whose data holds text and an object",
        _fault(_TROUBLE, data=["text", {"name": "value"}], source=CONTROLLERS),
    ),
    "fault_gateway": InjectableFault(
        "500 in the shape of the gateway", Answer(500, {"statusCode": 500, "message": "Internal server error"})
    ),
    "fault_nested": InjectableFault(
        "403 in the shape of the neighbouring API",
        Answer(403, {"error": {"code": "Forbidden", "message": "No access.", "target": "x", "innerError": {}}}),
    ),
    "fault_plain_text": InjectableFault("403 with a sentence instead of JSON", Answer(403, "The role has no rights.")),
    "fault_empty_body": InjectableFault("403 without a body", Answer(403, b"")),
    "entra_refusal": InjectableFault(
        "Entra ID refuses the refresh token",
        Answer(
            400,
            {
                "error": "invalid_grant",
                "error_description": "AADSTS700082: The refresh token has expired due to inactivity.",
                "error_codes": [700082],
            },
        ),
        path="/oauth2/",
    ),
    "entra_trouble": InjectableFault("Entra ID answers 503", Answer(503, HTML, _HTML_TYPE), path="/oauth2/"),
    "throttled_seconds": InjectableFault(
        "429 of the gateway, Retry-After in seconds: 1", Answer(429, _RATE_LIMIT, {"Retry-After": "1"})
    ),
    "throttled_date": InjectableFault("429 of the gateway, Retry-After as a date", _retry_after_date),
    "throttled_sentence": InjectableFault(
        "429 whose wait is only in its sentence",
        Answer(429, {"statusCode": 429, "message": "Rate limit is exceeded. Try again in 1 seconds."}),
    ),
    "throttled_for_long": InjectableFault(
        "429 with a Retry-After of an hour", Answer(429, _RATE_LIMIT, {"Retry-After": "3600"})
    ),
    "no_answer": InjectableFault("the connection is closed without an answer", Answer(close=True)),
    "reset_before_answer": InjectableFault("TCP reset before the answer", Answer(close=True, reset=True)),
    "reset_before_body": InjectableFault("TCP reset between headers and body", Answer(truncate=0, reset=True)),
    "reset_in_body": InjectableFault("TCP reset in the middle of the body", Answer(truncate=60, reset=True)),
    "cut_off": InjectableFault("body cut off under the full Content-Length", Answer(truncate=60)),
    "cut_off_unnoticed": InjectableFault(
        "body cut off under a Content-Length that fits", Answer(rewrite=lambda body: body[: len(body) // 2])
    ),
    "invalid_json": InjectableFault("200 with a body that is not JSON", Answer(rewrite=lambda body: body + b"}")),
    "html_200": InjectableFault("200 with a proxy's page", Answer(200, HTML, _HTML_TYPE)),
    "html_502": InjectableFault("502 with a proxy's page", Answer(502, HTML, _HTML_TYPE)),
    "empty_body": InjectableFault("200 without a body", Answer(200, b"")),
    "no_content": InjectableFault("204", Answer(204, b"")),
    "wrong_content_type": InjectableFault(
        "JSON under Content-Type text/plain", Answer(headers={"Content-Type": "text/plain"})
    ),
    "no_bom": InjectableFault("body without a byte order mark", Answer(rewrite=lambda body: body.removeprefix(BOM))),
    "gzip": InjectableFault(
        "compressed body", Answer(rewrite=lambda body: gzip.compress(body, 1), headers={"Content-Encoding": "gzip"})
    ),
    "gzip_broken": InjectableFault("body that only claims compression", Answer(headers={"Content-Encoding": "gzip"})),
    "slow_bytes": InjectableFault("the body takes a fifth of a second", Answer(drip_seconds=0.02)),
    "too_slow": InjectableFault("the body takes half a minute", Answer(drip_seconds=3)),
    "expired_token": InjectableFault("all access tokens handed out so far have expired", Answer(expire_tokens=True)),
    "access_denied": InjectableFault("401 code 400, whatever the token", _fault(ACCESS_DENIED)),
    "wrong_audience": InjectableFault("401 code 900420: a token for another service", _fault(WRONG_AUDIENCE)),
    "mfa_required": InjectableFault("401 code 900421: the token proves no MFA", _fault(MFA_REQUIRED)),
    "mfa_required_text": InjectableFault(
        "401 of 2020, MFA required, its code 10001 in a sentence", Answer(401, _MFA_TEXT)
    ),
    "redirect": InjectableFault("302 to another host", Answer(302, b"", {"Location": f"{ELSEWHERE}/v1/"})),
    "link_elsewhere": InjectableFault(
        "next link to another host", _linked(lambda request: f"{ELSEWHERE}{request.target}")
    ),
    "link_to_itself": InjectableFault("next link to the page itself", _linked(lambda request: request.target)),
    "link_relative": InjectableFault("next link without scheme and host", _edited(_relative)),
    "link_null": InjectableFault("next link null, as on the last page", _linked(lambda _: None)),
    "link_missing": InjectableFault(
        "no next link at all", _edited(lambda envelope, _: envelope.pop("@nextLink", None))
    ),
    "link_no_text": InjectableFault(
        "next link that is an object", _edited(lambda envelope, _: envelope.update({"@nextLink": {"uri": "/"}}))
    ),
    "total_wrong": InjectableFault("TotalCount one too large", _counted(lambda envelope: _total(envelope) + 1)),
    "total_per_page": InjectableFault(
        "TotalCount of the page's rows", _counted(lambda envelope: len(envelope["Value"]))
    ),
    "total_missing": InjectableFault("no TotalCount", _edited(lambda envelope, _: envelope.pop("TotalCount", None))),
    "total_as_text": InjectableFault("TotalCount as text", _counted(lambda envelope: str(_total(envelope)))),
    "rows_reordered": InjectableFault(
        "rows in another order, so that pages overlap", Answer(rows=lambda rows: [*rows[-1:], *rows[:-1]])
    ),
    "data_replaced": InjectableFault(
        "from this request on another day's data, with other numbers", _each(_replaced), times=FOR_EVER
    ),
    "empty_result": InjectableFault("no rows", Answer(rows=lambda rows: [])),
    "rows_missing": InjectableFault("no list of rows", _edited(lambda envelope, _: envelope.pop("Value"))),
    "unknown_fields": InjectableFault(
        "rows with a field that no page documents", _each(lambda row: {**row, "licensesNew": 7})
    ),
    "missing_fields": InjectableFault(
        "rows without productName", _each(lambda row: {name: row[name] for name in row if name != "productName"})
    ),
    "counts_as_text": InjectableFault('counts as text: "63"', _counts_as(str)),
    "counts_as_floats": InjectableFault("counts as floats: 206.0", _counts_as(float)),
    "counts_as_words": InjectableFault("counts that are no numbers", _counts_as(lambda _: "many")),
}
#: every fault by its name
FAULTS: Mapping[str, InjectableFault] = MappingProxyType(_FAULTS)
