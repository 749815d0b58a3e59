"""Templates: in every field and within lists and dictionaries, from parameters, Variables and XCom, native or text."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import task

from airflow_partnercenter.emulator import Emulator
from airflow_partnercenter.operators.partner_center import (
    PartnerCenterLicensesToObjectStorageOperator,
    PartnerCenterListLicensesOperator,
)
from airflow_partnercenter.sensors.partner_center import PartnerCenterLicensesSensor
from tests.support.dag_runs import new_dag, run_dag, states, xcom

RESOURCE = "licenses_deployment"
NATIVE = pytest.mark.parametrize("native", [False, True], ids=["text", "native"])


@NATIVE
def test_every_field_of_the_operators_is_rendered(
    native: bool, partner: Emulator, connect: Callable[..., None], lake: Path
) -> None:
    """Parameters reach the request, the connection and the file, nested ones too."""
    connect(partner, "a_partner")
    params = {
        "which": "deployment",
        "service": "o365",
        "field": "serviceCode",
        "day": "2026-11-12",
        "partner": "a_partner",
        "lake": lake.as_uri(),
        "format": "csv",
        "rows": 1,
    }
    query = {
        "resource": "licenses_{{ params.which }}",
        "customer_id": "{{ '' }}",
        "filter_expression": "serviceCode eq '{{ params.service }}'",
        "group_by": ["{{ params.field }}", "channel"],
        "processed_date_time": "{{ params.day }}",
        "partner_center_conn_id": "{{ params.partner }}",
    }
    with new_dag(f"renders_{native}", params=params, render_template_as_native_obj=native) as dag:
        PartnerCenterListLicensesOperator(task_id="list", **query)
        PartnerCenterLicensesToObjectStorageOperator(
            task_id="store",
            destination="{{ params.lake }}/{{ params.service }}",
            file_format="{{ params.format }}",
            expectations={
                "warn": {"row_count_at_least": "{{ params.rows }}", "no_null_keys": "{{ params.rows == 1 }}"}
            },
            **query,
        )
    run = run_dag(dag)
    assert set(states(run).values()) == {"success"}
    for request in partner.api_requests:
        assert request.path.endswith("/deployment/license")
        assert request.query["filter"] == "serviceCode eq 'o365'"
        assert request.query["groupby"] == "serviceCode,channel"
        assert request.query["processedDateTime"] == "2026-11-12"
    assert len(partner.api_requests) == 2
    assert (lake / "o365").read_text().startswith("service_code,") or "service_code" in (lake / "o365").read_text()
    results = {result["name"]: result["expected"] for result in xcom(run, "store")["expectations"]}
    assert results == {"row_count_at_least": 1, "no_null_keys": True}


@NATIVE
def test_every_field_of_the_sensor_is_rendered(native: bool, partner: Emulator, connect: Callable[..., None]) -> None:
    """In both ways to wait."""
    connect(partner, "a_partner")
    params = {"which": "usage", "day": "2026-11-10", "service": "o365", "partner": "a_partner"}
    with new_dag(f"renders_sensor_{native}", params=params, render_template_as_native_obj=native) as dag:
        for deferrable in (True, False):
            PartnerCenterLicensesSensor(
                task_id=f"wait_{deferrable}",
                resource="licenses_{{ params.which }}",
                newer_than="{{ params.day }}",
                customer_id="{{ '' }}",
                filter_expression="serviceCode eq '{{ params.service }}'",
                partner_center_conn_id="{{ params.partner }}",
                deferrable=deferrable,
            )
    run = run_dag(dag)
    assert set(states(run).values()) == {"success"}
    for name in states(run):
        assert {row["service_code"] for row in xcom(run, name)} == {"o365"}
    assert all("serviceCode eq 'o365'" in request.query["filter"] for request in partner.api_requests)


def test_variables_and_xcom_reach_the_request(partner: Emulator, lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By templates, by ``.output`` and by what a TaskFlow function returns; lists stay lists in a native DAG."""
    monkeypatch.setenv("AIRFLOW_VAR_PARTNER_FIELDS", json.dumps(["serviceCode"]))
    monkeypatch.setenv("AIRFLOW_VAR_PARTNER_LAKE", lake.as_uri())
    with new_dag("renders_variables", render_template_as_native_obj=True) as dag:

        @task(multiple_outputs=True)
        def choose() -> dict[str, Any]:
            return {"filter": "serviceCode eq 'crm'", "expected": {"fail": {"row_count_at_least": 1}}}

        chosen = choose()
        PartnerCenterLicensesToObjectStorageOperator(
            task_id="store",
            resource=RESOURCE,
            filter_expression=chosen["filter"],
            group_by="{{ var.json.partner_fields }}",
            destination="{{ var.value.partner_lake }}/{{ ti.xcom_pull('choose', key='filter') | length }}.jsonl",
            expectations="{{ ti.xcom_pull('choose', key='expected') }}",
        )
    run = run_dag(dag)
    assert set(states(run).values()) == {"success"}
    [request] = partner.api_requests
    assert (request.query["filter"], request.query["groupby"]) == ("serviceCode eq 'crm'", "serviceCode")
    assert xcom(run, "store")["uri"] == f"{lake.as_uri()}/20.jsonl"


def test_dates_of_the_run_reach_the_request(partner: Emulator, lake: Path) -> None:
    """A run with a logical date has ``ds`` and the like; filters and macros work."""
    with new_dag("renders_dates") as dag:
        PartnerCenterLicensesToObjectStorageOperator(
            task_id="store",
            resource=RESOURCE,
            processed_date_time="{{ macros.ds_add(ds, -1) }}",
            destination=lake.as_uri() + "/{{ logical_date | ds_nodash }}/{{ ts_nodash }}/{processed_date}.jsonl",
        )
    run = run_dag(dag, logical_date=datetime(2026, 11, 13, tzinfo=UTC))
    assert set(states(run).values()) == {"success"}
    assert [request.query["processedDateTime"] for request in partner.api_requests] == ["2026-11-12"]
    assert xcom(run, "store")["uri"] == f"{lake.as_uri()}/20261113/20261113T000000/2026-11-12.jsonl"


@pytest.mark.airflow(">=3")
def test_run_without_a_logical_date_needs_none(partner: Emulator, lake: Path) -> None:
    """As the UI and the command line start it: what every run has is enough, and ``ds`` fails before any request."""
    with new_dag("renders_no_date") as dag:
        common = {
            "resource": RESOURCE,
            "destination": lake.as_uri() + "/{{ dag_run.run_after | ds }}/{processed_date}.csv",
        }
        PartnerCenterLicensesToObjectStorageOperator(task_id="store", **common)
        PartnerCenterLicensesToObjectStorageOperator(task_id="no_ds", processed_date_time="{{ ds }}", **common)
        long_ago = "{{ dag_run.run_after - macros.timedelta(days=9999) }}"
        PartnerCenterLicensesSensor(task_id="wait", resource=RESOURCE, newer_than=long_ago)
        PartnerCenterLicensesSensor(task_id="wait_no_ds", resource=RESOURCE, newer_than="{{ ds }}")
    run = run_dag(dag)
    assert states(run) == {"store": "success", "no_ds": "failed", "wait": "success", "wait_no_ds": "failed"}


def test_hostile_name_in_a_template_leads_nowhere_else(partner: Emulator, lake: Path) -> None:
    """A name out of data can neither leave the folder nor break the log's line; nothing is asked or written."""
    with new_dag("renders_hostile_names") as dag:

        @task
        def names() -> list[str]:
            return ["../../elsewhere", "a\nINFO - all is well", "\x1b[2Ja"]

        PartnerCenterLicensesToObjectStorageOperator.partial(task_id="store", resource=RESOURCE).expand(
            destination=names().map(lambda name: f"file:///lake/{name}.csv")
        )
    run = run_dag(dag)
    assert states(run) == {"names": "success"} | {f"store[{index}]": "failed" for index in range(3)}
    assert partner.requests == []
