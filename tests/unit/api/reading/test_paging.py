"""Pages: every form of link, every meaning of a total, and no short result passed off as whole."""

import pytest

from airflow_partnercenter.api.wire.retrying import RetryPolicy
from airflow_partnercenter.exceptions import (
    IncompleteResultError,
    PartnerCenterError,
    ResponseFormatError,
    ServiceError,
)
from tests.support.origin import Reply

RESOURCE = "licenses_deployment"
PATH = "/partner/v1/analytics/commercial/deployment/license"
_LEFT_OUT = object()


def _page(numbers, link=None, total=_LEFT_OUT) -> Reply:
    body = {"Value": [{"licensesSold": number} for number in numbers], "@nextLink": link}
    return Reply(body=body if total is _LEFT_OUT else body | {"TotalCount": total})


def _sequentially(client) -> list[dict[str, object]]:
    """Read one page after the other; tests/unit/api/reading/test_parallel.py reads several at once."""
    return client.list_licenses(RESOURCE, max_parallel_requests=1)


def _sold(rows) -> list[int]:
    return [row["licenses_sold"] for row in rows]


@pytest.mark.parametrize("form", ["absolute", "root relative", "query only", "without version"])
def test_pages_are_followed_in_order(origin, origin_client, form):
    """Three pages by any form of link become one list in the order served."""
    start = {
        "absolute": f"{origin.url}{PATH}?skip=",
        "root relative": f"{PATH}?skip=",
        "query only": "?skip=",
        "without version": "/analytics/commercial/deployment/license?skip=",
    }[form]
    origin.answer(_page([1, 2], f"{start}2", 5), _page([3, 4], f"{start}4", 5), _page([5], None, 5))
    assert _sold(_sequentially(origin_client())) == [1, 2, 3, 4, 5]
    targets = [request.target for request in origin.requests]
    assert targets == [f"{PATH}?top=10000", f"{PATH}?skip=2", f"{PATH}?skip=4"]


@pytest.mark.parametrize(
    "emulator",
    [{"customers": 6, "max_page_size": 3, "link_form": form} for form in ("absolute", "relative")],
    indirect=True,
    ids=["absolute", "relative"],
)
def test_emulated_pages_add_up_to_the_partner(emulator, make_client):
    """All pages of the generated partner, page by page, are its rows in order."""
    rows = make_client().list_licenses(RESOURCE)
    expected = emulator.partner.rows("deployment")
    assert [(row["customer_tenant_id"], row["product_id"], row["licenses_sold"]) for row in rows] == [
        (row["customerTenantId"], row["productId"], row["licensesSold"]) for row in expected
    ]
    assert len(emulator.api_requests) == -(-len(expected) // 3) >= 3


def test_page_size_is_kept_across_pages(emulator, make_client):
    """``top`` goes along by the service's own link."""
    rows = make_client().list_licenses(RESOURCE, page_size=4)
    assert len(rows) == len(emulator.partner.rows("deployment"))
    assert {request.query["top"] for request in emulator.api_requests} == {"4"}


def test_links_next_of_the_older_envelope_is_followed_with_its_headers(origin, origin_client):
    """``links.next`` is relative without version, and its MS-ContinuationToken goes with the next request only."""
    link = {"uri": "/analytics/licenses/deployment?seekOperation=Next", "method": "GET", "headers": [
        {"key": "MS-ContinuationToken", "value": "AQAAAA=="}, {"key": "Authorization", "value": "Bearer stolen"},
        {"key": "ms-correlationid", "value": "theirs"}]}  # fmt: skip
    origin.answer(
        Reply(body={"totalCount": 2, "items": [{"licensesSold": 1}], "links": {"next": link}}),
        Reply(body={"totalCount": 2, "items": [{"licensesSold": 2}]}),
    )
    assert _sold(origin_client().list_licenses("partner_licenses_deployment")) == [1, 2]
    first, second = origin.requests
    assert second.target == "/v1/analytics/licenses/deployment?seekOperation=Next"
    assert second.headers["ms-continuationtoken"] == "AQAAAA=="
    assert second.headers["authorization"] == first.headers["authorization"]
    assert second.headers["ms-correlationid"] == first.headers["ms-correlationid"]
    assert "ms-continuationtoken" not in first.headers


@pytest.mark.parametrize(
    "totals",
    [(4, 4), (2, 2), (_LEFT_OUT, _LEFT_OUT), (4, _LEFT_OUT), (_LEFT_OUT, 4), (None, None)],
    ids=["whole result", "each page", "missing", "first page only", "last page only", "null"],
)
def test_total_that_is_borne_out_is_accepted(origin, origin_client, totals):
    """Whether TotalCount means the whole or the page is undocumented: either reading may hold, or nothing be stated."""
    origin.answer(_page([1, 2], "?skip=2", totals[0]), _page([3, 4], None, totals[1]))
    assert _sold(_sequentially(origin_client())) == [1, 2, 3, 4]
    assert len(origin.requests) == 2


@pytest.mark.parametrize(
    "totals",
    [(5, 5), (3, 3), (4, 5), (2, 4), (4, 2), (2, 3)],
    ids=str,
)
def test_total_that_is_not_borne_out_is_read_once_more_and_then_an_error(origin, origin_client, totals):
    """Rows that do not add up are read again from the start; if they do not add up again, no short list is returned."""
    pages = [_page([1, 2], "?skip=2", totals[0]), _page([3, 4], None, totals[1])]
    origin.answer(*pages, *pages)
    with pytest.raises(IncompleteResultError) as caught:
        _sequentially(origin_client())
    assert caught.value.retriable
    assert "4" in str(caught.value)
    assert [request.target.split("?")[1] for request in origin.requests] == ["top=10000", "skip=2"] * 2


def test_second_read_that_adds_up_is_returned_alone(origin, origin_client):
    """After a doubtful read only the rows of the second one are returned: none doubled, none left over."""
    origin.answer(_page([1, 2], None, 3), _page([1, 2], "?skip=2", 3), _page([3], None, 3))
    assert _sold(origin_client().list_licenses(RESOURCE)) == [1, 2, 3]


def test_iterator_cannot_take_back_so_doubt_is_the_error(origin, origin_client):
    """``iter_licenses`` has yielded rows already: it does not read again."""
    origin.answer(_page([1, 2], None, 3))
    reader = origin_client().iter_licenses(RESOURCE)
    assert next(reader).num_rows == 2
    with pytest.raises(IncompleteResultError, match=reader.correlation_id):
        next(reader)
    assert len(origin.requests) == 1


def test_closed_iterator_does_not_end_like_a_complete_one(origin, origin_client):
    """Whoever goes on after ``close`` is told, instead of taking the rows so far for all there are."""
    origin.answer(_page([1, 2], "?skip=2", 4))
    reader = origin_client().iter_licenses(RESOURCE, max_parallel_requests=1)
    assert next(reader).num_rows == 2
    reader.close()
    with pytest.raises(PartnerCenterError, match="closed before its end"):
        list(reader)
    assert len(origin.requests) == 1


def _dated(*days, link=None):
    rows = [{"serviceCode": "o365", "processedDateTime": f"2026-11-{day}T00:00:00"} for day in days]
    return Reply(body={"Value": rows, "@nextLink": link, "TotalCount": 4})


def _days(rows):
    return [int(row["processed_date_time"][8:10]) for row in rows]


def test_newer_data_is_a_doubt_though_the_dates_were_mixed_before(origin, origin_client):
    """A service that shows two dates on its first page and only a newer one on the next has been replaced."""
    new = [_dated(19, 19, link="?skip=2"), _dated(19, 19)]
    origin.answer(_dated(17, 18, link="?skip=2"), *new[1:], *new)
    assert _days(_sequentially(origin_client())) == [19, 19, 19, 19]


def test_data_replaced_in_a_sequential_read_is_read_once_more(origin, origin_client):
    """Another processed date in the middle is a doubt: old rows and new ones are no result."""
    new = [_dated(18, 18, link="?skip=2"), _dated(18, 18)]
    origin.answer(_dated(17, 17, link="?skip=2"), *new[1:], *new)
    assert _days(_sequentially(origin_client())) == [18, 18, 18, 18]
    assert len(origin.requests) == 4


def test_iterator_ends_where_data_are_replaced(origin, origin_client):
    """An iterator cannot take back the old rows, so the first page of newer data is its error."""
    origin.answer(_dated(17, 17, link="?skip=2"), _dated(18, 18))
    reader = origin_client().iter_licenses(RESOURCE, max_parallel_requests=1)
    assert next(reader).num_rows == 2
    with pytest.raises(IncompleteResultError, match="data processed at 2026-11-18T00:00:00"):
        next(reader)


def test_dates_that_are_mixed_at_every_read_are_data(origin, origin_client):
    """Each row has its own processed date: what two reads show alike is no replacement."""
    pages = [_dated(17, 17, link="?skip=2"), _dated(17, 18)]
    origin.answer(*pages, *pages)
    assert _days(_sequentially(origin_client())) == [17, 17, 17, 18]


@pytest.mark.parametrize(
    "body",
    [
        {"Value": None, "TotalCount": 0},
        {"totalCount": 0, "items": None},
        {"totalCount": 0, "attributes": {"objectType": "Collection"}},
    ],
    ids=["new", "old", "left out"],
)
def test_null_instead_of_an_empty_list_is_empty_if_the_total_says_so(origin, origin_client, body):
    """A serialiser may write null for no rows, or leave it out; with a total of 0 nothing else can be meant."""
    origin.answer(Reply(body=body))
    assert origin_client().list_licenses(RESOURCE) == []


@pytest.mark.parametrize("body", [{"totalCount": 2}, {"totalCount": 0, "links": {"next": {"uri": "/customers"}}}])
def test_rows_left_out_are_no_empty_result_otherwise(origin, origin_client, body):
    """A total or a link says that there are some."""
    origin.answer(Reply(body=body))
    with pytest.raises(ResponseFormatError, match="without a list of rows"):
        origin_client().list_licenses(RESOURCE)


_SHORT_INSIDE = [_page([1, 2], "?skip=2"), _page([3], "?skip=3"), _page([5, 6])]


_LONG_INSIDE = [_page([1, 2], "?skip=2"), _page([3, 4], "?skip=4"), _page([5, 6])]


@pytest.mark.parametrize(
    ("again", "sold"), [(_LONG_INSIDE, [1, 2, 3, 4, 5, 6]), (_SHORT_INSIDE, [1, 2, 3, 5, 6])], ids=["whole", "short"]
)
def test_short_page_in_the_middle_is_read_once_more_where_no_total_tells(origin, origin_client, again, sold):
    """A row may be missing there: the second read shows it, or the page is as short as before, and so it is."""
    origin.answer(*_SHORT_INSIDE, *again)
    assert _sold(origin_client().list_licenses(RESOURCE)) == sold
    assert len(origin.requests) == 6


def test_short_page_in_the_middle_ends_an_iterator(origin, origin_client):
    """It cannot read again; the sentence says how to read a service that always does so."""
    origin.answer(*_SHORT_INSIDE)
    with pytest.raises(IncompleteResultError, match=r"fewer rows.*max_parallel_requests=1"):
        list(origin_client().iter_licenses(RESOURCE))


def test_short_page_in_the_middle_is_no_doubt_where_a_total_tells_or_only_links_count(origin, origin_client):
    """The rows are as many as stated; or the caller wants the service's own pages, whatever their size."""
    origin.answer(_page([1, 2], "?skip=2"), _page([3], "?skip=3"), _page([5, 6], None, 5), *_SHORT_INSIDE)
    assert _sold(origin_client().list_licenses(RESOURCE)) == [1, 2, 3, 5, 6]
    assert _sold(_sequentially(origin_client())) == [1, 2, 3, 5, 6]
    assert len(origin.requests) == 6


def test_finished_iterator_stays_finished(origin, origin_client):
    """After the last page there is no other, however often it is asked; the end is logged once."""
    origin.answer(_page([1], None, 1))
    reader = origin_client().iter_licenses(RESOURCE)
    assert len(list(reader)) == 1
    assert list(reader) == []
    assert reader.row_count == 1


def test_failed_iterator_does_not_look_complete_afterwards(origin, origin_client, logs):
    """Asked again after a failure, the iterator must not end as if the result were whole."""
    origin.answer(_page([1, 2], None, 3))
    reader = origin_client().iter_licenses(RESOURCE)
    with pytest.raises(IncompleteResultError):
        list(reader)
    with pytest.raises(PartnerCenterError):
        list(reader)
    assert not any("2 rows [MS" in line for line in logs.of("airflow_partnercenter.api.client"))


@pytest.mark.parametrize("link", ["", PATH, f"{PATH}?top=10000"], ids=["same query", "no query", "itself"])
def test_loop_of_links_ends(origin, origin_client, link):
    """A next link that leads back to a page already read ends the call; it does not go on for ever."""
    link = link or "?top=10000"
    pages = [_page([1], link, 5), _page([2], "?top=10000", 5), _page([3], PATH, 5)]
    origin.answer(*pages, *pages)
    with pytest.raises(IncompleteResultError):
        origin_client().list_licenses(RESOURCE)
    assert len(origin.requests) <= 8


def test_longer_loop_ends_too(origin, origin_client):
    """A, B, A is a loop as well."""
    origin.answer(_page([1], "?skip=1"), _page([2], "?skip=2"), _page([3], "?skip=1"), _page([4], "?skip=2"))
    reader = origin_client().iter_licenses(RESOURCE)
    with pytest.raises(IncompleteResultError):
        list(reader)
    assert len(origin.requests) == 3


@pytest.mark.parametrize("total", [0, _LEFT_OUT, None], ids=["zero", "missing", "null"])
def test_empty_result_is_an_empty_list_and_a_warning(origin, origin_client, logs, total):
    """A 200 without rows is an outcome: an empty list, and a warning with the correlation id."""
    origin.answer(_page([], None, total))
    assert origin_client().list_licenses(RESOURCE) == []
    (warning,) = logs.of("airflow_partnercenter", 30)
    assert origin.requests[0].headers["ms-correlationid"] in warning


def test_empty_older_resource_is_explained(origin, origin_client, logs):
    """The legacy customer endpoint has been seen empty since 2021; the warning names the resource to use instead."""
    origin.answer(Reply(body={"totalCount": 0, "items": [], "attributes": {"objectType": "Collection"}}))
    guid = "0112a436-b14e-4888-967b-ca4bb2cf1234"
    assert origin_client().list_licenses("customer_licenses_deployment", customer_id=guid) == []
    (warning,) = logs.of("airflow_partnercenter", 30)
    assert "this resource is superseded" in warning
    assert "use licenses_deployment" in warning


def test_empty_page_in_the_middle_is_not_the_end(origin, origin_client):
    """Only a missing link ends a result."""
    origin.answer(_page([1], "?skip=1", 2), _page([], "?skip=2", 2), _page([2], None, 2))
    assert _sold(_sequentially(origin_client())) == [1, 2]


@pytest.mark.parametrize("status", [500, 503])
def test_page_two_that_fails_fails_the_call(origin, origin_client, status):
    """No list of the first page only."""
    origin.answer(_page([1, 2], "?skip=2", 4), Reply(status))
    with pytest.raises(ServiceError):
        origin_client(retry=RetryPolicy(attempts=2, total_seconds=5)).list_licenses(RESOURCE)


def test_page_two_that_heals_costs_only_itself(origin, origin_client):
    """A retry repeats the failed page, not those before it."""
    origin.answer(_page([1, 2], "?skip=2", 4), Reply(503), Reply(reset=True), _page([3, 4], None, 4))
    assert _sold(_sequentially(origin_client(retry=RetryPolicy(attempts=3, total_seconds=8)))) == [1, 2, 3, 4]
    assert [request.target.split("?")[1] for request in origin.requests] == ["top=10000", *["skip=2"] * 3]


def test_wrong_kind_on_page_two_names_the_row_of_the_whole_result(origin, origin_client):
    """The row number counts from the start of the result."""
    origin.answer(_page([1, 2], "?skip=2"), Reply(body={"Value": [{}, {"licensesSold": []}]}))
    with pytest.raises(ResponseFormatError, match="Row 4"):
        origin_client().list_licenses(RESOURCE)


def test_page_after_a_foreign_link_is_never_fetched(origin, origin_client, other_origin):
    """The token does not follow a next link to another host; nothing arrives there."""
    origin.answer(_page([1], f"{other_origin.url}{PATH}?skip=1", 2))
    with pytest.raises(ResponseFormatError, match="leads to"):
        origin_client().list_licenses(RESOURCE)
    assert other_origin.requests == []
    assert len(origin.requests) == 1


def test_link_with_another_port_on_the_same_host_is_foreign(origin, origin_client, other_origin):
    """An origin is scheme, host and port."""
    origin.answer(_page([1], f"https://localhost:{origin.port}{PATH}?skip=1", 2))
    with pytest.raises(ResponseFormatError):
        origin_client().list_licenses(RESOURCE)
    assert len(origin.requests) == 1


def test_equal_rows_are_kept(origin, origin_client):
    """A key that the service repeats in a read that adds up is data."""
    origin.answer(_page([7, 7], "?skip=2", 3), _page([7], None, 3))
    assert _sold(_sequentially(origin_client())) == [7, 7, 7]


def test_reader_tells_rows_and_times_so_far(origin, origin_client):
    """Row count, oldest and newest time grow with each page; times missing everywhere stay None."""
    rows = [{"processedDateTime": "2018-10-14T00:00:00"}, {"processedDateTime": None}]
    origin.answer(
        Reply(body={"Value": rows, "@nextLink": "?skip=2"}),
        Reply(body={"Value": [{"processedDateTime": "2018-10-12T00:00:00"}]}),
    )
    reader = origin_client().iter_licenses(RESOURCE)
    assert (reader.row_count, reader.oldest, reader.newest) == (0, None, None)
    next(reader)
    assert (reader.row_count, reader.oldest) == (2, "2018-10-14T00:00:00.000000Z")
    next(reader)
    assert (reader.row_count, reader.oldest, reader.newest) == (
        3,
        "2018-10-12T00:00:00.000000Z",
        "2018-10-14T00:00:00.000000Z",
    )


def test_arguments_are_checked_before_the_first_request(origin, origin_client):
    """A wrong argument fails at the call, not at the first iteration, and nothing is sent."""
    with pytest.raises(PartnerCenterError, match="page_size"):
        origin_client().iter_licenses(RESOURCE, page_size=0)
    reader = origin_client().iter_licenses(RESOURCE)
    assert reader.schema.names[-1] == "additional_fields"
    assert origin.requests == []
