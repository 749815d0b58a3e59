"""The environment of the tests: an Airflow of their own, and a Partner Center on this machine."""

# --8<-- [start:conftest]
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

# Airflow reads these at its first import, so they come before everything else.
os.environ |= {
    "AIRFLOW_HOME": tempfile.mkdtemp(prefix="airflow-"),
    "AIRFLOW__CORE__DAGS_FOLDER": str(Path(__file__).parent / "dags"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
}

import pytest

pytest_plugins = ["airflow_partnercenter.emulator.pytest_plugin"]


@pytest.fixture
def partner_center(partner_center_emulator, monkeypatch):
    """A Partner Center on this machine, behind the connection that the DAGs use."""
    connection = json.dumps(partner_center_emulator.connection())
    monkeypatch.setenv("AIRFLOW_CONN_PARTNER_CENTER_DEFAULT", connection)
    return partner_center_emulator


@pytest.fixture(scope="session")
def dags():
    """The DAGs by their names, imported without an error."""
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True)
    from airflow.models import DagBag

    bag = DagBag()
    assert bag.import_errors == {}
    return bag.dags


# --8<-- [end:conftest]
