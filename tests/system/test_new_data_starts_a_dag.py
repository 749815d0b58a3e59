"""Asset watchers in a real triggerer: a DAG starts once for each new set of processed dates, whatever is killed."""

import json
import re
from datetime import date
from pathlib import Path

import pytest

from airflow_partnercenter.emulator import Emulator
from tests.support.airflow_processes import AirflowProcesses

# The scheduler itself ends an EmptyOperator, so that neither workers nor an API server are needed.
DAGS = """
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset, AssetWatcher
from airflow_partnercenter.triggers.partner_center import PartnerCenterLicensesEventTrigger

for partner in ("moving", "resting"):
    trigger = PartnerCenterLicensesEventTrigger(
        resource="licenses_deployment", partner_center_conn_id=partner, poll_interval=0.5
    )
    licenses = Asset(partner, watchers=[AssetWatcher(name=f"watch_{partner}", trigger=trigger)])
    with DAG(f"on_{partner}", schedule=[licenses]):
        EmptyOperator(task_id="started")
"""
EVENTS = """
select asset_event.extra from asset_event join asset on asset.id = asset_id where name = '{}' order by asset_event.id
"""


@pytest.mark.airflow(">=3.0")
def test_triggerer_looks_and_keeps_its_token(tmp_path: Path) -> None:
    """A DAG starts when dates move; the token goes through a Variable, which 3.0 and 3.1 read on the trigger's loop."""
    with Emulator(customers=3, today=date(2026, 11, 20)) as partner:
        connection = json.dumps(partner.connection(token_cache="variable:a_token_cache"))
        connections = {"AIRFLOW_CONN_MOVING": connection, "AIRFLOW_CONN_RESTING": connection}
        with AirflowProcesses(tmp_path, {"on_new_data.py": DAGS}, connections) as airflow:

            def days() -> set[str]:
                """Return the days of crm in the events of an asset."""
                events = [json.loads(extra) for (extra,) in airflow.query(EVENTS.format("moving"))]
                return {event["payload"]["processed_dates"][0]["processed_date_time"][:10] for event in events}

            succeeded = "select 1 from dag_run where dag_id = 'on_moving' and state = 'success'"
            airflow.start("dag-processor")
            airflow.start("scheduler")
            airflow.start("triggerer")
            airflow.wait_for(lambda: days() == {"2026-11-16"}, "the first look fires")
            # Events that wait together share a run.
            airflow.wait_for(lambda: len(airflow.query(succeeded)) == 1, "the first set has had its run")
            partner.today = date(2026, 11, 21)
            airflow.wait_for(lambda: days() == {"2026-11-16", "2026-11-17"}, "new dates fire")
            looks = len(partner.api_requests)
            airflow.wait_for(lambda: len(partner.api_requests) > looks + 4, "the triggerer goes on looking")
            assert airflow.query("select count(*) from variable where key = 'a_token_cache'") == [(1,)]
            airflow.wait_for(lambda: len(airflow.query(succeeded)) == 2, "each set has had its run")


@pytest.mark.airflow(">=3.3")  # the store of what was told, which survives a kill
def test_dag_starts_once_for_each_new_set_of_dates_whatever_is_killed(tmp_path: Path) -> None:
    """A triggerer is killed with no goodbye: what was told does not repeat, what moved meanwhile is not lost."""
    with (
        Emulator(customers=3, today=date(2026, 11, 20)) as moving,
        Emulator(customers=3, today=date(2026, 11, 20)) as resting,
    ):
        connections = {
            "AIRFLOW_CONN_MOVING": json.dumps(moving.connection()),
            "AIRFLOW_CONN_RESTING": json.dumps(resting.connection(token_cache="variable:a_token_cache")),
        }
        with AirflowProcesses(tmp_path, {"on_new_data.py": DAGS}, connections) as airflow:

            def days(partner: str) -> list[str]:
                """Return the day of crm in each event of an asset, in their order."""
                events = [json.loads(extra) for (extra,) in airflow.query(EVENTS.format(partner))]
                return [event["payload"]["processed_dates"][0]["processed_date_time"][:10] for event in events]

            def kept() -> set[str]:
                """Return the days that Airflow's store of the assets holds."""
                values = airflow.query("select value from asset_state_store")
                return {day for (value,) in values for day in re.findall(r"2026-\d\d-\d\d", value)}

            def runs() -> list[tuple[str, str]]:
                return airflow.query("select run_type, state from dag_run")

            airflow.start("dag-processor")
            airflow.start("scheduler")
            triggerer = airflow.start("triggerer")
            airflow.wait_for(lambda: days("moving") == days("resting") == ["2026-11-16"], "the first looks fire")
            # Events that wait together share a run.
            airflow.wait_for(lambda: len(runs()) == 2, "the first looks start runs")
            moving.today = date(2026, 11, 21)
            airflow.wait_for(lambda: days("moving") == ["2026-11-16", "2026-11-17"], "new dates fire")
            airflow.wait_for(lambda: len(runs()) == 3, "new dates start a run")
            airflow.wait_for(lambda: "2026-11-20" in kept(), "what was told is kept")

            airflow.kill(triggerer)
            moving.today = date(2026, 11, 22)
            looks = len(resting.api_requests)
            airflow.start("triggerer")
            airflow.wait_for(lambda: len(days("moving")) == 3, "what moved meanwhile starts a run")
            airflow.wait_for(lambda: len(resting.api_requests) > looks + 6, "the next triggerer looks again")
            assert days("moving") == ["2026-11-16", "2026-11-17", "2026-11-18"]
            assert days("resting") == ["2026-11-16"]
            assert airflow.query("select count(*) from variable where key = 'a_token_cache'") == [(1,)]
            assert len(resting.token_requests) == 1, "the next triggerer starts with the token of the last one"
            airflow.wait_for(lambda: runs() == [("asset_triggered", "success")] * 4, "each set has had its run")
