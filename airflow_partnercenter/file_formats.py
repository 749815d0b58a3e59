"""The file formats: Arrow batches to the bytes of Parquet, CSV, JSON and JSON Lines."""

from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS_PER_GROUP = 100_000


class Writer(Protocol):
    """Writes batches to a stream in one format."""

    def __init__(self, stream: IO[bytes], schema: "pa.Schema") -> None: ...

    def write(self, batch: "pa.RecordBatch") -> None:
        """Add rows."""

    def close(self) -> None:
        """Write what comes after the last row."""


class _ParquetWriter:
    """Parquet: zstd, typed columns, times as ``timestamp[us, UTC]``, row groups of a useful size."""

    def __init__(self, stream: IO[bytes], schema: "pa.Schema") -> None:
        import pyarrow.parquet as pq

        self._schema = schema
        self._parquet = pq.ParquetWriter(stream, schema, compression="zstd")
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = 0

    def write(self, batch: "pa.RecordBatch") -> None:
        # Each write makes a row group of its own, and a customer has few rows.
        self._waiting.append(batch)
        self._waiting_rows += batch.num_rows
        if self._waiting_rows >= _ROWS_PER_GROUP:
            self._write_group()

    def close(self) -> None:
        if self._waiting_rows:
            self._write_group()
        self._parquet.close()

    def _write_group(self) -> None:
        import pyarrow as pa

        self._parquet.write_table(pa.Table.from_batches(self._waiting, self._schema))
        self._waiting, self._waiting_rows = [], 0


class _CsvWriter:
    """CSV: UTF-8, a header, every text quoted and a null bare, so that null and empty text differ."""

    def __init__(self, stream: IO[bytes], schema: "pa.Schema") -> None:
        import pyarrow as pa
        import pyarrow.csv

        from airflow_partnercenter.rows import with_text_times

        self._with_text_times = with_text_times
        # Not from a list of rows, which would cost an import of pandas.
        empty = pa.RecordBatch.from_arrays([pa.nulls(0, field.type) for field in schema], schema=schema)
        self._csv = pyarrow.csv.CSVWriter(stream, with_text_times(empty).schema)

    def write(self, batch: "pa.RecordBatch") -> None:
        self._csv.write_batch(self._with_text_times(batch))

    def close(self) -> None:
        self._csv.close()


class _JsonLinesWriter:
    """JSON Lines: one object a line, as :meth:`PartnerCenterHook.list_licenses` returns them."""

    def __init__(self, stream: IO[bytes], schema: "pa.Schema") -> None:
        self._stream = stream

    def write(self, batch: "pa.RecordBatch") -> None:
        self._stream.write(b"".join(line + b"\n" for line in _json_rows(batch)))

    def close(self) -> None:
        """Nothing comes after the last row."""


class _JsonWriter:
    """One JSON array, a row a line."""

    def __init__(self, stream: IO[bytes], schema: "pa.Schema") -> None:
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
