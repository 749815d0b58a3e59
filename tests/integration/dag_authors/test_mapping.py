"""Dynamic task mapping: every argument that makes sense is mapped, one by one and several at a time."""

import json
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import XComArg, task

from airflow_partnercenter.emulator import Emulator
from airflow_partnercenter.operators.partner_center import (
    PartnerCenterLicensesToObjectStorageOperator,
    PartnerCenterListLicensesOperator,
)
from airflow_partnercenter.sensors.partner_center import PartnerCenterLicensesSensor
from tests.support.argument_tables import arguments_of
from tests.support.dag_runs import new_dag, run_dag, states, xcom

LICENSES = "licenses_deployment"
#: Two values for each argument of the operators that a mapped task may differ in.
_BOTH: dict[str, list[Any]] = {
    "resource": ["licenses_usage", LICENSES],
    "filter_expression": ["serviceCode eq 'o365'", "serviceCode eq 'crm'"],
    "group_by": [["serviceCode"], ["serviceCode", "channel"]],
    "processed_date_time": ["2026-11-12", "2026-11-13"],
    "page_size": [5, 7],
    "max_parallel_requests": [1, 2],
    "on_customer_error": ["fail", "skip"],
    "on_empty": ["allow", "skip"],
    "partner_center_conn_id": ["partner_center_default", "another_partner"],
}
_LIST = _BOTH | {"max_xcom_bytes": [40_000, 50_000]}
_STORE = _BOTH | {
    "destination": ["{lake}/a/1.csv", "{lake}/a/2.csv"],
    "file_format": ["csv", "jsonl"],
    "if_exists": ["replace", "fail"],
    "expectations": [{"warn": {"row_count_at_least": 1}}, {"warn": {"row_count_at_least": 10**6}}],
    "partition_asset_events": [None, False],
}
_SENSOR: dict[str, list[Any]] = {
    "resource": ["licenses_usage", LICENSES],
    "newer_than": ["2026-11-10", "2026-11-11"],
    "filter_expression": ["serviceCode eq 'o365'", "serviceCode eq 'crm'"],
    "partner_center_conn_id": ["partner_center_default", "another_partner"],
    "poke_interval": [1.0, 2.0],
    "max_consecutive_failures": [1, 2],
    "deferrable": [True, False],
}
#: Needs another resource, so it has a test of its own below.
_OF_CUSTOMERS = {"customer_id"}


def test_no_argument_is_left_out() -> None:
    """A new argument is mapped too."""
    base = set(arguments_of(PartnerCenterListLicensesOperator.__mro__[1].__init__))
    own = set(arguments_of(PartnerCenterListLicensesOperator.__init__))
    assert base | own == _LIST.keys() | _OF_CUSTOMERS
    own = set(arguments_of(PartnerCenterLicensesToObjectStorageOperator.__init__))
    assert base | own == _STORE.keys() | _OF_CUSTOMERS
    assert set(arguments_of(PartnerCenterLicensesSensor.__init__)) == _SENSOR.keys() | _OF_CUSTOMERS


def _constants(names: dict[str, list[Any]], mapped: str, lake: Path) -> dict[str, Any]:
    """Return what stays the same while one argument is mapped."""
    same: dict[str, Any] = {"resource": LICENSES, "newer_than": "2026-11-10", "poke_interval": 1.0}
    same["destination"] = f"{lake.as_uri()}/{mapped}-{{{{ ti.map_index }}}}" + (
        "" if mapped == "file_format" else ".csv"
    )
    return {name: value for name, value in same.items() if name in names and name != mapped}


def _values(values: list[Any], lake: Path) -> list[Any]:
    return [value.replace("{lake}", lake.as_uri()) if isinstance(value, str) else value for value in values]


@pytest.mark.parametrize(
    ("operator", "table"),
    [
        (PartnerCenterListLicensesOperator, _LIST),
        (PartnerCenterLicensesToObjectStorageOperator, _STORE),
        (PartnerCenterLicensesSensor, _SENSOR),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_every_argument_can_be_mapped(
    operator: type[Any], table: dict[str, list[Any]], partner: Emulator, connect: Any, lake: Path
) -> None:
    """A DAG with a mapped task for each argument: all succeed, and each has a result of its own."""
    # No sign-in each, to be over sooner.
    for name in ("partner_center_default", "another_partner"):
        connect(partner, name, credential="access_token")
    with new_dag(f"maps_{operator.__name__}") as dag:
        for name, values in table.items():
            same = _constants(table, name, lake)
            operator.partial(task_id=name, **same).expand(**{name: _values(values, lake)})
    run = run_dag(dag)
    assert states(run) == {f"{name}[{index}]": "success" for name in table for index in (0, 1)}
    for name in ("resource", "filter_expression"):
        assert xcom(run, name, map_index=0) != xcom(run, name, map_index=1)
    if operator is PartnerCenterLicensesToObjectStorageOperator:
        files = {path.relative_to(lake).as_posix() for path in lake.rglob("*") if path.is_file()}
        assert files == {"a/1.csv", "a/2.csv", "file_format-0", "file_format-1"} | {
            f"{name}-{index}.csv" for name in table.keys() - {"destination", "file_format"} for index in (0, 1)
        }
        assert json.loads((lake / "file_format-1").read_text().splitlines()[0])["service_code"]
        passed = [xcom(run, "expectations", map_index=index)["expectations"][0]["passed"] for index in (0, 1)]
        assert passed == [True, False]


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
