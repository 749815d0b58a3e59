"""The deferrable sensor in a real triggerer: the task leaves its slot, and comes back when the data is there."""

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
    PartnerCenterLicensesSensor(
        task_id="wait",
        resource="partner_licenses_deployment",
        newer_than="2026-11-17",
        deferrable=True,
        poke_interval=1,
    )
"""
STATE = "select state from task_instance where task_id = 'wait'"


def test_task_waits_in_the_triggerer_and_ends_when_dates_are_new(tmp_path: Path) -> None:
    """The triggerer looks and goes on looking; new dates end the task, and are its result."""
    with Emulator(customers=3, today=date(2026, 11, 20)) as partner:
        connection = {"AIRFLOW_CONN_PARTNER_CENTER_DEFAULT": json.dumps(partner.connection())}
        with AirflowProcesses(tmp_path, {"waits.py": DAG}, connection) as airflow:
            if AIRFLOW.major >= 3:
                airflow.start("api-server")
                airflow.start("dag-processor")
                airflow.wait_for(airflow.answers, "the API server answers")
            airflow.start("scheduler")
            airflow.start("triggerer")
            airflow.wait_for(lambda: airflow.query(STATE) == [("deferred",)], "the task has left its slot")
            looks = len(partner.api_requests)
            airflow.wait_for(lambda: len(partner.api_requests) >= looks + 3, "the triggerer looks")
            assert airflow.query(STATE) == [("deferred",)]

            partner.today = date(2026, 11, 21)

            airflow.wait_for(lambda: airflow.query(STATE) == [("success",)], "new dates end the task")
            [(returned,)] = airflow.query("select value from xcom where key = 'return_value'")
            assert b"2026-11-17T00:00:00.000000Z" in (returned if isinstance(returned, bytes) else returned.encode())
