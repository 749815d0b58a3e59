"""The tables of the licence report as CSV files that a spreadsheet opens safely. Imports pandas, no Airflow."""

import pandas as pd

#: A spreadsheet may run a cell that begins like this, even if a customer chose the text; the wide ones count too.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def to_csv(table: pd.DataFrame) -> bytes:
    """Return a table as CSV: every row, every number exact, a missing value empty, dates as 2026-11-21.

    UTF-8 with a byte order mark and CRLF, as spreadsheets expect it. A text that would be a formula gets an apostrophe
    in front (https://owasp.org/www-community/attacks/CSV_Injection); numbers are left alone.
    """
    safe = table.copy()
    for name in safe.columns:
        if pd.api.types.is_string_dtype(safe[name].dtype) or safe[name].dtype == object:
            safe[name] = safe[name].map(_harmless, na_action="ignore")
    text = safe.to_csv(index=False, lineterminator="\r\n", date_format="%Y-%m-%d")
    return text.encode("utf-8-sig", errors="replace")


def _harmless(value: object) -> object:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value
