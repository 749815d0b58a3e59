"""What a proof remembers: every key of all pages before, and the dates of each service."""

import pyarrow as pa
import pytest

from airflow_partnercenter.api.reading.ledgers import DateLedger, KeyLedger
from airflow_partnercenter.api.resources import get_resource

_KEY = ("customer_tenant_id", "product_id")
_ROWS = 20_000
#: More rows than the ledger has room to tell apart at first.
_PAGES = 16


def _page(first: int, count: int = _ROWS) -> pa.RecordBatch:
    """Return rows whose keys are numbered on."""
    numbers = range(first, first + count)
    return pa.RecordBatch.from_pydict(
        {
            "customer_tenant_id": [f"customer {number // 20}" for number in numbers],
            "product_id": [f"product {number % 20}" for number in numbers],
        }
    )


@pytest.fixture
def ledger() -> KeyLedger:
    """A ledger that has seen many pages, none of which repeats a key."""
    ledger = KeyLedger(_KEY)
    found = [ledger.add(_page(number * _ROWS), across_pages_only=True) for number in range(_PAGES)]
    assert found == [None] * _PAGES
    return ledger


@pytest.mark.parametrize("number", [0, 1, _ROWS, 7 * _ROWS + 5, _PAGES * _ROWS - 1])
def test_key_of_any_earlier_page_is_found(ledger, number):
    """One old key among new ones is found where it stands, however long ago its page was."""
    new = _page(_PAGES * _ROWS, 100)
    page = pa.Table.from_batches([new, _page(number, 1), _page(_PAGES * _ROWS + 100, 50)]).combine_chunks().to_batches()
    assert ledger.add(page[0], across_pages_only=True) == 100


def test_whole_page_that_comes_again_is_found(ledger):
    """The last of its rows is named."""
    assert ledger.add(_page(3 * _ROWS), across_pages_only=True) == _ROWS - 1


@pytest.mark.parametrize("value", ["customer 7", None], ids=["text", "null"])
@pytest.mark.parametrize("sizes", [(5_000, 3), (3, 5_000)], ids=["large then small", "small then large"])
def test_key_is_found_again_whatever_the_size_of_its_pages(sizes, value):
    """Few values are told apart by other means than many: a key must be the same key by either."""
    ledger = KeyLedger(("customer_tenant_id", "processed_date_time"))
    found = []
    for number, size in enumerate(sizes):
        times = pa.array([number * 10_000 + row for row in range(size - 1)] + [77_777], pa.timestamp("us", tz="UTC"))
        page = pa.RecordBatch.from_arrays(
            [pa.array(["other"] * (size - 1) + [value], pa.string()), times],
            names=["customer_tenant_id", "processed_date_time"],
        )
        found.append(ledger.add(page, across_pages_only=True))
    assert found == [None, sizes[1] - 1]


@pytest.mark.parametrize(("across_pages_only", "found"), [(True, None), (False, 7)], ids=["across pages", "within too"])
@pytest.mark.parametrize("before", [0, 1, 3])
def test_key_twice_on_one_page(before, across_pages_only, found):
    """A key that one page repeats counts only where pages are not all that counts; on the first page too."""
    ledger = KeyLedger(_KEY)
    for number in range(before):
        ledger.add(_page(1000 + number * 10, 10), across_pages_only=across_pages_only)
    page = pa.Table.from_batches([_page(0, 7), _page(3, 1)]).combine_chunks().to_batches()[0]
    assert ledger.add(page, across_pages_only=across_pages_only) == found


def _dated(services: int, dates: int, extra_days: int = 0) -> pa.RecordBatch:
    """Return a row for each service and each of some days."""
    day = 86_400_000_000
    rows = [(f"service {service}", (date + extra_days) * day) for service in range(services) for date in range(dates)]
    return pa.RecordBatch.from_arrays(
        [
            pa.array([service for service, _ in rows], pa.string()),
            pa.nulls(len(rows), pa.string()),
            pa.nulls(len(rows), pa.string()),
            pa.array([date for _, date in rows], pa.timestamp("us", tz="UTC")),
        ],
        names=["service_code", "service_name", "channel", "processed_date_time"],
    )


@pytest.mark.parametrize(("empty", "before"), [(0, 1), (0, 2), (1, 1), (2, 2)])
@pytest.mark.parametrize("dates", [1, 3, 300])
def test_newer_dates_of_a_service_are_seen(dates, empty, before):
    """Few dates or hundreds of them: the same page again tells nothing, a page of later days does; the second too."""
    services = 300 if dates == 300 else 2
    ledger = DateLedger(get_resource("licenses_deployment"))
    assert [ledger.add(_dated(0, 0)) for _ in range(empty)] == [None] * empty
    for _ in range(before):
        assert ledger.add(_dated(services, dates)) is None
    assert ledger.add(_dated(1, 1, extra_days=dates)) is not None
