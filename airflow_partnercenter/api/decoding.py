"""A body becomes typed rows: bytes, then records as served, then an Arrow batch."""

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import pyarrow as pa

from airflow_partnercenter.api.links import NextLink, next_link_of
from airflow_partnercenter.api.resources import Field, Kind, Resource
from airflow_partnercenter.api.retrying import UndecodableBodyError
from airflow_partnercenter.exceptions import ResponseFormatError
from airflow_partnercenter.rows import ADDITIONAL_FIELDS

logger = logging.getLogger(__name__)

_BOM = b"\xef\xbb\xbf"
_WHOLE = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_INT64 = range(-(2**63), 2**63)
_TYPES = {
    Kind.TEXT: pa.string(),
    Kind.COUNT: pa.int64(),
    Kind.PERCENT: pa.float64(),
    Kind.TIME: pa.timestamp("us", tz="UTC"),
}
_EXPECTED = {
    Kind.TEXT: "text",
    Kind.COUNT: "a whole number",
    Kind.PERCENT: "a number",
    Kind.TIME: "an ISO 8601 time",
}
_JSON_KINDS = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "an object",
}


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of a collection, its rows not typed yet.

    :param records: rows as served.
    :param stated_total: ``TotalCount`` or ``totalCount``, if stated.
    :param next_link: where the next page is; None on the last.
    :param customer_id: whose rows these are, where the request named a customer.
    """

    records: list[dict[str, Any]]
    stated_total: int | None
    next_link: NextLink | None
    customer_id: str | None = None


def decode_page(body: bytes) -> Page:
    """Read either envelope: ``{"Value", "@nextLink", "TotalCount"}`` or ``{"items", "totalCount", "links"}``.

    Partner Center starts its bodies with a UTF-8 byte order mark.

    :raises ResponseFormatError: the body is not JSON, or has neither envelope.
    """
    try:
        envelope = msgspec.json.decode(body.removeprefix(_BOM))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        looks_like = "an HTML page, perhaps from a proxy" if body.lstrip()[:1] == b"<" else f"{len(body)} bytes"
        raise UndecodableBodyError(
            f"Partner Center answered 200 with a body that is not JSON ({looks_like})."
        ) from error
    records = _first(envelope, "Value", "value", "items") if isinstance(envelope, dict) else None
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise ResponseFormatError("Partner Center answered 200 without a list of rows under Value or items.")
    return Page(records, _stated_total(_first(envelope, "TotalCount", "totalCount")), next_link_of(envelope))


def schema_of(resource: Resource) -> pa.Schema:
    """Return the Arrow schema of a resource: its declared columns and ``additional_fields``, all nullable."""
    declared = [pa.field(field.column, _TYPES[field.kind]) for field in resource.fields]
    return pa.schema([*declared, pa.field(ADDITIONAL_FIELDS, pa.string())])


class RowDecoder:
    """Types the records of one read.

    :param resource: whose declaration decides columns and types.
    """

    def __init__(self, resource: Resource) -> None:
        self.schema = schema_of(resource)
        self._resource = resource
        self._known = {field.wire for field in resource.fields} | {"attributes"}
        self._aliases = {alias: field.wire for field in resource.fields for alias in field.aliases}
        self._named: set[str] = set()

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
                values = [customer_id if value is None else value for value in values]
            columns.append(self._column(field, values, rows_before))
        return pa.RecordBatch.from_arrays([*columns, self._additional(records)], schema=self.schema)

    def _column(self, field: Field, values: list[Any], rows_before: int) -> pa.Array:
        try:
            return pa.array(_CONVERTERS[field.kind](values), type=_TYPES[field.kind])
        except _UnexpectedValueError as error:
            raise ResponseFormatError(
                f"Row {rows_before + error.position + 1} of {self._resource.name}: {field.wire} holds "
                f"{_kind_of(error.value)}, not {_EXPECTED[field.kind]}. The service may have changed; "
                f"see {self._resource.page}"
            ) from None

    def _additional(self, records: Sequence[dict[str, Any]]) -> pa.Array:
        known = self._known
        if all(record.keys() <= known for record in records):
            return pa.nulls(len(records), pa.string())
        extras = [self._extra(record) for record in records]
        if new := {name for extra in extras for name in extra} - self._named:
            self._named |= new
            logger.warning(
                "%s has fields this version does not know, kept in %s: %s",
                self._resource.name,
                ADDITIONAL_FIELDS,
                ", ".join(sorted(new)),
            )
        return pa.array([msgspec.json.encode(extra).decode() if extra else None for extra in extras], pa.string())

    def _extra(self, record: dict[str, Any]) -> dict[str, Any]:
        """Return what no column holds: unknown fields, and another spelling of one that is there too."""
        return {
            name: value
            for name, value in record.items()
            if name not in self._known and (name not in self._aliases or record.get(self._aliases[name]) is not None)
        }


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
    if set(map(type, values)) <= {int, type(None)} and all(v is None or v in _INT64 for v in values):
        return values
    return _each(values, _count)


def _percents(values: list[Any]) -> list[Any]:
    return values if set(map(type, values)) <= {float, type(None)} else _each(values, _percent)


def _times(values: list[Any]) -> list[Any]:
    """Parse each distinct text once: a page holds very few."""
    texts = set(_each(values, _text_of_time))
    parsed = {text: _utc(text) for text in texts if text is not None}
    if unreadable := {text for text, time in parsed.items() if time is None}:
        raise next(_UnexpectedValueError(i, v) for i, v in enumerate(values) if v in unreadable)
    return [parsed.get(value) for value in values]


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


def _count(value: Any) -> int:
    """Read a count, served as ``206``, ``206.0`` or ``"63"``."""
    number = _percent(value)
    exact = isinstance(value, int) or (isinstance(value, str) and _WHOLE.fullmatch(value))
    count = int(value) if exact else int(number)
    if count not in _INT64 or (count != number and abs(number) < 2**53):
        raise ValueError(value)
    return count


def _percent(value: Any) -> float:
    """Read a number; NaN, infinities, true and false are none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError(value)
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        raise ValueError(value)
    number = float(value)
    if not abs(number) < float("inf"):
        raise ValueError(value)
    return number


def _text_of_time(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _utc(text: str) -> datetime | None:
    """Return the time, UTC if the text names no offset, or None if it is no time."""
    try:
        value = datetime.fromisoformat(text)
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _stated_total(value: Any) -> int | None:
    if value is None:
        return None
    try:
        return _count(value)
    except (TypeError, ValueError, OverflowError):
        raise ResponseFormatError(f"The total count of Partner Center's answer is {_kind_of(value)}.") from None


def _first(envelope: dict[str, Any], *names: str) -> Any:
    return next((envelope[name] for name in names if envelope.get(name) is not None), None)


def _kind_of(value: object) -> str:
    return _JSON_KINDS.get(type(value), type(value).__name__)
