"""What a proof remembers of the pages before: the key of every row, and the processed dates of each service."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from airflow_partnercenter.api.pages.arrays import Codes, distinct
from airflow_partnercenter.api.resources import Kind, Resource
from airflow_partnercenter.rows import time_text, utc_time

Hashes = np.ndarray[Any, np.dtype[np.int64]]

#: 2^64 divided by the golden ratio, which spreads bits well (Knuth, The Art of Computer Programming, 6.4).
_MULTIPLIER = np.int64(-7046029254386353131)
#: Hashes in one sorted run at most, 2 MB: merging takes as much again.
_LONGEST_RUN = 1 << 18


class KeyLedger:
    """Remembers keys as 64-bit hashes in sorted runs: 8 bytes a row, so that memory stays nearly flat.

    Two different keys among ten million meet by chance once in several hundred thousand reads; the price is one
    sequential read.

    :param key: columns that together name one row.
    """

    def __init__(self, key: Sequence[str]) -> None:
        self._key = key
        self._runs: list[Hashes] = []

    def add(self, rows: pa.RecordBatch, *, across_pages_only: bool) -> int | None:
        """Add a page's keys; return the position of one that is there already, or None."""
        if not len(rows):
            return None
        hashes = self._hashes(rows)
        run = np.sort(hashes)
        again = [older[np.minimum(np.searchsorted(older, run), len(older) - 1)] == run for older in self._runs]
        if not across_pages_only:
            again.append(np.append(False, run[1:] == run[:-1]))
        repeated = run[np.logical_or.reduce(again)] if again else run[:0]
        while self._runs and len(self._runs[-1]) <= 2 * len(run) and len(run) <= _LONGEST_RUN // 2:
            # A stable sort merges what is sorted already.
            run = np.sort(np.concatenate([self._runs.pop(), run]), kind="stable")
        self._runs.append(run)
        return int(np.flatnonzero(np.isin(hashes, repeated))[-1]) if len(repeated) else None

    def _hashes(self, rows: pa.RecordBatch) -> Hashes:
        """Return a hash of each row's key, from one of each distinct value."""
        hashes = np.zeros(len(rows), np.int64)
        for name in self._key:
            values, codes = distinct(_plain(rows[name]))
            hashes = hashes * _MULTIPLIER + np.fromiter(map(hash, values), np.int64, len(values))[codes]
        return hashes


class DateLedger:
    """Remembers the processed date of each service, to see data that is replaced while it is read."""

    def __init__(self, resource: Resource) -> None:
        services = ("service_code", "service_name", "channel", "workload_code")
        self._columns = [
            *(field.column for field in resource.fields if field.kind is Kind.TEXT and field.column in services),
            "processed_date_time",
        ]
        self._dates: dict[tuple[Any, ...], set[Any]] = {}

    def add(self, rows: pa.RecordBatch) -> str | None:
        """Add a page; return a date that its service did not have on earlier pages, where that tells of newer data.

        It does if those pages had one date only, or none as new as any of this page.
        """
        here: dict[tuple[Any, ...], set[Any]] = {}
        for combination in _combinations(rows, self._columns):
            here.setdefault(combination[:-1], set()).add(combination[-1])
        for group, dates in here.items():
            before = self._dates.get(group)
            if before and _tells_of_newer_data(before, dates):
                moved = next(iter(dates - before), None)
                return "another time" if moved is None else time_text(utc_time(moved))
            self._dates[group] = dates | (before or set())
        return None


def _tells_of_newer_data(before: set[Any], here: set[Any]) -> bool:
    """Return whether a service's dates on a page cannot be of the data that the pages before it showed."""
    known, new = before - {None}, here - {None}
    # Rows that differ in date from the start say little about when they were read.
    return (len(before) == 1 and here != before) or bool(known and new and min(new) > max(known))


def _combinations(rows: pa.RecordBatch, columns: Sequence[str]) -> list[tuple[Any, ...]]:
    """Return the distinct combinations of values in some columns of few distinct values."""
    encoded = [distinct(_plain(rows[name])) for name in columns]
    combined: Codes = np.zeros(len(rows), np.int64)
    for values, codes in encoded:
        combined = combined * len(values) + codes
    _, first = np.unique(combined, return_index=True)
    return [tuple(values[codes[row]] for values, codes in encoded) for row in first]


def _plain(column: pa.Array) -> pa.Array:
    """Return a column whose values Python can have without pandas: times as microseconds."""
    return column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column
