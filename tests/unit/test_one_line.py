"""No text of another party breaks out of its line of a log, or is obeyed by a terminal."""

import json
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_partnercenter.api.entra.refusals import refusal
from airflow_partnercenter.api.pages.decoding import RowDecoder
from airflow_partnercenter.api.pages.links import NextLink
from airflow_partnercenter.api.resources import RESOURCES
from airflow_partnercenter.api.wire.faults import Answer, error_for, parse_fault, retry_after_seconds
from airflow_partnercenter.connection.settings import read_connection
from airflow_partnercenter.exceptions import ConfigurationError, PartnerCenterError, ResponseFormatError
from airflow_partnercenter.one_line import is_one_line, one_line
from airflow_partnercenter.waiting import describe, read_newer_than
from tests.support.logs import LogRecords
from tests.support.origin import Origin, Reply

RESOURCE = "licenses_deployment"
#: A line of its own, a cleared screen, a colour by one byte, a turned direction, a separator, an end of text.
HOSTILE = "a\r\n[2026-11-25] INFO - all is well\x1b[2J\x9b31m\u202ezyx\u2028b\x00c"


def _is_fit(text: str) -> bool:
    return not {unicodedata.category(sign) for sign in text} & {"Cc", "Cs", "Zl", "Zp"} and "\u202e" not in text


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (HOSTILE, "a [2026-11-25] INFO - all is well[2J31mzyx bc"),
        ("Müller & Söhne \U0001f469\u200d\U0001f4bb 株式会社", "Müller & Söhne \U0001f469\u200d\U0001f4bb 株式会社"),
        ("\ud800a", "a"),
        ("  a \t b\n", "a b"),
        (5, "5"),
        ("", ""),
    ],
    ids=ascii,
)
def test_text_is_on_one_line_and_otherwise_as_it_was(text: object, line: str) -> None:
    """Names in any script stay; what a terminal obeys goes."""
    assert one_line(text) == line
    assert is_one_line(line)
    assert _is_fit(line)


def test_text_is_bounded() -> None:
    """An ellipsis stands for the rest."""
    assert one_line("x" * 50, 10) == "x" * 9 + "…"
    assert one_line("x" * 10, 10) == "x" * 10


def _error_of_partner_center(**parts: Any) -> PartnerCenterError:
    reason, headers = parts.pop("reason", ""), parts.pop("headers", {})
    body = parts.pop("text", None) or json.dumps(parts)
    answer = Answer("GET /v1/x", 403, reason, headers, body.encode("utf-8", "surrogatepass"))
    return error_for(answer, correlation_id="c", app_only=False)


def _foreign_link() -> None:
    NextLink("https://evil\u202e\x9b.example/x").resolve("https://api.example/v1/x", "https://api.example")


PLACES: dict[str, Callable[[], Any]] = {
    "code": lambda: _error_of_partner_center(code=HOSTILE, description="x"),
    "description": lambda: _error_of_partner_center(code=1, description=HOSTILE),
    "reason": lambda: _error_of_partner_center(reason=HOSTILE),
    "plain text": lambda: _error_of_partner_center(text=HOSTILE),
    "html title": lambda: _error_of_partner_center(text=f"<html><title>{HOSTILE}</title>"),
    "request id": lambda: _error_of_partner_center(headers={"MS-RequestId": HOSTILE}).request_id,
    "entra error": lambda: refusal({"error": HOSTILE}),
    "entra trouble": lambda: refusal({"error": "server_error", "error_description": HOSTILE}),
    "entra description": lambda: refusal({"error": "x", "error_description": HOSTILE}),
    "entra description kept": lambda: refusal({"error": "x", "error_description": HOSTILE}).error_description,
    "entra codes": lambda: refusal({"error": "x", "error_codes": [HOSTILE]}),
    "entra correlation id": lambda: refusal({"error": "x", "correlation_id": HOSTILE}),
    "processed dates": lambda: describe({(HOSTILE, None): None}, datetime(2026, 11, 20, tzinfo=UTC)),
}


@pytest.mark.parametrize("place", PLACES)
def test_hostile_text_stays_on_its_line(place: str) -> None:
    """Wherever it comes in, the message and what is kept of it are one line; the words are there."""
    said = str(PLACES[place]())
    assert _is_fit(said), ascii(said)
    assert "all is well" in said


@pytest.mark.parametrize("place", ["code", "description", "reason", "entra error", "entra correlation id"])
def test_endless_text_is_bounded(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A megabyte of it does not go into the log."""
    monkeypatch.setitem(globals(), "HOSTILE", "x" * 10**6)
    assert len(str(PLACES[place]())) < 2_000


def test_host_of_a_foreign_link_is_told_in_one_line() -> None:
    """It is in the error that refuses it."""
    with pytest.raises(ResponseFormatError) as refused:
        _foreign_link()
    assert _is_fit(str(refused.value))


def test_names_of_unknown_fields_are_bounded_lines(logs: LogRecords) -> None:
    """The log names a few of them, the column holds all, whatever they are called."""
    extra = {HOSTILE: 1} | {f"field{number:04}{'x' * 500}": number for number in range(1000)}
    body = json.dumps({"Value": [extra], "TotalCount": 1}).encode()
    rows = RowDecoder(RESOURCES[RESOURCE]).decode(body).rows
    assert json.loads(rows["additional_fields"][0].as_py()) == extra
    [record] = [record for record in logs.records if "does not know" in record.getMessage()]
    assert _is_fit(record.getMessage())
    assert record.getMessage().endswith(" and 981 more")
    assert len(record.getMessage()) < 2_000


def test_unknown_keys_of_a_connection_are_named_on_one_line(logs: LogRecords) -> None:
    """Whoever may edit a connection may not write the log."""
    extra = {"auth_mode": "access_token", "access_token": "eyJ", HOSTILE: "x"}
    read_connection(
        SimpleNamespace(conn_id="c", login="", password="", host="", port=None, extra=json.dumps(extra))  # type: ignore[arg-type]
    )
    [record] = [record for record in logs.records if "unknown keys" in record.getMessage()]
    assert _is_fit(record.getMessage())


@pytest.mark.parametrize(
    "head",
    ["HTTP/1.1 503 \x1b[2Jdown\r\n", "no HTTP \x1b[2J at all\r\n", "HTTP/1.1 200 OK\r\nX: \x1b[2J\r\nbroken\x1b[2J"],
    ids=["reason", "no HTTP", "headers"],
)
def test_status_line_of_a_hostile_server_reaches_no_log(
    head: str, origin: Origin, origin_client: Callable[..., Any], logs: LogRecords
) -> None:
    """From the socket to the error, its retries in the log included."""
    origin.answer(Reply(raw=head.encode("latin-1") + b"Content-Length: 0\r\n\r\n"))
    with pytest.raises(PartnerCenterError) as failed:
        origin_client().list_licenses("partner_licenses_usage")
    ours = [record.getMessage() for record in logs.records if record.name.startswith("airflow_partnercenter")]
    assert ours
    for said in (str(failed.value), *ours):
        assert _is_fit(said), ascii(said)


def test_wait_in_a_sentence_is_finite() -> None:
    """A number of hundreds of digits is no wait: as infinity it would end up in an event, which JSON cannot hold."""
    assert retry_after_seconds({}, f"Try again in {'9' * 390} seconds.") is None
    assert retry_after_seconds({}, "Try again in 57 seconds.") == 57


def test_fault_code_is_kept_as_it_was() -> None:
    """Those of Microsoft, as numbers or texts."""
    for code in (900420, "900420"):
        assert parse_fault(json.dumps({"code": code, "description": "x"}).encode()).code == "900420"


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_time_that_is_in_no_year_of_utc_is_refused(text: str) -> None:
    """In a sentence, as any other text that is no time."""
    with pytest.raises(ConfigurationError, match="newer_than"):
        read_newer_than(text)
