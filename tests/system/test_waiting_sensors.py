"""Sensors that leave their slot, with real components: one waits in the triggerer, one comes back for each look."""

import json
from datetime import date
from pathlib import Path

from airflow_partnercenter.emulator import Emulator
from tests.support.airflow_processes import AirflowProcesses
from tests.support.airflow_versions import AIRFLOW

DAG = """
from datetime import datetime
from airflow.providers.common.compat.sdk import DAG
from airflow_partnercenter.sensors.partner_center import PartnerCenterLicensesSensor

with DAG("waits", schedule="@once", start_date=datetime(2026, 11, 1)):
    which = {"resource": "partner_licenses_deployment", "newer_than": "2026-11-17"}
    PartnerCenterLicensesSensor(task_id="deferred", deferrable=True, poke_interval=1, **which)
    # The scheduler of Airflow 3.0 fails a task that is back before it has heard of the last look's end.
    PartnerCenterLicensesSensor(task_id="rescheduled", mode="reschedule", poke_interval=5, **which)
"""
STATES = "select state from task_instance order by task_id"
RESCHEDULES = "select count(*) from task_reschedule"


def test_tasks_leave_their_slot_and_end_when_dates_are_new(tmp_path: Path) -> None:
    """The triggerer goes on looking, and the other task does at each of its visits; new dates end both."""
    with Emulator(customers=3, today=date(2026, 11, 20)) as partner:
        connection = {"AIRFLOW_CONN_PARTNER_CENTER_DEFAULT": json.dumps(partner.connection())}
        with AirflowProcesses(tmp_path, {"waits.py": DAG}, connection) as airflow:
            if AIRFLOW.major >= 3:
                airflow.start("api-server")
                airflow.start("dag-processor")
                airflow.wait_for(airflow.answers, "the API server answers")
            airflow.start("scheduler")
            airflow.start("triggerer")
            airflow.wait_for(lambda: ("deferred",) in airflow.query(STATES), "a task has left for the triggerer")
            airflow.wait_for(lambda: airflow.query(RESCHEDULES)[0][0] >= 2, "the other one has looked twice")
            looks = len(partner.api_requests)
            airflow.wait_for(lambda: len(partner.api_requests) >= looks + 3, "the triggerer looks")
            assert ("success",) not in airflow.query(STATES)

            partner.today = date(2026, 11, 21)

            airflow.wait_for(lambda: airflow.query(STATES) == [("success",)] * 2, "new dates end the tasks")
            returned = [value for (value,) in airflow.query("select value from xcom where key = 'return_value'")]
            as_bytes = [value if isinstance(value, bytes) else value.encode() for value in returned]
            assert [b"2026-11-17T00:00:00.000000Z" in value for value in as_bytes] == [True, True]
