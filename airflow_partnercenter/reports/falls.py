"""Services and customers that lost seats, to alert somebody. Imports pandas, no Airflow."""

import pandas as pd

from airflow_partnercenter.one_line import one_line
from airflow_partnercenter.reports import formats
from airflow_partnercenter.reports.customers import FALLING_MEASURES
from airflow_partnercenter.reports.license_tables import LicenseTables
from airflow_partnercenter.reports.periods import SINCE

COLUMNS = ["kind", "id", "name", "measure", "before", "now", "change", "change_percent"]
#: Characters of a name that stay in a sentence.
NAME_LENGTH = 200
WORDS = {"licenses_sold": "seats sold", "licenses_deployed": "seats deployed"}


def find_falls(
    report: LicenseTables, *, more_than_percent: float = 10.0, at_least_seats: int = 1, since: str = "previous"
) -> pd.DataFrame:
    """Return the services and customers whose seats sold or deployed fell by more than a threshold.

    Only what has its counts on both dates is compared, so a count that goes missing is no fall.

    :param more_than_percent: of what it was before, in percent points; exactly so much is no fall.
    :param at_least_seats: smaller falls are left out: a customer of three seats loses a third with one.
    :param since: ``previous`` (the last snapshot before; use it where each fall should be told once) or ``30_days``.
    :return: columns kind (``service`` or ``customer``), id, name, measure (``licenses_sold`` or
        ``licenses_deployed``), before, now, change (negative) and change_percent; services first, then by seats.
    :raises ValueError: ``since`` is neither.
    """
    if since not in SINCE:
        raise ValueError(f"since {since!r} is not one of {', '.join(SINCE)}.")
    parts = [
        _falls(table, kind, key, name, measure, SINCE[since])
        for kind, table, key, name in (
            ("service", report.by_service, "service_code", "service_name"),
            ("customer", report.by_customer, "customer_tenant_id", "customer_name"),
        )
        for measure in FALLING_MEASURES
    ]
    every = pd.concat(parts, ignore_index=True)
    wanted = (-100 * every["change"] > more_than_percent * every["before"]) & (-every["change"] >= at_least_seats)
    falls = every[wanted.fillna(False)].sort_values(
        ["kind", "change", "name", "measure"], ascending=[False, True, True, True], kind="stable"
    )
    return falls.reset_index(drop=True)


def describe_falls(falls: pd.DataFrame) -> list[str]:
    """Return a sentence for each fall: what fell, from how much to how much, and by how many percent.

    Names are put on one line of at most 200 characters, without control characters and marks that turn the direction of
    the sentence; they are not escaped for HTML.
    """
    return [
        f"{row['kind'].capitalize()} {one_line(row['name'] or row['id'] or '(not given)', NAME_LENGTH)}: "
        f"{WORDS[row['measure']]} fell from {formats.count(row['before'])} to {formats.count(row['now'])} "
        f"({formats.percent(row['change_percent'])})."
        for row in formats.records(falls)
    ]


def _falls(table: pd.DataFrame, kind: str, key: str, name: str, measure: str, suffix: str) -> pd.DataFrame:
    """Return what became of one measure of each row of a table."""
    before, change = table[f"{measure}_before{suffix}"], table[f"{measure}_change{suffix}"]
    columns = {
        "kind": pd.Series(kind, index=table.index, dtype="string"),
        "id": table[key],
        "name": table[name],
        "measure": pd.Series(measure, index=table.index, dtype="string"),
        "before": before,
        "now": before + change,
        "change": change,
        "change_percent": (100 * change / before.mask(before == 0)).astype("Float64"),
    }
    return pd.DataFrame(columns, columns=COLUMNS)
