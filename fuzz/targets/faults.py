"""An answer other than 200, its wait, and times: a typed error in one line, a finite wait, a time or none."""

import math
from collections.abc import Iterator
from datetime import timedelta

from airflow_partnercenter.api.pages.times import utc_microseconds
from airflow_partnercenter.api.wire.faults import Answer, error_for, heals_with_new_token, retry_after_seconds
from airflow_partnercenter.rows import time_text, utc_time
from airflow_partnercenter.waiting import error_from_json, error_to_json, read_newer_than
from fuzz.promises import is_plain, require_printable, result_or_error, text_of

_STATUS = (400, 401, 403, 404, 408, 429, 500, 503, 302, 204)


def seeds() -> Iterator[bytes]:
    """Yield errors of every known shape: reason, ``Retry-After`` and ``Date`` on a line each, then the body."""
    bodies = (
        '{"code":2000,"description":"Account Id has to be set.","data":[],"source":"PartnerFD"}',
        '{"statusCode":429,"message":"Rate limit is exceeded. Try again in 57 seconds."}',
        '{"error":{"code":"900421","message":"MFA required","innerError":{}}}',
        "Authentication failed. MFA required. (10001)",
        "<html><title>502 Bad Gateway</title></html>",
        "",
        "",
    )
    waits = (
        "57",
        "1.5, 2",
        "Fri, 20 Nov 2026 10:00:00 GMT",
        "Fri, 20 Nov 2026 10:00:00 -0000",
        "soon",
        "",
        "1.5,\x1f2",
    )
    for number, (body, wait) in enumerate(zip(bodies, waits, strict=True)):
        text = f"Reason\n{wait}\nFri, 20 Nov 2026 09:59:00 GMT\n{body}"
        yield bytes([number]) + text.encode()
    for time in (
        "2017-03-14T03:25:16.36+00:00",
        "2018-10-14T00:00:00",
        "2026-W47-5T24:00:00Z",
        "0001-01-01T00:00:00+14:00",
    ):
        yield f"\x00\n\n\n{time}".encode()


def check(data: bytes) -> None:
    """Read an answer, and its body once more as a time."""
    status, text = _STATUS[data[0] % len(_STATUS)] if data else 400, text_of(data[1:])
    reason, wait, date, body = [*text.split("\n", 3), "", "", ""][:4]
    headers = {"Retry-After": wait, "Date": date, "MS-RequestId": reason}
    answer = Answer("GET /v1/x", status, reason, headers, body.encode())
    heals_with_new_token(answer)
    error = error_for(answer, correlation_id="c", app_only=bool(len(text) % 2))
    require_printable(str(error))
    require_printable(
        f"{getattr(error, 'code', '')} {getattr(error, 'description', '')} {getattr(error, 'request_id', '')}"
    )
    assert is_plain(error_to_json(error))
    assert str(error_from_json(error_to_json(error))) == str(error)
    for seconds in (error.retry_after_seconds, retry_after_seconds({"Retry-After": body}, body)):
        assert seconds is None or (math.isfinite(seconds) and seconds >= 0), seconds
        timedelta(seconds=seconds or 0)
    microseconds = utc_microseconds(body)
    if microseconds is not None:
        assert len(time_text(utc_time(microseconds))) == len("2017-03-14T03:25:16.360000Z")
    result_or_error(lambda: read_newer_than(body))
