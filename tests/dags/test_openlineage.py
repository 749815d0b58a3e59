"""OpenLineage events of real runs, written by the provider's own file transport and read back."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest
from openlineage.client.event_v2 import InputDataset, OutputDataset
from openlineage.client.facet_v2 import (
    data_quality_assertions_dataset,
    data_quality_metrics_input_dataset,
    output_statistics_output_dataset,
    schema_dataset,
)

from airflow_partnercenter.emulator import Emulator
from tests.support.patience import PATIENCE

REPOSITORY = Path(__file__).parents[2]
DAG_FILE = """
from datetime import datetime

from airflow.providers.common.compat.sdk import DAG, Asset, task

from airflow_partnercenter.operators.partner_center import (
    PartnerCenterLicensesToObjectStorageOperator, PartnerCenterListLicensesOperator)

with DAG("lineage", schedule=None, start_date=datetime(2026, 1, 1), catchup=False):
    common = {"resource": "licenses_deployment", "outlets": [Asset("licence_snapshots")]}
    store = PartnerCenterLicensesToObjectStorageOperator(
        task_id="store", destination="LAKE/licenses.parquet",
        expectations={"warn": {"row_count_at_least": 10**6}, "fail": {"no_null_keys": True}}, **common)
    refuse = PartnerCenterLicensesToObjectStorageOperator(
        task_id="refuse", destination="LAKE/refused.parquet",
        expectations={"fail": {"row_count_at_least": 10**6}}, **common)
    listed = PartnerCenterListLicensesOperator(task_id="list", resource="partner_licenses_deployment")

    @task
    def by_hook() -> None:
        from airflow_partnercenter.hooks.partner_center import PartnerCenterHook

        hook = PartnerCenterHook()
        hook.get_df("licenses_usage")
        hook.list_licenses("partner_licenses_usage")
        list(hook.iter_licenses("licenses_deployment"))

    # First, since Airflow's collector belongs to the process, which the tasks of this run share.
    by_hook() >> [store, refuse, listed]
"""
RUN = """
import sys
from pathlib import Path

from tests.support import airflow_dags

bag = airflow_dags.registered(folder=Path(sys.argv[1]))
assert not bag.import_errors, bag.import_errors
airflow_dags.run(bag.dags["lineage"])
"""


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the files go."""
    return tmp_path_factory.mktemp("lake")


@pytest.fixture(scope="module")
def namespace() -> list[str]:
    """Hold the namespace of the emulator's resources, once it runs."""
    return []


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory, lake: Path, namespace: list[str]) -> dict[str, dict[str, Any]]:
    """Return the last event of each task of a run in an Airflow of its own."""
    home = tmp_path_factory.mktemp("airflow")
    (home / "dags").mkdir()
    (home / "dags" / "lineage.py").write_text(DAG_FILE.replace("LAKE", lake.as_uri()))
    log = home / "events.jsonl"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    with Emulator(customers=3) as emulator:
        namespace.append(f"partnercenter://{emulator.base_url.removeprefix('https://')}")
        environment |= {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__OPENLINEAGE__NAMESPACE": "tests",
            "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps({"type": "file", "log_file_path": str(log), "append": True}),
            "AIRFLOW_CONN_PARTNER_CENTER_DEFAULT": json.dumps(emulator.connection()),
        }
        command = [sys.executable, "-W", "ignore", "-c", RUN, str(home / "dags")]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False, cwd=REPOSITORY
        )
    assert log.exists(), done.stdout[-3000:] + done.stderr[-3000:]
    last = {}
    for line in log.read_text().splitlines():
        event = json.loads(line)
        if event["eventType"] in ("COMPLETE", "FAIL"):
            last[event["job"]["name"].removeprefix("lineage.")] = event
    return last


def _dataset(found: dict[str, Any]) -> tuple[str, str]:
    return found["namespace"], found["name"]


def _facet(model: Any, found: dict[str, Any]) -> Any:
    """Return a facet by the client's own model, which refuses what it does not know."""
    values = {name: value for name, value in found.items() if not name.startswith("_")}
    assert found["_schemaURL"] == model._get_schema()
    return model(**values)


def test_store_reads_the_resource_and_writes_the_file(events, lake, namespace):
    """Input is the partner's resource, output the file under OpenLineage's name for it, with schema and sizes."""
    event = events["store"]
    [read], [written] = event["inputs"], event["outputs"]
    assert event["eventType"] == "COMPLETE"
    host, tenant = namespace[0], Emulator().tenant_id
    assert _dataset(read) == (host, f"{tenant}/licenses_deployment")
    assert _dataset(written) == ("file", f"{lake}/licenses.parquet")
    InputDataset(read["namespace"], read["name"])
    OutputDataset(written["namespace"], written["name"])

    path = lake / "licenses.parquet"
    import pyarrow.parquet as pq

    schema = pq.read_schema(path)
    for dataset in (read, written):
        fields = _facet(schema_dataset.SchemaDatasetFacet, dataset["facets"]["schema"]).fields
        assert [(field["name"], field["type"]) for field in fields] == [(item.name, str(item.type)) for item in schema]
    sizes = _facet(
        output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet, written["outputFacets"]["outputStatistics"]
    )
    rows = pq.read_table(path)
    assert (sizes.rowCount, sizes.size, sizes.fileCount) == (rows.num_rows, path.stat().st_size, 1)
    metrics = _facet(
        data_quality_metrics_input_dataset.DataQualityMetricsInputDatasetFacet,
        read["inputFacets"]["dataQualityMetrics"],
    )
    assert metrics.rowCount == rows.num_rows
    nulls = {name: column["nullCount"] for name, column in metrics.columnMetrics.items()}
    assert nulls == {name: rows[name].null_count for name in rows.column_names}
    assert nulls["additional_fields"] == rows.num_rows


def _assertions(event: dict[str, Any]) -> list[tuple[str, bool, str | None]]:
    facet = _facet(
        data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet,
        event["inputs"][0]["inputFacets"]["dataQualityAssertions"],
    )
    checked: list[Any] = [data_quality_assertions_dataset.Assertion(**assertion) for assertion in facet.assertions]
    return [(each.assertion, each.success, getattr(each, "severity", None)) for each in checked]


def _severity(name: str) -> str | None:
    """Return a severity as the event has it: there was none in the days of Airflow 3.0."""
    known = attrs.fields_dict(data_quality_assertions_dataset.Assertion)
    return name if "severity" in known else None


def test_results_of_expectations_are_assertions(events):
    """What only warned is told too, with its severity."""
    assert _assertions(events["store"]) == [
        ("row_count_at_least", False, _severity("warn")),
        ("no_null_keys", True, _severity("error")),
    ]


def test_refused_result_tells_why_and_names_no_file(events, lake):
    """A failed expectation is a FAIL event with its assertion, and without an output."""
    event = events["refuse"]
    assert event["eventType"] == "FAIL"
    assert event.get("outputs") == []
    assert _assertions(event) == [("row_count_at_least", False, _severity("error"))]
    assert not (lake / "refused.parquet").exists()


def test_list_names_what_it_read(events, namespace):
    """Rows that go through XCom have an input and no output."""
    event = events["list"]
    assert [_dataset(read) for read in event["inputs"]] == [
        (namespace[0], f"{Emulator().tenant_id}/partner_licenses_deployment")
    ]
    assert event["outputs"] == []


def test_hook_in_a_python_task_leaves_its_lineage(events, namespace):
    """Each read of the hook is one input of the task, by way of Airflow's collector and our converter."""
    tenant = Emulator().tenant_id
    assert sorted(_dataset(read) for read in events["by_hook"]["inputs"]) == [
        (namespace[0], f"{tenant}/{resource}")
        for resource in ("licenses_deployment", "licenses_usage", "partner_licenses_usage")
    ]


def test_events_hold_no_secret(events):
    """Neither credentials nor tokens leave with lineage."""
    emulator = Emulator()
    for secret in (emulator.client_secret, emulator.refresh_token, "Bearer "):
        assert secret not in json.dumps(events)
