"""Numbers and dates as a reader sees them; the only place that rounds. Imports pandas, no Airflow."""

import unicodedata
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import pandas as pd

MINUS = "\N{MINUS SIGN}"
UNKNOWN = "\N{EN DASH}"
# Not strftime's: a month's name must not depend on the locale of the worker.
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a row as plain JSON values: ``None`` for a missing value, text for a date."""
    return {str(key): _plain(value) for key, value in row.items()}


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a frame as plain JSON values."""
    return [plain(row) for row in frame.to_dict("records")]


def count(value: float | None) -> str:
    """Return a count with thousands separators and a true minus."""
    return UNKNOWN if value is None else f"{value:,.0f}".replace("-", MINUS)


def percent(value: float | None) -> str:
    """Return percent points with one decimal."""
    return UNKNOWN if value is None else f"{value:,.1f}%".replace("-", MINUS)


def served_percent(value: float | None) -> str:
    """Return percent points of the service's own with all the decimals it served."""
    return UNKNOWN if value is None else f"{value:,}%".replace("-", MINUS)


def signed(value: float | None, decimals: int = 0) -> str:
    """Return a change with its sign; ±0 where it rounds to nothing."""
    if value is None:
        return UNKNOWN
    text = f"{value:+,.{decimals}f}".replace("-", MINUS)
    return text if any(digit in text for digit in "123456789") else f"±{0:.{decimals}f}"


def day(value: date | str | None) -> str:
    """Return a day as 21 Nov 2026."""
    if value is None:
        return UNKNOWN
    when = datetime.fromisoformat(value) if isinstance(value, str) else value
    return f"{when.day} {MONTHS[when.month - 1]} {when.year}"


def printable(text: str) -> str:
    """Return a text on one line, without the control characters that neither HTML nor a terminal wants."""
    kept = (sign for sign in text if sign.isspace() or unicodedata.category(sign) not in {"Cc", "Cs", "Cn"})
    return " ".join("".join(kept).split())


def plural(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun: 1 row, 2 rows."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _plain(value: Any) -> Any:
    """Return one value as JSON knows it."""
    if pd.isna(value):
        return None
    if isinstance(value, datetime):
        return value.date().isoformat()
    return value.item() if hasattr(value, "item") else value
