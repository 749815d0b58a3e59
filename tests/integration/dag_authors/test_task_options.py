"""What Airflow lets an author say of any task: setup and teardown, groups, rules, defaults, callbacks, limits."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import task

from airflow_partnercenter.emulator import Answer, Emulator
from airflow_partnercenter.operators.partner_center import (
    PartnerCenterLicensesToObjectStorageOperator,
    PartnerCenterListLicensesOperator,
)
from airflow_partnercenter.sensors.partner_center import PartnerCenterLicensesSensor
from tests.support.dag_runs import new_dag, run_dag, states, xcom

RESOURCE = "licenses_deployment"
FORBIDDEN = Answer(403, {"code": 900150, "description": "The supplied role does not have the rights"})


def _task_group(name: str) -> Any:
    try:
        from airflow.sdk import TaskGroup
    except ImportError:
        from airflow.utils.task_group import TaskGroup
    return TaskGroup(name)


def test_operators_are_setups_and_teardowns(partner: Emulator, lake: Path) -> None:
    """The setup's file is there for the work, the teardown runs although the work failed, and the run failed."""
    with new_dag("sets_up") as dag:
        stored = PartnerCenterLicensesToObjectStorageOperator(
            task_id="store", resource=RESOURCE, destination=f"{lake.as_uri()}/a.jsonl"
        )

        @task
        def work(file: dict[str, Any]) -> None:
            assert Path(file["uri"].removeprefix("file://")).exists()
            raise ValueError("the work fails")

        told = PartnerCenterListLicensesOperator(task_id="tell", resource="partner_licenses_deployment")
        stored.as_setup() >> work(stored.output) >> told.as_teardown(setups=stored)
    run = run_dag(dag)
    assert states(run) == {"store": "success", "work": "failed", "tell": "success"}
    assert str(run.state) == "failed"
    assert len(xcom(run, "tell")) == 2


def test_sensor_guards_a_group_of_tasks(partner: Emulator, lake: Path) -> None:
    """Within the ``with`` block of a setup: all of it comes after the setup and before the teardown."""
    total = "partner_licenses_deployment"
    with new_dag("groups") as dag:
        before = PartnerCenterListLicensesOperator(task_id="before", resource=total).as_setup()
        after = PartnerCenterListLicensesOperator(task_id="after", resource=total).as_teardown(setups=before)
        with before:
            wait = PartnerCenterLicensesSensor(
                task_id="wait", resource=RESOURCE, newer_than="2026-11-10", deferrable=True
            )
            with _task_group("snapshots") as snapshots:
                for name in ("licenses_deployment", "licenses_usage"):
                    PartnerCenterLicensesToObjectStorageOperator(
                        task_id=name, resource=name, destination=f"{lake.as_uri()}/{name}.parquet"
                    )
            wait >> snapshots
    run = run_dag(dag)
    guarded = ["snapshots.licenses_deployment", "snapshots.licenses_usage"]
    assert states(run) == dict.fromkeys(["before", "wait", *guarded, "after"], "success")
    assert wait.upstream_task_ids == {"before"}
    assert {"before", *guarded} <= after.upstream_task_ids
    assert sorted(path.name for path in lake.iterdir()) == ["licenses_deployment.parquet", "licenses_usage.parquet"]


def test_arguments_come_from_default_args(partner: Emulator, connect: Any) -> None:
    """Those of the DAG hold where the task says nothing, for arguments of a base class too."""
    connect(partner, "a_partner")
    defaults = {
        "partner_center_conn_id": "a_partner",
        "on_empty": "skip",
        "newer_than": "2026-11-10",
        "poke_interval": 1,
    }
    with new_dag("defaults", default_args=defaults) as dag:
        PartnerCenterListLicensesOperator(task_id="rows", resource=RESOURCE)
        PartnerCenterListLicensesOperator(task_id="none", resource=RESOURCE, filter_expression="serviceCode eq 'none'")
        PartnerCenterListLicensesOperator(
            task_id="none_at_all", resource=RESOURCE, filter_expression="serviceCode eq 'none'", on_empty="allow"
        )
        PartnerCenterLicensesSensor(task_id="wait", resource=RESOURCE)
    for name in ("rows", "none", "wait"):
        assert dag.get_task(name).partner_center_conn_id == "a_partner"
    assert states(run_dag(dag)) == {"rows": "success", "none": "skipped", "none_at_all": "success", "wait": "success"}


def test_trigger_rules_see_skips_and_failures(partner: Emulator, lake: Path) -> None:
    """An empty result that skips, a file that is there, a refusal: each has its state, and others can go by it."""
    (lake / "there.csv").write_text("before")
    partner.answer_next(FORBIDDEN, "/customers/", times=9)
    with new_dag("rules") as dag:
        none = "serviceCode eq 'none'"
        empty = PartnerCenterListLicensesOperator(
            task_id="empty", resource=RESOURCE, filter_expression=none, on_empty="skip"
        )
        there = PartnerCenterLicensesToObjectStorageOperator(
            task_id="there", resource=RESOURCE, destination=f"{lake.as_uri()}/there.csv", if_exists="skip"
        )
        refused = PartnerCenterListLicensesOperator(
            task_id="refused",
            resource="customer_licenses_usage",
            customer_id=partner.partner.customers[0].id,
            retries=3,
            retry_delay=timedelta(days=1),
        )

        @task
        def after() -> None:
            """Be there."""

        [empty, there] >> after.override(task_id="skipped_too")()
        [empty, there] >> after.override(task_id="none_failed", trigger_rule="none_failed")()
        [empty, refused] >> after.override(task_id="one_failed", trigger_rule="one_failed")()
        [empty, refused] >> after.override(task_id="all_done", trigger_rule="all_done")()
    assert states(run_dag(dag)) == {
        "empty": "skipped",
        "there": "skipped",
        "refused": "failed",
        "skipped_too": "skipped",
        "none_failed": "success",
        "one_failed": "success",
        "all_done": "success",
    }
    assert (lake / "there.csv").read_text() == "before"


@pytest.mark.airflow("!=3.0.*,!=3.1.*,!=3.2.*")  # whose dag.test() hands over none
def test_failure_callback_gets_an_error_that_says_what_to_do(partner: Emulator) -> None:
    """Airflow hands over the error itself: a sentence, and our own error as its cause."""
    told: list[BaseException] = []
    partner.answer_next(FORBIDDEN, RESOURCE.replace("licenses_", "/"), times=9)
    with new_dag("calls_back") as dag:
        PartnerCenterListLicensesOperator(
            task_id="refused", resource=RESOURCE, on_failure_callback=lambda context: told.append(context["exception"])
        )
    assert states(run_dag(dag)) == {"refused": "failed"}
    [error] = told
    assert "a Global admin of the partner tenant must give the signed-in user" in str(error)
    assert type(error.__cause__).__name__ == "ApiError"


def test_limits_and_pools_are_airflows(partner: Emulator, lake: Path) -> None:
    """Mapped tasks one at a time, in a pool, with priority, timeout and retries: all are Airflow's own arguments."""
    with new_dag("limits", max_active_tasks=1) as dag:
        PartnerCenterLicensesToObjectStorageOperator.partial(
            task_id="store",
            resource=RESOURCE,
            max_active_tis_per_dag=1,
            max_active_tis_per_dagrun=1,
            pool="default_pool",
            pool_slots=1,
            priority_weight=5,
            queue="default",
            retries=1,
            execution_timeout=timedelta(minutes=5),
            map_index_template="{{ task.destination }}",
        ).expand(destination=[f"{lake.as_uri()}/{name}.csv" for name in "abc"])
    run = run_dag(dag)
    assert set(states(run).values()) == {"success"}
    assert len(list(lake.iterdir())) == 3
    names = {instance.rendered_map_index for instance in run.get_task_instances()}
    assert names == {f"{lake.as_uri()}/{name}.csv" for name in "abc"}


def test_task_is_built_and_run_within_a_taskflow_function(partner: Emulator, lake: Path) -> None:
    """Operators and sensor in the middle of a function, with the context of its task: what they return is at hand."""
    with new_dag("nests") as dag:

        @task
        def snapshot(**context: Any) -> dict[str, Any]:
            wait = PartnerCenterLicensesSensor(task_id="wait", resource=RESOURCE, newer_than="2026-11-10")
            listed = PartnerCenterListLicensesOperator(task_id="list", resource=RESOURCE)
            stored = PartnerCenterLicensesToObjectStorageOperator(
                task_id="store", resource=RESOURCE, destination=f"{lake.as_uri()}/a.jsonl"
            )
            services = [date["service_code"] for date in wait.execute(context)]
            return {"services": services, "listed": len(listed.execute(context)), "stored": stored.execute(context)}

        snapshot()
    run = run_dag(dag)
    assert states(run) == {"snapshot": "success"}
    row_count = len(partner.partner.rows("deployment"))
    told = xcom(run, "snapshot")
    assert told["services"] == ["crm", "o365"]
    assert told["listed"] == told["stored"]["row_count"] == row_count
    assert len((lake / "a.jsonl").read_text().splitlines()) == row_count


def test_hook_and_mapped_task_mix_with_taskflow_functions(partner: Emulator) -> None:
    """A function's frame becomes what a task is mapped over, and its rows what another function gets."""
    with new_dag("mixes") as dag:

        @task
        def services() -> list[str]:
            from airflow_partnercenter.hooks.partner_center import PartnerCenterHook

            frame = PartnerCenterHook().get_df(RESOURCE, group_by=["serviceCode"])
            return sorted(frame["service_code"])

        @task
        def expression(service: str) -> str:
            return f"serviceCode eq '{service}'"

        rows = PartnerCenterListLicensesOperator.partial(task_id="rows", resource=RESOURCE).expand(
            filter_expression=expression.expand(service=services())
        )

        @task
        def seats(results: Any) -> dict[str, int]:
            return {rows[0]["service_code"]: sum(row["licenses_sold"] for row in rows) for rows in results}

        seats(rows.output)
    run = run_dag(dag)
    assert set(states(run).values()) == {"success"}
    served = partner.partner.rows("deployment")
    assert xcom(run, "seats") == {
        code: sum(row["licensesSold"] for row in served if row["serviceCode"] == code) for code in ("crm", "o365")
    }
