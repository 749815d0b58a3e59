"""The licence report as plain text for a terminal. Imports no Airflow, matplotlib or Jinja2."""

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

from airflow_partnercenter.reports.formats import MINUS, UNKNOWN, count, day, percent, printable, records, signed
from airflow_partnercenter.reports.license_tables import LicenseTables

WIDTH = 100
TOP = 10
NUMBERS = ("Sold", "Change", "Deployed", "Change", "Unused", "Rate")


def to_text(report: LicenseTables) -> str:
    """Return services and top products as two aligned tables; one sentence if there is no data."""
    services, products = records(report.by_service), records(report.by_product)
    if not services:
        return "No licence data: the snapshots hold no rows.\n"
    total = ["Total", *_numbers(dict(report.totals))]
    lines = ["Licences per service", ""]
    lines += _table(
        "Service",
        [[f"{_name(row, 'service')}, {day(row['processed_date'])}", *_numbers(row)] for row in services],
        total,
    )
    lines += ["", f"Products with most unused seats ({min(TOP, len(products))} of {len(products)})", ""]
    lines += _table("Product", [[_name(row, "product"), *_numbers(row)] for row in products[:TOP]], total)
    return "\n".join(lines).replace(MINUS, "-").replace(UNKNOWN, "-").replace("±", "") + "\n"


def _name(row: dict[str, Any], kind: str) -> str:
    """Return the name of a row, its id if it has none."""
    name = row[f"{kind}_name"] or row.get(f"{kind}_code") or row.get(f"{kind}_id") or "(not given)"
    return printable(name)


def _numbers(row: dict[str, Any]) -> list[str]:
    """Return the cells of a row after its name."""
    return [
        count(row["licenses_sold"]),
        signed(row["licenses_sold_change"]),
        count(row["licenses_deployed"]),
        signed(row["licenses_deployed_change"]),
        count(row["licenses_unused"]),
        percent(row["deployment_percent"]),
    ]


def _table(title: str, rows: Sequence[list[str]], total: list[str]) -> Iterable[str]:
    """Align names left and numbers right; a name too long for the line is cut with an ellipsis."""
    cells = [[title, *NUMBERS], *rows, total]
    widths = [max(len(row[column]) for row in cells) for column in range(1, len(total))]
    room = WIDTH - sum(widths) - 2 * len(widths)
    room = min(room, max(_columns(row[0]) for row in cells))
    lines = [
        _padded(row[0], room) + "".join(f"  {cell:>{width}}" for cell, width in zip(row[1:], widths, strict=True))
        for row in cells
    ]
    rule = "-" * (room + sum(widths) + 2 * len(widths))
    return [lines[0], rule, *lines[1:-1], rule, lines[-1]]


def _padded(text: str, room: int) -> str:
    """Return the text in exactly ``room`` terminal columns."""
    if _columns(text) > room:
        while _columns(text) > room - 3:
            text = text[:-1]
        text += "..."
    return text + " " * (room - _columns(text))


def _columns(text: str) -> int:
    """Return how many terminal columns a text takes: two for an East Asian wide letter, none for a combining mark."""
    return sum(0 if unicodedata.combining(sign) else 1 + (unicodedata.east_asian_width(sign) in "WF") for sign in text)
