"""The charts of the licence report, from its frames to SVG text. Imports matplotlib only when it draws."""

import math
import unicodedata
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pandas as pd

from airflow_partnercenter.reports.formats import MONTHS, count, percent, plain, printable
from airflow_partnercenter.reports.svg import DEPLOYED, GRID, MUTED, SOLD, UNUSED, figure_of, plain_style, to_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.ticker import Locator

FONT = 13
LINE = 18  # height of a line of text
PLOT_HEIGHT = 170
BELOW = 60  # dates and the axis title
LEFT = 76  # seats and the axis title
BAR_HEIGHT = 14


def trend_chart(trend: pd.DataFrame, names: dict[str, str], *, width: int, name: str) -> str:
    """Draw seats sold and deployed over all processed dates, one panel per service.

    A date without a known count leaves a break in the line, never a 0.

    :param names: service code -> what to call it
    :param width: in CSS pixels; panels stand side by side where two fit
    """
    services = list(trend.groupby("service_code", sort=True))
    columns = min(2, len(services), width // 320)
    panel_width = width / columns
    headings = [wrap(names[str(code)], (panel_width - 16) / (FONT + 1)) for code, _ in services]
    above = LINE * (max(map(len, headings)) + 2.4)
    panel_height = above + PLOT_HEIGHT + BELOW
    height = panel_height * math.ceil(len(services) / columns)
    with plain_style():
        figure = figure_of(width, height)
        for number, (_, table) in enumerate(services):
            row, column = divmod(number, columns)
            left, bottom = LEFT + column * panel_width, height - row * panel_height - above - PLOT_HEIGHT
            box = (left / width, bottom / height, (panel_width - LEFT - 30) / width, PLOT_HEIGHT / height)
            _panel(figure.add_axes(box), table, headings[number])
        label = "Seats sold and deployed on each processed date: " + "; ".join(names[str(code)] for code, _ in services)
        return to_svg(figure, name=name, label=label)


def bar_chart(products: pd.DataFrame, labels: list[str], *, width: int, name: str) -> str:
    """Draw the unused seats of each product as a bar under its name, however long the name is."""
    wrapped = [wrap(label, width / FONT) for label in labels]
    heights = [len(lines) * LINE + BAR_HEIGHT + LINE for lines in wrapped]
    longest = float(products["licenses_unused"].max())
    rows = [plain(row) for row in products.to_dict("records")]
    values = [f"{count(row['licenses_unused'])} of {count(row['licenses_sold'])}" for row in rows]
    room = width - 10 - FONT * max(_em(value) for value in values)
    with plain_style():
        figure = figure_of(width, sum(heights))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, width), ylim=(sum(heights), 0))
        axes.set_axis_off()
        top = 0
        for lines, height, row, value in zip(wrapped, heights, rows, values, strict=True):
            for number, line in enumerate(lines):
                axes.text(0, top + number * LINE, line, va="top")
            middle = top + len(lines) * LINE + BAR_HEIGHT / 2
            length = max(2.0, room * row["licenses_unused"] / longest)
            axes.barh(middle, length, height=BAR_HEIGHT, color=UNUSED)
            axes.text(length + 6, middle, value, va="center")
            top += height
        label = "Products by unused seats: " + "; ".join(map(": ".join, zip(labels, values, strict=True)))
        return to_svg(figure, name=name, label=label)


def wrap(text: str, width: float) -> list[str]:
    """Break a text into lines of at most ``width`` em, inside a word only where it fills a line alone."""
    lines = [""]
    for word in printable(text).split():
        if lines[-1] and _em(f"{lines[-1]} {word}") > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
        while _em(lines[-1]) > width:
            fits = next(size for size in range(len(lines[-1]), 0, -1) if size == 1 or _em(lines[-1][:size]) <= width)
            lines[-1:] = [lines[-1][:fits], lines[-1][fits:]]
    return lines


def _em(text: str) -> float:
    """Return a safe guess of how wide a text is, in units of its font size."""
    wide = sum(unicodedata.east_asian_width(sign) in "WF" for sign in text)
    large = sum(sign.isupper() or sign.isdigit() for sign in text)
    return wide + 0.75 * large + 0.64 * (len(text) - wide - large)


def _panel(axes: "Axes", table: pd.DataFrame, title: list[str]) -> None:
    """Draw one service: two lines, the gap between them shaded, the newest numbers in the legend."""
    days = [value.toordinal() for value in table["processed_date"]]
    sold, deployed = (table[name].astype("float64").to_numpy() for name in ("licenses_sold", "licenses_deployed"))
    newest = plain(table.iloc[-1].to_dict())
    size = 3.5 if len(days) <= 60 else 0
    axes.fill_between(days, deployed, sold, color=UNUSED, alpha=0.15, linewidth=0)
    axes.plot(days, sold, "o-", color=SOLD, markersize=size, label=f"Sold {count(newest['licenses_sold'])}")
    rate = f" ({percent(newest['deployment_percent'])})" if newest["deployment_percent"] is not None else ""
    text = f"Deployed {count(newest['licenses_deployed'])}{rate}"
    axes.plot(days, deployed, "s--", color=DEPLOYED, markersize=size, label=text)
    axes.set_ylim(0, max(1, 1.08 * table[["licenses_sold", "licenses_deployed"]].max().fillna(0).max()))
    axes.yaxis.set_major_locator(_whole_numbers())
    millions = axes.get_ylim()[1] >= 1e6
    axes.yaxis.set_major_formatter(lambda value, _: f"{value / 1e6:g} M" if millions else count(value))
    axes.set_ylabel("Seats")
    axes.yaxis.set_label_coords(-60 / (axes.get_window_extent().width), 0.5)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.tick_params(length=0)
    # Far enough below that the first date stays clear of the 0.
    axes.tick_params(axis="x", pad=9)
    _date_axis(axes, date.fromordinal(days[0]), date.fromordinal(days[-1]))
    left = -LEFT / axes.get_window_extent().width
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(left, 1),
        frameon=False,
        borderpad=0,
        labelspacing=0.25,
        handlelength=1.8,
        handletextpad=0.5,
    )
    top = 1 + 2.4 * LINE / PLOT_HEIGHT
    heading = "\n".join(title)
    axes.text(left, top, heading, transform=axes.transAxes, fontsize=FONT + 1, fontweight="bold", va="bottom")


def _whole_numbers() -> "Locator":
    """Return a locator of few whole numbers: there are no half seats."""
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(nbins=4, integer=True)


def _date_axis(axes: "Axes", first: date, last: date) -> None:
    """Mark whole days from the first to the last, as many as fit, and name the year once."""
    span = (last - first).days
    steps = max(1, min(span, int(axes.get_window_extent().width // 62)))
    ticks = sorted({first + timedelta(days=round(span * step / steps)) for step in range(steps + 1)})
    axes.set_xticks([tick.toordinal() for tick in ticks], [f"{tick.day} {MONTHS[tick.month - 1]}" for tick in ticks])
    margin = max(0.5, span * 0.02)
    axes.set_xlim(first.toordinal() - margin, last.toordinal() + margin)
    years = str(first.year) if first.year == last.year else f"{first.year} to {last.year}"
    axes.set_xlabel(f"Processed date (UTC), {years}", color=MUTED)
