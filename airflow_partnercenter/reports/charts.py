"""The geometry of the report's charts: numbers in, positions out; the template draws them. Imports pandas, no Airflow.

Horizontal positions are percents of the plot's width, so one picture fits every screen without scaling its text.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from airflow_partnercenter.reports import formats

PLOT_HEIGHT = 150
#: Units of the stretched drawing that holds the lines: thousandths of the width.
PLOT_WIDTH = 1000
GRID_LINES = 4
DATE_TICKS = 4
#: With more dates than this the points would be a string of beads.
MOST_POINTS = 60


@dataclass(frozen=True)
class Line:
    """One measure over time: an SVG path with a break at each missing value, and its points (x %, y px)."""

    path: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class TrendPanel:
    """One service's trend: what to draw and how to tell it to somebody who does not see it."""

    sold: Line
    deployed: Line
    area: str
    grid: tuple[tuple[float, str], ...]
    ticks: tuple[tuple[float, str, str], ...]
    description: str


@dataclass(frozen=True)
class Bar:
    """Widths in percent of the chart; ``rest`` begins where ``part`` ends."""

    part: float
    rest: float


def trend_panel(table: pd.DataFrame) -> TrendPanel:
    """Lay out seats sold and deployed of one service over its processed dates, oldest first.

    Both lines start from 0 seats, so that the gap between them is true to scale. A date without a known count leaves a
    break in its line, never a 0.
    """
    rows = formats.records(table)
    days = [date.fromisoformat(row["processed_date"]).toordinal() for row in rows]
    places = [_place(day, days[0], days[-1]) for day in days]
    measures = [[row[name] for row in rows] for name in ("licenses_sold", "licenses_deployed")]
    steps = axis([value for values in measures for value in values if value is not None])
    heights = [[None if value is None else _height(value, steps[-1]) for value in values] for values in measures]
    sold, deployed = (_line(places, values) for values in heights)
    return TrendPanel(
        sold=sold,
        deployed=deployed,
        area=_area(places, heights[0], heights[1]),
        grid=tuple((_height(step, steps[-1]), short_count(step, steps[-1])) for step in steps),
        ticks=_ticks(days[0], days[-1]),
        description=_description(rows),
    )


def axis(values: Sequence[float]) -> list[int]:
    """Return up to five round numbers of seats from 0 to at least the greatest value: whole ones, no half seats."""
    greatest = max(1, *values) if values else 1
    power = 10 ** math.floor(math.log10(max(1, greatest / GRID_LINES)))
    step = next(step for step in (power, 2 * power, 5 * power, 10 * power) if step * GRID_LINES >= greatest)
    return [step * number for number in range(math.ceil(greatest / step) + 1)]


def bars(rows: Sequence[dict[str, Any]], part: str, whole: str) -> list[Bar]:
    """Return a stacked bar for each row, the longest filling the width; nothing known draws nothing."""
    longest = max((max(row[part] or 0, row[whole] or 0) for row in rows), default=0) or 1
    return [
        Bar(100 * (row[part] or 0) / longest, 100 * max(0, (row[whole] or 0) - (row[part] or 0)) / longest)
        for row in rows
    ]


def short_count(value: int, greatest: int) -> str:
    """Return an axis number; in millions where the axis reaches them."""
    return f"{value / 1_000_000:g} M" if greatest >= 2_000_000 else formats.count(value)


def _place(day: int, first: int, last: int) -> float:
    """Return where a day is, in percent of the width; a single day in the middle."""
    return 100 * (day - first) / (last - first) if last > first else 50.0


def _height(value: float, greatest: float) -> float:
    """Return how far below the plot's upper edge a value is, in pixels."""
    return PLOT_HEIGHT * (1 - value / greatest)


def _runs(values: Sequence[Any]) -> Iterator[range]:
    """Return the stretches of places whose values are all known."""
    start = 0
    for place, value in enumerate([*values, None]):
        if value is None:
            if place > start:
                yield range(start, place)
            start = place + 1


def _path(places: Sequence[float], heights: Sequence[float | None], run: Sequence[int]) -> str:
    """Return a stretch of a line in the units of the drawing."""
    return "L".join(f"{PLOT_WIDTH / 100 * places[at]:.1f},{heights[at]:.1f}" for at in run)


def _line(places: Sequence[float], heights: Sequence[float | None]) -> Line:
    """Return a line through the known values; a value that stands alone is drawn as a point in any case."""
    runs = list(_runs(heights))
    every = len(places) <= MOST_POINTS
    seen = [at for run in runs for at in run if every or len(run) == 1]
    points = tuple((places[at], value) for at in seen if (value := heights[at]) is not None)
    return Line("".join(f"M{_path(places, heights, run)}" for run in runs if len(run) > 1), points)


def _area(places: Sequence[float], sold: Sequence[float | None], deployed: Sequence[float | None]) -> str:
    """Return the surface between the lines, where both are known."""
    both = [None if one is None or other is None else 0 for one, other in zip(sold, deployed, strict=True)]
    return "".join(
        f"M{_path(places, sold, run)}L{_path(places, deployed, run[::-1])}Z" for run in _runs(both) if len(run) > 1
    )


def _ticks(first: int, last: int) -> tuple[tuple[float, str, str], ...]:
    """Return (x %, day, text-anchor) of whole days from the first to the last; their labels stay inside the plot."""
    span = last - first
    steps = min(span, DATE_TICKS - 1) or 1
    days = sorted({first + round(span * step / steps) for step in range(steps + 1)})
    return tuple(
        (
            _place(day, first, last),
            _short_day(date.fromordinal(day)),
            "middle" if not span or first < day < last else "start" if day == first else "end",
        )
        for day in days
    )


def _short_day(when: date) -> str:
    """Return a day as 21 Nov."""
    return f"{when.day} {formats.MONTHS[when.month - 1]}"


def _description(rows: Sequence[dict[str, Any]]) -> str:
    """Tell the trend in a sentence: its first and last date with their numbers."""
    told = [
        f"{formats.day(row['processed_date'])}: {formats.count(row['licenses_sold'])} sold, "
        f"{formats.count(row['licenses_deployed'])} deployed"
        for row in (rows[0], rows[-1])
    ]
    days = formats.plural(len(rows), "processed date")
    return f"{days}. {'; '.join(dict.fromkeys(told))}."
