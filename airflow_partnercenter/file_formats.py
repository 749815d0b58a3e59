"""The file formats: Arrow batches to the bytes of Parquet, CSV, JSON and JSON Lines.

The text formats hold the rows and nothing else, so that the same rows are the same bytes.
"""

import struct
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import IO, TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS_PER_GROUP = 100_000
#: Before the keys of what a Parquet file says of itself.
_KEY_PREFIX = "partner_center."
_CSV_ROWS_AT_ONCE = 10_000
_NOTHING: Mapping[str, str] = MappingProxyType({})


class Writer(Protocol):
    """Writes batches to a stream in one format."""

    def __init__(self, stream: IO[bytes], schema: "pa.Schema", description: Mapping[str, str] = _NOTHING) -> None: ...

    def write(self, batch: "pa.RecordBatch") -> None:
        """Add rows."""

    def close(self) -> None:
        """Write what comes after the last row."""


class _ParquetWriter:
    """Parquet: zstd, typed columns, times as ``timestamp[us, UTC]``, row groups of a useful size.

    The description and the row count are in the key-value metadata of the file, as ``partner_center.…``.
    """

    def __init__(self, stream: IO[bytes], schema: "pa.Schema", description: Mapping[str, str] = _NOTHING) -> None:
        import pyarrow.parquet as pq

        self._schema = schema.with_metadata({_KEY_PREFIX + key: value for key, value in description.items()})
        self._parquet = pq.ParquetWriter(stream, self._schema, compression="zstd")
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = 0
        self._row_count = 0

    def write(self, batch: "pa.RecordBatch") -> None:
        # Each write makes a row group of its own, and a customer has few rows.
        self._waiting.append(batch)
        self._waiting_rows += batch.num_rows
        if self._waiting_rows >= _ROWS_PER_GROUP:
            self._write_group()

    def close(self) -> None:
        if self._waiting_rows:
            self._write_group()
        # pyarrow before 18 cannot add to an open file; the count is then in the footer's own field alone
        if hasattr(self._parquet, "add_key_value_metadata"):
            self._parquet.add_key_value_metadata({f"{_KEY_PREFIX}row_count": str(self._row_count)})
        self._parquet.close()

    def _write_group(self) -> None:
        import pyarrow as pa

        self._parquet.write_table(pa.Table.from_batches(self._waiting, self._schema))
        self._row_count += self._waiting_rows
        self._waiting, self._waiting_rows = [], 0


class _CsvWriter:
    """CSV by RFC 4180: UTF-8, a header, CRLF; every text is quoted and a null bare, so that null and empty differ."""

    def __init__(self, stream: IO[bytes], schema: "pa.Schema", description: Mapping[str, str] = _NOTHING) -> None:
        self._stream = stream
        stream.write(",".join(f'"{name}"' for name in schema.names).encode() + b"\r\n")

    def write(self, batch: "pa.RecordBatch") -> None:
        for first in range(0, batch.num_rows, _CSV_ROWS_AT_ONCE):
            self._stream.write(_csv_lines(batch.slice(first, _CSV_ROWS_AT_ONCE)))

    def close(self) -> None:
        """Nothing comes after the last row."""


class _JsonLinesWriter:
    """JSON Lines: one object a line, as :meth:`PartnerCenterHook.list_licenses` returns them."""

    def __init__(self, stream: IO[bytes], schema: "pa.Schema", description: Mapping[str, str] = _NOTHING) -> None:
        self._stream = stream

    def write(self, batch: "pa.RecordBatch") -> None:
        self._stream.write(b"".join(line + b"\n" for line in _json_rows(batch)))

    def close(self) -> None:
        """Nothing comes after the last row."""


class _JsonWriter:
    """One JSON array, a row a line."""

    def __init__(self, stream: IO[bytes], schema: "pa.Schema", description: Mapping[str, str] = _NOTHING) -> None:
        self._stream = stream
        self._before_next = b"[\n"

    def write(self, batch: "pa.RecordBatch") -> None:
        for row in _json_rows(batch):
            self._stream.write(self._before_next + row)
            self._before_next = b",\n"

    def close(self) -> None:
        self._stream.write(b"[]\n" if self._before_next == b"[\n" else b"\n]\n")


WRITERS: dict[str, type[Writer]] = {
    "parquet": _ParquetWriter,
    "csv": _CsvWriter,
    "json": _JsonWriter,
    "jsonl": _JsonLinesWriter,
}


def _json_rows(batch: "pa.RecordBatch") -> Iterator[bytes]:
    import msgspec

    from airflow_partnercenter.rows import to_rows

    return map(msgspec.json.encode, to_rows(batch))


def _csv_lines(batch: "pa.RecordBatch") -> memoryview:
    """Return the rows as CSV.

    pyarrow's own writer ends lines by LF alone in the versions that Airflow 2 is installed with.
    """
    import pyarrow.compute as pc

    from airflow_partnercenter.rows import with_text_times

    cells = [_csv_cells(column) for column in with_text_times(batch).columns]
    lines = pc.binary_join_element_wise(*cells, _text(","), null_handling="replace", null_replacement="")
    ended = pc.binary_join_element_wise(lines, _text(""), _text("\r\n"))
    # the texts of an Arrow array lie one after the other, which is the file
    byte_count = pc.sum(pc.binary_length(ended)).as_py()
    return memoryview(ended.buffers()[2])[:byte_count]


def _csv_cells(column: "pa.Array") -> "pa.Array":
    """Return each value as CSV spells it; the same texts come again and again, so each is quoted once."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_string(column.type):
        return pc.cast(column, pa.string())
    encoded = column.dictionary_encode()
    quote, doubled = _text('"'), pc.replace_substring(encoded.dictionary, '"', '""')
    return pc.binary_join_element_wise(quote, doubled, quote, _text("")).take(encoded.indices)


@lru_cache
def _text(value: str) -> "pa.StringScalar":
    """Return an Arrow text, made of its bytes: of a Python object it would cost an import of pandas."""
    import pyarrow as pa

    content = value.encode()
    offsets = pa.py_buffer(struct.pack("=2i", 0, len(content)))
    return pa.StringArray.from_buffers(1, offsets, pa.py_buffer(content))[0]
