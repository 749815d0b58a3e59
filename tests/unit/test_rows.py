"""Rows outside Arrow: plain JSON values and one form of a time."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pyarrow as pa
import pytest

from airflow_partnercenter.api.pages.decoding import RowDecoder
from airflow_partnercenter.api.resources import RESOURCES
from airflow_partnercenter.rows import time_text, to_rows, with_text_times


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (datetime(2017, 3, 14, 3, 25, 16, 360_000, tzinfo=UTC), "2017-03-14T03:25:16.360000Z"),
        (datetime(2017, 3, 10, tzinfo=UTC), "2017-03-10T00:00:00.000000Z"),
        (datetime(2017, 3, 10, tzinfo=timezone(timedelta(hours=-3))), "2017-03-10T03:00:00.000000Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00.000000Z"),
    ],
)
def test_time_text_is_utc_with_six_fractional_digits_and_z(value, text):
    """One form of a time everywhere outside Arrow, so that text sorts like the times."""
    assert time_text(value) == text


def test_rows_are_plain_json_values_in_column_order():
    """A row is a dictionary of the declared columns in their order, with nothing JSON cannot carry."""
    batch = RowDecoder(RESOURCES["licenses_deployment"]).to_batch([{"licensesSold": 1, "customerName": "Ö"}])
    (row,) = to_rows(batch)
    assert tuple(row) == RESOURCES["licenses_deployment"].columns
    assert json.loads(json.dumps(row)) == row


def test_additional_fields_are_in_columns_always_and_in_rows_only_where_they_hold_something():
    """The column is always there; the key only in the rows that need it."""
    batch = RowDecoder(RESOURCES["partner_licenses_usage"]).to_batch([{"new": 1}, {}])
    assert "additional_fields" in batch.schema.names
    assert ["additional_fields" in row for row in to_rows(batch)] == [True, False]


def test_text_times_keep_nulls_and_other_columns():
    """Only times change their type; a missing time stays missing."""
    records = [{"processedDateTime": "2018-10-14T00:00:00", "licensesSold": 2}, {"licensesSold": None}]
    batch = RowDecoder(RESOURCES["licenses_deployment"]).to_batch(records)
    texts = with_text_times(batch)
    assert texts.schema.field("processed_date_time").type == pa.string()
    assert texts["processed_date_time"].to_pylist() == ["2018-10-14T00:00:00.000000Z", None]
    assert texts["licenses_sold"].to_pylist() == [2, None]
    assert texts.schema.names == batch.schema.names


def test_no_rows_are_an_empty_list():
    """An empty batch is an empty list."""
    assert to_rows(RowDecoder(RESOURCES["licenses_usage"]).to_batch([])) == []
