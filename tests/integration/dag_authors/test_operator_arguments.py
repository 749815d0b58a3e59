"""Every argument of the operators changes what Partner Center is asked, or what comes of it: one check each."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet as pq
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException

from airflow_partnercenter.emulator import Answer, Emulator
from airflow_partnercenter.exceptions import PartnerCenterError
from airflow_partnercenter.operators.partner_center import (
    PartnerCenterLicensesOperator,
    PartnerCenterLicensesToObjectStorageOperator,
    PartnerCenterListLicensesOperator,
)
from tests.support.argument_tables import ArgumentTable

LICENSES = "/partner/v1/analytics/commercial/deployment/license"
BOTH = ArgumentTable()
LISTING = ArgumentTable()
STORING = ArgumentTable(
    {"partition_asset_events": "tests/dags/test_assets.py::test_partition_is_up_to_the_argument_in_an_ordinary_dag"}
)


class Ran(SimpleNamespace):
    """What a run of an operator did.

    :ivar outcome: ``success``, or the name of the error.
    :ivar rows: what is in XCom or in the file; None if there is nothing.
    :ivar asked: path and query of each request to Partner Center.
    :ivar pushed: XComs beside the return value.
    """


class Author:
    """Runs an operator with different arguments, each time against an emulator that has seen no request."""

    def __init__(self, operator: type[PartnerCenterLicensesOperator], emulator: Emulator, folder: Path) -> None:
        self.emulator = emulator
        self.folder = folder
        self._operator = operator
        self._runs = 0

    def run(self, **arguments: Any) -> Ran:
        """Run it; where it writes a file, into one of this run unless the arguments say where."""
        self._runs += 1
        self.emulator.requests.clear()
        arguments.setdefault("resource", "licenses_deployment")
        if self._operator is PartnerCenterLicensesToObjectStorageOperator:
            arguments.setdefault("destination", f"file://{self.folder}/{self._runs}.jsonl")
        pushed: dict[str, Any] = {}
        task_instance = SimpleNamespace(xcom_push=lambda key, value: pushed.__setitem__(key, value))
        outcome, returned = "success", None
        try:
            returned = self._operator(task_id="t", **arguments).execute({"ti": task_instance})
        except AirflowSkipException:
            outcome = "skipped"
        except AirflowFailException as error:
            outcome = type(error.__cause__).__name__
        except PartnerCenterError as error:
            outcome = type(error).__name__
        asked = [(request.path, dict(request.query)) for request in self.emulator.api_requests]
        return Ran(outcome=outcome, rows=_rows(returned), asked=asked, pushed=pushed, returned=returned)


def _rows(returned: Any) -> list[dict[str, Any]] | None:
    if not isinstance(returned, dict):
        return returned
    if not returned["uri"].endswith(".jsonl"):
        return None
    return [json.loads(line) for line in Path(returned["uri"].removeprefix("file://")).read_text().splitlines()]


@BOTH.changes("resource")
def _resource(author: Author) -> None:
    """Another resource is another path, and other columns."""
    deployment, usage = author.run(resource="licenses_deployment"), author.run(resource="licenses_usage")
    assert [path for path, _ in deployment.asked] == [LICENSES]
    assert [path for path, _ in usage.asked] == ["/partner/v1/analytics/commercial/usage/license"]
    assert "licenses_sold" in deployment.rows[0]
    assert "licenses_active" in usage.rows[0]


@BOTH.changes("customer_id")
def _customer_id(author: Author) -> None:
    """The customer is in the path, and its rows are those that come; a list is one request each."""
    first, second = (customer.id for customer in author.emulator.partner.customers[:2])
    for given, expected in ((first, [first]), ([second, first], [second, first])):
        ran = author.run(resource="customer_licenses_deployment", customer_id=given)
        # Several customers are asked for at a time; their rows keep the order given.
        assert sorted(path.split("/")[3] for path, _ in ran.asked) == sorted(expected)
        assert list(dict.fromkeys(row["customer_id"] for row in ran.rows)) == expected


@BOTH.changes("filter_expression")
def _filter_expression(author: Author) -> None:
    """It goes out as it is, and only rows that match come."""
    expression = "serviceCode eq 'crm'"
    ran = author.run(filter_expression=expression)
    assert [query["filter"] for _, query in ran.asked] == [expression]
    assert {row["service_code"] for row in ran.rows} == {"crm"} < {row["service_code"] for row in author.run().rows}


@BOTH.changes("group_by")
def _group_by(author: Author) -> None:
    """Rows are sums by these fields."""
    ran = author.run(group_by=["serviceCode", "channel"])
    assert [query["groupby"] for _, query in ran.asked] == ["serviceCode,channel"]
    every = author.run().rows
    assert {row["service_code"]: row["licenses_sold"] for row in ran.rows} == {
        code: sum(row["licenses_sold"] for row in every if row["service_code"] == code) for code in ("crm", "o365")
    }


@BOTH.changes("processed_date_time")
def _processed_date_time(author: Author) -> None:
    """Rows are of that day."""
    ran = author.run(processed_date_time="2026-11-12")
    assert [query["processedDateTime"] for _, query in ran.asked] == ["2026-11-12"]
    assert {row["processed_date_time"][:10] for row in ran.rows} == {"2026-11-12"}
    assert {row["processed_date_time"][:10] for row in author.run().rows} != {"2026-11-12"}


@BOTH.changes("page_size")
def _page_size(author: Author) -> None:
    """Smaller pages are more requests for the same rows."""
    whole, small = author.run(), author.run(page_size=5)
    assert {query["top"] for _, query in small.asked} == {"5"}
    assert len(small.asked) == -(-len(whole.rows) // 5) > len(whole.asked) == 1
    assert small.rows == whole.rows


@BOTH.changes("max_parallel_requests")
def _max_parallel_requests(author: Author) -> None:
    """With 1 there is never a second request under way; with 3 there is."""
    most = {}
    for workers in (1, 3):
        busy = _Busy()
        author.emulator.answer_next(busy, LICENSES, times=50)
        author.run(page_size=5, max_parallel_requests=workers)
        author.emulator.clear_faults()
        most[workers] = busy.most_within(0.2)
    assert most[1] == 1
    assert 1 < most[3] <= 3


class _Busy:
    """Lets each answer take a while, and notes when it was asked for."""

    def __init__(self) -> None:
        self._arrivals: list[float] = []
        self._lock = threading.Lock()

    def __call__(self, request: Any) -> Answer:
        import time

        with self._lock:
            self._arrivals.append(time.monotonic())
        return Answer(delay_seconds=0.2)

    def most_within(self, seconds: float) -> int:
        """Return how many requests at most arrived while one of them must have been under way."""
        return max(sum(0 <= other - one < seconds for other in self._arrivals) for one in self._arrivals)


@BOTH.changes("on_customer_error")
def _on_customer_error(author: Author) -> None:
    """A customer that answers 403 fails the task, or is left out and listed."""
    refused, other = (customer.id for customer in author.emulator.partner.customers[:2])
    author.emulator.inject("fault_text_code", path=f"/customers/{refused}/", times=9)
    query = {"resource": "customer_licenses_deployment", "customer_id": [refused, other]}
    assert author.run(**query).outcome == "ApiError"
    ran = author.run(**query, on_customer_error="skip")
    assert {row["customer_id"] for row in ran.rows} == {other}
    told = ran.pushed.get("skipped_customers") or ran.returned["skipped_customers"]
    assert [customer["customer_id"] for customer in told] == [refused]


@BOTH.changes("on_empty")
def _on_empty(author: Author) -> None:
    """No rows are a success, a skip or a failure."""
    outcomes = [
        author.run(filter_expression="serviceCode eq 'none'", on_empty=choice).outcome
        for choice in ("allow", "skip", "fail")
    ]
    assert outcomes == ["success", "skipped", "EmptyResultError"]


@BOTH.changes("partner_center_conn_id")
def _partner_center_conn_id(author: Author) -> None:
    """Another connection is another partner: here one that nobody answers for."""
    assert author.run(partner_center_conn_id="partner_center_default").rows
    elsewhere = author.run(partner_center_conn_id="elsewhere")
    assert (elsewhere.outcome, elsewhere.asked) == ("ConfigurationError", [])


@LISTING.changes("max_xcom_bytes")
def _max_xcom_bytes(author: Author) -> None:
    """A result beyond it is refused; None is the limit of Airflow's configuration."""
    size = len(json.dumps(author.run().rows, ensure_ascii=False).encode())
    assert author.run(max_xcom_bytes=size).outcome == "success"
    assert author.run(max_xcom_bytes=size - 1).outcome == "ResultTooLargeError"


@STORING.changes("destination")
def _destination(author: Author) -> None:
    """The file is there, and nowhere else; the placeholder becomes the newest day in it."""
    author.run(destination=f"file://{author.folder}/in/here/{{processed_date}}.jsonl")
    assert [str(path.relative_to(author.folder)) for path in author.folder.rglob("*.*")] == ["in/here/2026-11-19.jsonl"]


@STORING.changes("file_format")
def _file_format(author: Author) -> None:
    """It decides where the name does not."""
    author.run(destination=f"file://{author.folder}/a", file_format="parquet")
    author.run(destination=f"file://{author.folder}/b", file_format="csv")
    assert pq.read_table(author.folder / "a").num_rows == len((author.folder / "b").read_text().splitlines()) - 1
    assert author.run(destination=f"file://{author.folder}/c").outcome == "ConfigurationError"


@STORING.changes("if_exists")
def _if_exists(author: Author) -> None:
    """A file that is there is replaced, or left as it is, with a skip or a failure and no request."""
    path = author.folder / "there.jsonl"
    for choice, outcome, replaced in (
        ("skip", "skipped", False),
        ("fail", "ConfigurationError", False),
        ("replace", "success", True),
    ):
        path.write_text("before")
        ran = author.run(destination=f"file://{path}", if_exists=choice)
        assert (ran.outcome, path.read_text() != "before", bool(ran.asked)) == (outcome, replaced, replaced)


@STORING.changes("expectations")
def _expectations(author: Author) -> None:
    """One that does not hold fails the task and writes nothing, or is told in the result."""
    assert author.run(expectations={"fail": {"row_count_at_least": 10**6}}).outcome == "ExpectationError"
    assert not list(author.folder.iterdir())
    ran = author.run(expectations={"warn": {"row_count_at_least": 10**6}})
    assert [(result["name"], result["passed"]) for result in ran.returned["expectations"]] == [
        ("row_count_at_least", False)
    ]


LIST, STORE = PartnerCenterListLicensesOperator, PartnerCenterLicensesToObjectStorageOperator
CHECKS = [
    *((operator, name, check) for operator in (LIST, STORE) for name, check in BOTH.checks.items()),
    *((LIST, name, check) for name, check in LISTING.checks.items()),
    *((STORE, name, check) for name, check in STORING.checks.items()),
]


@pytest.mark.parametrize(
    ("operator", "check"),
    [pytest.param(operator, check, id=f"{operator.__name__}-{name}") for operator, name, check in CHECKS],
)
def test_argument_changes_what_happens(
    operator: type[PartnerCenterLicensesOperator],
    check: Callable[[Author], None],
    emulator: Emulator,
    connect: Callable[..., None],
    tmp_path: Path,
) -> None:
    """At the socket, in the file or in XCom."""
    connect(emulator)
    check(Author(operator, emulator, tmp_path))


def test_no_argument_is_left_out() -> None:
    """A new argument needs a check above."""
    BOTH.assert_covers(PartnerCenterLicensesOperator.__init__)
    LISTING.assert_covers(LIST.__init__)
    STORING.assert_covers(STORE.__init__)


def test_checks_elsewhere_are_there() -> None:
    """A test that is referred to exists."""
    for place in STORING.elsewhere.values():
        path, test = place.split("::")
        assert f"def {test}(" in (Path(__file__).parents[3] / path).read_text()
