"""A body becomes a page: the envelope around the rows, of either of the two forms, and the rows as served."""

from collections.abc import Sized
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from airflow_partnercenter.api.links import NextLink, next_link_of
from airflow_partnercenter.api.numbers import kind_of, whole_number
from airflow_partnercenter.api.retrying import UndecodableBodyError
from airflow_partnercenter.exceptions import ResponseFormatError

BOM = b"\xef\xbb\xbf"

_NULL = b"null"
_ROWS = ("Value", "value", "items")

Rows = TypeVar("Rows", bound=Sized, covariant=True)
OtherRows = TypeVar("OtherRows", bound=Sized)


@dataclass(frozen=True, slots=True)
class Page(Generic[Rows]):
    """One answer of a collection.

    :param rows: JSON text of the list, records as served, or one Arrow batch.
    :param stated_total: ``TotalCount`` or ``totalCount``, if stated.
    :param next_link: where the next page is; None on the last.
    """

    rows: Rows
    stated_total: int | None
    next_link: NextLink | None

    def with_rows(self, rows: OtherRows) -> "Page[OtherRows]":
        """Return the page with its rows in another form."""
        return Page(rows, self.stated_total, self.next_link)


def decode_envelope(body: bytes) -> Page[bytes]:
    """Read either envelope: ``{"Value", "@nextLink", "TotalCount"}`` or ``{"items", "totalCount", "links"}``.

    Partner Center starts its bodies with a UTF-8 byte order mark.

    :return: the page, its rows as the JSON text of a list.
    :raises ResponseFormatError: the body is not JSON, or has neither envelope.
    """
    try:
        members = msgspec.json.decode(body.removeprefix(BOM), type=dict[str, msgspec.Raw])
        envelope = {name: None if name in _ROWS else msgspec.json.decode(raw) for name, raw in members.items()}
    except msgspec.ValidationError:
        raise _without_rows() from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        looks_like = "an HTML page, perhaps from a proxy" if body.lstrip()[:1] == b"<" else f"{len(body)} bytes"
        raise UndecodableBodyError(
            f"Partner Center answered 200 with a body that is not JSON ({looks_like})."
        ) from error
    total = _stated_total(_first(envelope, "TotalCount", "totalCount"))
    texts = [bytes(members[name]) for name in _ROWS if name in members]
    rows = next((text for text in texts if text != _NULL), None)
    if rows is None and texts and total == 0:
        rows = b"[]"
    if rows is None or not rows.startswith(b"["):
        raise _without_rows()
    return Page(rows, total, next_link_of(envelope))


def decode_records(page: Page[bytes]) -> Page[list[dict[str, Any]]]:
    """Return the page with its rows as served.

    :raises ResponseFormatError: they are not JSON objects.
    """
    try:
        records = msgspec.json.decode(page.rows, type=list[dict[str, Any]])
    except msgspec.ValidationError:
        raise _without_rows() from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UndecodableBodyError("Partner Center answered 200 with rows that are not JSON.") from error
    return page.with_rows(records)


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
