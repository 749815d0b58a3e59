"""Pages in parallel and many customers: complete, in order, calm, or a typed error."""

import sys
import threading
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor

import pytest

from airflow_partnercenter.api.reading.call import Call, Gate
from airflow_partnercenter.api.reading.parallel import decoding_threads, elsewhere, in_order
from airflow_partnercenter.api.wire.retrying import RetryPolicy
from airflow_partnercenter.emulator import Answer
from airflow_partnercenter.exceptions import (
    ApiError,
    IncompleteResultError,
    ResponseFormatError,
    ServiceError,
    ThrottledError,
    TransportError,
)
from tests.support.origin import Reply
from tests.support.patience import AT_ONCE, PATIENCE, at_once, eventually

RESOURCE = "licenses_deployment"
PATH = "/partner/v1/analytics/commercial/deployment/license"
COMMERCIAL = "commercial/deployment"
CUSTOMER = "customer_licenses_deployment"
NOBODY = "00000000-0000-0000-0000-000000000001"


def _keys(rows):
    return [(row["customer_tenant_id"], row["product_id"]) for row in rows]


def _expected(emulator):
    return [(row["customerTenantId"], row["productId"]) for row in emulator.partner.rows("deployment")]


def _skips(emulator):
    return [request.query.get("skip") for request in emulator.api_requests]


small_pages = pytest.mark.parametrize(
    "emulator", [{"customers": 12, "max_page_size": 7}], indirect=True, ids=["7 rows"]
)


@small_pages
@pytest.mark.parametrize("workers", [1, 2, 4, 16])
def test_rows_and_their_order_do_not_depend_on_parallelism(emulator, make_client, workers):
    """Any number of requests in flight gives the served rows in the served order, and asks for no page twice."""
    rows = make_client().list_licenses(RESOURCE, max_parallel_requests=workers)
    assert _keys(rows) == _expected(emulator)
    assert len(emulator.api_requests) == -(-len(rows) // 7)
    assert len(set(_skips(emulator))) == len(_skips(emulator))


@small_pages
def test_two_threads_decode_however_many_requests_are_in_flight(emulator, make_client):
    """A thread keeps the memory of its largest page, so there are few of them; they end with the read."""

    def decoding():
        return [thread for thread in threading.enumerate() if thread.name.startswith("partner-center-decoding")]

    reader = make_client().iter_licenses(RESOURCE, max_parallel_requests=8)
    most = max(len(decoding()) for _ in reader)
    assert most == 2
    while decoding():
        time.sleep(0.01)


def test_every_page_is_decoded_by_those_two():
    """Eight threads hand over, two work; a failure comes back to the thread that handed over."""
    worked = set()

    def work(number):
        worked.add(threading.current_thread().name.rpartition("_")[0])
        time.sleep(0.01)
        return 1 / number

    with decoding_threads() as pool, ThreadPoolExecutor(8) as receivers:
        results = [receivers.submit(elsewhere, pool, work, number) for number in (1, 2, 4, 0)]
        assert [result.result() for result in results[:3]] == [1, 0.5, 0.25]
        with pytest.raises(ZeroDivisionError):
            results[3].result()
    assert worked == {"partner-center-decoding"}


def test_thread_that_waits_for_its_page_is_freed_when_the_read_is_given_up():
    """Pages in the queue are not decoded any more, and nobody waits for them."""
    go_on, busy = threading.Event(), threading.Barrier(3)

    def work(_):
        busy.wait(PATIENCE)
        go_on.wait(PATIENCE)

    with ThreadPoolExecutor(3) as receivers:
        with decoding_threads() as pool:
            at_work = [receivers.submit(elsewhere, pool, work, None) for _ in range(2)]
            busy.wait(PATIENCE)
            queued = receivers.submit(elsewhere, pool, work, None)
            while not pool._work_queue.qsize():
                time.sleep(0.001)
        with pytest.raises(CancelledError):
            queued.result(PATIENCE)
        go_on.set()
        assert [each.result(PATIENCE) for each in at_work] == [None, None]


@small_pages
def test_one_at_a_time_follows_the_links(emulator, make_client):
    """``max_parallel_requests=1`` never computes an address of its own."""
    emulator.answer_next(Answer(delay_seconds=0.01), COMMERCIAL, times=99)
    make_client().list_licenses(RESOURCE, max_parallel_requests=1)
    skips = [int(skip or 0) for skip in _skips(emulator)]
    assert skips == sorted(skips)


@small_pages
def test_requests_really_overlap(emulator, make_client):
    """All four that may be in flight are sent before the first of them is answered."""
    emulator.answer_next(Answer(delay_seconds=3), COMMERCIAL, skip=1, times=4)
    with ThreadPoolExecutor(1) as thread:
        read = thread.submit(make_client().list_licenses, RESOURCE)
        eventually(lambda: len(emulator.api_requests) >= 2)
        began = time.monotonic()
        eventually(lambda: len(emulator.api_requests) >= 5)
        assert time.monotonic() - began < 2
        assert _keys(read.result(PATIENCE)) == _expected(emulator)


@small_pages
@pytest.mark.parametrize(
    "answer",
    [Answer(503), Answer(close=True), Answer(truncate=20), Answer(200, "<html>proxy</html>"), Answer(429)],
    ids=["503", "no answer", "cut off", "html", "429"],
)
def test_a_page_that_heals_costs_only_itself(emulator, make_client, answer):
    """A failing page among parallel ones is asked for again; nothing is lost, doubled or out of order."""
    emulator.answer_next(answer, COMMERCIAL, skip=3)
    rows = make_client().list_licenses(RESOURCE)
    assert _keys(rows) == _expected(emulator)
    assert len(emulator.api_requests) == -(-len(rows) // 7) + 1


@small_pages
@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(503), ServiceError),
        (Answer(403), ApiError),
        (Answer(429, headers={"Retry-After": "99"}), ThrottledError),
    ],
    ids=["503", "403", "429"],
)
def test_a_page_that_does_not_heal_ends_the_read(emulator, make_client, answer, kind):
    """The error of the page is raised soon, and the rest of the call is given up."""
    emulator.answer_next(answer, COMMERCIAL, skip=2, times=99)
    with pytest.raises(kind) as caught:
        make_client(retry=RetryPolicy(attempts=2, total_seconds=5)).list_licenses(RESOURCE)
    assert caught.value.correlation_id in str(caught.value)
    time.sleep(0.3)  # for the requests that were under way
    sent = len(emulator.api_requests)
    time.sleep(0.6)
    assert len(emulator.api_requests) == sent


@small_pages
def test_expired_token_in_the_middle_is_renewed_once(emulator, make_client):
    """Requests that were refused together share one new token; no page is lost."""
    reader = make_client().iter_licenses(RESOURCE, max_parallel_requests=4)
    rows = [next(reader)]
    emulator.expire_access_tokens()
    rows += list(reader)
    assert sum(batch.num_rows for batch in rows) == len(_expected(emulator))
    assert len(emulator.token_requests) == 2


@small_pages
def test_one_correlation_id_and_a_request_id_each(emulator, make_client):
    """All requests of a call share MS-CorrelationId; each has its own MS-RequestId."""
    reader = make_client().iter_licenses(RESOURCE)
    list(reader)
    assert {request.headers["ms-correlationid"] for request in emulator.api_requests} == {reader.correlation_id}
    ids = [request.headers["ms-requestid"] for request in emulator.api_requests]
    assert len(set(ids)) == len(ids)


@small_pages
def test_progress_ends_in_one_summary_line(emulator, make_client, logs):
    """Rows, bytes, requests, retries and the correlation id are in one line at the end."""
    emulator.answer_next(Answer(503), COMMERCIAL, skip=2)
    reader = make_client().iter_licenses(RESOURCE)
    list(reader)
    [line] = [line for line in logs.of("airflow_partnercenter.api.reading.call") if " read " in line]
    assert f"{reader.row_count} rows" in line
    assert f"{len(emulator.api_requests)} requests, 1 retry," in line
    assert reader.correlation_id in line


def _page(keys, link, total):
    rows = [{"customerTenantId": key, "processedDateTime": "2018-10-14T00:00:00"} for key in keys]
    return Reply(body={"Value": rows, "@nextLink": link, "TotalCount": total})


def _served(pages):
    """Answer by ``skip``, so that the order of arrival does not matter."""

    def reply(request):
        query = request.target.partition("?")[2]
        skip = next((part[5:] for part in query.split("&") if part.startswith("skip=")), "0")
        return pages[int(skip)]

    return reply


GOOD = {
    0: _page("ab", f"{PATH}?skip=2", 6),
    2: _page("cd", f"{PATH}?skip=4", 6),
    4: _page("ef", None, 6),
}
DOUBTS = {
    "short page": {4: _page("e", None, 6)},
    "key on two pages": {4: _page("ea", None, 6)},
    "total changed": {4: _page("ef", None, 7)},
    "link after the last page": {4: _page("ef", f"{PATH}?skip=6", 6)},
    "no link in the middle": {2: _page("cd", None, 6)},
    "link to a page already read": {2: _page("cd", f"{PATH}?skip=2", 6)},
    "data replaced": {
        4: Reply(body={"Value": [
            {"customerTenantId": "e", "processedDateTime": "2018-10-15T00:00:00"},
            {"customerTenantId": "f", "processedDateTime": "2018-10-15T00:00:00"},
        ], "@nextLink": None, "TotalCount": 6})
    },
}  # fmt: skip


def _answer_by_skip(origin, pages, times):
    origin.answer(*[_served(pages)] * times)


def test_consistent_pages_are_read_once(origin, origin_client):
    """Without a doubt there is no second read."""
    _answer_by_skip(origin, GOOD, 3)
    rows = origin_client().list_licenses(RESOURCE)
    assert [row["customer_tenant_id"] for row in rows] == list("abcdef")
    assert len(origin.requests) == 3


@pytest.mark.parametrize("doubt", DOUBTS)
def test_any_doubt_in_parallel_means_one_more_read_by_links(origin, origin_client, doubt, logs):
    """What was doubtful in the first read is not in the result; the second one goes by the service's own links."""
    sent = []

    def reply(request):
        sent.append(request.target)
        return _served(GOOD | DOUBTS[doubt] if len(sent) <= 3 else GOOD)(request)

    origin.answer(*[reply] * 9)
    rows = origin_client().list_licenses(RESOURCE)
    assert [row["customer_tenant_id"] for row in rows] == list("abcdef")
    assert any("own links" in line or "once more" in line for line in logs.of("airflow_partnercenter"))


@pytest.mark.parametrize("doubt", [name for name in DOUBTS if 4 in DOUBTS[name]])
def test_iterator_ends_in_the_doubt(origin, origin_client, doubt):
    """``iter_licenses`` has yielded rows by then and cannot take them back."""
    _answer_by_skip(origin, GOOD | DOUBTS[doubt], 9)
    with pytest.raises(IncompleteResultError, match="MS-CorrelationId"):
        list(origin_client().iter_licenses(RESOURCE))


def test_service_that_ignores_skip_is_read_by_its_links(origin, origin_client):
    """If the second page is not what was asked for, the read goes on by links, an iterator's too."""
    by_link = {"": GOOD[0], "/two": GOOD[2], "/three": GOOD[4]}
    pages = {
        "": _page("ab", f"{PATH}/two", 6), "/two": _page("cd", f"{PATH}/three", 6), "/three": by_link["/three"]
    }  # fmt: skip
    origin.answer(*[lambda request: pages[request.target.partition("?")[0].removeprefix(PATH)]] * 9)
    batches = list(origin_client().iter_licenses(RESOURCE))
    assert [name for batch in batches for name in batch["customer_tenant_id"].to_pylist()] == list("abcdef")


def test_order_that_changes_after_the_first_page_is_read_once_more(origin, origin_client):
    """The first page in one order, all others in another: rows would be doubled and others missing, counts alike."""
    rows = [{"customerTenantId": name} for name in "abcdef"]
    later = rows[-1:] + rows[:-1]

    def page(of, skip):
        link = f"{PATH}?skip={skip + 2}" if skip < 4 else None
        return Reply(body={"Value": of[skip : skip + 2], "@nextLink": link, "TotalCount": 6})

    served = []

    def reply(request):
        served.append(request.target)
        skip = int(request.target.partition("skip=")[2] or 0)
        return page(rows if len(served) == 1 else later, skip)

    origin.answer(*[reply] * 20)
    read = origin_client().list_licenses(RESOURCE)
    assert sorted(row["customer_tenant_id"] for row in read) == list("abcdef")
    served.clear()
    with pytest.raises(IncompleteResultError, match="came on two pages"):
        list(origin_client().iter_licenses(RESOURCE))


def test_keys_that_the_service_repeats_in_a_read_that_adds_up_are_data(origin, origin_client, logs):
    """Rows carry no subscription id: a repeated key is doubted in parallel, kept in a sequential read, named once."""
    _answer_by_skip(origin, GOOD | {4: _page("ea", None, 6)}, 9)
    rows = origin_client().list_licenses(RESOURCE)
    assert [row["customer_tenant_id"] for row in rows] == list("abcdea")
    named = [line for line in logs.of("airflow_partnercenter.api.reading.proof") if "repeats keys" in line]
    assert len(named) == 1
    assert "customer_tenant_id='a'" in named[0]


def test_foreign_link_is_an_error_in_parallel_too(origin, origin_client, other_origin):
    """A next link is checked even where its page is asked for by skip."""
    origin.answer(_page("ab", f"{other_origin.url}{PATH}?skip=2", 6))
    with pytest.raises(ResponseFormatError, match="leads to"):
        list(origin_client().iter_licenses(RESOURCE))
    assert other_origin.requests == []


@pytest.mark.parametrize("workers", [1, 8])
def test_customers_come_in_the_order_of_the_list(emulator, make_client, workers):
    """Each row carries its customer, and customers come as listed, however many are asked for at once."""
    customers = [customer.id for customer in reversed(emulator.partner.customers)]
    rows = make_client().list_licenses(CUSTOMER, customer_id=customers, max_parallel_requests=workers)
    assert list(dict.fromkeys(row["customer_id"] for row in rows)) == customers
    assert len(rows) == len(emulator.partner.rows("deployment"))


@pytest.mark.parametrize("status", [403, 404])
def test_skipped_customers_are_listed_with_their_error(emulator, make_client, status):
    """A customer that may not or cannot be read is left out and named; the others are complete."""
    first, second, *_ = (customer.id for customer in emulator.partner.customers)
    fault = {"code": "2032", "description": "Access denied", "data": [], "source": "x"}
    emulator.answer_next(Answer(status, fault), f"/customers/{NOBODY}/")
    reader = make_client().iter_licenses(CUSTOMER, customer_id=[first, NOBODY, second], on_customer_error="skip")
    seen = {customer for batch in reader for customer in batch["customer_id"].to_pylist()}
    assert seen == {first, second}
    assert reader.skipped_customers == [
        {"customer_id": NOBODY, "status_code": status, "code": "2032", "error": "Access denied"}
    ]


def test_anything_else_than_403_and_404_still_fails(emulator, make_client):
    """Skipping is for customers, not for a service in trouble."""
    first = emulator.partner.customers[0].id
    emulator.answer_next(Answer(500), "/customers/", times=99)
    with pytest.raises(ServiceError):
        make_client().list_licenses(CUSTOMER, customer_id=[first, NOBODY], on_customer_error="skip")


def test_unknown_customer_fails_by_default(emulator, make_client):
    """Without ``skip`` one customer that is not there fails the read, and says which."""
    with pytest.raises(ApiError, match=NOBODY):
        make_client().list_licenses(CUSTOMER, customer_id=[emulator.partner.customers[0].id, NOBODY])


@pytest.mark.parametrize("emulator", [{"customers": 30, "max_page_size": 7}], indirect=True, ids=["7 a page"])
def test_list_customers_follows_continuation_tokens(emulator, make_client):
    """Five pages become one list, keys in snake_case, ready for a DAG to map over."""
    customers = make_client().list_customers()
    assert [customer["id"] for customer in customers] == [customer.id for customer in emulator.partner.customers]
    assert set(customers[0]) == {"id", "company_profile", "relationship_to_partner"}
    assert set(customers[0]["company_profile"]) == {"tenant_id", "domain", "company_name"}
    assert len(emulator.api_requests) == 5
    assert all("ms-continuationtoken" in request.headers for request in emulator.api_requests[1:])


@pytest.mark.parametrize(("stated", "is_complete"), [(3, False), (2, True), (1, True), (None, True)])
def test_list_customers_is_as_long_as_stated(emulator, make_client, stated, is_complete):
    """Fewer customers than stated are no list; what a smaller number counts is undocumented, and may be the page."""
    customers = [{"id": f"0112a436-b14e-4888-967b-ca4bb2cf123{number}"} for number in range(2)]
    emulator.answer_next(Answer(200, {"totalCount": stated, "items": customers}), "/v1/customers")
    if is_complete:
        assert make_client().list_customers() == customers
    else:
        with pytest.raises(IncompleteResultError, match="stated 3 customers but listed 2"):
            make_client().list_customers()


@pytest.mark.parametrize("strange", [{"a": 1}, 5, 0, ["x"]], ids=repr)
def test_customer_whose_id_is_no_text_is_refused(origin, origin_client, strange):
    """In words, not by a failure of ours."""
    origin.answer(Reply(body={"totalCount": 1, "items": [{"id": strange}]}))
    with pytest.raises(ResponseFormatError, match="not text"):
        origin_client().list_customers()


def test_parallelism_halves_when_throttled_and_grows_back_slowly():
    """One 429 halves what may be in flight; only a calm while lets it grow, one at a time."""
    pace = Call("test", Gate(), 8).pace
    pace.throttled()
    assert pace.allowed == 4
    pace.throttled()
    pace.throttled()
    pace.throttled()
    assert pace.allowed == 1
    for _ in range(8):
        pace.answered()
    assert pace.allowed == 2
    for _ in range(1000):
        pace.answered()
    assert pace.allowed == 8


def test_nobody_starts_while_partner_center_asks_to_wait():
    """A 429 of one request holds back the others of the call for as long."""
    pace = Call("test", Gate(), 4).pace
    pace.hold(0.3)
    began = time.monotonic()
    with pace.request(patience_seconds=5):
        waited = time.monotonic() - began
    assert waited >= 0.3


def test_longest_wait_holds_whoever_meets_at_the_gate():
    """Two threads that are told to wait at once: the shorter wait does not replace the longer one."""
    gates, together = [Gate() for _ in range(5000)], threading.Barrier(2)

    def hold(seconds):
        for gate in gates:
            together.wait()
            gate.hold(seconds)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(hold, (600, 1)))
    finally:
        sys.setswitchinterval(interval)
    assert [gate for gate in gates if gate.seconds() < 100] == []


@pytest.mark.parametrize("given_up_first", [True, False])
def test_call_that_was_given_up_does_not_go_on_sequentially(given_up_first):
    """Whoever has given up a read in parallel does not find it read again by links."""
    call = Call("test", Gate(), 4)
    steps = [call.give_up, call.go_on_sequentially]
    for step in steps if given_up_first else reversed(steps):
        step()
    with pytest.raises(TransportError, match="given up"):
        call.pace.check()


def test_given_up_call_wakes_sleepers():
    """A thread that waits for its next attempt ends at once when the call is given up."""
    pace = Call("test", Gate(), 2).pace
    caught = []

    def sleep():
        try:
            pace.sleep(30)
        except TransportError as error:
            caught.append(error)

    thread = threading.Thread(target=sleep)
    thread.start()
    pace.give_up()
    thread.join(AT_ONCE)
    assert not thread.is_alive()
    assert caught


def test_results_wait_for_their_turn_and_memory_stays_bounded():
    """The fast tasks behind a slow one wait; no more run ahead than there are threads, and one."""
    started = []

    def task(number):
        started.append(number)
        time.sleep(0.2 if number == 0 else 0)
        return number

    results = in_order((lambda number=number: task(number) for number in range(50)), 4, Call("test", Gate(), 4))
    assert next(results) == 0
    assert max(started) <= 4 + 2 + 1
    assert list(results) == list(range(1, 50))


@small_pages
def test_a_foreign_retry_after_does_not_hold_the_worker(emulator, make_client):
    """A page that fails for good ends the read at once, also while an earlier page waits for its retry."""
    emulator.answer_next(Answer(503), COMMERCIAL, skip=1)
    emulator.answer_next(Answer(429, headers={"Retry-After": "60"}), COMMERCIAL, skip=1, times=9)
    with at_once(10), pytest.raises(ThrottledError) as caught:
        make_client(retry=RetryPolicy(attempts=5, total_seconds=20)).list_licenses(RESOURCE)
    assert caught.value.retry_after_seconds > 50


@small_pages
def test_wait_that_was_asked_for_holds_for_the_next_call_too(emulator, make_client):
    """Whatever reads next with the same client does not undercut a Retry-After."""
    client = make_client(retry=RetryPolicy(attempts=1, total_seconds=20))
    emulator.answer_next(Answer(503, headers={"Retry-After": "1"}), COMMERCIAL)
    with pytest.raises(ServiceError):
        client.list_licenses(RESOURCE)
    began = time.monotonic()
    client.list_licenses("partner_licenses_deployment")
    assert time.monotonic() - began > 0.7


def test_endless_read_ends_when_it_passes_the_stated_total(origin, origin_client):
    """Links that are always new and rows beyond the total do not fill the disk."""
    pages = [_page("ab", f"{PATH}?page={number}", 3) for number in range(50)]
    origin.answer(*pages)
    with pytest.raises(IncompleteResultError, match="more may come"):
        origin_client().list_licenses(RESOURCE, max_parallel_requests=1)
    assert len(origin.requests) <= 4


def test_customers_that_may_all_not_be_read_are_no_empty_result(emulator, make_client):
    """If every customer answers 403, the user lacks a role: that fails, also with ``skip``."""
    emulator.answer_next(Answer(403, {"code": "900150", "description": "role"}), "/customers/", times=9)
    with pytest.raises(ApiError, match="900150"):
        make_client().list_licenses(
            CUSTOMER,
            customer_id=[customer.id for customer in emulator.partner.customers],
            on_customer_error="skip",
        )


@pytest.mark.parametrize(
    ("status", "code", "customers", "fails"),
    [
        (403, "20002", 1, False),
        (404, "60003", 2, False),
        (404, None, 1, False),
        (404, None, 2, True),
        (403, None, 1, True),
    ],
    ids=str,
)
def test_refusal_of_all_is_skipped_only_if_it_is_about_the_customer(
    emulator, make_client, status, code, customers, fails
):
    """A list of unknown customers is empty; a wrong address or a missing role is no empty result."""
    fault = {"code": code, "description": "said"} if code else b"said"
    emulator.answer_next(Answer(status, fault), "/customers/", times=9)
    ids = [customer.id for customer in emulator.partner.customers[:customers]]
    read = make_client().iter_licenses(CUSTOMER, customer_id=ids, on_customer_error="skip")
    if fails:
        with pytest.raises(ApiError, match=str(status)):
            list(read)
    else:
        assert list(read) == []
        assert [skipped["customer_id"] for skipped in read.skipped_customers] == ids


def test_doubt_about_one_customer_keeps_the_others_parallel(origin, origin_client):
    """A second read of many customers asks for several at once again; each is read by links anyway."""
    ids = [f"00000000-0000-0000-0000-00000000000{number}" for number in range(1, 9)]
    sent, in_flight, most, lock = [], 0, 0, threading.Lock()

    def reply(request):
        nonlocal in_flight, most
        with lock:
            again = request.target in sent
            sent.append(request.target)
            in_flight += 1
            most = max(most, in_flight if again else 0)
        time.sleep(0.05)
        with lock:
            in_flight -= 1
        wrong = ids[0] in request.target and not again
        return Reply(body={"totalCount": 2 if wrong else 1, "items": [{"licensesSold": 1}]})

    origin.answer(*[reply] * 40)
    rows = origin_client().list_licenses(CUSTOMER, customer_id=ids, max_parallel_requests=4)
    assert [row["customer_id"] for row in rows] == ids
    assert most > 1


def test_late_customer_holds_nobody_up(origin, origin_client):
    """While one customer is late, others are read on, up to twice the requests in flight, and one more."""
    ids = [f"00000000-0000-0000-0000-0000000000{number:02}" for number in range(1, 31)]
    others, go_on = set(), threading.Event()

    def reply(request):
        if ids[0] in request.target:
            go_on.wait(PATIENCE)
        else:
            others.add(request.target)
        return Reply(body={"totalCount": 1, "items": [{"licensesSold": 1}]})

    origin.answer(*[reply] * 30)
    with ThreadPoolExecutor(1) as thread:
        read = thread.submit(origin_client().list_licenses, CUSTOMER, customer_id=ids, max_parallel_requests=4)
        eventually(lambda: len(others) >= 9)
        # Whoever else came would come now.
        time.sleep(0.1)
        asked_meanwhile = len(others)
        go_on.set()
        assert [row["customer_id"] for row in read.result(PATIENCE)] == ids
    assert asked_meanwhile == 9


def test_keys_that_the_service_repeats_for_many_customers_are_named_once(origin, origin_client, logs):
    """A log of ten thousand customers says once that keys are repeated, not ten thousand times."""
    ids = [f"00000000-0000-0000-0000-0000000000{number:02}" for number in range(1, 21)]
    rows = [{"productName": "Office", "licensesSold": sold} for sold in (1, 2)]
    origin.answer(*[Reply(body={"totalCount": 2, "items": rows})] * 20)
    read = origin_client().list_licenses(CUSTOMER, customer_id=ids, max_parallel_requests=4)
    assert [row["licenses_sold"] for row in read] == [1, 2] * 20
    named = [line for line in logs.of("airflow_partnercenter.api.reading.proof") if "repeats keys" in line]
    assert len(named) == 1


@pytest.mark.parametrize(
    ("status", "headers"), [(429, {"Retry-After": "2"}), (503, {"Retry-After": "2"})], ids=["429", "503"]
)
def test_whoever_waits_for_a_place_hears_first_that_nobody_may_send(origin, origin_client, status, headers):
    """Two may be in flight, two more stand in line: when the first is told to wait, none of these sends meanwhile."""
    ids = [f"00000000-0000-0000-0000-0000000000{number:02}" for number in range(1, 9)]
    arrivals, go_on = [], threading.Event()

    def reply(request):
        arrivals.append(time.monotonic())
        if len(arrivals) == 1:
            # The others have come into line.
            time.sleep(0.2)
            return Reply(status, body={"code": str(status), "description": "wait"}, headers=headers)
        if len(arrivals) == 2:
            go_on.wait(PATIENCE)
        return Reply(body={"totalCount": 1, "items": [{"licensesSold": 1}]})

    origin.answer(*[reply] * 20)
    with ThreadPoolExecutor(1) as thread:
        read = thread.submit(origin_client().list_licenses, CUSTOMER, customer_id=ids, max_parallel_requests=2)
        eventually(lambda: len(arrivals) >= 2)
        # Whoever does not know that nobody may send would send now.
        time.sleep(0.8)
        before_the_wait_ends = len(arrivals)
        go_on.set()
        assert [row["customer_id"] for row in read.result(PATIENCE)] == ids
    assert before_the_wait_ends == 2


def test_new_token_after_401_waits_too_while_nobody_may_send(origin, origin_client):
    """One customer is told to wait, the other's token is refused after that: it is not sent again meanwhile."""
    ids = [f"00000000-0000-0000-0000-0000000000{number:02}" for number in range(1, 3)]
    told_to_wait = threading.Event()
    arrivals: dict[str, list[float]] = {customer: [] for customer in ids}

    def reply(request):
        customer = request.target.split("/")[3]
        arrivals[customer].append(time.monotonic())
        if len(arrivals[customer]) > 1:
            return Reply(body={"totalCount": 1, "items": [{"licensesSold": 1}]})
        if customer == ids[0]:
            told_to_wait.set()
            return Reply(429, body={"code": "429", "description": "wait"}, headers={"Retry-After": "2"})
        told_to_wait.wait(PATIENCE)
        time.sleep(0.3)
        return Reply(401, body={"code": "400", "description": "Access denied"})

    origin.answer(*[reply] * 9)
    rows = origin_client(retry=RetryPolicy(attempts=3, total_seconds=20)).list_licenses(CUSTOMER, customer_id=ids)
    assert [row["customer_id"] for row in rows] == ids
    assert arrivals[ids[1]][1] - arrivals[ids[0]][0] >= 2


def test_customer_without_an_id_is_no_repetition(origin, origin_client):
    """What Microsoft leaves out is not equal."""
    origin.answer(Reply(body={"totalCount": 2, "items": [{"companyProfile": {}}, {"companyProfile": {}}]}))
    assert len(origin_client().list_customers()) == 2


def test_customer_listed_twice_is_a_doubt(origin, origin_client):
    """A list to map over has each customer once."""
    origin.answer(Reply(body={"totalCount": 2, "items": [{"id": "a"}, {"id": "a"}]}))
    with pytest.raises(IncompleteResultError, match="twice"):
        origin_client().list_customers()


def test_link_with_plain_blanks_is_followed(origin, origin_client):
    """Every documented filter holds blanks; a link that repeats one unencoded is understood."""
    origin.answer(_page("ab", f"{PATH}?filter=serviceCode eq 'o365'&skip=2", 2), _page("cd", None, 2))
    assert len(origin_client().list_licenses(RESOURCE)) == 4
    assert origin.requests[1].target == f"{PATH}?filter=serviceCode%20eq%20'o365'&skip=2"


def test_consumer_that_fails_ends_the_read(emulator, make_client):
    """No thread goes on retrying for a result that nobody wants any more."""
    customers = [customer.id for customer in emulator.partner.customers]
    emulator.answer_next(Answer(503, headers={"Retry-After": "30"}), customers[-1], times=9)

    def consume(reader):
        next(reader)
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        make_client(retry=RetryPolicy(attempts=5, total_seconds=200)).read_whole(
            CUSTOMER, consume, customer_id=customers
        )
    with at_once():
        eventually(lambda: not any(thread.name.startswith("partner-center_") for thread in threading.enumerate()))
