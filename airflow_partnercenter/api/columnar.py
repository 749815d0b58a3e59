"""The fast way from JSON to columns: Arrow parses the rows itself, off Python's lock.

It takes only rows that are exactly as declared, to the last field and type, and says so about any others; then
:mod:`~airflow_partnercenter.api.decoding` reads them one by one. Both give the same columns.
"""

import pyarrow as pa
import pyarrow.json

from airflow_partnercenter.api.arrays import int64_array
from airflow_partnercenter.api.resources import Kind, Resource
from airflow_partnercenter.api.times import utc_microseconds


class ColumnReader:
    """Reads the rows of one of the superseding resources.

    :param resource: whose declaration the rows must keep to.
    :param schema: of the batches: a column for each declared field, in that order, then one that stays null.
    """

    def __init__(self, resource: Resource, schema: pa.Schema) -> None:
        self._fields = resource.fields
        self._schema = schema
        wire = [
            # A time is text on the wire.
            pa.field(field.wire, pa.string() if field.kind is Kind.TIME else schema.field(field.column).type)
            for field in self._fields
        ]
        self._wrapped = pa.schema([("rows", pa.list_(pa.struct(wire)))])

    def read(self, rows: bytes) -> pa.RecordBatch | None:
        """Return the rows as one batch, or None if they are not exactly as declared.

        :param rows: well-formed JSON text of a list: Arrow's parser is not safe from everything else.
        """
        wrapped = b"".join((b'{"rows":', rows, b"}"))
        try:
            table = pyarrow.json.read_json(
                pa.BufferReader(wrapped),
                # One block, as it is one JSON object; in this thread, as pages are read in several.
                read_options=pyarrow.json.ReadOptions(use_threads=False, block_size=len(wrapped) + 1),
                parse_options=pyarrow.json.ParseOptions(
                    explicit_schema=self._wrapped, unexpected_field_behavior="error"
                ),
            )
            return self._batch(table["rows"].chunk(0).flatten())
        except pa.ArrowInvalid:
            return None

    def _batch(self, rows: pa.StructArray) -> pa.RecordBatch | None:
        if rows.null_count:
            return None
        # Text that is no UTF-8 would only be noticed by whoever reads the file.
        rows.validate(full=True)
        columns = []
        for field, column in zip(self._fields, rows.flatten(), strict=True):
            typed = _times(column) if field.kind is Kind.TIME else column
            if typed is None:
                return None
            columns.append(typed)
        return pa.RecordBatch.from_arrays([*columns, pa.nulls(len(rows), pa.string())], schema=self._schema)


def _times(texts: pa.StringArray) -> pa.TimestampArray | None:
    """Return texts as times; each distinct one is parsed once, as a page holds very few."""
    encoded = texts.dictionary_encode()
    parsed = [utc_microseconds(text) for text in encoded.dictionary.to_pylist()]
    known = [time for time in parsed if time is not None]
    if len(known) < len(parsed):
        return None
    return int64_array(known).take(encoded.indices).cast(pa.timestamp("us", tz="UTC"))
