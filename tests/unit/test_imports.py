"""Parsing a DAG is free: our modules load nothing heavy, and constructors do nothing but assign."""

import json
import os
import subprocess
import sys

import pytest

HEAVY = {"pandas", "pyarrow", "msal", "requests", "msgspec", "matplotlib"}
_AIRFLOWS_NAMES = """
from airflow.providers.common.compat.sdk import (
    AirflowFailException, AirflowNotFoundException, AirflowSkipException, BaseHook, BaseOperator, ObjectStoragePath)
"""
_BLOCK = """
import socket, sys
def refuse(*_, **__): raise AssertionError("a socket was opened")
socket.socket.connect = refuse
socket.create_connection = refuse
"""


def _run(code: str, **environment: str) -> dict:
    """Run code in a fresh process and return the JSON it prints last."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_importing_hooks_and_operators_loads_nothing_heavy():
    """Of what our modules add to Airflow's own imports, nothing is a heavy library, nor ours beyond what is needed."""
    added = _run(
        _AIRFLOWS_NAMES
        + """
import json, sys
before = set(sys.modules)
import airflow_partnercenter.hooks.partner_center
import airflow_partnercenter.operators.partner_center
print(json.dumps(sorted(set(sys.modules) - before)))
"""
    )
    assert "airflow_partnercenter.operators.partner_center" in added
    assert {name.split(".")[0] for name in added} & HEAVY == set()
    assert not any(name.startswith("airflow_partnercenter.api") for name in added)


def test_constructing_opens_no_socket_and_reads_no_connection():
    """Hook and operators are built without a network and without their connection, which does not exist here."""
    loaded = _run(
        _BLOCK
        + _AIRFLOWS_NAMES
        + """
import json, sys
before = set(sys.modules)
BaseHook.get_connection = refuse
from airflow_partnercenter.hooks.partner_center import PartnerCenterHook
from airflow_partnercenter.operators.partner_center import (
    PartnerCenterLicensesToObjectStorageOperator, PartnerCenterListLicensesOperator)
PartnerCenterHook("does_not_exist")
PartnerCenterListLicensesOperator(task_id="a", resource="nonsense", partner_center_conn_id="{{ x }}")
PartnerCenterLicensesToObjectStorageOperator(task_id="b", resource="licenses_usage", destination="s3://conn@b/{{ ds }}")
print(json.dumps(sorted({name.split(".")[0] for name in set(sys.modules) - before})))
"""
    )
    assert set(loaded) & HEAVY == set()


def test_provider_metadata_imports_no_airflow():
    """Airflow asks for the metadata at every start; that costs next to nothing."""
    loaded = _run(
        """
import json, sys
from airflow_partnercenter.get_provider_info import get_provider_info
get_provider_info()
print(json.dumps(sorted({name.split(".")[0] for name in sys.modules})))
"""
    )
    assert set(loaded) & (HEAVY | {"airflow"}) == set()


@pytest.mark.parametrize("module", ["client", "auth", "network", "retrying"])
def test_api_client_needs_no_airflow_and_no_pandas(module):
    """The client works in a plain script."""
    loaded = _run(
        f"""
import json, sys
import airflow_partnercenter.api.{module}
print(json.dumps(sorted({{name.split(".")[0] for name in sys.modules}})))
"""
    )
    assert set(loaded) & {"airflow", "pandas"} == set()
