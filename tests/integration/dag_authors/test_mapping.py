"""Dynamic task mapping: over what other tasks return, by several arguments at a time, and over nothing."""

import json
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import XComArg, task

from airflow_partnercenter.emulator import Emulator
from airflow_partnercenter.operators.partner_center import (
    PartnerCenterLicensesToObjectStorageOperator,
    PartnerCenterListLicensesOperator,
)
from airflow_partnercenter.sensors.partner_center import PartnerCenterLicensesSensor
from tests.support.dag_runs import new_dag, run_dag, states, xcom


def test_customers_are_mapped_by_what_another_task_returns(partner: Emulator, lake: Path) -> None:
    """Single customers, lists of them, and several arguments at a time, from XCom."""
    with new_dag("maps_customers") as dag:

        @task
        def customers() -> list[str]:
            from airflow_partnercenter.hooks.partner_center import PartnerCenterHook

            return [customer["id"] for customer in PartnerCenterHook().list_customers()]

        @task
        def batches(ids: list[str]) -> list[dict[str, Any]]:
            halves = [list(ids)[:2], list(ids)[2:]]
            return [{"customer_id": half, "destination": f"{lake.as_uri()}/{len(half)}.jsonl"} for half in halves]

        every = customers()
        resource = "customer_licenses_deployment"
        single = PartnerCenterListLicensesOperator.partial(task_id="single", resource=resource).expand(
            customer_id=every
        )
        PartnerCenterLicensesToObjectStorageOperator.partial(task_id="batch", resource=resource).expand_kwargs(
            batches(every)
        )
        PartnerCenterLicensesSensor.partial(task_id="wait", resource=resource, newer_than="2026-11-10").expand(
            customer_id=every
        )
        PartnerCenterLicensesSensor(
            task_id="wait_for_all", resource=resource, newer_than="2026-11-10", customer_id=every, deferrable=True
        )

        @task
        def seats(results: Any) -> int:
            return sum(row["licenses_sold"] for rows in results for row in rows)

        seats(single.output)

    run = run_dag(dag)
    assert set(states(run).values()) == {"success"}
    ids = xcom(run, "customers")
    for index, customer in enumerate(ids):
        assert {row["customer_id"] for row in xcom(run, "single", map_index=index)} == {customer}
    lines = [json.loads(line) for name in ("2", "1") for line in (lake / f"{name}.jsonl").read_text().splitlines()]
    assert list(dict.fromkeys(row["customer_id"] for row in lines)) == ids
    assert xcom(run, "seats") == sum(row["licenses_sold"] for row in lines)


def test_mapped_results_are_zipped_and_mapped_again(partner: Emulator, lake: Path) -> None:
    """What files a mapped task wrote is mapped over in the next one, by ``map`` and ``zip`` as well."""
    with new_dag("maps_again") as dag:
        resources = ["licenses_deployment", "licenses_usage"]
        files = PartnerCenterLicensesToObjectStorageOperator.partial(task_id="store").expand_kwargs(
            [{"resource": name, "destination": f"{lake.as_uri()}/{name}.csv"} for name in resources]
        )

        @task
        def lines(file: dict[str, Any]) -> int:
            return len(Path(file["uri"].removeprefix("file://")).read_text().splitlines())

        @task
        def compare(pair: Any) -> bool:
            counted, row_count = pair
            return counted == row_count + 1

        counts = lines.expand(file=files.output)
        row_counts = XComArg(files).map(lambda file: file["row_count"])
        compare.expand(pair=counts.zip(row_counts))

    run = run_dag(dag)
    assert set(states(run).values()) == {"success"}
    assert [xcom(run, "compare", map_index=index) for index in (0, 1)] == [True, True]


def test_nothing_to_map_over_is_a_skip(partner: Emulator) -> None:
    """No customers, no tasks, no requests."""
    with new_dag("maps_nothing") as dag:

        @task
        def customers() -> list[str]:
            return []

        PartnerCenterListLicensesOperator.partial(task_id="list", resource="customer_licenses_usage").expand(
            customer_id=customers()
        )
    assert states(run_dag(dag)) == {"customers": "success", "list": "skipped"}
    assert partner.requests == []
