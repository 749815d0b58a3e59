"""Airflow's own commands for the days before: ``airflow dags test``, and a backfill by a real scheduler."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from airflow_partnercenter.emulator import Emulator
from tests.support.airflow_processes import AirflowProcesses
from tests.support.ports import free_port

DAG = """
from datetime import datetime
from airflow.providers.common.compat.sdk import DAG
from airflow_partnercenter.operators.partner_center import PartnerCenterLicensesToObjectStorageOperator

# No day is left for the scheduler to start by itself.
first, last = datetime(2026, 11, 1), datetime(2026, 11, 20)
with DAG("daily_licenses", schedule="@daily", start_date=first, end_date=last, catchup=False):
    PartnerCenterLicensesToObjectStorageOperator(
        task_id="store",
        resource="licenses_deployment",
        processed_date_time="{{ ds }}",
        destination="LAKE/{{ ds }}.jsonl",
        on_empty="fail",
    )
"""
DAYS = ["2026-11-11", "2026-11-12", "2026-11-13"]


class Deployment:
    """An Airflow with one daily DAG, and the folder that it writes to."""

    def __init__(self, airflow: AirflowProcesses, lake: Path) -> None:
        self.airflow = airflow
        self.lake = lake

    def days(self) -> dict[str, set[str]]:
        """Return the files there are, each with the days that its rows were processed for."""
        return {
            path.stem: {json.loads(line)["processed_date_time"][:10] for line in path.read_text().splitlines()}
            for path in sorted(self.lake.glob("*.jsonl"))
        }


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    """Run nothing yet: a database that knows the DAG."""
    lake, home = tmp_path / "lake", tmp_path / "home"
    lake.mkdir()
    home.mkdir()
    port = free_port()
    with Emulator(customers=3, today=date(2026, 11, 20)) as emulator:
        environment = {
            "AIRFLOW_CONN_PARTNER_CENTER_DEFAULT": json.dumps(emulator.connection()),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
            "AIRFLOW__CORE__PARALLELISM": "1",
            "AIRFLOW__API_AUTH__JWT_SECRET": "loopback-only-not-a-secret-" * 3,
            "AIRFLOW__API__SECRET_KEY": "loopback-only-not-a-secret",
        }
        with AirflowProcesses(home, {"daily.py": DAG.replace("LAKE", lake.as_uri())}, environment) as airflow:
            yield Deployment(airflow, lake)


@pytest.mark.airflow(">=3")
def test_days_are_backfilled_by_the_scheduler(deployment: Deployment) -> None:
    """``airflow dags test`` writes the file of its day, ``airflow backfill create`` those of the others."""
    airflow = deployment.airflow
    _run_a_day_by_hand(deployment)
    # Before the scheduler starts, as SQLite lets one process write at a time.
    window = ("--from-date", DAYS[0], "--to-date", DAYS[-1])
    assert airflow.run("backfill", "create", "--dag-id", "daily_licenses", *window) == 0
    airflow.start("api-server", "--host", "127.0.0.1", "--port", airflow.environment["AIRFLOW__API__PORT"])
    # The first task fails if it meets no server.
    airflow.wait_for(lambda: _answers(airflow.environment["AIRFLOW__API__BASE_URL"]), "the API server answers")
    airflow.start("scheduler", "--skip-serve-logs")
    finished = "select count(*) from dag_run where run_type = 'backfill' and state in ('success', 'failed')"
    airflow.wait_for(lambda: airflow.query(finished) == [(len(DAYS),)], "every day has its run")
    found = deployment.days()
    assert {day: found[day] for day in DAYS} == {day: {day} for day in DAYS}


@pytest.mark.airflow("<3")
def test_days_are_backfilled_by_the_command(deployment: Deployment) -> None:
    """Airflow 2 runs a backfill within the command."""
    _run_a_day_by_hand(deployment)
    window = ("--start-date", DAYS[0], "--end-date", DAYS[-1])
    assert deployment.airflow.run("dags", "backfill", "daily_licenses", *window) == 0
    assert deployment.days() == {day: {day} for day in ["2026-11-10", *DAYS]}


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/api/v2/version", timeout=5):  # noqa: S310 - our own server
            return True
    except (urllib.error.URLError, OSError):
        return False


def _run_a_day_by_hand(deployment: Deployment) -> None:
    """``airflow dags test`` for one day writes its file, and the exit status says so."""
    assert deployment.airflow.run("dags", "test", "daily_licenses", "2026-11-10") == 0
    assert deployment.days() == {"2026-11-10": {"2026-11-10"}}
