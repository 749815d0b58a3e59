"""Which processed dates are compared: the latest, the one before, one 30 days back. Imports pandas only."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

#: How a change is named, by what it is a change since.
SINCE = {"previous": "", "30_days": "_30_days"}
MONTH_DAYS = 30
#: Daily, weekly and monthly snapshots all have a date this near to 30 days back; after a longer pause there is none.
TOLERANCE_DAYS = 7


@dataclass(frozen=True)
class Periods:
    """The rows of the dates that a report compares, each unit on dates of its own.

    :param now: rows of each unit's latest processed date.
    :param previous: rows of the date before it.
    :param month_ago: rows of the date nearest to 30 days before it (23 to 37 days), of two as near the older one.
    """

    now: pd.DataFrame
    previous: pd.DataFrame
    month_ago: pd.DataFrame

    def before(self, since: str) -> pd.DataFrame:
        """Return the rows that a change is measured from; ``since`` is a key of :data:`SINCE`."""
        return self.previous if since == "previous" else self.month_ago

    def together(self) -> pd.DataFrame:
        """Return all rows of the three dates; a row of two of them comes twice."""
        return pd.concat([self.month_ago, self.previous, self.now], ignore_index=True)


def periods(rows: pd.DataFrame, unit: Sequence[str]) -> Periods:
    """Find the dates of each unit, which is what Microsoft processes together, such as a service."""
    keys = list(unit)
    dates = rows[[*keys, "processed_date"]].drop_duplicates().sort_values("processed_date")
    latest = dates.groupby(keys)["processed_date"].transform("max")
    age = (latest - dates["processed_date"]).dt.days
    distance = (age - MONTH_DAYS).abs()
    near = dates.assign(distance=distance)[(distance <= TOLERANCE_DAYS) & (age > 0)]
    nearest = near.sort_values("distance", kind="stable").drop_duplicates(keys)
    rank = dates.groupby(keys)["processed_date"].rank(method="dense", ascending=False)
    return Periods(*(_rows_of(rows, found) for found in (dates[rank == 1], dates[rank == 2], nearest)))


def dates_of(rows: pd.DataFrame, unit: Sequence[str]) -> pd.Series:
    """Return the one processed date of each unit in the rows of a period."""
    return rows.groupby(list(unit))["processed_date"].max()


def _rows_of(rows: pd.DataFrame, dates: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of these dates, in their order."""
    keys = [name for name in dates if name != "distance"]
    return rows.merge(dates[keys], on=keys, how="inner")
