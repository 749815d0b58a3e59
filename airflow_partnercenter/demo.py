"""The demo: the sample report DAG, run by Airflow itself for a month of days, against the emulator."""

import json
import os
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from airflow_partnercenter.local_airflow.settings import airflow_settings, plain_environment, sample_dags
from airflow_partnercenter.progress import progress, say

_DAG_ID = "partner_center_licenses_report"
#: Tasks that only the last days need, by how many: the report shows the older resources' percents of two dates.
_ONLY_AT_THE_END = {1: "write_report|alert", 2: "store_partner_licenses"}


def run_demo(folder: Path, *, days: int = 30) -> int:
    """Build everything below ``folder``, print what happens, the licence table and the report's path.

    Running it again in the same folder starts from an empty lake and gives the same report.

    :param days: how many daily runs to make up, at least 1.
    :return: 0, or 1 if ``days`` is less, the folder cannot be made, or a step failed; the log says why.
    """
    from airflow_partnercenter.emulator import Emulator

    if days < 1:
        print(f"The demo cannot run: --days is {days}: at least 1 is needed for a report.", file=sys.stderr)
        return 1
    began = time.monotonic()
    folder = folder.resolve()
    lake, log, tokens = folder / "lake", folder / "airflow.log", folder / "tokens.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        print(f"The demo cannot run in --folder {folder}: {error.strerror}.", file=sys.stderr)
        return 1
    _empty(lake)
    for file in (log, tokens):  # an earlier demo's tokens are not this one's
        file.unlink(missing_ok=True)
    today = datetime.now(UTC).date()
    say("Starting the local Partner Center (a made-up partner; TLS and sign-in included)")
    with Emulator(today=today) as emulator:
        print(f"    {emulator.base_url}, trusted through {emulator.ca_bundle}")
        _set_environment(folder, json.dumps(emulator.connection(token_cache=f"file:{tokens}")))
        try:
            say("Preparing Airflow (SQLite)")
            with _output_to(log):
                _airflow("db", "migrate")
                # Airflow 3.0 runs no task whose assets its database does not know.
                _airflow("dags", "reserialize")
            say(f"Running DAG {_DAG_ID} in Airflow, once for each of the last {days} days")
            with progress(days) as advance:
                for age in reversed(range(days)):
                    day = emulator.today = today - timedelta(days=age)
                    with _output_to(log):
                        _run_dag(day, f"file://{lake}", days_left=age + 1)
                    advance(str(day))
        except (Exception, SystemExit) as error:  # Airflow's commands end with either
            print(f"\nThe demo failed: {error}\nAirflow's own words are in {log}", file=sys.stderr)
            return 1
    _show(lake)
    say(f"Done in {time.monotonic() - began:.0f} s. Open the report in a browser:")
    print(f"    {lake / 'licenses_report.html'}")
    return 0


def _set_environment(folder: Path, connection: str) -> None:
    """Set Airflow up before its first import, which reads all this once.

    Nothing of another Airflow remains: its secrets backend, if it had one, would be asked for the connection first.
    """
    for name in set(os.environ) - set(plain_environment()):
        del os.environ[name]
    home = folder / "airflow"
    home.mkdir(exist_ok=True)  # Airflow 3.0 makes its database only where the folder is
    os.environ |= airflow_settings(home, sample_dags()) | {
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
        # Whoever looks on does not wait five minutes for each further attempt.
        "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "1",
        "AIRFLOW_CONN_PARTNER_CENTER_DEFAULT": connection,
    }
    warnings.simplefilter("ignore")


def _run_dag(day: date, lake: str, *, days_left: int) -> None:
    at = datetime(day.year, day.month, day.day, tzinfo=UTC).isoformat()
    left_out = [tasks for days, tasks in _ONLY_AT_THE_END.items() if days_left > days]
    pattern = ["--mark-success-pattern", "|".join(left_out)] if left_out else []
    _airflow("dags", "test", _DAG_ID, at, "--conf", json.dumps({"lake": lake}), *pattern)


def _airflow(*arguments: str) -> None:
    """Run an ``airflow`` command in this process: after the first, each costs a fraction of a second.

    :raises SystemExit: the command failed.
    """
    from airflow.cli.cli_parser import get_parser

    parsed = get_parser().parse_args(arguments)
    parsed.func(parsed)


@contextmanager
def _output_to(log: Path) -> Iterator[None]:
    """Send what this process prints, Airflow's loggers included, to a file."""
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, original in enumerate(saved, start=1):
                os.dup2(original, number)
                os.close(original)


def _show(lake: Path) -> None:
    from airflow_partnercenter.reports import build_license_report
    from airflow_partnercenter.storage import read_snapshots

    snapshots = read_snapshots(f"file://{lake}/licenses_deployment")
    partner = read_snapshots(f"file://{lake}/partner_licenses_deployment")
    say(f"{len(snapshots)} snapshots in {lake / 'licenses_deployment'}, one Parquet file per processed date")
    print(f"\n{build_license_report(snapshots, partner).to_text()}\n")


def _empty(lake: Path) -> None:
    """Remove what an earlier demo wrote, and nothing else."""
    for pattern in ("*/*.parquet", "licenses_report.html", "licenses_report_*.csv"):
        for file in lake.glob(pattern):
            file.unlink()
