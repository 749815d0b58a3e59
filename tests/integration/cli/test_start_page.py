"""docs/start-here.md prints what the commands print."""

import re
import shlex
from pathlib import Path

import pytest

from airflow_partnercenter import cli
from airflow_partnercenter.emulator import Emulator

PAGE = (Path(__file__).parents[3] / "docs" / "start-here.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = [
    line
    for language, text in BLOCKS
    if language == "sh"
    for line in text.replace("\\\n", "").splitlines()
    if line.startswith("airflow-partnercenter ")
]
#: What differs from one sign-in to the next.
VARYING = (
    (r"https://[^ ]+/authorize\?[^ ]*", "ADDRESS"),
    (r"http://localhost:\d+", "REDIRECT"),
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "GUID"),
    (r"expires \d\d:\d\d UTC \(in \d+ minutes\)", "EXPIRES"),
    (r"processed \S+Z", "PROCESSED"),
    (r", (global|https://127\.0\.0\.1:\d+)$", ", CLOUD"),
)


def _printed(containing: str) -> list[str]:
    [text] = [text for language, text in BLOCKS if language == "text" and containing in text]
    return _plain(text)


def _plain(text: str) -> list[str]:
    lines = [line for line in text.splitlines() if line.strip()]
    for pattern, name in VARYING:
        lines = [re.sub(pattern, name, line) for line in lines]
    return lines


@pytest.mark.airflow(">=3.0")
def test_sign_in_and_check_print_what_the_page_says(run, emulator, database, monkeypatch):
    """Into Airflow's own database, as a newcomer does; the secret comes from the environment here."""
    monkeypatch.setenv("SECRET", emulator.client_secret)
    place = ["--authority", emulator.authority, "--host", emulator.base_url, "--ca-bundle", emulator.ca_bundle]
    who = ["--tenant-id", emulator.tenant_id, "--client-id", emulator.client_id, "--client-secret-env", "SECRET"]
    monkeypatch.setenv("BROWSER", "true")
    signed_in = run("login", *who, *place)
    assert signed_in.status == 0, signed_in.err
    asked, *printed = _printed("Sign in as the service account")
    assert asked.startswith("Client secret (not shown; empty if the application has none)")
    assert _plain(signed_in.err) == printed
    assert _plain(run("check").out) == _printed("✓ Partner Center: reached")


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_have_the_options_that_are_printed(command):
    """Each line of ours is understood by the command line."""
    assert cli._parser().parse_args(shlex.split(command)[1:]).run


def test_the_emulators_names_are_the_printed_ones():
    """Whoever has no tenant copies them."""
    for value in (Emulator.tenant_id, Emulator.client_id, Emulator.client_secret):
        assert value in PAGE


def test_sample_dags_and_their_folder_are_there():
    """The two that are copied, and the default that is replaced."""
    dags = Path(__file__).parents[3] / "dags"
    for name in re.findall(r'"\$samples"/(\w+\.py)', PAGE):
        assert (dags / name).is_file()
    [(old, file)] = re.findall(r'"s\|(file:\S+?)\|.*airflow/dags/(\w+\.py)', PAGE)
    assert f'"{old}"' in (dags / file).read_text()
