"""Airflow's own commands for the days before: ``airflow dags test``, and a backfill by a real scheduler."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from airflow_partnercenter.emulator import Emulator
from tests.support.airflow_processes import AirflowProcesses

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
    with Emulator(customers=3, today=date(2026, 11, 20)) as emulator:
        environment = {"AIRFLOW_CONN_PARTNER_CENTER_DEFAULT": json.dumps(emulator.connection())}
        with AirflowProcesses(home, {"daily.py": DAG.replace("LAKE", lake.as_uri())}, environment) as airflow:
            yield Deployment(airflow, lake)


@pytest.mark.airflow(">=3")
def test_days_are_backfilled_by_the_scheduler(deployment: Deployment) -> None:
    """``airflow dags test`` writes the file of its day, ``airflow backfill create`` those of the others."""
    airflow = deployment.airflow
    _run_a_day_by_hand(deployment)
    # Before the scheduler starts, as SQLite lets one process write at a time.
    window = ("--from-date", DAYS[0], "--to-date", DAYS[-1])
    airflow.run("dags", "reserialize")  # ``dags test`` of Airflow 3.0 does not
    airflow.run("backfill", "create", "--dag-id", "daily_licenses", *window)
    airflow.start("api-server")
    # The first task fails if it meets no server.
    airflow.wait_for(airflow.answers, "the API server answers")
    airflow.start("scheduler")
    finished = "select count(*) from dag_run where run_type = 'backfill' and state in ('success', 'failed')"
    airflow.wait_for(lambda: airflow.query(finished) == [(len(DAYS),)], "every day has its run")
    found = deployment.days()
    assert {day: found[day] for day in DAYS} == {day: {day} for day in DAYS}


@pytest.mark.airflow("<3")
def test_days_are_backfilled_by_the_command(deployment: Deployment) -> None:
    """Airflow 2 runs a backfill within the command."""
    _run_a_day_by_hand(deployment)
    window = ("--start-date", DAYS[0], "--end-date", DAYS[-1])
    deployment.airflow.run("dags", "backfill", "daily_licenses", *window)
    assert deployment.days() == {day: {day} for day in ["2026-11-10", *DAYS]}


def _run_a_day_by_hand(deployment: Deployment) -> None:
    """``airflow dags test`` for one day writes its file, and the exit status says so."""
    deployment.airflow.run("dags", "test", "daily_licenses", "2026-11-10")
    assert deployment.days() == {"2026-11-10": {"2026-11-10"}}
