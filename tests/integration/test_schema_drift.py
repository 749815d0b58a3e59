"""What becomes of a service that changes its fields, and of a folder with files from before and after."""

import json
from datetime import UTC, datetime

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_partnercenter.emulator import Answer
from airflow_partnercenter.exceptions import ResponseFormatError
from airflow_partnercenter.operators.partner_center import PartnerCenterLicensesToObjectStorageOperator

COMMERCIAL = "/analytics/commercial/"
DAY = "2026-11-20T00:00:00"


def _store(destination, **arguments):
    return PartnerCenterLicensesToObjectStorageOperator(
        task_id="t", resource="licenses_deployment", destination=str(destination), **arguments
    ).execute({})


def _answer(*rows: dict, total: int | None = None, next_link: str | None = None) -> Answer:
    rows = tuple({"processedDateTime": DAY, "productId": str(row.get("licensesSold"))} | row for row in rows)
    return Answer(200, {"Value": list(rows), "@nextLink": next_link, "TotalCount": total or len(rows)}, bom=True)


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_new_fields_are_kept_and_named_once(emulator, connect, tmp_path, logs, suffix):
    """They are JSON text in ``additional_fields`` of their rows, and one line in the log for all of them."""
    connect(emulator)
    new = {"trialLicenses": 3, "region": {"code": "EU"}}
    emulator.answer_next(_answer({"licensesSold": 1} | new, {"licensesSold": 2}, {"licensesSold": 3} | new), COMMERCIAL)
    described = _store(f"file://{tmp_path}/a.{suffix}")
    assert described["columns"][-1] == "additional_fields"
    text = (tmp_path / f"a.{suffix}").read_bytes()
    if suffix == "parquet":
        kept = pa.parquet.read_table(tmp_path / "a.parquet")["additional_fields"].to_pylist()
        assert [value and json.loads(value) for value in kept] == [new, None, new]
    else:
        assert text.count(b"trialLicenses") == 2
    assert len([line for line in logs.text.splitlines() if "region, trialLicenses" in line]) == 1


def test_missing_fields_are_null(emulator, connect, tmp_path):
    """Columns stay: what the service left out is null, in one row or in all."""
    connect(emulator)
    emulator.answer_next(_answer({"licensesSold": 1}, {"customerName": "Contoso"}), COMMERCIAL)
    _store(f"file://{tmp_path}/a.parquet")
    table = pa.parquet.read_table(tmp_path / "a.parquet")
    assert table["licenses_sold"].to_pylist() == [1, None]
    assert table["licenses_deployed"].to_pylist() == [None, None]
    assert table.schema.field("licenses_deployed").type == pa.int64()


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("licensesSold", "many", ["licensesSold holds text", "a whole number"]),
        ("licensesSold", 1.5, ["licensesSold holds a number", "a whole number"]),
        ("licensesSold", {"value": 1}, ["licensesSold holds an object", "a whole number"]),
        ("customerName", 7, ["customerName holds a number", "text"]),
        ("processedDateTime", 20261120, ["processedDateTime holds a number", "ISO 8601"]),
        ("processedDateTime", "yesterday", ["processedDateTime holds text", "ISO 8601"]),
    ],
)
@pytest.mark.parametrize("emulator", [{"max_page_size": 2}], indirect=True, ids=["pages of two"])
def test_changed_type_fails_before_anything_is_written(emulator, connect, tmp_path, field, value, words):
    """Field, kind of the value and row of the whole result are named; the earlier file stays; no retry is made."""
    connect(emulator)
    path = tmp_path / "a.parquet"
    path.write_bytes(b"earlier")
    link = "/partner/v1/analytics/commercial/deployment/license?top=2&skip=2"
    emulator.answer_next(_answer({"licensesSold": 1}, {"licensesSold": 2}, total=4, next_link=link), COMMERCIAL)
    emulator.answer_next(_answer({"licensesSold": 3}, {"licensesSold": 4, field: value}, total=4), COMMERCIAL)
    with pytest.raises(AirflowFailException) as caught:
        _store(f"file://{path}", page_size=2, max_parallel_requests=1)
    assert isinstance(caught.value.__cause__, ResponseFormatError)
    assert all(word in str(caught.value) for word in ["Row 4 of licenses_deployment", *words]), caught.value
    assert [file.name for file in tmp_path.iterdir()] == ["a.parquet"]
    assert path.read_bytes() == b"earlier"


@pytest.fixture
def folder(emulator, connect, tmp_path):
    """Return a folder of three months: without ``additional_fields``, with nulls there, and with a new field."""
    connect(emulator)
    for month, new in (("10", {}), ("11", {"trialLicenses": 3})):
        emulator.answer_next(_answer({"licensesSold": int(month)} | new), COMMERCIAL)
        _store(f"file://{tmp_path}/2026-{month}.parquet")
    before = pa.parquet.read_table(tmp_path / "2026-10.parquet").drop_columns(["additional_fields"])
    sold = before.schema.get_field_index("licenses_sold")
    september = before.set_column(sold, "licenses_sold", pa.array([9], pa.int64()))
    pa.parquet.write_table(september.replace_schema_metadata(None), tmp_path / "2026-09.parquet")
    return tmp_path


ROWS = [(9, None), (10, None), (11, '{"trialLicenses":3}')]


def test_files_of_different_months_are_one_dataset_to_pyarrow(folder):
    """The schema of the newest file fits all; what is missing is null."""
    newest = pa.parquet.read_schema(folder / "2026-11.parquet")
    table = pa.dataset.dataset(folder, schema=newest).to_table().sort_by("licenses_sold")
    assert list(zip(table["licenses_sold"].to_pylist(), table["additional_fields"].to_pylist(), strict=True)) == ROWS
    assert table["processed_date_time"].to_pylist() == [datetime(2026, 11, 20, tzinfo=UTC)] * 3


def test_files_of_different_months_are_one_dataset_to_duckdb(folder):
    """``union_by_name`` fills what is missing with null."""
    found = duckdb.sql(
        "SELECT licenses_sold, additional_fields "  # noqa: S608 - a path of this test
        f"FROM read_parquet('{folder}/*.parquet', union_by_name=true) ORDER BY licenses_sold"
    )
    assert found.fetchall() == ROWS


def test_files_of_different_months_are_one_dataset_to_polars(folder):
    """The newest file goes first, or its schema is given; what is missing is null."""
    newest = pl.read_parquet_schema(folder / "2026-11.parquet")
    frame = pl.scan_parquet(folder, schema=newest, missing_columns="insert").sort("licenses_sold").collect()
    assert frame.select("licenses_sold", "additional_fields").rows() == ROWS
