"""docs/connection.md is what happens: its fields, its connections, and every message as users see it."""

import json
import re
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import Connection

from airflow_partnercenter.api.entra import refusals
from airflow_partnercenter.api.wire import faults
from airflow_partnercenter.api.wire.retrying import RetryPolicy
from airflow_partnercenter.connection.settings import CONNECTION_FIELDS, read_connection
from airflow_partnercenter.emulator import Answer
from airflow_partnercenter.exceptions import AuthenticationError, InteractionRequiredError, PartnerCenterError
from airflow_partnercenter.hooks.partner_center import PartnerCenterHook

PAGE = (Path(__file__).parents[2] / "docs" / "connection.md").read_text()
TOKEN = "/oauth2/v2.0/token"


def _table(*titles: str) -> list[list[str]]:
    """Return the rows of the table with these columns."""
    head = "| " + " | ".join(titles) + " |\n"
    lines = PAGE.split(head, 1)[1].splitlines()[1:]
    end = next(number for number, line in enumerate([*lines, ""]) if not line.startswith("|"))
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[:end]]


ENTRA = _table("code", "what the message says", "who acts")
PARTNER_CENTER = _table("status", "code", "what the message says", "who acts")


class _Impatient(PartnerCenterHook):
    retry = RetryPolicy(attempts=1, total_seconds=5)


def _message(error: BaseException) -> str:
    """Return what a task log shows, without the ids."""
    return re.sub(r" \[[\w, -]+ [0-9a-f-]+\]$", "", str(error))


def test_every_field_is_described_as_in_the_form():
    """Names, labels, help and defaults are those of the one table in code."""
    fields = [
        [f"`{item.name}`", item.label, item.help, f"`{item.default}`" if item.default is not None else ""]
        for item in CONNECTION_FIELDS
    ]
    assert _table("field", "label", "what it is", "default") == [[*row[:3], row[3]] for row in fields]


CONNECTIONS = re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("text", CONNECTIONS, ids=range(len(CONNECTIONS)))
def test_every_connection_can_be_copied(text, tmp_path):
    """Each is read as it stands, once the files it names are there."""
    connection = json.loads(text)
    extra = connection.pop("extra")
    for name in ("certificate", "federated_token_file"):
        if name in extra:
            file = tmp_path / name
            file.write_text("-----BEGIN CERTIFICATE-----")
            extra[name] = str(file)
    settings = read_connection(Connection(conn_id="pc", extra=json.dumps(extra), **connection))
    cached = settings.auth_mode == "app_user"
    assert settings.token_cache == ("variable:partner_center_token_cache" if cached else None)


def test_every_way_to_sign_in_has_its_connection():
    """Whoever adds a way to sign in adds it to the page."""
    given = [set(json.loads(text)["extra"]) for text in CONNECTIONS]
    names = ("certificate", "federated_token_file", "managed_identity_client_id", "access_token", "refresh_token")
    assert all(any(name in extra for extra in given) for name in names)
    assert len(CONNECTIONS) == 7


def test_every_code_of_entra_id_is_on_the_page():
    """Code and page know the same codes."""
    known = refusals._INTERACTION | refusals._CONFIGURATION
    assert [row[:2] for row in ENTRA] == [[code, hint] for code, hint in known.items()]


@pytest.mark.parametrize(("code", "says", "who"), ENTRA, ids=[row[0] for row in ENTRA])
def test_message_of_entra_id_is_the_one_on_the_page(emulator, connect, code, says, who):
    """Entra ID's refusal, sent by a token service, ends in this sentence; a person's task is told apart."""
    interactive = code in refusals._INTERACTION
    error = "invalid_grant" if interactive else "invalid_client"
    described = f"AADSTS{code}: Something. Trace ID: t Correlation ID: c Timestamp: 2026-11-25 10:00:00Z"
    body = {"error": error, "error_description": described, "error_codes": [int(code)], "correlation_id": "c0ffee"}
    emulator.answer_next(Answer(400 if interactive else 401, body), TOKEN)
    connect(emulator)
    with pytest.raises(AuthenticationError) as caught:
        _Impatient().list_licenses("licenses_usage")
    assert _message(caught.value) == f"Microsoft Entra ID refused to issue a token ({error}, AADSTS{code}): {says}."
    assert isinstance(caught.value, InteractionRequiredError) is interactive
    assert who
    assert len(emulator.token_requests) == 1
    assert emulator.api_requests == []


def test_every_code_of_partner_center_is_on_the_page():
    """Code and page know the same codes, and what is said of any other."""
    known = {(str(status), code): hint for (status, code), hint in faults._HINTS.items()}
    known |= {(str(status), "any other"): hint for status, hint in faults._STATUS_HINTS.items()}
    assert {(status, code): says for status, code, says, _ in PARTNER_CENTER} == known


@pytest.mark.parametrize(
    ("status", "code", "says", "who"), PARTNER_CENTER, ids=[" ".join(row[:2]) for row in PARTNER_CENTER]
)
def test_message_of_partner_center_is_the_one_on_the_page(emulator, connect, status, code, says, who):
    """Partner Center's fault ends in this sentence, with its own text in brackets."""
    number = "12345" if code == "any other" else code
    fault = {"code": number, "description": "Its own words.", "data": [], "source": "PartnerFD"}
    emulator.answer_next(Answer(int(status), fault, bom=True), "/partner/v1", times=9)
    connect(emulator)
    with pytest.raises(PartnerCenterError) as caught:
        _Impatient().list_licenses("licenses_usage")
    assert _message(caught.value) == (
        f"Partner Center answered {status} to GET /partner/v1/analytics/commercial/usage/license "
        f"(code {number}: Its own words); {says}."
    )
    assert who


def test_app_only_message_is_the_one_on_the_page(emulator, connect):
    """A plain 403 is all that some got; with app-only tokens the sentence names the cause."""
    emulator.answer_next(Answer(403, ""), "/partner/v1")
    connect(emulator, auth_mode="app_only")
    with pytest.raises(PartnerCenterError) as caught:
        _Impatient().list_licenses("licenses_usage")
    says = _message(caught.value).split("; ", 1)[1]
    assert says in " ".join(PAGE.split())
