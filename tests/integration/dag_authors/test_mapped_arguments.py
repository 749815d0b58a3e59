"""Every argument is mapped by itself, to two values, and each of the two has the effect that it has in any task."""

import json
import re
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest
from airflow.providers.common.compat.sdk import Context, TaskDeferred

from airflow_partnercenter.api.wire.retrying import RetryPolicy
from airflow_partnercenter.emulator import Answer, Emulator
from airflow_partnercenter.emulator.scripts import Request
from airflow_partnercenter.hooks.partner_center import PartnerCenterHook
from airflow_partnercenter.operators.partner_center import (
    PartnerCenterLicensesToObjectStorageOperator,
    PartnerCenterListLicensesOperator,
)
from airflow_partnercenter.sensors.partner_center import PartnerCenterLicensesSensor
from tests.support.argument_tables import arguments_of
from tests.support.dag_runs import new_dag, run_dag, states, xcom

COMMERCIAL = "/partner/v1/analytics/commercial/"
UNAVAILABLE = Answer(503, {"code": 503, "description": "down"})
#: Leaves every row, and says in each request which task sent it.
TAG = "serviceCode ne '{{ ti.task_id }}-{{ ti.map_index }}'"
#: Whose requests have no filter, and so no tag.
OF_CUSTOMERS = {"resource": "customer_licenses_deployment", "filter_expression": None}
#: The sensor's first look decides, so that no machine is too slow for a success.
ONE_LOOK = {"timeout": 0.1}


@dataclass
class Ran:
    """What a task did that got one of two values.

    :ivar state: that Airflow has for it.
    :ivar returned: its XCom.
    :ivar sent: query of each of its requests, unless it is of customers.
    :ivar arrivals: seconds of these requests, by a clock that only counts.
    :ivar was_deferred: whether it waited in the triggerer.
    """

    state: str
    returned: Any
    sent: list[dict[str, str]]
    arrivals: list[float]
    was_deferred: bool

    @property
    def file(self) -> Path:
        """What it wrote."""
        return Path(self.returned["uri"].removeprefix("file://"))

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Those in XCom, or in the file."""
        if isinstance(self.returned, dict):
            return [json.loads(line) for line in self.file.read_text().splitlines()]
        return list(self.returned or ())

    def asked(self, parameter: str) -> set[str | None]:
        """Return the values of a parameter of its requests."""
        return {query.get(parameter) for query in self.sent}


@dataclass(frozen=True)
class Mapped:
    """Two values of an argument, and what comes of each.

    :param outcomes: as ``outcome`` reads them from what each of the two tasks did.
    :param same: what the other arguments are, where they are not those of all.
    """

    values: tuple[Any, Any]
    outcomes: tuple[Any, Any]
    outcome: Callable[[Ran], Any] = lambda ran: ran.state
    same: dict[str, Any] = field(default_factory=dict)


#: The requests of the second value arrive at another emulator.
CONNECTION = Mapped(
    ("partner_center_default", "another_partner"),
    (("success", True), ("success", False)),
    lambda ran: (ran.state, bool(ran.sent)),
)


def _of_both(refused: str, other: str) -> dict[str, Mapped]:
    """Return the arguments that both operators have.

    :param refused: customer that Partner Center answers 403 for.
    :param other: customer.
    """
    return {
        "resource": Mapped(
            ("licenses_usage", "licenses_deployment"),
            ({True}, {False}),
            lambda ran: {"licenses_active" in row for row in ran.rows},
        ),
        "customer_id": Mapped((refused, other), ("failed", "success"), same=OF_CUSTOMERS),
        "filter_expression": Mapped(
            ("serviceCode eq 'o365'", "serviceCode eq 'crm'"),
            ({"o365"}, {"crm"}),
            lambda ran: {row["service_code"] for row in ran.rows},
        ),
        "group_by": Mapped(
            (["serviceCode"], ["serviceCode", "channel"]),
            ({"serviceCode"}, {"serviceCode,channel"}),
            lambda ran: ran.asked("groupby"),
        ),
        "processed_date_time": Mapped(
            ("2026-11-12", "2026-11-13"),
            ({"2026-11-12"}, {"2026-11-13"}),
            lambda ran: {row["processed_date_time"][:10] for row in ran.rows},
        ),
        "page_size": Mapped((5, 7), ({"5"}, {"7"}), lambda ran: ran.asked("top")),
        # One at a time follows the service's links; several at a time cannot wait for them.
        "max_parallel_requests": Mapped(
            (1, 3), ({None, "link"}, {None}), lambda ran: ran.asked("by"), same={"page_size": 5}
        ),
        "on_customer_error": Mapped(
            ("fail", "skip"), ("failed", "success"), same=OF_CUSTOMERS | {"customer_id": [refused, other]}
        ),
        "on_empty": Mapped(
            ("allow", "skip"), ("success", "skipped"), same={"filter_expression": "serviceCode eq 'none'"}
        ),
        "partner_center_conn_id": CONNECTION,
    }


def _listing(refused: str, other: str, _: Path) -> dict[str, Mapped]:
    return _of_both(refused, other) | {"max_xcom_bytes": Mapped((10, 50_000), ("failed", "success"))}


def _storing(refused: str, other: str, lake: Path) -> dict[str, Mapped]:
    there = f"{lake.as_uri()}/there-{{{{ ti.map_index }}}}.jsonl"
    return _of_both(refused, other) | {
        "destination": Mapped(
            (f"{lake.as_uri()}/a/1.jsonl", f"{lake.as_uri()}/a/2.jsonl"),
            (lake / "a/1.jsonl", lake / "a/2.jsonl"),
            lambda ran: ran.file if ran.file.exists() else None,
        ),
        "file_format": Mapped(
            ("csv", "jsonl"),
            ('"', "{"),
            lambda ran: ran.file.read_text()[0],
            same={"destination": f"{lake.as_uri()}/file_format-{{{{ ti.map_index }}}}"},
        ),
        "if_exists": Mapped(("replace", "fail"), ("success", "failed"), same={"destination": there}),
        "expectations": Mapped(
            ({"fail": {"row_count_at_least": 1}}, {"fail": {"row_count_at_least": 10**6}}), ("success", "failed")
        ),
    }


def _waiting(refused: str, other: str, _: Path) -> dict[str, Mapped]:
    return {
        "resource": Mapped(
            ("licenses_usage", "licenses_deployment"),
            ({True}, {False}),
            lambda ran: {"workload_code" in row for row in ran.rows},
        ),
        "newer_than": Mapped(("2026-11-10", "2999-01-01"), ("success", "failed"), same=ONE_LOOK),
        # Of the two services one is newer.
        "filter_expression": Mapped(
            ("serviceCode eq 'o365'", "serviceCode eq 'crm'"),
            ("success", "failed"),
            same=ONE_LOOK | {"newer_than": "2026-11-18"},
        ),
        "customer_id": Mapped((refused, other), ("failed", "success"), same=OF_CUSTOMERS),
        "partner_center_conn_id": CONNECTION,
        # Their first looks fail: one, and two.
        "poke_interval": Mapped((0.1, 5.0), (False, True), lambda ran: ran.arrivals[1] - ran.arrivals[0] >= 5),
        "max_consecutive_failures": Mapped((2, 3), ("failed", "success")),
        "deferrable": Mapped(
            (True, False), (("success", True), ("success", False)), lambda ran: (ran.state, ran.was_deferred)
        ),
    }


class TellingSensor(PartnerCenterLicensesSensor):
    """Notes the tasks that leave the worker."""

    deferred: ClassVar[set[str]] = set()

    def execute(self, context: Context) -> Any:
        """Wait."""
        try:
            return super().execute(context)
        except TaskDeferred:
            self.deferred.add(f"{self.task_id}-{context['ti'].map_index}")
            raise


class Answers:
    """Partner Center's: normal ones, but links that can be told from others, and failures where looks are to fail.

    :ivar sent: query of each request of a task, with the time when it came.
    """

    def __init__(self) -> None:
        self.sent: defaultdict[str, list[tuple[float, dict[str, str]]]] = defaultdict(list)

    def __call__(self, request: Request) -> Answer:
        """Answer a request."""
        tag = re.search(r"serviceCode ne '(.*?)-(\d)'", request.query.get("filter", ""))
        argument, index = tag.groups() if tag else ("", "")
        arrived = self.sent[f"{argument}-{index}"]
        arrived.append((time.monotonic(), request.query))
        if len(arrived) <= {"poke_interval": 1, "max_consecutive_failures": 2}.get(argument, 0):
            return UNAVAILABLE
        return Answer(rewrite=lambda body: body.replace(b"skip=", b"by=link&skip="))


@pytest.mark.parametrize(
    ("operator", "table", "elsewhere"),
    [
        pytest.param(PartnerCenterListLicensesOperator, _listing, set(), id="list"),
        # which no file shows: see the test below
        pytest.param(PartnerCenterLicensesToObjectStorageOperator, _storing, {"partition_asset_events"}, id="store"),
        pytest.param(TellingSensor, _waiting, set(), id="wait"),
    ],
)
def test_each_mapped_value_has_its_effect(
    operator: type[Any],
    table: Callable[[str, str, Path], dict[str, Mapped]],
    elsewhere: set[str],
    emulator: Emulator,
    entra: Emulator,
    connect: Callable[..., None],
    lake: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A DAG with a mapped task for each argument, at the socket, in the file, in XCom or in the state."""
    refused, other = (customer.id for customer in emulator.partner.customers[:2])
    mapped = table(refused, other, lake)
    assert set(_arguments(operator)) == mapped.keys() | elsewhere
    assert [name for name, case in mapped.items() if case.outcomes[0] == case.outcomes[1]] == []
    monkeypatch.setattr(TellingSensor, "deferred", set())
    monkeypatch.setattr(PartnerCenterHook, "retry", RetryPolicy(attempts=1, total_seconds=1))
    # No sign-in each, to be over sooner.
    connect(emulator, credential="access_token")
    connect(entra, "another_partner", credential="access_token")
    answers = Answers()
    emulator.answer_next(answers, COMMERCIAL, times=999)
    emulator.inject("fault_text_code", path=f"/customers/{refused}/", times=99)
    for index in (0, 1):
        (lake / f"there-{index}.jsonl").write_text("before")

    with new_dag(f"maps_{operator.__name__}") as dag:
        for name, case in mapped.items():
            same = {key: value for key, value in (_same(operator, lake) | case.same).items() if key != name}
            operator.partial(task_id=name, **same).expand(**{name: list(case.values)})
    run = run_dag(dag)

    ended = states(run)

    def ran(name: str, index: int) -> Ran:
        arrivals = answers.sent[f"{name}-{index}"]
        return Ran(
            state=ended[f"{name}[{index}]"],
            returned=xcom(run, name, map_index=index),
            sent=[query for _, query in arrivals],
            arrivals=[seconds for seconds, _ in arrivals],
            was_deferred=f"{name}-{index}" in TellingSensor.deferred,
        )

    outcomes = {name: tuple(case.outcome(ran(name, index)) for index in (0, 1)) for name, case in mapped.items()}
    assert outcomes == {name: case.outcomes for name, case in mapped.items()}


def _arguments(operator: type[Any]) -> set[str]:
    ours = (kind for kind in operator.__mro__ if kind.__module__.startswith("airflow_partnercenter"))
    return {name for kind in ours for name in arguments_of(kind.__init__)}


def _same(operator: type[Any], lake: Path) -> dict[str, Any]:
    """Return what is not mapped, as most tasks have it."""
    query = {"resource": "licenses_deployment", "filter_expression": TAG}
    if operator is TellingSensor:
        return query | {"newer_than": "2026-11-10", "poke_interval": 0.1}
    if operator is PartnerCenterListLicensesOperator:
        return query
    return query | {"destination": f"{lake.as_uri()}/{{{{ ti.task_id }}}}-{{{{ ti.map_index }}}}.jsonl"}


@pytest.mark.airflow(">=3.3")  # earlier ones have no partitions
def test_each_mapped_task_says_whether_its_event_has_a_partition(partner: Emulator, lake: Path) -> None:
    """``partition_asset_events`` is mapped like any other argument."""
    from airflow.models.asset import AssetEvent
    from airflow.sdk import Asset
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with new_dag("maps_partition_asset_events") as dag:
        PartnerCenterLicensesToObjectStorageOperator.partial(
            task_id="store",
            resource="licenses_deployment",
            destination=f"{lake.as_uri()}/{{{{ ti.map_index }}}}.jsonl",
            outlets=[Asset("mapped_licences")],
        ).expand(partition_asset_events=[True, False])
    run_dag(dag)
    with create_session() as session:
        events = session.scalars(select(AssetEvent).where(AssetEvent.source_dag_id == dag.dag_id))
        keys = {event.source_map_index: event.partition_key for event in events}
    assert keys == {0: "2026-11-19", 1: None}
