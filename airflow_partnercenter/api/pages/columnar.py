"""The fast way from a body to columns: Arrow parses the JSON itself, off Python's lock and without a copy.

It takes only bodies that are exactly as declared, to the last member, field and type, and says so about any other; then
:mod:`~airflow_partnercenter.api.pages.decoding` reads the rows one by one. Both give the same columns.
"""

import pyarrow as pa
import pyarrow.json

from airflow_partnercenter.api.pages.arrays import int64_array
from airflow_partnercenter.api.pages.envelope import BOM, Body, Page
from airflow_partnercenter.api.pages.links import commercial_link
from airflow_partnercenter.api.pages.times import utc_microseconds
from airflow_partnercenter.api.resources import Kind, Resource

_ROWS, _LINK, _TOTAL = "Value", "@nextLink", "TotalCount"


class ColumnReader:
    """Reads pages of one of the superseding resources.

    :param resource: whose declaration a body must keep to.
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
        self._envelope = pa.schema([(_ROWS, pa.list_(pa.struct(wire))), (_LINK, pa.string()), (_TOTAL, pa.int64())])

    def read(self, body: Body) -> Page[pa.RecordBatch] | None:
        """Return the page, or None if the body is not exactly as declared."""
        json = pa.py_buffer(body)
        if body.startswith(BOM):
            json = json.slice(len(BOM))
        # Arrow's parser breaks down, and the process with it, over a null in the place of the object.
        if json[:1] != b"{":
            return None
        try:
            envelope = pyarrow.json.read_json(
                pa.BufferReader(json),
                # One block, as the body is one JSON object; in this thread, as pages are read in several.
                read_options=pyarrow.json.ReadOptions(use_threads=False, block_size=len(body) + 1),
                parse_options=pyarrow.json.ParseOptions(
                    explicit_schema=self._envelope, unexpected_field_behavior="error"
                ),
                # Arrow's own allocator gives memory back after each page, only to ask for it again: a fifth of the CPU.
                memory_pool=pa.system_memory_pool(),
            )
            rows = self._batch(envelope[_ROWS].chunk(0)) if envelope.num_rows == 1 else None
            link, total = envelope[_LINK][0].as_py(), envelope[_TOTAL][0].as_py()
        except (pa.ArrowInvalid, UnicodeDecodeError):
            return None
        return None if rows is None else Page(rows, total, commercial_link(link) if link else None)

    def _batch(self, lists: pa.ListArray) -> pa.RecordBatch | None:
        rows = lists.flatten()
        if lists.null_count or rows.null_count:
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
