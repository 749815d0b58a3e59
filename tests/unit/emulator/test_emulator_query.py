"""Filter, grouping and the numbers of a query, as Microsoft's pages describe them."""

from datetime import date

import pytest

from airflow_partnercenter.emulator import query
from airflow_partnercenter.emulator.faults import FaultError

ROWS = [
    {"serviceCode": "o365", "channel": "reseller", "productName": "A", "customerName": "O'Neill", "n": 1, "m": 10},
    {"serviceCode": "o365", "channel": "direct", "productName": "B", "customerName": "Müller", "n": 2, "m": 20},
    {"serviceCode": "crm", "channel": "reseller", "productName": "C", "customerName": "", "n": 3, "m": 30},
]


@pytest.mark.parametrize(
    ("expression", "products"),
    [
        ("serviceCode eq 'o365'", "AB"),
        ("serviceCode eq 'O365'", "AB"),
        ("serviceCode ne 'o365'", "C"),
        ("serviceCode eq 'o365' and channel eq 'Reseller'", "A"),
        ("serviceCode eq 'crm' or channel eq 'direct'", "BC"),
        ("productName eq 'C' or serviceCode eq 'o365' and channel eq 'direct'", "BC"),
        ("serviceCode eq 'o365' and channel eq 'direct' or productName eq 'C'", "BC"),
        ("customerName eq 'O''Neill'", "A"),
        ("customerName eq 'MÜLLER'", "B"),
        ("customerName eq ''", "C"),
        ("customerName eq 'and or eq'", ""),
        ("  serviceCode   eq'crm' ", "C"),
    ],
)
def test_filter_keeps_the_rows_that_match(expression, products):
    """``and`` binds tighter than ``or``, case does not matter, a doubled quote is a quote."""
    assert "".join(row["productName"] for row in query.filtered(ROWS, expression, "deployment")) == products


@pytest.mark.parametrize(
    ("expression", "named"),
    [
        ("serviceCode gt 'a'", "operator 'gt'"),
        ("serviceCode EQ 'a'", "operator 'EQ'"),
        ("contains(productName,'a')", "field 'contains'"),
        ("service_code eq 'a'", "field 'service_code'"),
        ("licensesSold eq '1'", "field 'licensesSold'"),
        ("workloadCode eq 'EXO'", "field 'workloadCode'"),
        ("serviceCode eq o365", "'o365' is not a string"),
        ('serviceCode eq "o365"', "is not a string"),
        ("serviceCode eq 'o365", "unclosed quote"),
        ("serviceCode eq 'a' xor channel eq 'b'", "not 'xor'"),
        ("serviceCode eq 'a' and", "incomplete"),
        ("serviceCode eq 'a' channel eq 'b'", "not 'channel'"),
        ("(serviceCode eq 'a')", "field '('"),
        ("serviceCode eq", "incomplete"),
    ],
)
def test_filter_names_what_it_does_not_understand(expression, named):
    """Anything undocumented is fault 3000, and the text says what it was."""
    with pytest.raises(FaultError) as caught:
        query.filtered(ROWS, expression, "deployment")
    assert (caught.value.fault.status, caught.value.fault.code) == (400, "3000")
    assert named in caught.value.detail


def test_usage_can_be_filtered_by_workload():
    """F has two fields more than E."""
    rows = [{"workloadCode": "EXO"}, {"workloadCode": "SPO"}]
    assert query.filtered(rows, "workloadCode eq 'exo'", "usage") == rows[:1]


def test_groups_have_the_fields_asked_for_and_the_sums():
    """No other field survives, and every row counts once."""
    assert query.grouped(ROWS, "serviceCode", "deployment", ("n", "m")) == [
        {"serviceCode": "o365", "n": 3, "m": 30},
        {"serviceCode": "crm", "n": 3, "m": 30},
    ]
    assert len(query.grouped(ROWS, "serviceCode, channel", "deployment", ("n", "m"))) == 3


@pytest.mark.parametrize("groupby", ["licensesSold", "processedDateTime", "serviceCode,,channel", "workloadCode", ","])
def test_grouping_by_anything_else_is_refused(groupby):
    """Only the documented fields group; F's fields do not group E."""
    with pytest.raises(FaultError, match="groupby"):
        query.grouped(ROWS, groupby, "deployment", ("n", "m"))


@pytest.mark.parametrize("text", ["0", "-1", "10001", "ten", "1.0", "", " 5", "1e3", "٣"])
def test_top_is_a_whole_number_within_its_limits(text):
    """Anything else is a fault, not a guess."""
    with pytest.raises(FaultError, match="top"):
        query.whole_number("top", text, 100, 1, 10_000)


def test_absent_number_takes_the_default():
    """And a present one is read."""
    assert query.whole_number("top", None, 100, 1, 10_000) == 100
    assert query.whole_number("top", "10000", 100, 1, 10_000) == 10_000
    assert query.whole_number("skip", "0", 5, 0) == 0


@pytest.mark.parametrize(
    "text", ["2026-02-03", "2026-02-03T00:00:00", "2026-02-03T04:05:06.78Z", "2026-02-03T00:00:00+00:00"]
)
def test_processed_date_may_have_a_time(text):
    """The day counts."""
    assert query.processed_date(text) == date(2026, 2, 3)


def test_processed_date_is_refused_if_it_is_none():
    """A mistyped date must not silently mean the newest one."""
    assert query.processed_date(None) is None
    with pytest.raises(FaultError, match=r"03\.02\.2026"):
        query.processed_date("03.02.2026")
