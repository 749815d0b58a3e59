"""Which dates there are, asked with as little as the resource can give."""

from contextlib import suppress
from datetime import UTC, date, datetime

import pytest

from airflow_partnercenter.api.freshness import ProcessedDatesReader
from airflow_partnercenter.emulator import Answer
from airflow_partnercenter.exceptions import ApiError, ConfigurationError, TransportError
from tests.conftest import TODAY

LICENSES = "/partner/v1/analytics/commercial/deployment/license"
CRM, O365 = ("crm", "reseller"), ("o365", "reseller")
DATES = {CRM: datetime(2026, 11, 16, tzinfo=UTC), O365: datetime(2026, 11, 19, tzinfo=UTC)}


def _rows(*rows):
    """Return an answer of rows; each is (service, channel[, date])."""
    names = ("serviceCode", "channel", "processedDateTime", "licensesSold")
    value = [dict(zip(names, row, strict=False)) for row in rows]
    return Answer(200, {"Value": value, "@nextLink": None, "TotalCount": len(value)}, bom=True)


@pytest.fixture
def make_reader(make_client):
    """Return a function that makes a reader at this test's emulator."""
    return lambda resource="licenses_deployment", **query: ProcessedDatesReader(make_client(), resource, **query)


def _queries(emulator):
    return [request.query for request in emulator.api_requests]


def test_large_resource_is_asked_for_its_groups_and_one_row_of_each(make_reader, emulator):
    """Only documented fields are grouped by, and no more than one row a group is served."""
    assert make_reader().read() == DATES
    assert _queries(emulator) == [
        {"top": "10000", "groupby": "serviceCode,channel"},
        {"top": "1", "filter": "serviceCode eq 'crm' and channel eq 'reseller'"},
        {"top": "1", "filter": "serviceCode eq 'o365' and channel eq 'reseller'"},
    ]


def test_first_group_that_is_too_old_answers_the_question(make_reader, emulator):
    """Whoever waits for a time need not know the rest."""
    reader = make_reader()
    assert reader.read(datetime(2026, 11, 17, tzinfo=UTC)) == {CRM: DATES[CRM]}
    assert len(emulator.api_requests) == 2
    assert reader.read_if_oldest_moved(datetime(2026, 11, 17, tzinfo=UTC)) == {CRM: DATES[CRM]}
    assert len(emulator.api_requests) == 3
    assert reader.read(datetime(2026, 11, 16, tzinfo=UTC)) == DATES


def test_usage_has_a_date_for_each_workload(make_reader, emulator):
    """The workload is part of the group."""
    dates = make_reader("licenses_usage").read()
    assert ("o365", "reseller", "EXO") in dates
    assert _queries(emulator)[0]["groupby"] == "serviceCode,channel,workloadCode"
    assert len(emulator.api_requests) == 1 + len(dates)


@pytest.mark.parametrize(
    ("resource", "path"),
    [
        ("partner_licenses_deployment", "/v1/analytics/licenses/deployment"),
        ("partner_licenses_usage", "/v1/analytics/licenses/usage"),
    ],
)
def test_older_resource_is_one_request_without_a_query(make_reader, emulator, resource, path):
    """Microsoft documents no query for them."""
    assert {group[0]: when.date() for group, when in make_reader(resource).read().items()} == {
        "crm": date(2026, 11, 16),
        "o365": date(2026, 11, 19),
    }
    assert [(request.path, request.raw_query) for request in emulator.api_requests] == [(path, "")]


def test_customers_are_asked_one_by_one_and_the_oldest_date_of_a_group_counts(make_reader, emulator):
    """A group is as old as its oldest row."""
    customers = [customer.id for customer in emulator.partner.customers]
    old = {"serviceName": "o365", "channel": "reseller", "processedDateTime": "2026-11-01T00:00:00+00:00"}
    emulator.answer_next(Answer(200, {"totalCount": 1, "items": [old]}), customers[1])
    dates = make_reader("customer_licenses_deployment", customer_id=customers).read()
    assert dates[O365] == datetime(2026, 11, 1, tzinfo=UTC)
    assert len(emulator.api_requests) == len(customers)


def test_grouped_rows_that_carry_dates_are_enough(make_reader, emulator):
    """Against the documentation, but then it is all in one answer; the older of two dates counts."""
    rows = _rows((*CRM, "2026-11-15T00:00:00"), (*CRM, "2026-11-16T00:00:00"), (*O365, "2026-11-19T00:00:00"))
    emulator.answer_next(rows, "groupby")
    assert make_reader().read() == DATES | {CRM: datetime(2026, 11, 15, tzinfo=UTC)}
    assert len(emulator.api_requests) == 1


@pytest.mark.parametrize(
    ("answer", "where"),
    [
        (_rows((*O365, "2026-11-19T00:00:00")), "crm"),
        (_rows(), "crm"),
        (_rows((None, "reseller"), O365), "groupby"),
    ],
    ids=["filter ignored", "filter finds nothing", "group without a code"],
)
def test_all_rows_are_read_where_a_filter_does_not_do(make_reader, emulator, answer, where):
    """A service that behaves otherwise than documented costs requests, but not rightness."""
    emulator.answer_next(answer, where)
    assert make_reader().read() == DATES
    assert _queries(emulator)[-1] == {"top": "10000"}


def test_row_without_a_date_leaves_its_group_unknown(make_reader, emulator):
    """Unknown is not new."""
    emulator.answer_next(_rows(CRM), "crm")
    assert make_reader().read() == DATES | {CRM: None}


def test_no_rows_are_no_dates(make_reader, emulator):
    """Nothing is made up."""
    emulator.answer_next(_rows(), "groupby")
    assert make_reader().read() == {}
    assert len(emulator.api_requests) == 1


def test_one_request_tells_that_the_oldest_has_not_moved(make_reader, emulator):
    """While it has not, nobody who waits for all groups has anything to learn; when it has, all are asked."""
    reader = make_reader()
    reader.read_if_oldest_moved()
    emulator.requests.clear()
    assert reader.read_if_oldest_moved() == DATES
    assert _queries(emulator) == [{"top": "1", "filter": "serviceCode eq 'crm' and channel eq 'reseller'"}]
    emulator.today = date(2026, 11, 21)
    try:
        assert reader.read_if_oldest_moved()[CRM] == datetime(2026, 11, 17, tzinfo=UTC)
    finally:
        emulator.today = TODAY
    assert len(emulator.api_requests) == 1 + 1 + 3


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("serviceCode eq 'crm'", "serviceCode eq 'crm' and serviceCode eq 'crm' and channel eq 'reseller'"),
        (
            "customerName ne 'this or that' or channel eq 'reseller'",
            "customerName ne 'this or that' and serviceCode eq 'crm' and channel eq 'reseller'"
            " or channel eq 'reseller' and serviceCode eq 'crm' and channel eq 'reseller'",
        ),
        (
            "serviceCode eq 'crm' or (channel eq 'reseller')",
            "(serviceCode eq 'crm' or (channel eq 'reseller')) and serviceCode eq 'crm' and channel eq 'reseller'",
        ),
        ("customerName ne 'a (b)'", "customerName ne 'a (b)' and serviceCode eq 'crm' and channel eq 'reseller'"),
    ],
)
def test_group_is_looked_for_within_the_users_own_filter(make_reader, emulator, given, sent):
    """``and`` binds tighter than ``or``: each alternative is narrowed."""
    emulator.answer_next(_rows(CRM), "groupby")
    emulator.answer_next(_rows((*CRM, "2026-11-16T00:00:00")), "top=1&")
    make_reader(filter_expression=given).read()
    assert [query["filter"] for query in _queries(emulator)] == [given, sent]


def test_quote_in_a_value_is_doubled(make_reader, emulator):
    """As OData writes it."""
    emulator.answer_next(_rows(("o'365", "reseller")), "groupby")
    with suppress(ApiError):
        make_reader().read()
    assert _queries(emulator)[1]["filter"] == "serviceCode eq 'o''365' and channel eq 'reseller'"


def test_dates_as_json_are_sorted_rows(make_reader):
    """Column names are the resource's own; a time looks as in rows; an unknown one is null."""
    reader = make_reader()
    assert reader.to_json({O365: None, CRM: DATES[CRM]}) == [
        {"service_code": "crm", "channel": "reseller", "processed_date_time": "2026-11-16T00:00:00.000000Z"},
        {"service_code": "o365", "channel": "reseller", "processed_date_time": None},
    ]


def test_reader_that_was_given_up_sends_nothing_more(make_reader, emulator):
    """Whoever waited has left."""
    reader = make_reader()
    reader.give_up()
    with pytest.raises(TransportError, match="given up"):
        reader.read()
    assert emulator.api_requests == []


def test_wrong_arguments_are_named_at_once(make_reader, emulator):
    """Before anything is sent."""
    with pytest.raises(ConfigurationError, match="customer_id"):
        make_reader("customer_licenses_usage")
    assert emulator.requests == []
