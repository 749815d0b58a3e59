"""Every argument of the hook and of each of its reads changes what Partner Center is asked, or what comes of it."""

import inspect
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from airflow_partnercenter.api.client import LicenseReader, QueryArguments
from airflow_partnercenter.emulator import Answer, Emulator
from airflow_partnercenter.exceptions import ApiError, ConfigurationError
from airflow_partnercenter.hooks.partner_center import PartnerCenterHook
from airflow_partnercenter.rows import to_rows
from tests.support.argument_tables import ArgumentTable, arguments_of

READS = ArgumentTable()
Read = Callable[..., list[dict[str, Any]]]


def _all_rows(reader: LicenseReader) -> list[dict[str, Any]]:
    return [row for batch in reader for row in to_rows(batch)]


#: Each way to read, as a function that returns rows.
WAYS: dict[str, Callable[[PartnerCenterHook], Read]] = {
    "list_licenses": lambda hook: hook.list_licenses,
    "iter_licenses": lambda hook: lambda resource, **query: _all_rows(hook.iter_licenses(resource, **query)),
    "read_whole": lambda hook: lambda resource, **query: hook.read_whole(resource, _all_rows, **query),
    "get_df": lambda hook: lambda resource, **query: hook.get_df(resource, **query).to_dict("records"),
}
RESOURCE = "licenses_deployment"


def _query(emulator: Emulator, name: str) -> set[str | None]:
    return {request.query.get(name) for request in emulator.api_requests}


@READS.changes("resource")
def _resource(emulator: Emulator, read: Read) -> None:
    """Another resource is another path."""
    read("partner_licenses_usage")
    assert [request.path for request in emulator.api_requests] == ["/v1/analytics/licenses/usage"]


@READS.changes("customer_id")
def _customer_id(emulator: Emulator, read: Read) -> None:
    """The customer is in the path."""
    customer = emulator.partner.customers[1].id
    assert {row["customer_id"] for row in read("customer_licenses_usage", customer_id=customer)} == {customer}
    assert all(f"/customers/{customer}/" in request.path for request in emulator.api_requests)


@READS.changes("filter_expression")
def _filter_expression(emulator: Emulator, read: Read) -> None:
    """Only rows that match come."""
    assert {row["service_code"] for row in read(RESOURCE, filter_expression="serviceCode eq 'crm'")} == {"crm"}
    assert _query(emulator, "filter") == {"serviceCode eq 'crm'"}


@READS.changes("group_by")
def _group_by(emulator: Emulator, read: Read) -> None:
    """Rows are sums."""
    assert len(read(RESOURCE, group_by=["serviceCode"])) == 2
    assert _query(emulator, "groupby") == {"serviceCode"}


@READS.changes("processed_date_time")
def _processed_date_time(emulator: Emulator, read: Read) -> None:
    """Rows are of that day."""
    times = {str(row["processed_date_time"])[:10] for row in read(RESOURCE, processed_date_time="2026-11-12")}
    assert (times, _query(emulator, "processedDateTime")) == ({"2026-11-12"}, {"2026-11-12"})


@READS.changes("page_size")
def _page_size(emulator: Emulator, read: Read) -> None:
    """Smaller pages are more requests."""
    read(RESOURCE, page_size=5)
    assert len(emulator.api_requests) > 1
    assert _query(emulator, "top") == {"5"}


@READS.changes("max_parallel_requests")
def _max_parallel_requests(emulator: Emulator, read: Read) -> None:
    """With 1 the next page is asked for when one has come, with more not; a number that cannot be is refused."""
    for most, at_once in ((1, False), (4, True)):
        arrivals: list[float] = []

        def slow(_: Any, arrivals: list[float] = arrivals) -> Answer:
            arrivals.append(time.monotonic())
            return Answer(delay_seconds=0.2)

        emulator.answer_next(slow, "/commercial/", times=99)
        read(RESOURCE, page_size=2, max_parallel_requests=most)
        emulator.clear_faults()
        assert len(arrivals) > 3
        assert any(later - one < 0.2 for one, later in pairwise(arrivals)) is at_once
    with pytest.raises(ConfigurationError):
        read(RESOURCE, max_parallel_requests=0)


@READS.changes("on_customer_error")
def _on_customer_error(emulator: Emulator, read: Read) -> None:
    """A customer that answers 403 ends the read, or is left out."""
    refused, other = (customer.id for customer in emulator.partner.customers[:2])
    emulator.inject("fault_text_code", path=f"/customers/{refused}/", times=9)
    query = {"resource": "customer_licenses_deployment", "customer_id": [refused, other]}
    with pytest.raises(ApiError):
        read(**query)
    assert {row["customer_id"] for row in read(**query, on_customer_error="skip")} == {other}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("check", [pytest.param(check, id=name) for name, check in READS.checks.items()])
def test_argument_of_a_read_changes_what_happens(
    check: Callable[[Emulator, Read], None], way: str, emulator: Emulator, connect: Callable[..., None]
) -> None:
    """At the socket, and in the rows."""
    connect(emulator)
    check(emulator, WAYS[way](PartnerCenterHook()))


def test_no_argument_and_no_read_is_left_out() -> None:
    """A new one needs a check above."""
    assert READS.checks.keys() == {"resource", *QueryArguments.__annotations__}
    takes_query = [
        name
        for name, method in inspect.getmembers(PartnerCenterHook, inspect.isfunction)
        if not name.startswith("_") and "query" in inspect.signature(method).parameters
    ]
    assert sorted(takes_query) == sorted(WAYS)
    assert arguments_of(PartnerCenterHook.__init__) == ["partner_center_conn_id"]


def test_connection_id_of_the_hook_is_the_partner_that_is_asked(
    emulator: Emulator, connect: Callable[..., None]
) -> None:
    """The other one is asked nothing."""
    connect(emulator, "a_partner")
    assert PartnerCenterHook("a_partner").list_customers()
    with pytest.raises(ConfigurationError, match="'partner_center_default' does not exist"):
        PartnerCenterHook().list_customers()
