"""The quality gate: named expectations of one result, watched batch by batch before its file is put in place.

Knows Arrow batches and nothing of Airflow or of Partner Center; what the key is, it is told.
"""

import json
import logging
import reprlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import reduce
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from airflow_partnercenter.exceptions import ConfigurationError, ExpectationError
from airflow_partnercenter.rows import time_text, utc_time

logger = logging.getLogger(__name__)

_LEVELS = ("warn", "fail")
#: Of a limit; no result has more rows, and Python does not print numbers of thousands of digits.
_MOST_DIGITS = 18
_HOW_TO_WRITE = 'write {"fail": {"row_count_at_least": 1000}, "warn": {"processed_within_days": 3}}'


@dataclass(frozen=True, slots=True)
class ExpectedRows:
    """What the rows of a result are declared to be.

    :param resource: name, for messages.
    :param columns: all column names.
    :param key: columns that together name one row.
    """

    resource: str
    columns: Sequence[str]
    key: Sequence[str]


class QualityGate:
    """Watches the batches of one read; each read needs a gate of its own.

    :param asked: ``{"warn": {name: limit}, "fail": {name: limit}}``, also as JSON text; a name may be in both, with
        different limits. A limit that is None, False or empty text, as templates render it, leaves the expectation out.
    :param rows: what is read.
    :raises ConfigurationError: a level, a name or a limit cannot work; the message lists those that can.
    """

    def __init__(self, asked: Mapping[str, Any] | str | None, rows: ExpectedRows) -> None:
        self._watches = list(_watches(_read(asked), rows))

    def watch(self, batch: pa.RecordBatch) -> None:
        """Take the next rows into account."""
        for _, watch in self._watches:
            watch.watch(batch)

    def results(self) -> list[dict[str, Any]]:
        """Return what came out, as plain JSON values, in the order asked.

        :return: a list of ``{"name", "on_failure", "expected", "observed", "passed", "message"}``.
        """
        return [
            {
                "name": watch.name,
                "on_failure": level,
                "expected": watch.limit,
                "observed": watch.observed,
                "passed": watch.passed(),
                "message": watch.message(),
            }
            for level, watch in self._watches
        ]


def require(results: Sequence[Mapping[str, Any]], resource: str) -> None:
    """Log what only warns, and raise if there is more.

    :param results: of a :class:`QualityGate`.
    :raises ExpectationError: an expectation whose level is ``fail`` does not hold.
    """
    broken = [result for result in results if not result["passed"]]
    for result in broken:
        if result["on_failure"] == "warn":
            logger.warning("%s: %s does not hold: %s.", resource, result["name"], result["message"])
    if failed := [f"{result['name']}: {result['message']}" for result in broken if result["on_failure"] == "fail"]:
        raise ExpectationError(
            f"{resource} is not as expected, so nothing was written ({'; '.join(failed)}). Look at the data; if it is "
            "right, change the expectation or move it to 'warn'.",
            results=results,
        )


class _Watch(ABC):
    """One expectation of one read.

    :ivar limit: what is asked for.
    :ivar observed: what has been seen so far, as a JSON value to compare with the limit.
    """

    name: ClassVar[str]
    #: How the limit is written, for messages.
    takes: ClassVar[str]
    observed: Any = None

    def __init__(self, limit: Any, rows: ExpectedRows) -> None:
        self.limit = self._checked(limit)
        self._rows = rows

    @classmethod
    @abstractmethod
    def _checked(cls, limit: Any) -> Any:
        """Return the limit by its type, also where a template made text of it."""

    @abstractmethod
    def watch(self, batch: pa.RecordBatch) -> None:
        """Take the next rows into account."""

    @abstractmethod
    def passed(self) -> bool:
        """Return whether it holds."""

    @abstractmethod
    def message(self) -> str:
        """Return what was seen and expected, in words."""

    @classmethod
    def _wrong(cls, limit: Any) -> ConfigurationError:
        beyond = isinstance(limit, int) and abs(limit) >= 10**_MOST_DIGITS
        shown = "beyond all measure" if beyond else reprlib.repr(limit)
        return ConfigurationError(f"expectations: {cls.name} is {shown}: give {cls.takes}.")


class _NumberWatch(_Watch):
    """An expectation with a whole number as its limit."""

    least: ClassVar[int]

    @classmethod
    def _checked(cls, limit: Any) -> int:
        if isinstance(limit, str) and limit.strip().isdecimal() and len(limit) <= _MOST_DIGITS:
            limit = int(limit)
        if not isinstance(limit, int) or isinstance(limit, bool) or not cls.least <= limit < 10**_MOST_DIGITS:
            raise cls._wrong(limit)
        return limit


class _RowCountAtLeast(_NumberWatch):
    name = "row_count_at_least"
    takes = "the least number of rows, a whole number of at least 1"
    least = 1
    observed: int = 0

    def watch(self, batch: pa.RecordBatch) -> None:
        self.observed += batch.num_rows

    def passed(self) -> bool:
        return self.observed >= int(self.limit)

    def message(self) -> str:
        return f"{self.observed:,} rows, at least {self.limit:,} expected"


class _ProcessedWithinDays(_NumberWatch):
    """Calendar days in UTC. The oldest row counts, since each service has a day of its own."""

    name = "processed_within_days"
    takes = "the most days since the oldest processed date, a whole number of at least 0"
    least = 0
    observed: str | None = None

    def watch(self, batch: pa.RecordBatch) -> None:
        oldest = pc.min(batch["processed_date_time"].cast(pa.int64())).as_py()
        if oldest is not None:
            # Text of equal width: it sorts like the times.
            seen = time_text(utc_time(oldest))
            self.observed = min(self.observed or seen, seen)

    def passed(self) -> bool:
        if not self.observed:
            return False
        age = datetime.now(UTC).date() - date.fromisoformat(self.observed[:10])
        return age.days <= int(self.limit)

    def message(self) -> str:
        seen = f"the oldest rows were processed on {self.observed[:10]}" if self.observed else "no row says when"
        return f"{seen}, at most {self.limit:,} days ago expected"


class _ViolationWatch(_Watch):
    """An expectation of each row, switched on by ``True``; it counts the rows that break it."""

    takes = "true or false"
    observed: int = 0

    @classmethod
    def _checked(cls, limit: Any) -> bool:
        if limit is not True and not (isinstance(limit, str) and limit.strip().lower() == "true"):
            raise cls._wrong(limit)
        return True

    def watch(self, batch: pa.RecordBatch) -> None:
        self.observed += self._violations(batch)

    @abstractmethod
    def _violations(self, batch: pa.RecordBatch) -> int:
        """Return how many rows break it."""

    def passed(self) -> bool:
        return not self.observed


class _NoNullKeys(_ViolationWatch):
    name = "no_null_keys"

    def _violations(self, batch: pa.RecordBatch) -> int:
        nulls = [batch[column].is_null() for column in self._rows.key if batch[column].null_count]
        return int(reduce(pc.or_, nulls).true_count) if nulls else 0

    def message(self) -> str:
        return f"{self.observed:,} rows without a value in one of {', '.join(self._rows.key)}"


class _AtMost(_ViolationWatch):
    """One count is at most another; where either is null, nothing is broken."""

    pair: ClassVar[tuple[str, str]]

    def __init__(self, limit: Any, rows: ExpectedRows) -> None:
        super().__init__(limit, rows)
        if missing := [column for column in self.pair if column not in rows.columns]:
            raise ConfigurationError(
                f"expectations: {self.name} is not for {rows.resource}, which has no {', '.join(missing)}."
            )

    def _violations(self, batch: pa.RecordBatch) -> int:
        lesser, greater = self.pair
        return int(pc.greater(batch[lesser], batch[greater]).true_count)

    def message(self) -> str:
        return f"{self.observed:,} rows with {self.pair[0]} above {self.pair[1]}"


class _DeployedAtMostSold(_AtMost):
    name = "deployed_at_most_sold"
    pair = ("licenses_deployed", "licenses_sold")


class _ActiveAtMostQualified(_AtMost):
    name = "active_at_most_qualified"
    pair = ("licenses_active", "licenses_qualified")


_WATCHES: dict[str, type[_Watch]] = {
    watch.name: watch
    for watch in (_RowCountAtLeast, _ProcessedWithinDays, _NoNullKeys, _DeployedAtMostSold, _ActiveAtMostQualified)
}
#: Names of the expectations there are.
EXPECTATIONS = tuple(_WATCHES)


def _read(asked: Mapping[str, Any] | str | None) -> Mapping[str, Any]:
    if isinstance(asked, str):
        try:
            asked = json.loads(asked) if asked.strip() else None
        except (ValueError, RecursionError):
            raise ConfigurationError(f"expectations is text but not JSON: {_HOW_TO_WRITE}.") from None
    if not asked:
        return {}
    if not isinstance(asked, Mapping):
        raise ConfigurationError(f"expectations is {asked!r}: {_HOW_TO_WRITE}.")
    return asked


def _watches(asked: Mapping[str, Any], rows: ExpectedRows) -> Iterator[tuple[str, _Watch]]:
    for level, limits in asked.items():
        if level not in _LEVELS:
            raise ConfigurationError(f"expectations has {level!r} where 'warn' or 'fail' belongs: {_HOW_TO_WRITE}.")
        if not isinstance(limits, Mapping):
            raise ConfigurationError(f"expectations: {level!r} holds {limits!r}: {_HOW_TO_WRITE}.")
        for name, limit in limits.items():
            if name not in _WATCHES:
                known = "; ".join(f"{watch.name} ({watch.takes})" for watch in _WATCHES.values())
                raise ConfigurationError(f"There is no expectation {name!r}. Use: {known}.")
            if not _is_left_out(limit):
                yield level, _WATCHES[name](limit, rows)


def _is_left_out(limit: Any) -> bool:
    if isinstance(limit, str):
        return limit.strip().lower() in ("", "none", "false")
    return limit is None or limit is False
