"""The proof that a result is complete: counts, keys and dates across the pages of one read.

What ``TotalCount`` means is undocumented: the rows of the whole result, or those of the page. Either reading is
accepted, if all pages bear it out; if neither holds, the rows do not add up.

A read in parallel, by ``top`` and ``skip``, relies on an order that the service does not promise: there every doubt
ends the read, and the caller reads again by the service's own links. In a sequential read a key that the service
repeats is data, as rows carry no subscription ID. Data that are replaced while they are read are a doubt in both; in a
second read, where the doubt may have been about data that are so, only counts and links decide.
"""

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from airflow_partnercenter.api.pages.envelope import Page
from airflow_partnercenter.api.reading.ledgers import DateLedger, KeyLedger
from airflow_partnercenter.api.resources import Resource
from airflow_partnercenter.exceptions import IncompleteResultError
from airflow_partnercenter.one_line import one_line

logger = logging.getLogger(__name__)

#: Of a key, in messages.
_LONGEST_VALUE = 100


@dataclass(frozen=True, slots=True)
class Doubts:
    """What ends a read, beside counts and links that do not add up.

    :param repeated_keys: a key that comes on two pages.
    :param new_dates: a service whose processed date changes between two pages.
    :param short_pages: a page that is shorter than another one, and not the last, where no total of the whole is
        stated.
    """

    repeated_keys: bool
    new_dates: bool
    short_pages: bool


class Once:
    """Is granted to one, of all that ask: the log says things once, whichever of many threads meets them first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def claim(self) -> bool:
        """Return whether this is the first to ask."""
        return self._lock.acquire(blocking=False)


class Proof:
    """Watches the pages of one read, in order.

    :param resource: what is read.
    :param group_by: API field names that rows are aggregated by, if any; they are the key then.
    :param doubts: what else ends the read.
    :param repetition_notice: of a repeated key that is no doubt; shared by all proofs of a read.
    :param parallel: whether pages are fetched by ``skip``, which relies on a total of the whole.
    """

    def __init__(
        self,
        resource: Resource,
        group_by: Sequence[str],
        doubts: Doubts,
        repetition_notice: Once,
        *,
        parallel: bool = False,
    ) -> None:
        self.row_count = 0
        self._resource = resource
        self._key = [field.column for field in resource.fields if field.wire in group_by] or list(resource.key)
        self._doubts = doubts
        self._parallel = parallel
        self._totals: list[tuple[int, int]] = []
        self._lengths: list[int] = []
        self._keys = KeyLedger(self._key)
        self._dates = DateLedger(resource)
        self._repetition_notice = repetition_notice

    def add(self, page: Page[pa.RecordBatch]) -> None:
        """Take the next page into account.

        :raises IncompleteResultError: a doubt.
        """
        rows = page.rows
        if page.stated_total is not None:
            self._totals.append((page.stated_total, len(rows)))
        repeated = self._keys.add(rows, across_pages_only=self._doubts.repeated_keys)
        if repeated is not None:
            self._meet_repetition(rows, repeated)
        if self._doubts.new_dates and (moved := self._dates.add(rows)):
            raise self.doubt(f"data processed at {moved} appeared in the middle of the read")
        self.row_count += len(rows)
        if len(rows):
            self._lengths.append(len(rows))
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
        shortest, longest = min(self._lengths[:-1], default=0), max(self._lengths, default=0)
        if self._doubts.short_pages and 0 < shortest < longest and not (self._totals and of_the_whole):
            raise self.doubt(
                f"a page in the middle has fewer rows than another one, {shortest:,} and {longest:,}, and no total "
                "tells that none is missing (if the service always does so, max_parallel_requests=1 reads it)"
            )

    def doubt(self, what: str) -> IncompleteResultError:
        """Return the error that says what does not add up."""
        return IncompleteResultError(
            f"{self._resource.name} does not add up: {what}. The data may be changing at this moment."
        )

    def _each_page_is_total(self) -> bool:
        """Return whether ``TotalCount`` counts the rows of its page."""
        return not self._parallel and all(total == rows for total, rows in self._totals)

    def _meet_repetition(self, rows: pa.RecordBatch, position: int) -> None:
        if self._doubts.repeated_keys:
            raise self.doubt(
                f"the row with {self._key_of(rows, position)} came on two pages (if the service repeats it, "
                "max_parallel_requests=1 reads it)"
            )
        if self._repetition_notice.claim():
            logger.warning(
                "%s repeats keys, which is kept as served (rows carry no subscription ID); the first is %s",
                self._resource.name,
                self._key_of(rows, position),
            )

    def _key_of(self, rows: pa.RecordBatch, position: int) -> str:
        row = rows.slice(position, 1).to_pylist()[0]
        return ", ".join(f"{name}={one_line(repr(row[name]), _LONGEST_VALUE)}" for name in self._key)
