"""Rows through Airflow's XCom backend for object storage, run by Airflow itself in a process of its own."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from airflow_partnercenter.emulator import Emulator
from tests.support.patience import PATIENCE

REPOSITORY = Path(__file__).parents[2]
SCRIPT = """
import json
from datetime import datetime, timezone
from airflow.providers.common.compat.sdk import DAG, task
from airflow_partnercenter.operators.partner_center import PartnerCenterListLicensesOperator
from tests.support import airflow_dags

with DAG("through_object_storage", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)) as dag:
    rows = PartnerCenterListLicensesOperator(task_id="list", resource="licenses_deployment")

    @task
    def count(rows):
        return len(rows)

    count(rows.output)
    PartnerCenterListLicensesOperator(task_id="refused", resource="licenses_deployment", max_xcom_bytes=49_152)

airflow_dags.registered([dag])
run = airflow_dags.run(dag)
states = {each.task_id: str(each.state) for each in run.get_task_instances()}
counted = run.get_task_instance("count").xcom_pull(task_ids="count")
print("TOLD", json.dumps({"states": states, "counted": counted}))
"""


def test_large_result_goes_through_the_object_storage_backend(tmp_path: Path) -> None:
    """With the limit raised, rows are in a file and reach the next task; a task with a limit of its own is refused."""
    for folder in ("dags", "xcom"):
        (tmp_path / folder).mkdir()
    with Emulator(customers=60) as emulator:
        rows = len(emulator.partner.rows("deployment"))
        environment = os.environ | {
            "PYTHONPATH": str(REPOSITORY),
            "AIRFLOW_HOME": str(tmp_path / "airflow"),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path}/airflow.db",
            "AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path / "dags"),
            "AIRFLOW__CORE__XCOM_BACKEND": "airflow.providers.common.io.xcom.backend.XComObjectStorageBackend",
            "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH": f"file://{tmp_path}/xcom",
            "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_THRESHOLD": "49152",
            "AIRFLOW__PARTNER_CENTER__MAX_XCOM_BYTES": "10000000",
            "AIRFLOW_CONN_PARTNER_CENTER_DEFAULT": json.dumps(emulator.connection()),
        }
        # Airflow 2 keeps the text of the file that a DAG is in.
        (tmp_path / "script.py").write_text(SCRIPT)
        finished = subprocess.run(
            [sys.executable, tmp_path / "script.py"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    told = [line.removeprefix("TOLD ") for line in finished.stdout.splitlines() if line.startswith("TOLD ")]
    assert told, finished.stderr[-3000:]
    states = {"list": "success", "count": "success", "refused": "failed"}
    assert json.loads(told[0]) == {"states": states, "counted": rows}
    (stored,) = [path for path in (tmp_path / "xcom").rglob("*") if path.is_file()]
    assert len(json.loads(stored.read_text())) == rows
    assert stored.stat().st_size > 49_152
    logs = [log.read_text() for log in (tmp_path / "airflow" / "logs").rglob("*.log")]  # where Airflow 3.0 says it
    said = re.sub(r"\x1b\[[\d;]*m", "", "".join([finished.stdout, finished.stderr, *logs]))  # and in colours
    assert "PartnerCenterLicensesToObjectStorageOperator(" in said
