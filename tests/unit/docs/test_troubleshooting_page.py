"""docs/troubleshooting.md has every message that users can meet, and none that the code does not have."""

import re
from pathlib import Path

from airflow_partnercenter import exceptions
from airflow_partnercenter.api.entra import interactive, refusals
from airflow_partnercenter.api.wire import faults, network
from tests.support.messages import messages, texts

PAGE = (Path(__file__).parents[3] / "docs" / "troubleshooting.md").read_text()
TABLES = re.findall(r"^\| (.+?) \|.*\n\|[-|: ]+\|\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
QUOTES = [
    quote.strip()
    for title, rows in TABLES
    if title.split(" |")[0] == "message"
    for row in rows.splitlines()
    for quote in re.findall(r"`+([^`]+)`+", row.split(" | ")[0])
]
CLASSES = {
    name: value
    for name, value in vars(exceptions).items()
    if isinstance(value, type) and issubclass(value, exceptions.PartnerCenterError)
}


def _codes(title: str) -> set[str]:
    """Return the numbers in the first column of the tables with this title."""
    rows = [row.split(" | ")[0] for name, rows in TABLES if name.split(" |")[0] == title for row in rows.splitlines()]
    return {number for row in rows for number in re.findall(r"\d+", row)}


def _is_told_by(quote: str, text: str) -> bool:
    """Return whether a quotation is the beginning of a message, or of what follows its first variable part."""
    return text.startswith(quote) or (not quote.startswith("…") and text.removeprefix("…").strip().startswith(quote))


def test_every_error_class_says_whether_it_is_retried():
    """The table has the tree, and what Airflow does about each."""
    rows = re.findall(r"^\| `(\w+Error)` \| .* \| (yes|no) \| .+ \|$", PAGE, re.MULTILINE)
    assert {name: retried == "yes" for name, retried in rows} == {
        name: kind.retriable for name, kind in CLASSES.items()
    }


def test_every_message_is_on_the_page():
    """Whoever adds a message says here what happened and who does what."""
    found = messages()
    assert len(found) > 200
    missing = [each for each in found if not any(_is_told_by(quote, each.text) for quote in QUOTES)]
    assert not missing, "\n".join(f"{each.where}: {each.text}" for each in missing)


def test_every_quotation_is_in_the_code():
    """A message that was reworded or is gone does not stay on the page."""
    code = texts()
    assert [quote for quote in QUOTES if not any(quote in text for text in code)] == []


def test_every_code_of_entra_id_is_on_the_page():
    """Of unattended tasks and of the sign-in."""
    known = {*refusals._INTERACTION, *refusals._CONFIGURATION, *interactive._HINTS}
    assert _codes("code") == known


def test_every_code_of_partner_center_is_on_the_page():
    """And each status of which something is said."""
    known = {text for status, code in faults._HINTS for text in (str(status), code)} | set(
        map(str, faults._STATUS_HINTS)
    )
    assert known <= _codes("status and code")
    assert _codes("status and code") - known <= {"3", "5", "408"}


def test_every_way_a_connection_fails_is_on_the_page():
    """DNS, TLS, proxy, time."""
    for _, sentence in network._SIGNS:
        assert any(quote in sentence for quote in QUOTES), sentence
