"""A body becomes typed rows: an Arrow batch of the declared columns.

What the service left out is null, what no declaration knows is kept, and a value of another kind is an error.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pyarrow as pa

from airflow_partnercenter.api.pages.columnar import ColumnReader
from airflow_partnercenter.api.pages.envelope import Body, Page, decode_records
from airflow_partnercenter.api.pages.numbers import INT64, kind_of, real_number, whole_number
from airflow_partnercenter.api.pages.times import utc_microseconds
from airflow_partnercenter.api.query import GUID
from airflow_partnercenter.api.resources import Field, Kind, Resource
from airflow_partnercenter.exceptions import ResponseFormatError
from airflow_partnercenter.one_line import one_line
from airflow_partnercenter.rows import ADDITIONAL_FIELDS, utc_time

logger = logging.getLogger(__name__)

_TYPES = {
    Kind.TEXT: pa.string(),
    Kind.COUNT: pa.int64(),
    Kind.PERCENT: pa.float64(),
    Kind.TIME: pa.timestamp("us", tz="UTC"),
}
#: Of unknown fields, in the log.
_MOST_NAMES = 20
_LONGEST_NAME = 60
_EXPECTED = {
    Kind.TEXT: "text",
    Kind.COUNT: "a whole number",
    Kind.PERCENT: "a number",
    Kind.TIME: "an ISO 8601 time",
}


def schema_of(resource: Resource) -> pa.Schema:
    """Return the Arrow schema of a resource: its declared columns and ``additional_fields``, all nullable."""
    declared = [pa.field(field.column, _TYPES[field.kind]) for field in resource.fields]
    return pa.schema([*declared, pa.field(ADDITIONAL_FIELDS, pa.string())])


class RowDecoder:
    """Types the rows of one read; may be used by several threads.

    :param resource: whose declaration decides columns and types.
    """

    def __init__(self, resource: Resource) -> None:
        self.schema = schema_of(resource)
        self._resource = resource
        self._known = {field.wire for field in resource.fields} | {"attributes"}
        self._aliases = {alias: field.wire for field in resource.fields for alias in field.aliases}
        self._named: set[str] = set()
        self._lock = threading.Lock()
        self._columns = ColumnReader(resource, self.schema) if resource.is_commercial else None

    def decode(self, body: Body, *, rows_before: int = 0, customer_id: str | None = None) -> Page[pa.RecordBatch]:
        """Return the page that a body holds, its rows as one batch; see :meth:`to_batch`.

        :raises ResponseFormatError: the body is not of the documented shape.
        """
        columns = self._columns
        if columns and (page := columns.read(body)):
            return page
        records = decode_records(body)
        # What one page has, such as a new field, the next will have too.
        self._columns = None
        batch = self.to_batch(records.rows, rows_before=rows_before, customer_id=customer_id)
        return Page(batch, records.stated_total, records.next_link)

    def to_batch(
        self, records: Sequence[dict[str, Any]], *, rows_before: int = 0, customer_id: str | None = None
    ) -> pa.RecordBatch:
        """Return the records as one batch, order kept. What the service left out is null, never 0.

        :param customer_id: fills the column of that name, as the service leaves it out of one customer's rows.
        :param rows_before: rows of earlier pages, so that an error names the row of the whole result.
        :raises ResponseFormatError: a value is not of the declared kind; nothing is guessed.
        """
        columns = []
        for field in self._resource.fields:
            values = [_value(record, field) for record in records]
            if field.column == "customer_id" and customer_id:
                values = self._of_customer(customer_id, values)
            columns.append(self._column(field, values, rows_before))
        return pa.RecordBatch.from_arrays([*columns, self._additional(records)], schema=self.schema)

    def _of_customer(self, customer_id: str, values: list[Any]) -> list[Any]:
        """Fill in the customer that was asked for; rows of another tenant are no answer."""
        guids = {value for value in values if isinstance(value, str) and GUID.fullmatch(value)}
        if others := {guid for guid in guids if guid.lower() != customer_id.lower()}:
            raise ResponseFormatError(
                f"{self._resource.name} of customer {customer_id} has rows of {min(others)}; see {self._resource.page}"
            )
        return [customer_id if value is None or value == "" else value for value in values]

    def _column(self, field: Field, values: list[Any], rows_before: int) -> pa.Array:
        try:
            return pa.array(_CONVERTERS[field.kind](values), type=_TYPES[field.kind])
        except _UnexpectedValueError as error:
            raise ResponseFormatError(
                f"Row {rows_before + error.position + 1} of {self._resource.name}: {field.wire} holds "
                f"{kind_of(error.value)}, not {_EXPECTED[field.kind]}. The service may have changed; "
                f"see {self._resource.page}"
            ) from None

    def _additional(self, records: Sequence[dict[str, Any]]) -> pa.Array:
        known = self._known
        if all(record.keys() <= known for record in records):
            return pa.nulls(len(records), pa.string())
        extras = [self._extra(record) for record in records]
        with self._lock:
            new = {name for extra in extras for name in extra} - self._named
            self._named |= new
        if new:
            logger.warning(
                "%s has fields this version does not know, kept in %s: %s",
                self._resource.name,
                ADDITIONAL_FIELDS,
                _names(new),
            )
        return pa.array([msgspec.json.encode(extra).decode() if extra else None for extra in extras], pa.string())

    def _extra(self, record: dict[str, Any]) -> dict[str, Any]:
        """Return what no column holds: unknown fields, and another spelling of one that is there too."""
        return {
            name: value
            for name, value in record.items()
            if name not in self._known and (name not in self._aliases or record.get(self._aliases[name]) is not None)
        }


def _names(new: set[str]) -> str:
    """Return names for the log; the service, or whoever stands in for it, decides how many there are, and how long."""
    told = [one_line(name, _LONGEST_NAME) for name in sorted(new)[:_MOST_NAMES]]
    return ", ".join(told) + (f" and {len(new) - len(told):,} more" if len(new) > len(told) else "")


class _UnexpectedValueError(Exception):
    """A value cannot become its column's kind."""

    def __init__(self, position: int, value: object) -> None:
        super().__init__(position, value)
        self.position = position
        self.value = value


def _value(record: dict[str, Any], field: Field) -> Any:
    value = record.get(field.wire)
    for alias in field.aliases:
        value = record.get(alias) if value is None else value
    return value


def _texts(values: list[Any]) -> list[Any]:
    if set(map(type, values)) <= {str, type(None)}:
        return values
    raise next(_UnexpectedValueError(i, v) for i, v in enumerate(values) if not isinstance(v, str | None))


def _counts(values: list[Any]) -> list[Any]:
    if set(map(type, values)) <= {int, type(None)} and all(v is None or v in INT64 for v in values):
        return values
    return _each(values, whole_number)


def _percents(values: list[Any]) -> list[Any]:
    return values if set(map(type, values)) <= {float, type(None)} else _each(values, real_number)


def _times(values: list[Any]) -> list[Any]:
    """Parse each distinct text once: a page holds very few."""
    texts = set(_each(values, _text_of_time))
    parsed = {text: utc_microseconds(text) for text in texts if text is not None}
    if unreadable := {text for text, time in parsed.items() if time is None}:
        raise next(_UnexpectedValueError(i, v) for i, v in enumerate(values) if v in unreadable)
    times = {text: utc_time(time) for text, time in parsed.items() if time is not None}
    return [times.get(value) for value in values]


_CONVERTERS: dict[Kind, Callable[[list[Any]], list[Any]]] = {
    Kind.TEXT: _texts,
    Kind.COUNT: _counts,
    Kind.PERCENT: _percents,
    Kind.TIME: _times,
}


def _each(values: list[Any], convert: Callable[[Any], Any]) -> list[Any]:
    converted = []
    for position, value in enumerate(values):
        try:
            converted.append(None if value is None else convert(value))
        except (TypeError, ValueError, OverflowError):
            raise _UnexpectedValueError(position, value) from None
    return converted


def _text_of_time(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value
