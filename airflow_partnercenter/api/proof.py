"""The proof that a result is complete: counts, keys and dates across the pages of one read.

What ``TotalCount`` means is undocumented: the rows of the whole result, or those of the page. Either reading is
accepted, if all pages bear it out; if neither holds, the rows do not add up.

A read in parallel, by ``top`` and ``skip``, relies on an order that the service does not promise: there every doubt
ends the read, and the caller reads again by the service's own links. In such a sequential read only counts and links
decide: a key that the service repeats then is data, as rows carry no subscription ID.
"""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

from airflow_partnercenter.api.decoding import Page
from airflow_partnercenter.api.resources import Kind, Resource
from airflow_partnercenter.exceptions import IncompleteResultError

logger = logging.getLogger(__name__)


class Proof:
    """Watches the pages of one read, in order.

    :param resource: what is read.
    :param group_by: API field names that rows are aggregated by, if any; they are the key then.
    :param parallel: whether pages are fetched by ``skip``.
    """

    def __init__(self, resource: Resource, group_by: Sequence[str], *, parallel: bool) -> None:
        self.row_count = 0
        self._resource = resource
        self._key = tuple(group_by) or tuple(field.wire for field in resource.fields if field.column in resource.key)
        self._parallel = parallel
        self._totals: list[tuple[int, int]] = []
        self._keys = _KeyLedger()
        self._dates = _DateLedger(resource)
        self._repetition_named = False

    def add(self, page: Page) -> None:
        """Take the next page into account.

        :raises IncompleteResultError: a parallel read shows the same key on two pages, or newer data in its middle.
        """
        if page.stated_total is not None:
            self._totals.append((page.stated_total, len(page.records)))
        columns = [[record.get(name) for record in page.records] for name in self._key]
        repeated = self._keys.add(list(zip(*columns, strict=True)), across_pages_only=self._parallel)
        if repeated is not None:
            self._meet_repetition(page.records[repeated])
        if self._parallel and (moved := self._dates.add(page.records)):
            raise self.doubt(f"data processed at {moved} appeared in the middle of the read")
        self.row_count += len(page.records)
        most = max((total for total, _ in self._totals), default=self.row_count)
        if self.row_count > most and not self._each_page_is_total():
            raise self.doubt(
                f"a total of {most:,} rows was stated but {self.row_count:,} were served and more may come"
            )

    def conclude(self) -> None:
        """Compare the rows with what the pages state.

        :raises IncompleteResultError: they do not add up.
        """
        of_the_whole = {total for total, _ in self._totals} <= {self.row_count}
        if not of_the_whole and not self._each_page_is_total():
            totals = ", ".join(f"{total:,}" for total in sorted({total for total, _ in self._totals}))
            raise self.doubt(f"a total of {totals} rows was stated but {self.row_count:,} were served")

    def doubt(self, what: str) -> IncompleteResultError:
        """Return the error that says what does not add up."""
        return IncompleteResultError(
            f"{self._resource.name} does not add up: {what}. The data may be changing at this moment."
        )

    def _each_page_is_total(self) -> bool:
        """Return whether ``TotalCount`` counts the rows of its page."""
        return not self._parallel and all(total == rows for total, rows in self._totals)

    def _meet_repetition(self, record: dict[str, Any]) -> None:
        key = ", ".join(f"{name}={record.get(name)!r}" for name in self._key)
        if self._parallel:
            raise self.doubt(
                f"the row with {key} came on two pages (if the service repeats it, max_parallel_requests=1 reads it)"
            )
        if not self._repetition_named:
            self._repetition_named = True
            logger.warning(
                "%s repeats keys, which is kept as served (rows carry no subscription ID); the first is %s",
                self._resource.name,
                key,
            )


class _KeyLedger:
    """Remembers keys as 64-bit hashes in a few sorted runs: 8 bytes a row, so that memory stays nearly flat.

    Two different keys among ten million meet by chance once in several hundred thousand reads; the price is one
    sequential read.
    """

    def __init__(self) -> None:
        self._runs: list[np.ndarray[Any, np.dtype[np.int64]]] = []

    def add(self, keys: list[tuple[Any, ...]], *, across_pages_only: bool) -> int | None:
        """Add a page's keys; return the position of one that is there already, or None."""
        if not keys:
            return None
        try:
            hashes = np.fromiter(map(hash, keys), np.int64, len(keys))
        except TypeError:
            # A list or an object where text belongs: the decoder says so, with field and row.
            return None
        run, first = np.unique(hashes, return_index=True)
        repeated = None
        if len(run) < len(hashes) and not across_pages_only:
            repeated = int(np.setdiff1d(np.arange(len(hashes)), first)[0])
        for older in self._runs:
            found = older[np.minimum(np.searchsorted(older, hashes), len(older) - 1)] == hashes
            if found.any():
                repeated = int(np.argmax(found))
        while self._runs and len(self._runs[-1]) <= 2 * len(run):
            run = np.unique(np.concatenate([self._runs.pop(), run]))
        self._runs.append(run)
        return repeated


class _DateLedger:
    """Remembers the processed date of each service, to see data that is replaced while it is read."""

    def __init__(self, resource: Resource) -> None:
        self._group = tuple(
            field.wire
            for field in resource.fields
            if field.kind is Kind.TEXT and field.column in ("service_code", "service_name", "channel", "workload_code")
        )
        self._dates: dict[tuple[Any, ...], set[Any]] = {}

    def add(self, records: list[dict[str, Any]]) -> str | None:
        """Add a page; return a date that is newer than the only one its service had on earlier pages, or None."""
        here: dict[tuple[Any, ...], set[Any]] = {}
        for record in records:
            here.setdefault(tuple(map(record.get, self._group)), set()).add(record.get("processedDateTime"))
        for group, dates in here.items():
            before = self._dates.setdefault(group, dates)
            # A service whose rows differ in date from the start says nothing about when it was read.
            if len(before) == 1 and dates != before:
                return str(next(iter(dates - before), "another time"))
        return None
