"""From bytes to typed rows: nothing guessed, nothing lost."""

import json
import math
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_partnercenter.api.pages.decoding import RowDecoder, schema_of
from airflow_partnercenter.api.pages.envelope import decode_records
from airflow_partnercenter.api.resources import RESOURCES
from airflow_partnercenter.exceptions import ResponseFormatError
from airflow_partnercenter.rows import to_rows
from tests.support.documented import CUSTOMER_ID, ROWS, query_of, wire_bytes

FIXTURES = Path(__file__).parents[3] / "fixtures"
BOM = b"\xef\xbb\xbf"


def _rows(resource: str, *records: dict, customer_id: str | None = None) -> list[dict]:
    return to_rows(RowDecoder(RESOURCES[resource]).to_batch(list(records), customer_id=customer_id))


def _value(resource: str, wire: str, value: object) -> object:
    field = next(field for field in RESOURCES[resource].fields if field.wire == wire)
    return _rows(resource, {wire: value})[0][field.column]


def test_documented_deployment_answer_is_487_bytes():
    """The example body of the first page has the Content-Length printed beside it, byte order mark included."""
    body = wire_bytes("partner_licenses_deployment")
    assert len(body) == 487
    assert body.startswith(BOM)


def test_documented_deployment_answer_becomes_exactly_these_rows():
    """The body of GET /v1/analytics/licenses/deployment, spelt out here, becomes two rows of five columns."""
    body = BOM + (
        b'{"totalCount":2,"items":[{"proratedDeploymentPercent":0.0,"licensesSold":343,'
        b'"processedDateTime":"2017-03-10T00:00:00+00:00","serviceName":"crm","channel":"reseller",'
        b'"attributes":{"objectType":"PartnerLicensesDeploymentInsights"}},{"proratedDeploymentPercent":1.0,'
        b'"licensesSold":4464,"processedDateTime":"2017-03-14T03:25:16.36+00:00","serviceName":"o365",'
        b'"channel":"reseller","attributes":{"objectType":"PartnerLicensesDeploymentInsights"}}],'
        b'"attributes":{"objectType":"Collection"}}'
    )
    assert body == wire_bytes("partner_licenses_deployment")
    page = decode_records(body)
    assert page.stated_total == 2
    assert page.next_link is None
    assert _rows("partner_licenses_deployment", *page.rows) == [
        {
            "prorated_deployment_percent": 0.0,
            "licenses_sold": 343,
            "processed_date_time": "2017-03-10T00:00:00.000000Z",
            "service_name": "crm",
            "channel": "reseller",
        },
        {
            "prorated_deployment_percent": 1.0,
            "licenses_sold": 4464,
            "processed_date_time": "2017-03-14T03:25:16.360000Z",
            "service_name": "o365",
            "channel": "reseller",
        },
    ]


@pytest.mark.parametrize("resource", ROWS)
def test_documented_answer_becomes_its_rows(resource):
    """Every documented licence body becomes the rows written out by hand, types and key order included."""
    page = decode_records(wire_bytes(resource))
    rows = _rows(resource, *page.rows, **query_of(resource))
    assert json.dumps(rows) == json.dumps(ROWS[resource])


@pytest.mark.parametrize("resource", ROWS)
def test_byte_order_mark_changes_nothing(resource):
    """With or without the mark a body means the same."""
    body = wire_bytes(resource)
    assert decode_records(body) == decode_records(body.removeprefix(BOM))


def test_whole_floats_are_counts_and_percents_stay_as_served():
    """Recordings of 2017 carry counts like ``206.0`` and percents like 25.59: the first become int, the second stay."""
    page = decode_records((FIXTURES / "counts_as_floats_deployment.json").read_bytes())
    rows = _rows("partner_licenses_deployment", *page.rows)
    assert [(row["licenses_sold"], row["prorated_deployment_percent"]) for row in rows] == [(188, 3.72), (512, 25.59)]
    assert all(type(row["licenses_sold"]) is int for row in rows)
    assert [row["processed_date_time"] for row in rows] == [
        "2017-11-06T00:00:00.000000Z",
        "2017-11-10T04:12:27.480000Z",
    ]


def test_recording_of_usage_is_read():
    """A usage answer with its total at the end and times ending in Z is read row by row."""
    content = json.loads((FIXTURES / "counts_as_floats_usage.json").read_bytes())
    page = decode_records(json.dumps(content).encode())
    rows = _rows("partner_licenses_usage", *page.rows)
    assert len(rows) == page.stated_total
    assert [row["prorated_licenses_usage_percent"] for row in rows] == [
        item["proratedLicensesUsagePercent"] for item in content["items"]
    ]
    assert [row["workload_name"] for row in rows] == [item["workloadName"] for item in content["items"]]


@pytest.mark.parametrize("served", ["63", 63, 63.0, "63.0"], ids=repr)
def test_count_may_come_as_text_or_float(served):
    """The sibling API serves counts as text; all forms are the same number."""
    value = _value("licenses_usage", "licensesActive", served)
    assert value == 63
    assert type(value) is int


@pytest.mark.parametrize("served", [2.5, 100, 0, 143.75, "26.16"], ids=repr)
def test_percent_is_passed_through(served):
    """Percent points may exceed 100 and are never rescaled or clamped."""
    assert _value("customer_licenses_usage", "usagePercent", served) == float(served)


def test_misspelt_license_active_fills_the_column():
    """``licenseActive`` of the page's example is ``licensesActive`` of its table, and no additional field."""
    rows = _rows("licenses_usage", {"licenseActive": 3}, {"licensesActive": 4}, {"licensesActive": None})
    assert [row["licenses_active"] for row in rows] == [3, 4, None]
    assert not any("additional_fields" in row for row in rows)


@pytest.mark.parametrize(
    ("served", "read"),
    [
        ("2018-10-14T00:00:00", "2018-10-14T00:00:00.000000Z"),
        ("2017-03-14T03:25:16.36+00:00", "2017-03-14T03:25:16.360000Z"),
        ("2017-03-14T03:25:16.3612345+00:00", "2017-03-14T03:25:16.361234Z"),
        ("2017-03-14T03:25:16.361234Z", "2017-03-14T03:25:16.361234Z"),
        ("2017-03-14T03:25:16Z", "2017-03-14T03:25:16.000000Z"),
        ("2017-03-14T03:25:16+02:00", "2017-03-14T01:25:16.000000Z"),
        ("2017-03-14T03:25:16.5-05:30", "2017-03-14T08:55:16.500000Z"),
        ("0001-01-01T00:00:00", "0001-01-01T00:00:00.000000Z"),
        ("9999-12-31T23:59:59.9999999", "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_time_is_utc_with_six_digits(served, read):
    """Naive times are UTC, offsets are converted, and 0, 1, 2, 6 or 7 fractional digits are understood."""
    assert _value("licenses_deployment", "processedDateTime", served) == read


@pytest.mark.parametrize("resource", RESOURCES)
def test_missing_field_is_null_never_zero(resource):
    """An absent count is not a count of zero; absent and null are the same."""
    empty, nulls = _rows(resource, {}, {field.wire: None for field in RESOURCES[resource].fields})
    assert empty == nulls == dict.fromkeys(RESOURCES[resource].columns)


@pytest.mark.parametrize("resource", RESOURCES)
def test_schema_is_typed_before_the_first_row(resource):
    """An empty result has the same columns and types as any other: counts int64, percents float64, times UTC."""
    types = {"count": pa.int64(), "percent points": pa.float64(), "text": pa.string()}
    expected = [
        (field.column, types.get(field.kind.value, pa.timestamp("us", tz="UTC")))
        for field in RESOURCES[resource].fields
    ]
    schema = schema_of(RESOURCES[resource])
    assert [(field.name, field.type) for field in schema] == [*expected, ("additional_fields", pa.string())]
    assert RowDecoder(RESOURCES[resource]).to_batch([]).schema == schema
    assert all(field.nullable for field in schema)


def test_unknown_field_is_kept_as_json_and_named_once(logs):
    """What the service sends and we do not know is kept as JSON text and named once in the log, not once a page."""
    decoder = RowDecoder(RESOURCES["licenses_deployment"])
    first = decoder.to_batch([{"licensesSold": 1, "skuId": "x", "more": {"a": [1, None]}}, {"licensesSold": 2}])
    second = decoder.to_batch([{"skuId": None}])
    rows = to_rows(first) + to_rows(second)
    assert json.loads(rows[0]["additional_fields"]) == {"skuId": "x", "more": {"a": [1, None]}}
    assert "additional_fields" not in rows[1]
    assert json.loads(rows[2]["additional_fields"]) == {"skuId": None}
    warnings = logs.of("airflow_partnercenter", 30)
    assert len(warnings) == 1
    assert "skuId" in warnings[0]
    assert "more" in warnings[0]


def test_both_spellings_of_one_field_lose_nothing():
    """If a row has ``licensesActive`` and ``licenseActive`` with different values, both are still there."""
    row = _rows("licenses_usage", {"licensesActive": 5, "licenseActive": 7})[0]
    assert row["licenses_active"] == 5
    assert "7" in row.get("additional_fields", "")


def test_attributes_are_dropped():
    """``attributes`` says only what kind of object a row is."""
    row = _rows("partner_licenses_usage", {"attributes": {"objectType": "PartnerLicensesUsageInsights"}})[0]
    assert set(row) == set(RESOURCES["partner_licenses_usage"].columns)


def test_customer_id_comes_from_the_request_where_the_service_omits_it():
    """Rows of one customer carry no customerId on the wire; one that is there stays as it was served."""
    served = {}, {"customerId": ""}, {"customerId": CUSTOMER_ID.upper()}
    rows = _rows("customer_licenses_usage", *served, customer_id=CUSTOMER_ID)
    assert [row["customer_id"] for row in rows] == [CUSTOMER_ID, CUSTOMER_ID, CUSTOMER_ID.upper()]


def test_rows_of_another_customer_are_no_answer():
    """Whose rows they are must never be in doubt."""
    other = "00000000-1111-2222-3333-444444444444"
    with pytest.raises(ResponseFormatError, match=f"{CUSTOMER_ID} has rows of {other}"):
        _rows("customer_licenses_usage", {}, {"customerId": other}, customer_id=CUSTOMER_ID)


def test_duplicate_rows_are_data():
    """Rows carry no subscription ID, so two equal ones are two rows."""
    assert len(_rows("licenses_deployment", {"licensesSold": 1}, {"licensesSold": 1})) == 2


WRONG = [
    ("licensesSold", True, "true or false", "a whole number"),
    ("licensesSold", 1.5, "a number", "a whole number"),
    ("licensesSold", "many", "text", "a whole number"),
    ("licensesSold", "", "text", "a whole number"),
    ("licensesSold", "1.5", "text", "a whole number"),
    ("licensesSold", "NaN", "text", "a whole number"),
    ("licensesSold", "Infinity", "text", "a whole number"),
    ("licensesSold", "1_000", "text", "a whole number"),
    ("licensesSold", 2**63, "a number", "a whole number"),
    ("licensesSold", -(2**63) - 1, "a number", "a whole number"),
    ("licensesSold", str(2**63), "text", "a whole number"),
    ("licensesSold", 1e300, "a number", "a whole number"),
    ("licensesSold", [1], "a list", "a whole number"),
    ("licensesSold", {}, "an object", "a whole number"),
    ("customerName", 5, "a number", "text"),
    ("customerName", False, "true or false", "text"),
    ("customerName", [], "a list", "text"),
    ("processedDateTime", 1541030400, "a number", "ISO 8601"),
    ("processedDateTime", "yesterday", "text", "ISO 8601"),
    ("processedDateTime", "", "text", "ISO 8601"),
    ("processedDateTime", "0001-01-01T00:00:00+05:00", "text", "ISO 8601"),
    ("processedDateTime", True, "true or false", "ISO 8601"),
]


@pytest.mark.parametrize(("wire", "value", "holds", "expected"), WRONG, ids=[f"{w[0]}={w[1]!r}"[:50] for w in WRONG])
def test_value_of_the_wrong_kind_names_field_kind_and_row(wire, value, holds, expected):
    """A value of the wrong kind is an error that names row, field and both kinds, but not the value."""
    decoder = RowDecoder(RESOURCES["licenses_deployment"])
    with pytest.raises(ResponseFormatError) as caught:
        decoder.to_batch([{}, {wire: value}], rows_before=10_000)
    message = str(caught.value)
    assert "10002" in message.replace(",", "")
    assert wire in message
    assert f"holds {holds}" in message
    assert expected in message
    assert not caught.value.retriable


@pytest.mark.parametrize("value", ["NaN", "nan", "Infinity", "-inf", "1e400", True, "", "12%", [1.0]], ids=repr)
def test_percent_must_be_a_finite_number(value):
    """NaN, infinities and booleans are no percents."""
    with pytest.raises(ResponseFormatError, match="usagePercent"):
        _value("customer_licenses_usage", "usagePercent", value)


@pytest.mark.parametrize("value", [2**63 - 1, -(2**63), str(2**63 - 1), 2**53 + 1, str(2**53 + 1), 0, -1], ids=repr)
def test_count_of_64_bits_is_exact(value):
    """Counts keep every digit up to the limits of int64."""
    assert _value("licenses_deployment", "licensesSold", value) == int(value)


@given(st.integers(-(2**63), 2**63 - 1))
def test_any_int64_survives_as_number_and_as_text(number):
    """A count is exact whether served as a number or as text."""
    body = json.dumps({"Value": [{"licensesSold": number}, {"licensesSold": str(number)}]}).encode()
    rows = _rows("licenses_deployment", *decode_records(body).rows)
    assert [row["licenses_sold"] for row in rows] == [number, number]


@given(st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31)))
def test_any_naive_time_survives(value):
    """Every time of the calendar comes back to the microsecond."""
    text = _value("licenses_usage", "processedDateTime", value.isoformat())
    assert datetime.fromisoformat(text) == value.replace(tzinfo=UTC)


_json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=3,
)
_names = st.sampled_from([field.wire for field in RESOURCES["customer_licenses_usage"].fields]) | st.text(max_size=4)


@given(st.lists(st.dictionaries(_names, _json_values, max_size=4), max_size=3))
def test_any_json_becomes_rows_or_one_error_of_ours(records):
    """Whatever valid JSON the rows hold, they become rows of plain values or a ResponseFormatError."""
    body = json.dumps({"Value": records}).encode()
    try:
        rows = _rows("customer_licenses_usage", *decode_records(body).rows)
    except ResponseFormatError:
        return
    assert len(rows) == len(records)
    for row in rows:
        json.dumps(row, allow_nan=False)
        assert all(not isinstance(value, float) or math.isfinite(value) for value in row.values())


@pytest.mark.parametrize(
    ("body", "count", "total"),
    [
        (b'{"Value":[],"@nextLink":null,"TotalCount":0}', 0, 0),
        (b'{"totalCount":0,"items":[],"attributes":{"objectType":"Collection"}}', 0, 0),
        (b'{"Value":[{}]}', 1, None),
        (b'{"items":[{}],"totalCount":null}', 1, None),
        (b'{"Value":[{}],"TotalCount":"1"}', 1, 1),
        (b' \n{"Value":[{}],"TotalCount":1.0}\n', 1, 1),
        (b'{"value":[{}],"TotalCount":1}', 1, 1),
    ],
)
def test_both_envelopes_are_read(body, count, total):
    """Value and items, TotalCount and totalCount; a total may be absent or text."""
    page = decode_records(body)
    assert (len(page.rows), page.stated_total) == (count, total)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        BOM,
        b"<!DOCTYPE html><html><title>Sign in</title></html>",
        b"null",
        b"[]",
        b'"text"',
        b"{}",
        b'{"Value":null}',
        b'{"Value":{}}',
        b'{"Value":["a"]}',
        b'{"Value":[null]}',
        b'{"items":5,"totalCount":5}',
        b'{"Value":[{"licensesSold":NaN}]}',
        b'{"Value":[{"licensesSold":1}',
        b'{"Value":[{"customerName":"\xff\xfe"}]}',
        b'{"Value":[],"TotalCount":"many"}',
        b'{"Value":[],"TotalCount":true}',
        b'{"Value":[],"TotalCount":{}}',
        b"\xff\xfe{\x00}\x00",
        b'{"code":2000,"description":"Account Id has to be set."}',
    ],
    ids=lambda body: repr(body)[:40],
)
def test_body_of_another_shape_is_an_error(body):
    """A 200 that is not the documented shape is an error, never an empty result."""
    with pytest.raises(ResponseFormatError):
        decode_records(body)


def test_html_page_is_called_one():
    """A proxy's sign-in page is recognised, and nothing of it is repeated."""
    with pytest.raises(ResponseFormatError, match="HTML") as caught:
        decode_records(b"<html>password=hunter22</html>")
    assert "hunter22" not in str(caught.value)


def test_deeply_nested_body_is_one_of_our_errors():
    """A body nested deeper than any parser goes is a format error, not a crash."""
    with pytest.raises(ResponseFormatError):
        decode_records(b'{"Value":' + b"[" * 100_000)


@pytest.mark.parametrize("text", ["\\ud83d\\ude00", "Köln 日本", "a\\u0000b", "line\\u2028"])
def test_text_of_any_script_survives(text):
    """Escapes, emoji and control characters in names arrive as they are."""
    row = decode_records(f'{{"Value":[{{"customerName":"{text}"}}]}}'.encode()).rows[0]
    assert _rows("licenses_usage", row)[0]["customer_name"] == json.loads(f'"{text}"')


def test_lone_surrogate_is_one_of_our_errors():
    """Half a character cannot be written to any file; it is a format error, not a crash."""
    with pytest.raises(ResponseFormatError):
        _rows("licenses_usage", *decode_records(b'{"Value":[{"customerName":"\\ud83d"}]}').rows)
