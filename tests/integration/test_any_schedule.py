"""Any data, any faults in any order: the rows served, in order, or a typed error; the old file or the complete new one.

``HYPOTHESIS_SCHEDULES=10000 pytest tests/integration/test_any_schedule.py`` draws as many; see docs/reliability.md.
"""

import gzip
import json
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import reduce
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_partnercenter.api.wire.retrying import RetryPolicy
from airflow_partnercenter.emulator import Answer, Emulator, Request
from airflow_partnercenter.emulator.datasets import GeneratedData
from airflow_partnercenter.emulator.fault_matrix import FOR_EVER
from airflow_partnercenter.emulator.partner import Partner
from airflow_partnercenter.exceptions import PartnerCenterError, ThrottledError
from airflow_partnercenter.hooks.partner_center import PartnerCenterHook
from airflow_partnercenter.operators.partner_center import PartnerCenterLicensesToObjectStorageOperator
from tests.support.airflow_dags import forget_secrets

RESOURCE = "licenses_deployment"
SHORT_RUN = 60
EARLIER = b"earlier \x00 bytes"
#: Schedules on one hook, and on one set of tokens, before the next one signs in.
RUNS_A_HOOK = 100
#: These wait for whole seconds, and the fault matrix has them; 429 without a wait and with one of an hour stay in.
WAITING = {"slow_bytes", "too_slow", "throttled_seconds", "throttled_date", "throttled_sentence"}
#: A fault by the kind of harm: most schedules should get past their first page.
FAULTS = sorted(set(Emulator.FAULTS) - WAITING - {"data_replaced"})
_DATA_KINDS = ("link_", "total_", "rows_", "empty_", "unknown_", "missing_", "counts_")
DATA = [name for name in FAULTS if name.startswith(_DATA_KINDS)]
HEALING = [
    "status_429",
    "status_503",
    "no_answer",
    "reset_in_body",
    "cut_off",
    "cut_off_unnoticed",
    "html_200",
    "expired_token",
]
#: What a service may do at every request.
TRAITS = ["", "", "total_per_page", "total_missing", "total_as_text", "link_relative", "no_bom"]

fault = st.one_of(st.sampled_from(HEALING), st.sampled_from(DATA), st.sampled_from(FAULTS))


@dataclass(frozen=True)
class Schedule:
    """What is served, how it is asked for, and what goes wrong.

    :param keys: a number a row, which its key and its day are made of; a repeated one is a repeated key.
    :param faults: fault by page and by how often that page was asked for before; None is every time.
    :param trait: a fault of every answer.
    :param replaced_after: requests after which other data are served.
    """

    keys: list[int]
    page_size: int
    workers: int
    faults: dict[tuple[int, int | None], str]
    trait: str
    replaced_after: int
    to_file: bool


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    """Draw a schedule."""
    largest_key = draw(st.sampled_from([40, 10**6]))
    keys = draw(st.lists(st.integers(0, largest_key), min_size=draw(st.sampled_from([0, 10, 30])), max_size=60))
    places = st.tuples(st.integers(0, 5), st.sampled_from([0, 0, 0, 1, 1, 2, None]))
    return Schedule(
        keys,
        page_size=draw(st.sampled_from([1, 2, 3, 5, 7, 11, 20, 60])),
        workers=draw(st.sampled_from([1, 2, 4, 8])),
        faults=draw(st.dictionaries(places, fault, min_size=draw(st.sampled_from([0, 1, 2, 4])), max_size=6)),
        trait=draw(st.sampled_from(TRAITS)),
        replaced_after=draw(st.sampled_from([FOR_EVER, FOR_EVER, FOR_EVER, 1, 2, 3, 5])),
        to_file=draw(st.booleans()),
    )


def _record(place: int, key: int) -> dict[str, Any]:
    """Return a row as the service prints it; its number of licences tells it from all others."""
    service = ("o365", "crm", "azure")[key % 3]
    # One service of three has rows of two days, as data that is processed in parts might have.
    day = 14 + (key % 2 if service == "azure" else 0)
    return {
        "serviceCode": service,
        "serviceName": f"Service {service}",
        "channel": "reseller",
        "customerTenantId": f"{key // 6:032x}",
        "customerName": "Müller & Söhne",
        "productId": f"product {key % 6 // 3}",
        "productName": "Office 365 E3",
        "licensesDeployed": place,
        "licensesSold": 1000 + place,
        "processedDateTime": f"2018-10-{day}T00:00:00",
    }


COLUMNS = {
    "serviceCode": "service_code",
    "serviceName": "service_name",
    "channel": "channel",
    "customerTenantId": "customer_tenant_id",
    "customerName": "customer_name",
    "productId": "product_id",
    "productName": "product_name",
    "licensesDeployed": "licenses_deployed",
    "licensesSold": "licenses_sold",
    "processedDateTime": "processed_date_time",
}
KEY = ("serviceCode", "channel", "customerTenantId", "productId")


def _row(record: dict[str, Any]) -> dict[str, Any]:
    """Return a served row as it must come out, written down without the package's help."""
    row = {column: record.get(name) for name, column in COLUMNS.items()}
    for column in ("licenses_deployed", "licenses_sold"):
        row[column] = int(float(row[column]))
    row["processed_date_time"] += ".000000Z"
    unknown = {name: value for name, value in record.items() if name not in COLUMNS}
    return row | ({"additional_fields": json.dumps(unknown, separators=(",", ":"))} if unknown else {})


@dataclass(frozen=True)
class ServedPage:
    """A complete, readable page that left the server.

    :param skip: where in the result it was asked for.
    :param by_link: whether a next link of the service led there, and not a ``skip`` of the client's own.
    """

    skip: int
    by_link: bool
    records: list[dict[str, Any]]
    total: int | None
    has_link: bool


class Data(GeneratedData):
    """The rows of the schedule under way."""

    records: list[dict[str, Any]] = []  # noqa: RUF012 - replaced as a whole

    def rows(self, kind: Any, processed: Any) -> list[Any]:
        """Return the rows drawn."""
        return self.records


@dataclass
class Plan:
    """Answers the requests of one schedule, and keeps what left the server whole."""

    schedule: Schedule
    marker: str
    arrived: int = 0
    visits: dict[int, int] = field(default_factory=dict)
    served: list[ServedPage] = field(default_factory=list)
    changed: bool = False

    def __call__(self, request: Request) -> Answer:
        """Return the answer to a request."""
        # A request that an earlier, failed read still had under way is none of ours.
        if self.marker not in request.target:
            return Answer(403)
        skip = int(request.query.get("skip", 0))
        page = skip // self.schedule.page_size
        visit = self.visits.get(page, 0)
        self.visits[page] = visit + 1
        self.arrived += 1
        name = self.schedule.faults.get((page, visit)) or self.schedule.faults.get((page, None), "")
        answers = [_answer(part, request) for part in (self.schedule.trait, name) if part]
        chosen = answers[-1] if answers else Answer()
        if not chosen.is_normal or chosen.close:
            return chosen
        if self.arrived > self.schedule.replaced_after:
            answers.insert(0, _answer("data_replaced", request))
        headers = {header: value for answer in answers for header, value in answer.headers.items()}
        rewrites = [_marked, *(answer.rewrite for answer in answers if answer.rewrite)]

        def rewrite(body: bytes) -> bytes:
            body = reduce(lambda content, step: step(content), rewrites, body)
            if chosen.truncate is None:
                self._keep(body, headers, request, skip)
            return body

        return Answer(
            rows=_chain([answer.rows for answer in answers if answer.rows]),
            rewrite=rewrite,
            headers=headers,
            truncate=chosen.truncate,
            reset=chosen.reset,
            expire_tokens=chosen.expire_tokens,
        )

    def _keep(self, body: bytes, headers: dict[str, str], request: Request, skip: int) -> None:
        """Keep a page if a client can read it."""
        try:
            envelope = json.loads(gzip.decompress(body) if "Content-Encoding" in headers else body)
            total = envelope.get("TotalCount")
            records, link = envelope["Value"], envelope.get("@nextLink")
        except (ValueError, KeyError, OSError):
            return
        total = None if total is None else int(total)
        self.served.append(ServedPage(skip, "via=link" in request.target, records, total, link is not None))


def _answer(name: str, request: Request) -> Answer:
    source = Emulator.FAULTS[name].answer
    return source if isinstance(source, Answer) else source(request)


def _chain(steps: list[Callable[[list[Any]], list[Any]]]) -> Callable[[list[Any]], list[Any]]:
    return lambda rows: reduce(lambda content, step: step(content), steps, rows)


def _marked(body: bytes) -> bytes:
    """Return the body with a next link that shows who follows it."""
    envelope = json.loads(body)
    link = envelope.get("@nextLink")
    if link and "via=link" not in link:
        envelope["@nextLink"] = f"{link}&via=link"
    return b"\xef\xbb\xbf" + json.dumps(envelope, ensure_ascii=False).encode()


class ImpatientHook(PartnerCenterHook):
    """The hook, with three attempts and no pause to speak of."""

    retry = RetryPolicy(attempts=3, total_seconds=10, back_off_seconds=0.001)


class World:
    """The server, the client and the folders that all schedules share.

    :param emulator: serves ``data``.
    :param folder: an empty one.
    """

    def __init__(self, emulator: Emulator, data: Data, folder: Path) -> None:
        self.emulator, self.data = emulator, data
        self.out, self.temp = folder / "out", folder / "temp"
        self.out.mkdir()
        self.temp.mkdir()
        self.count = 0
        self.ended: Counter[str] = Counter()
        self._hook = ImpatientHook()

    def run(self, schedule: Schedule) -> tuple[Plan, list[dict[str, Any]] | PartnerCenterError]:
        """Return what left the server, and what came out."""
        if self.count % RUNS_A_HOOK == 0:
            self._hook = ImpatientHook()
            forget_secrets()
        self.count += 1
        plan = Plan(schedule, f"schedule{self.count}x")
        self.data.records = [_record(place, key) for place, key in enumerate(schedule.keys)]
        self.emulator.clear_faults()
        self.emulator.requests.clear()
        self.emulator.answer_next(plan, "/analytics/", times=FOR_EVER)
        query = {
            "page_size": schedule.page_size,
            "max_parallel_requests": schedule.workers,
            "filter_expression": f"customerName ne '{plan.marker}'",
        }
        try:
            outcome: Any = self._to_file(query) if schedule.to_file else self._hook.list_licenses(RESOURCE, **query)
        except PartnerCenterError as error:
            outcome = error
        if isinstance(outcome, ThrottledError):
            # The wait that was asked for holds for the next read of the same client, which has done nothing wrong.
            self._hook = ImpatientHook()
        self.ended[_name(outcome, self.data.records)] += 1
        return plan, outcome

    def _to_file(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the rows of the file that the operator writes; if it fails, the old file must be there."""
        path = self.out / "licenses.jsonl"
        path.write_bytes(EARLIER)
        run = PartnerCenterLicensesToObjectStorageOperator(
            task_id="t", resource=RESOURCE, destination=f"file://{path}", **query
        )
        run.hook = self._hook
        try:
            described = run.execute({})
        except (PartnerCenterError, AirflowFailException) as failure:
            assert path.read_bytes() == EARLIER
            error = failure.__cause__ if isinstance(failure, AirflowFailException) else failure
            assert isinstance(error, PartnerCenterError)
            raise error from None
        finally:
            assert os.listdir(self.out) == [path.name]
            assert os.listdir(self.temp) == []
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        assert described["row_count"] == len(rows)
        return rows


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Run the server, connected."""
    data = Data(Partner(0, 1, 1))
    # Thousands of retries would be told, each.
    logging.disable(logging.WARNING)
    with Emulator(data) as emulator, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_PARTNER_CENTER_DEFAULT", json.dumps(emulator.connection()))
        world = World(emulator, data, tmp_path_factory.mktemp("schedules"))
        patch.setattr("tempfile.tempdir", str(world.temp))
        yield world
        print(f"\n{world.count} schedules: {dict(sorted(world.ended.items()))}")
    logging.disable(logging.NOTSET)
    forget_secrets()


def _name(outcome: Any, records: list[dict[str, Any]]) -> str:
    """Return how a schedule ended, for the count."""
    if isinstance(outcome, PartnerCenterError):
        return next(kind.__name__ for kind in type(outcome).__mro__ if kind.__module__ == PartnerCenterError.__module__)
    return "the data set" if outcome == [_row(record) for record in records] else "other rows, as served"


# The retries of a read given up have no part in what is drawn.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module")

_SCHEDULES = int(os.environ.get("HYPOTHESIS_SCHEDULES", SHORT_RUN))


@settings(
    max_examples=_SCHEDULES,
    deadline=None,
    database=None,
    # The default suite draws the same schedules each time, a long run others each time.
    derandomize=_SCHEDULES == SHORT_RUN,
    suppress_health_check=list(HealthCheck),
)
@given(schedule=schedules())
def test_result_is_what_was_served_or_an_error(world: World, schedule: Schedule) -> None:
    """Exactly the served rows in order, or a typed error, and never anything else."""
    plan, outcome = world.run(schedule)
    if isinstance(outcome, PartnerCenterError):
        assert schedule.faults or schedule.replaced_after < FOR_EVER
        assert outcome.correlation_id is not None
        return
    if outcome == [_row(record) for record in world.data.records]:
        return
    # Other rows than those of the data set: then a fault changed them, and they are what one whole walk was served.
    assert schedule.replaced_after < FOR_EVER or set(schedule.faults.values()) & set(DATA) or schedule.trait
    walks = chain.from_iterable(_walks(_pages(plan.served, by_link=by_link), outcome) for by_link in (True, False))
    assert any(_is_sound(walk, len(outcome)) for walk in walks)


def _pages(served: list[ServedPage], *, by_link: bool) -> list[ServedPage]:
    """Return the pages that one read may have used, by links or by ``skip``; of equal ones the first."""
    pages: list[ServedPage] = []
    for page in served:
        if page not in pages and (page.skip == 0 or page.by_link is by_link):
            pages.append(page)
    return pages


def _walks(served: list[ServedPage], rows: list[dict[str, Any]], at: int = 0) -> Iterator[list[ServedPage]]:
    """Yield the ways to get the rows from pages as they were served, each where it was asked for."""
    for page in served:
        end = at + len(page.records)
        if page.skip != at or [_row(record) for record in page.records] != rows[at:end]:
            continue
        if end == len(rows):
            yield [page]
        # An empty page may follow the last row.
        if page.records:
            yield from ([page, *rest] for rest in _walks(served, rows, end))


def _is_sound(walk: list[ServedPage], row_count: int) -> bool:
    """Return whether a careful reader may take these pages for the whole result."""
    if walk[-1].has_link:
        return False
    totals = {page.total for page in walk} - {None}
    if all(page.by_link for page in walk[1:]):
        return totals <= {row_count} or all(page.total in (None, len(page.records)) for page in walk)
    # By ``skip``, in an order that nobody promised: no doubt may be left.
    keys = [{tuple(record[name] for name in KEY) for record in page.records} for page in walk]
    distinct = sum(map(len, keys)) == len(set().union(*keys))
    return totals == {row_count} and distinct and all(page.has_link for page in walk[:-1]) and _same_days(walk)


def _same_days(walk: list[ServedPage]) -> bool:
    """Return whether no service that had one day on a page has another day on the next page it is on."""
    for service in {record["serviceCode"] for page in walk for record in page.records}:
        days = [
            {record["processedDateTime"] for record in page.records if record["serviceCode"] == service}
            for page in walk
        ]
        days = [found for found in days if found]
        if len(days[0]) == 1 and any(before != after for before, after in pairwise(days)):
            return False
    return True
