"""Arrow batches as plain JSON values: the one form of a row, and of a time, outside Arrow and Parquet."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

#: Column that keeps, as JSON text, what the service sent and we do not know.
ADDITIONAL_FIELDS = "additional_fields"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def with_text_times(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return the batch with its times as text, ``2017-03-14T03:25:16.360000Z``: the one form outside Arrow."""
    columns, fields = [], []
    for field, column in zip(batch.schema, batch.columns, strict=True):
        is_time = pa.types.is_timestamp(field.type)
        columns.append(_time_texts(column) if is_time else column)
        fields.append(pa.field(field.name, pa.string()) if is_time else field)
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))


def to_rows(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """Return the batch as plain JSON values; ``additional_fields`` only in rows where it holds something."""
    rows: list[dict[str, Any]] = with_text_times(batch).to_pylist()
    for row in rows:
        if row.get(ADDITIONAL_FIELDS, "") is None:
            del row[ADDITIONAL_FIELDS]
    return rows


def to_snake_case(value: Any) -> Any:
    """Return a JSON value with its keys in snake_case and without Microsoft's ``attributes`` and ``links``."""
    if isinstance(value, dict):
        return {
            snake_case(name): to_snake_case(item) for name, item in value.items() if name not in ("attributes", "links")
        }
    return [to_snake_case(item) for item in value] if isinstance(value, list) else value


def snake_case(name: str) -> str:
    """Return a camelCase name in snake_case."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def utc_time(microseconds: int) -> datetime:
    """Return the time that lies so many microseconds after 1970, as Arrow keeps it.

    For times cast to numbers: to hand out a time itself, pyarrow imports pandas where it is installed.
    """
    return _EPOCH + timedelta(microseconds=microseconds)


def time_text(value: datetime) -> str:
    """Return a UTC time as text with six fractional digits."""
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _time_texts(column: pa.Array) -> pa.Array:
    """Return times as text; in Arrow's own words, as Python's would cost an import of pandas."""
    encoded = column.dictionary_encode()
    return pc.strftime(encoded.dictionary, "%Y-%m-%dT%H:%M:%SZ").take(encoded.indices)
