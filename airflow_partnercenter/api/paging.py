"""Pages in order, and the proof that nothing is missing.

What ``TotalCount`` means is undocumented: the rows of the whole result, or those of the page. Either reading is
accepted, if all pages bear it out; if neither holds, the rows do not add up.
"""

import logging
from collections.abc import Callable, Iterator
from typing import TypeVar

from airflow_partnercenter.api.decoding import Page, decode_page
from airflow_partnercenter.api.transport import CallIds, Transport
from airflow_partnercenter.exceptions import IncompleteResultError

logger = logging.getLogger(__name__)
T = TypeVar("T")


def read_pages(transport: Transport, url: str, ids: CallIds) -> Iterator[Page]:
    """Yield the pages from ``url`` on, by the service's own next links.

    :raises IncompleteResultError: after the last page, if the rows do not add up; or if a next link repeats.
    :raises ResponseFormatError: a page is not of the documented shape, or a next link leaves the configured origin.
    """
    proof = _Proof(ids.correlation_id)
    seen: set[tuple[str, tuple[tuple[str, str], ...]]] = {(url, ())}
    headers: dict[str, str] = {}
    while True:
        page = transport.get(url, decode_page, ids=ids, headers=headers)
        proof.add(page)
        logger.info(
            "Page %d: %d rows, %d so far [MS-CorrelationId %s]",
            len(seen),
            len(page.records),
            proof.row_count,
            ids.correlation_id,
        )
        yield page
        if page.next_link is None:
            proof.conclude()
            return
        url = page.next_link.resolve(url, transport.base_url)
        headers = dict(page.next_link.headers)
        step = (url, tuple(sorted(headers.items())))
        if step in seen:
            raise IncompleteResultError(
                f"Partner Center's next link leads back to a page already read, after {proof.row_count:,} rows."
                f" [MS-CorrelationId {ids.correlation_id}]"
            )
        seen.add(step)


def read_again_on_doubt(read: Callable[[], T]) -> T:
    """Return what ``read`` returns, giving a result that does not add up one more chance.

    For callers that own the whole result: what the first read left must not be visible to anyone.
    """
    try:
        return read()
    except IncompleteResultError as error:
        logger.warning("Reading once more from the start: %s", error)
        return read()


class _Proof:
    """Counts rows against what the pages state."""

    def __init__(self, correlation_id: str) -> None:
        self.row_count = 0
        self._stated: list[tuple[int, int]] = []
        self._correlation_id = correlation_id

    def add(self, page: Page) -> None:
        self.row_count += len(page.records)
        if page.stated_total is not None:
            self._stated.append((page.stated_total, len(page.records)))

    def conclude(self) -> None:
        of_the_whole = {total for total, _ in self._stated} <= {self.row_count}
        of_each_page = all(total == rows for total, rows in self._stated)
        if of_the_whole or of_each_page:
            return
        totals = ", ".join(f"{total:,}" for total in sorted({total for total, _ in self._stated}))
        raise IncompleteResultError(
            f"Partner Center stated a total of {totals} rows but served {self.row_count:,}; the data may be changing "
            f"at this moment. [MS-CorrelationId {self._correlation_id}]"
        )
