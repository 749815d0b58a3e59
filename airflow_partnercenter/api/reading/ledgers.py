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
#: So many first bits of a hash name its slot, each a bit: 4 MB of slots, of which three million rows take a twelfth.
_SLOT_BITS = 25
_BITS_OF_A_BYTE = np.array([1 << bit for bit in range(8)], np.uint8)
#: Distinct combinations of a page's services and dates, up to which they are counted instead of sorted.
_MOST_COUNTED = 1 << 16


class KeyLedger:
    """Remembers keys as 64-bit hashes in sorted runs: 8 bytes a row, so that memory stays nearly flat.

    Two different keys among ten million meet by chance once in several hundred thousand reads; the price is one
    sequential read.

    :param key: columns that together name one row.
    """

    def __init__(self, key: Sequence[str]) -> None:
        self._key = key
        self._runs: list[Hashes] = []
        self._slots: _Slots | None = None

    def add(self, rows: pa.RecordBatch, *, across_pages_only: bool) -> int | None:
        """Add a page's keys; return the position of one that is there already, or None."""
        if not len(rows):
            return None
        hashes = self._hashes(rows)
        run = np.sort(hashes)
        perhaps = self._perhaps_known(run)
        again = [_those_in(older, perhaps) for older in self._runs]
        if not across_pages_only:
            again.append(run[1:][run[1:] == run[:-1]])
        repeated = np.concatenate(again) if again else run[:0]
        while self._runs and len(self._runs[-1]) <= 2 * len(run) and len(run) <= _LONGEST_RUN // 2:
            # A stable sort merges what is sorted already.
            run = np.sort(np.concatenate([self._runs.pop(), run]), kind="stable")
        self._runs.append(run)
        return int(np.flatnonzero(np.isin(hashes, repeated))[-1]) if len(repeated) else None

    def _perhaps_known(self, run: Hashes) -> Hashes:
        """Return the hashes of a page that may be of an earlier page too; the first page has none."""
        if not self._runs:
            return run[:0]
        if not self._slots:
            self._slots = _Slots()
            self._slots.take(self._runs[0])
        return self._slots.take(run)

    def _hashes(self, rows: pa.RecordBatch) -> Hashes:
        """Return a hash of each row's key, from one of each distinct value."""
        hashes = np.zeros(len(rows), np.int64)
        for name in self._key:
            values, codes = distinct(_plain(rows[name]))
            hashes = hashes * _MULTIPLIER + np.fromiter(map(hash, values), np.int64, len(values))[codes]
        return hashes


class _Slots:
    """Knows of most hashes at a glance that they are new; to search all runs for each costs several times as much."""

    def __init__(self) -> None:
        self._taken = np.zeros(1 << (_SLOT_BITS - 3), np.uint8)

    def take(self, hashes: Hashes) -> Hashes:
        """Take the slots of hashes; return those hashes whose slot was taken before, all known ones among them."""
        slots = hashes >> np.int64(64 - _SLOT_BITS)
        # The bytes of negative slots count from the end.
        places, bits = slots >> np.int64(3), _BITS_OF_A_BYTE[slots & 7]
        known: Hashes = hashes[(self._taken[places] & bits) != 0]
        np.bitwise_or.at(self._taken, places, bits)
        return known


def _those_in(sorted_hashes: Hashes, hashes: Hashes) -> Hashes:
    """Return those of some hashes that are among many sorted ones."""
    places = np.minimum(np.searchsorted(sorted_hashes, hashes), len(sorted_hashes) - 1)
    found: Hashes = hashes[sorted_hashes[places] == hashes]
    return found


class DateLedger:
    """Remembers the processed date of each service, to see data that is replaced while it is read."""

    def __init__(self, resource: Resource) -> None:
        services = ("service_code", "service_name", "channel", "workload_code")
        self._columns = [
            *(field.column for field in resource.fields if field.kind is Kind.TEXT and field.column in services),
            "processed_date_time",
        ]
        self._dates: dict[tuple[Any, ...], set[Any]] = {}
        self._first: pa.RecordBatch | None = None

    def add(self, rows: pa.RecordBatch) -> str | None:
        """Add a page; return a date that its service did not have on earlier pages, where that tells of newer data.

        It does if those pages had one date only, or none as new as any of this page.
        """
        first, self._first = self._first, None
        if first is None and not self._dates:
            # Of interest when another one comes, which for a customer hardly ever happens.
            self._first = rows
            return None
        if first is not None:
            self._compare(first)
        return self._compare(rows)

    def _compare(self, rows: pa.RecordBatch) -> str | None:
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
    most = 1
    for values, codes in encoded:
        combined = combined * len(values) + codes
        most *= len(values)
    return [tuple(values[codes[row]] for values, codes in encoded) for row in _one_of_each(combined, most)]


def _one_of_each(codes: Codes, most: int) -> Codes:
    """Return for each distinct code a row that has it.

    :param most: how many codes there can be.
    """
    if most > _MOST_COUNTED:
        return np.unique(codes, return_index=True)[1]
    rows = np.full(most, -1)
    rows[codes] = np.arange(len(codes))
    return rows[rows >= 0]


def _plain(column: pa.Array) -> pa.Array:
    """Return a column whose values Python can have without pandas: times as microseconds."""
    return column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column
