"""A body becomes a page: the envelope around the rows, of either of the two forms, and the rows as served."""

from collections.abc import Sized
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from airflow_partnercenter.api.pages.links import NextLink, next_link_of
from airflow_partnercenter.api.pages.numbers import kind_of, whole_number
from airflow_partnercenter.api.wire.retrying import UndecodableBodyError
from airflow_partnercenter.exceptions import ResponseFormatError

BOM = b"\xef\xbb\xbf"

_ROWS = ("Value", "value", "items")

Body = bytes | bytearray
Rows = TypeVar("Rows", bound=Sized, covariant=True)


@dataclass(frozen=True, slots=True)
class Page(Generic[Rows]):
    """One answer of a collection.

    :param rows: records as served, or one Arrow batch.
    :param stated_total: ``TotalCount`` or ``totalCount``, if stated.
    :param next_link: where the next page is; None on the last.
    """

    rows: Rows
    stated_total: int | None
    next_link: NextLink | None


def decode_records(body: Body) -> Page[list[dict[str, Any]]]:
    """Read either envelope: ``{"Value", "@nextLink", "TotalCount"}`` or ``{"items", "totalCount", "links"}``.

    Partner Center starts its bodies with a UTF-8 byte order mark.

    :return: the page, its rows as served.
    :raises ResponseFormatError: the body is not JSON, or has neither envelope.
    """
    try:
        envelope = msgspec.json.decode(body.removeprefix(BOM))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        looks_like = "an HTML page, perhaps from a proxy" if body.lstrip()[:1] == b"<" else f"{len(body)} bytes"
        raise UndecodableBodyError(
            f"Partner Center answered 200 with a body that is not JSON ({looks_like})."
        ) from error
    if not isinstance(envelope, dict):
        raise _without_rows()
    total = _stated_total(_first(envelope, "TotalCount", "totalCount"))
    records = _first(envelope, *_ROWS)
    next_link = next_link_of(envelope)
    if records is None and total == 0 and next_link is None:
        # What is null is left out, Microsoft says.
        records = []
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise _without_rows()
    return Page(records, total, next_link)


def _without_rows() -> ResponseFormatError:
    return ResponseFormatError("Partner Center answered 200 without a list of rows under Value or items.")


def _stated_total(value: Any) -> int | None:
    if value is None:
        return None
    try:
        return whole_number(value)
    except (TypeError, ValueError, OverflowError):
        raise ResponseFormatError(f"The total count of Partner Center's answer is {kind_of(value)}.") from None


def _first(envelope: dict[str, Any], *names: str) -> Any:
    return next((envelope[name] for name in names if envelope.get(name) is not None), None)
