"""All formats hold the same rows, and every library that people use reads them back equal."""

import gzip
import inspect
import itertools
import json
import os
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packaging.version import Version

from airflow_partnercenter.api.pages.decoding import RowDecoder
from airflow_partnercenter.api.resources import RESOURCES
from airflow_partnercenter.storage import Destination, SpooledFile
from tests.support import readers

#: It has a column of each kind: text, count, percent, time.
SCHEMA = RowDecoder(RESOURCES["customer_licenses_usage"]).schema
SUFFIXES = ["parquet", "csv", "csv.gz", "json", "json.gz", "jsonl", "jsonl.gz"]
LIBRARIES = ["pandas", "pyarrow", "duckdb", "polars"]
READS = [(suffix, library) for suffix in SUFFIXES for library in LIBRARIES]
#: Polars before 1.38 takes an empty gzip file for text.
NEVER_EMPTY = {("jsonl.gz", "polars")} if Version(version("polars")) < Version("1.38") else set()

# Every character but lone surrogates, which no UTF-8 text holds; the spiteful ones more often than by chance.
SPITE = "\"'\\,;\t\r\n\0\x1a\x7f\x85\u2028\u202e\u0627\ufeff\U0001f600#N"
TEXTS = st.one_of(
    st.text(st.one_of(st.sampled_from(SPITE), st.characters(exclude_categories=["Cs"])), max_size=12),
    st.sampled_from(["", '""', "NULL", "null", "NA", "nan", "None", "\\N", " a ", "1", "true", "2026-11-20", "{}"]),
)
VALUES = {
    pa.string(): TEXTS,
    pa.int64(): st.one_of(st.integers(-(2**63), 2**63 - 1), st.sampled_from([-(2**63), 2**63 - 1, 2**53 + 1, 0])),
    pa.float64(): st.floats(allow_nan=False, allow_infinity=False),
    pa.timestamp("us", "UTC"): st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)),
}
ROWS = st.lists(
    st.fixed_dictionaries({field.name: st.one_of(st.none(), VALUES[field.type]) for field in SCHEMA}), max_size=20
)


def write(path: Path, *pages: list[dict[str, Any]], description: dict[str, str] | None = None) -> None:
    """Write pages of rows to one file."""
    destination = Destination.parse(f"file://{path}")
    with SpooledFile(destination, SCHEMA, description) as spool:
        for page in pages:
            spool.write(pa.RecordBatch.from_pylist(page, schema=SCHEMA))
        spool.close()
        assert spool.publish(destination)


def read(path: Path, library: str) -> pa.Table:
    """Read a file as the documentation says."""
    file_format = path.name.split(".")[1]
    return getattr(readers, f"{library}_{file_format}")(path, SCHEMA)


@settings(
    max_examples=int(os.environ.get("HYPOTHESIS_FILES", "40")),
    derandomize="HYPOTHESIS_FILES" not in os.environ,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(pages=st.lists(ROWS, max_size=3))
def test_any_rows_read_back_equal_from_every_format_by_every_library(tmp_path, pages):
    """Text of any kind, 64-bit counts, dates from year 1 to 9999 and nulls: 28 ways to write and read, one result."""
    rows = list(itertools.chain(*pages))
    for suffix in SUFFIXES:
        path = tmp_path / f"rows.{suffix}"
        write(path, *pages)
        for library in LIBRARIES:
            if not rows and (suffix, library) in NEVER_EMPTY:
                continue
            assert read(path, library).to_pylist() == rows, (suffix, library)


@pytest.mark.parametrize(("suffix", "library"), [each for each in READS if each not in NEVER_EMPTY], ids="-".join)
def test_empty_result_has_columns_and_types(tmp_path, suffix, library):
    """A file without rows is read like any other."""
    write(tmp_path / f"rows.{suffix}")
    table = read(tmp_path / f"rows.{suffix}", library)
    assert table.num_rows == 0
    types = [pa.string() if pa.types.is_large_string(field.type) else field.type for field in table.schema]
    assert dict(zip(table.column_names, types, strict=True)) == {field.name: field.type for field in SCHEMA}


def test_csv_follows_rfc_4180(tmp_path):
    """CRLF ends every line, the last one too; quotes are doubled; a null is bare, an empty text is quoted."""
    row = dict.fromkeys(SCHEMA.names) | {
        "customer_name": 'a "b",\nc',
        "licenses_active": 2**63 - 1,
        "usage_percent": 0.1,
    }
    empty = dict.fromkeys(SCHEMA.names) | {"customer_name": ""}
    write(tmp_path / "rows.csv", [row], [empty])
    header, rest = (tmp_path / "rows.csv").read_bytes().split(b"\r\n", 1)
    assert header == ",".join(f'"{name}"' for name in SCHEMA.names).encode()
    place = SCHEMA.names.index("customer_name")
    commas = b"," * place
    first, second, nothing = rest.split(b"\r\n")
    assert first.startswith(commas + b'"a ""b"",\nc",')
    assert first.endswith(b",9223372036854775807,,0.1,,")
    assert second == commas + b'""' + b"," * (len(SCHEMA) - place - 1)
    assert nothing == b""


@pytest.mark.parametrize("suffix", SUFFIXES[1:])
def test_text_formats_hold_the_rows_and_nothing_else(tmp_path, suffix):
    """Another description, name or page size: the same bytes, so that a checksum tells whether rows changed."""
    rows = [dict.fromkeys(SCHEMA.names) | {"licenses_active": number} for number in range(5)]
    write(tmp_path / f"a.{suffix}", rows, description={"correlation_id": "one"})
    write(tmp_path / f"b.{suffix}", rows[:2], [], rows[2:], description={"correlation_id": "two"})
    assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()


def test_json_is_one_array_and_json_lines_one_object_a_line(tmp_path):
    """Plain readers need nothing else."""
    rows = [dict.fromkeys(SCHEMA.names) | {"customer_name": "ü\n"}, dict.fromkeys(SCHEMA.names)]
    for suffix in ("json", "jsonl.gz"):
        write(tmp_path / f"rows.{suffix}", rows)
    expected = [{name: value for name, value in row.items() if name != "additional_fields"} for row in rows]
    assert json.loads((tmp_path / "rows.json").read_text()) == expected
    lines = gzip.decompress((tmp_path / "rows.jsonl.gz").read_bytes()).decode().split("\n")
    assert [json.loads(line) for line in lines[:-1]] == expected
    assert lines[-1] == ""


def test_parquet_says_what_it_is(tmp_path):
    """Description and (since pyarrow 18) row count are in the metadata, rows in zstd-compressed groups of good size."""
    description = {"resource": "customer_licenses_usage", "query": "{}", "correlation_id": "c", "package_version": "1"}
    page = [dict.fromkeys(SCHEMA.names) | {"licenses_active": 1}] * 50_000
    write(tmp_path / "rows.parquet", page, page, page, description=description)
    written = pa.parquet.ParquetFile(tmp_path / "rows.parquet")
    told = {key.decode(): value.decode() for key, value in written.metadata.metadata.items() if key != b"ARROW:schema"}
    row_count = {"row_count": "150000"} if Version(pa.__version__) >= Version("18") else {}
    assert told == {f"partner_center.{key}": value for key, value in (description | row_count).items()}
    groups = [written.metadata.row_group(number) for number in range(written.metadata.num_row_groups)]
    assert [group.num_rows for group in groups] == [100_000, 50_000]
    assert {groups[0].column(number).compression for number in range(len(SCHEMA))} == {"ZSTD"}
    assert written.schema_arrow.remove_metadata() == SCHEMA


@pytest.mark.parametrize("name", sorted(name for name, _ in inspect.getmembers(readers, inspect.isfunction)))
def test_documentation_shows_how_each_library_reads(name):
    """The code that is tested here is the code that people copy."""
    page = (Path(__file__).parents[2] / "docs" / "files.md").read_text()
    assert inspect.getsource(getattr(readers, name)).strip() in page
