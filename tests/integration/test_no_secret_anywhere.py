"""No secret anywhere: every sample DAG, through success and every kind of failure, at DEBUG, and then a search."""

import base64
import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_partnercenter.emulator.credentials import USERS
from tests.support import secret_runs
from tests.support.airflow_versions import AIRFLOW

#: As short as a part of a secret may be that nobody finds again by chance.
PART = 12
#: In ``dag.test()`` Airflow 3 hands messages over within the process, and its own code logs them at DEBUG: those that
#: name a secret to mask, and those that write the token cache's Variable.
AIRFLOWS_OWN = re.compile(
    r"(Sending request|Received message from task runner) .*"
    + (r"loc=supervisor\.py:\d+ " if AIRFLOW.release >= (3, 3) else "")
    + r"msg=(MaskSecret|PutVariable)\("
)

BOXED = re.compile(r"(\x1b\[[\d;]*m)*│")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run everything in a process of its own, and return where it left its traces."""
    folder = tmp_path_factory.mktemp("secrets")
    (folder / "airflow").mkdir()  # Airflow 3.0 makes its database only where the folder is
    with (folder / "console.txt").open("wb") as console:
        done = subprocess.run(
            [sys.executable, "-m", "tests.support.secret_runs", str(folder)],
            env=secret_runs.environment(folder),
            cwd=Path(__file__).parents[2],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
            timeout=900,
            check=False,
        )
    assert done.returncode == 0, (folder / "console.txt").read_text(errors="replace")[-5000:]
    return folder


@pytest.fixture(scope="module")
def found(folder: Path) -> dict[str, Any]:
    """Return the secrets and the states of the runs."""
    result: dict[str, Any] = json.loads((folder / "secrets.json").read_text())
    return result


def console_of(folder: Path) -> list[str]:
    """Return the lines that the process printed; not those of a box with the local variables of a traceback.

    The console of Airflow 3.0 shows such boxes, its log files do not.
    """
    lines = (folder / "console.txt").read_text(errors="replace").splitlines(keepends=True)
    return [line for line in lines if AIRFLOW.release[:2] != (3, 0) or not BOXED.match(line)]


def parts_of(secret: str) -> Iterator[str]:
    """Yield each part of a secret, and of its Base64 wherever in a longer text it may begin."""
    forms = [secret]
    for ahead in range(3):
        encoded = base64.b64encode(b"x" * ahead + secret.encode()).decode().rstrip("=")
        # What the bytes before and after have a say in is not the secret's.
        forms += [encoded[4 if ahead else 0 : -4], encoded[4 if ahead else 0 : -4].translate({43: "-", 47: "_"})]
    for form in forms:
        yield from (form[start : start + PART] for start in range(len(form) - PART + 1))


@pytest.fixture(scope="module")
def parts(found: dict[str, Any]) -> dict[str, str]:
    """Return every part of every secret, with the name of its secret; who signed in is in a token, but is none."""
    public = {part for user_id in USERS.values() for part in parts_of(user_id)}
    return {part: name for name, secret in found["secrets"].items() for part in parts_of(secret) if part not in public}


def leaks(text: str, parts: dict[str, str]) -> set[str]:
    """Return the names of the secrets that a text holds a part of, with the words around it."""
    named = set()
    for word in set(re.findall(rf"\S{{{PART},}}", text)):
        for start in range(len(word) - PART + 1):
            if (part := word[start : start + PART]) in parts:
                at = text.index(word) + start
                named.add(f"{parts[part]}: {text[max(0, at - 120) : at + 60]!r}")
                break
    return named


def test_every_case_went_as_it_should(found: dict[str, Any]) -> None:
    """A run that failed for another reason than its case would prove nothing."""
    assert {name.split()[0] for name in found["states"]} == {*secret_runs.CASES, "file_is_gone"}
    for name, state in found["states"].items():
        assert state == ("success" if name.startswith("success") else "failed"), name
    for state in ("success", "failed"):
        dags = {name.split()[1] for name, reached in found["states"].items() if reached == state}
        assert len(dags) == secret_runs.DAG_COUNT, state
    kinds = {name.rsplit(" ", 1)[0] for name in found["secrets"]}
    for kind in ("client secret", "refresh token", "access token", "passphrase", "proxy password"):
        assert kind in kinds
    assert any(kind.startswith("rotated refresh token") for kind in kinds)
    assert "line of the certificate's key" in kinds


def test_search_finds_what_is_there(parts: dict[str, str], found: dict[str, Any]) -> None:
    """A part of a secret, plain or in Base64 within a longer text, is found; ordinary text is not."""
    secret = next(iter(found["secrets"].values()))
    assert leaks(f"a b{secret[7:21]}c d", parts)
    assert leaks(base64.b64encode(f"user:{secret}".encode()).decode(), parts)
    assert not leaks(
        "The refresh token has expired (nothing renewed it for 90 days): sign the service account in again", parts
    )


def test_console_at_debug_shows_no_secret(folder: Path, parts: dict[str, str]) -> None:
    """All that Airflow, MSAL, urllib3 and this package say, tracebacks and representations of objects included."""
    text = "".join(line for line in console_of(folder) if not AIRFLOWS_OWN.search(line))
    assert "AADSTS700082" in text
    assert "<PartnerCenterClient of https://127.0.0.1:" in text
    assert leaks(text, parts) == set()


def test_files_show_no_secret(folder: Path, parts: dict[str, str]) -> None:
    """Logs, snapshots and the report."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name not in ("secrets.json", "console.txt")]
    names = {path.name for path in files}
    assert "licenses_report.html" in names
    for path in files:
        if not path.name.startswith("airflow.db"):
            assert leaks(path.read_bytes().decode("latin-1"), parts) == set(), path


def test_metadata_database_shows_no_secret(folder: Path, parts: dict[str, str]) -> None:
    """XComs, rendered fields, serialised DAGs, runs, task instances, events: every value of every table."""
    with sqlite3.connect(folder / "airflow" / "airflow.db") as database:
        tables = [name for (name,) in database.execute("select name from sqlite_master where type = 'table'")]
        assert {"xcom", "rendered_task_instance_fields", "serialized_dag", "task_instance", "trigger"} <= set(tables)
        for table in tables:
            for row in database.execute(f'select * from "{table}"'):  # noqa: S608 - the database's own names
                text = " ".join(value if isinstance(value, str) else repr(value) for value in row)
                assert leaks(text, parts) == set(), table
    for path in (folder / "airflow").glob("airflow.db*"):
        assert leaks(path.read_bytes().decode("latin-1"), parts) == set(), path


def test_lineage_shows_no_secret(folder: Path, parts: dict[str, str]) -> None:
    """OpenLineage's events of every DAG: of success with what was read and written, and of failure with its error."""
    text = (folder / secret_runs.LINEAGE).read_text()
    events = [json.loads(line) for line in text.splitlines()]
    for kind in ("COMPLETE", "FAIL"):
        dags = {event["job"]["name"].partition(".")[0] for event in events if event["eventType"] == kind}
        assert len(dags) == secret_runs.DAG_COUNT, kind
    assert any(event.get("inputs") and event.get("outputs") for event in events if event["eventType"] == "COMPLETE")
    assert "AADSTS700082" in text
    assert leaks(text, parts) == set()


def test_asset_events_show_no_secret(folder: Path, parts: dict[str, str]) -> None:
    """What the report's DAG tells of its file, which others are started by."""
    events = "dataset_event" if AIRFLOW.major < 3 else "asset_event"
    with sqlite3.connect(folder / "airflow" / "airflow.db") as database:
        extras = [extra for (extra,) in database.execute(f"select extra from {events}")]  # noqa: S608 - Airflow's name
    assert len(extras) == len([name for name in secret_runs.CASES if name.startswith("success")])
    for extra in extras:
        assert json.loads(extra)["row_count"] > 0
        assert leaks(extra, parts) == set()


def test_token_cache_is_a_variable_that_airflow_masks(folder: Path, found: dict[str, Any]) -> None:
    """The tokens are in there, encrypted in the database and masked in UI and API; the console test has looked."""
    assert found["variables"] == 1
    (shown,) = [line for line in console_of(folder) if line.startswith("key='partner_center_token_cache'")]
    # Airflow 2 shows nothing of it, Airflow 3 what is no secret; before 3.3, by the key of all tokens.
    if AIRFLOW.major < 3:
        assert "value=********" in shown
    elif AIRFLOW.release >= (3, 3):
        assert '"refresh_token": "***"' in shown
    else:
        assert re.search(r'"(refresh_token|app_user [^"]+)": "\*\*\*"', shown)


def test_environment_of_the_runs_was_at_debug(folder: Path) -> None:
    """Loggers that say nothing would prove nothing."""
    assert secret_runs.environment(folder)["AIRFLOW__LOGGING__LOGGING_LEVEL"] == "DEBUG"
    text = (folder / "console.txt").read_text(errors="replace")
    for logger in ("msal", "urllib3", "airflow_partnercenter"):
        assert logger in text, logger
    assert os.path.exists(folder / "airflow")
