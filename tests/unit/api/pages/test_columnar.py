"""The fast way from a body to columns gives what the thorough one gives, or leaves the body to it."""

import json
import subprocess
import sys
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_partnercenter.api.pages.columnar import ColumnReader
from airflow_partnercenter.api.pages.decoding import RowDecoder, schema_of
from airflow_partnercenter.api.pages.envelope import decode_records
from airflow_partnercenter.api.resources import RESOURCES, Kind
from airflow_partnercenter.exceptions import ResponseFormatError
from tests.support.documented import wire_bytes

COMMERCIAL = [resource.name for resource in RESOURCES.values() if resource.is_commercial]
RESOURCE = RESOURCES["licenses_usage"]
READER = ColumnReader(RESOURCE, schema_of(RESOURCE))


def _thorough(resource, body):
    """Return the page as its rows are read one by one."""
    page = decode_records(body)
    return RowDecoder(resource).to_batch(page.rows), page.stated_total, page.next_link


def _parts(page):
    return page.rows, page.stated_total, page.next_link


def _body(*records):
    return json.dumps({"Value": list(records), "@nextLink": None, "TotalCount": len(records)}).encode()


@pytest.mark.parametrize("link", ["?skip=1", "partner/v1/analytics/commercial/usage/license?skip=1", "license?skip=1"])
def test_both_ways_follow_the_same_link(link):
    """Whatever form it has."""
    body = json.dumps({"Value": [{}], "@nextLink": link, "TotalCount": 2}).encode()
    page = READER.read(body)
    assert page is not None
    assert page.next_link == _thorough(RESOURCE, body)[2]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "byte order mark"])
@pytest.mark.parametrize("name", COMMERCIAL)
def test_documented_body_takes_the_fast_way(name, mark):
    """The examples of Microsoft's pages need nothing but the fast way, as long as they spell their fields right."""
    resource = RESOURCES[name]
    body = mark + wire_bytes(name).removeprefix(b"\xef\xbb\xbf").replace(b"licenseActive", b"licensesActive")
    page = ColumnReader(resource, schema_of(resource)).read(body)
    assert page is not None
    assert _parts(page) == _thorough(resource, body)
    assert len(page.rows) > 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"\xef\xbb\xbfnull",
        b" null",
        b"[]",
        b'{"Value":[]',
        b'{"Value":[]}{"Value":[]}',
        b'{"Value":[]}null',
        b'{"Value":null,"TotalCount":0}',
        b'{"Value":[null]}',
        b'{"Value":[1]}',
        b'{"Value":[{"licenseActive":1}]}',
        b'{"Value":[{"licensesNew":1}]}',
        b'{"Value":[{"attributes":{}}]}',
        b'{"Value":[{"licensesActive":"63"}]}',
        b'{"Value":[{"licensesActive":63.0}]}',
        b'{"Value":[{"licensesActive":9223372036854775808}]}',
        b'{"Value":[{"licensesActive":true}]}',
        b'{"Value":[{"licensesActive":1,"licensesActive":2}]}',
        b'{"Value":[{"customerName":1}]}',
        b'{"Value":[{"customerName":"\\ud83d"}]}',
        b'{"Value":[{"customerName":"\xff"}]}',
        b'{"Value":[{"processedDateTime":"yesterday"}]}',
        b'{"Value":[],"TotalCount":"5"}',
        b'{"Value":[],"@nextLink":{}}',
        b'{"Value":[],"@nextLink":"\xff"}',
        b'{"Value":[],"context":1}',
        b'{"items":[],"totalCount":0}',
        b"<html>",
    ],
    ids=repr,
)
def test_body_that_is_not_exactly_as_declared_is_left_to_the_thorough_way(body):
    """Nothing is coerced, dropped or guessed on the fast way."""
    assert READER.read(body) is None


_TEXTS = st.one_of(
    st.none(), st.text(max_size=20), st.sampled_from(['"', "\\", "\u2028", "\x00", "שלום", "😀", "a\nb"])
)
_COUNTS = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.integers(0, 500))
_TIMES = st.one_of(
    st.none(),
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(datetime.isoformat),
    st.sampled_from(["2017-03-14T03:25:16.36+00:00", "2026-11-19T00:00:00Z", "2026-11-19T00:00:00.1234567", "2026"]),
)
_ODD = st.one_of(st.booleans(), st.floats(allow_nan=False), st.sampled_from(["63", "x", [], {}]))
_VALUES = {Kind.TEXT: _TEXTS, Kind.COUNT: _COUNTS, Kind.TIME: _TIMES}
_RECORDS = st.fixed_dictionaries({}, optional={field.wire: _VALUES[field.kind] for field in RESOURCE.fields})
_ODD_RECORDS = st.fixed_dictionaries(
    {}, optional={name: st.one_of(_ODD, _TEXTS) for name in ("licensesActive", "customerName", "licenseActive", "new")}
)


_ENVELOPES = st.fixed_dictionaries(
    {},
    optional={"@nextLink": st.sampled_from([None, "", "?skip=2"]), "TotalCount": st.sampled_from([None, 3, "3", 3.0])},
)


@settings(max_examples=400, deadline=None)
@given(st.lists(_RECORDS, max_size=5), st.lists(_ODD_RECORDS, max_size=1), _ENVELOPES, st.booleans())
def test_both_ways_give_the_same_columns(records, odd, envelope, ascii_only):
    """Random pages of any text, number and time: what the fast way takes, the thorough one reads equally."""
    body = json.dumps({"Value": records + odd} | envelope, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    page = READER.read(body)
    if page is None:
        return
    assert _parts(page) == _thorough(RESOURCE, body)
    assert page.rows.schema == schema_of(RESOURCE)


@settings(max_examples=400, deadline=None)
@given(st.lists(_RECORDS, min_size=1, max_size=5), st.data())
def test_damaged_body_is_never_taken_for_another_page(records, data):
    """A byte changed or a tail lost: what the fast way still takes, the thorough one reads equally."""
    body = bytearray(_body(*records))
    place = data.draw(st.integers(0, len(body) - 1))
    if data.draw(st.booleans()):
        body[place] = data.draw(st.integers(0, 255))
    else:
        del body[place:]
    page = READER.read(body)
    if page is not None:
        assert _parts(page) == _thorough(RESOURCE, body)


def test_rows_after_an_odd_page_are_read_too():
    """A page with a new field is read record by record, and so are those after it; nothing is lost."""
    decoder = RowDecoder(RESOURCE)
    pages = [_body({"licensesActive": 1}), _body({"licensesActive": 2, "new": 1}), _body({"licensesActive": 3})]
    rows = [row for body in pages for row in decoder.decode(body).rows.to_pylist()]
    assert [row["licenses_active"] for row in rows] == [1, 2, 3]
    assert [row["additional_fields"] for row in rows] == [None, '{"new":1}', None]


def test_error_names_the_row_of_the_whole_result():
    """A value of another kind is found on whichever page, and named by its place among all rows."""
    with pytest.raises(ResponseFormatError, match="Row 10002 of licenses_usage: licensesActive holds text"):
        RowDecoder(RESOURCE).decode(_body({}, {"licensesActive": "many"}), rows_before=10_000)


@pytest.mark.parametrize("resource", COMMERCIAL)
def test_a_read_that_needs_no_pandas_does_not_import_it(resource):
    """Half a second and 60 MB a task: neither columns, proof, times nor Parquet bring pandas in."""
    code = f"""
import io, sys
from airflow_partnercenter.api.pages.decoding import RowDecoder
from airflow_partnercenter.api.reading.proof import Doubts, Once, Proof
from airflow_partnercenter.api.resources import RESOURCES
from airflow_partnercenter.file_formats import WRITERS
from airflow_partnercenter.rows import to_rows
resource = RESOURCES[{resource!r}]
decoder, proof = RowDecoder(resource), Proof(resource, (), Doubts(True, True, True), Once(), parallel=True)
body = b'{{"Value":[{{"customerTenantId":"a","processedDateTime":"2026-11-19T00:00:00"}}],"TotalCount":1}}'
page = decoder.decode(body)
proof.add(page); proof.conclude()
assert to_rows(page.rows)[0]["processed_date_time"] == "2026-11-19T00:00:00.000000Z"
for name in WRITERS:
    writer = WRITERS[name](io.BytesIO(), decoder.schema, {{}}); writer.write(page.rows); writer.close()
assert "pandas" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
