"""Parsing a DAG is free: our modules load nothing heavy, and constructors do nothing but assign."""

import json
import os
import subprocess
import sys

import pytest

from tests.support.airflow_versions import AIRFLOW
from tests.support.patience import PATIENCE

HEAVY = {"pandas", "pyarrow", "msal", "requests", "msgspec", "matplotlib"}
_AIRFLOWS_NAMES = """
from airflow.providers.common.compat.sdk import (
    AirflowFailException, AirflowNotFoundException, AirflowSensorTimeout, AirflowSkipException, BaseHook, BaseOperator,
    BaseSensorOperator, ObjectStoragePath, PokeReturnValue, conf)
import airflow.triggers.base
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
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_importing_hooks_operators_sensors_and_triggers_loads_nothing_heavy():
    """Of what our modules add to Airflow's own imports, nothing is a heavy library, nor ours beyond what is needed."""
    added = _run(
        _AIRFLOWS_NAMES
        + """
import json, sys
before = set(sys.modules)
import airflow_partnercenter.hooks.partner_center
import airflow_partnercenter.operators.partner_center
import airflow_partnercenter.sensors.partner_center
import airflow_partnercenter.triggers.partner_center
print(json.dumps(sorted(set(sys.modules) - before)))
"""
    )
    assert "airflow_partnercenter.operators.partner_center" in added
    assert "airflow_partnercenter.sensors.partner_center" in added
    assert ("airflow_partnercenter.triggers.new_data" in added) is (AIRFLOW.major >= 3)
    assert {name.split(".")[0] for name in added} & HEAVY == set()
    assert not any(name.startswith("airflow_partnercenter.api") for name in added)


def test_constructing_opens_no_socket_and_reads_no_connection():
    """Hook, operators, sensor and triggers are built without a network and without their connection."""
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
from airflow_partnercenter.sensors.partner_center import PartnerCenterLicensesSensor
from airflow_partnercenter.triggers import partner_center as triggers
PartnerCenterHook("does_not_exist")
PartnerCenterLicensesSensor(task_id="c", resource="nonsense", newer_than="{{ ds }}", partner_center_conn_id="{{ x }}")
triggers.PartnerCenterLicensesTrigger(resource="nonsense", newer_than="nonsense", poll_interval=-1)
if hasattr(airflow.triggers.base, "BaseEventTrigger"):
    triggers.PartnerCenterLicensesEventTrigger(resource="nonsense", poll_interval=-1)
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


@pytest.mark.parametrize("module", ["client", "entra.auth", "wire.network", "wire.retrying"])
def test_api_client_needs_no_airflow_no_pandas_and_no_cryptography(module):
    """The client works in a plain script, and loads what reads certificates only for one."""
    loaded = _run(
        f"""
import json, sys
import airflow_partnercenter.api.{module}
print(json.dumps(sorted({{name.split(".")[0] for name in sys.modules}})))
"""
    )
    assert set(loaded) & {"airflow", "pandas", "cryptography"} == set()


def test_nothing_is_collected_while_the_client_is_loaded():
    """The first use of a hook imports libraries without a collection between them, and collecting goes on after."""
    told = _run(
        _AIRFLOWS_NAMES
        + """
import gc, json, sys
from airflow_partnercenter.hooks.partner_center import PartnerCenterHook
collections = {"before": 0, "while": 0, "after": 0}
def count(phase, info):
    client = sys.modules.get("airflow_partnercenter.api.client")
    collections["before" if not client else "after" if hasattr(client, "PartnerCenterClient") else "while"] += 1
gc.callbacks.append(count)
gc.set_threshold(10)
PartnerCenterHook().get_conn()
print(json.dumps(collections))
""",
        AIRFLOW_CONN_PARTNER_CENTER_DEFAULT=json.dumps(
            {
                "conn_type": "partner_center",
                "extra": {"auth_mode": "access_token", "access_token": "a-token-of-a-script"},
            }
        ),
    )
    assert told["while"] == 0
    assert told["before"] > 0
    assert told["after"] > 0


def test_event_trigger_says_why_it_is_not_there_without_asset_watchers():
    """As on Airflow 2: the plain trigger is there, and asking for the other one names the reason and the way out."""
    told = _run(
        """
import json
import airflow.triggers.base
airflow.triggers.base.__dict__.pop("BaseEventTrigger", None)
from airflow_partnercenter.triggers.partner_center import PartnerCenterLicensesTrigger
try:
    from airflow_partnercenter.triggers.partner_center import PartnerCenterLicensesEventTrigger
except ImportError as error:
    print(json.dumps({"told": str(error)}))
"""
    )
    assert "PartnerCenterLicensesEventTrigger is not available" in told["told"]
    assert "since 3.0" in told["told"]
    assert "PartnerCenterLicensesSensor" in told["told"]


def test_retry_policy_says_which_airflow_it_needs():
    """As below Airflow 3.3, where tasks have none."""
    told = _run(
        """
import json, sys
sys.modules["airflow.sdk.definitions.retry_policy"] = None
try:
    from airflow_partnercenter.retry_policies.partner_center import PartnerCenterRetryPolicy
except ImportError as error:
    print(json.dumps({"told": str(error)}))
"""
    )
    assert "needs Airflow 3.3 or later" in told["told"]
