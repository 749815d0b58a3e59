"""The tables of the licence report: sums, rates and changes of typed rows. Imports pandas, no Airflow."""

import pandas as pd

from airflow_partnercenter.reports.snapshots import LICENSE_KEYS

MEASURES = ["licenses_sold", "licenses_deployed", "licenses_unused"]
CHANGES = [f"{name}_change" for name in (*MEASURES, "deployment_percent")]


def latest_and_previous(rows: pd.DataFrame, unit: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split off the rows of each unit's latest processed date and of the one before it."""
    age = rows.groupby(unit)["processed_date"].rank(method="dense", ascending=False)
    return rows[age == 1], rows[age == 2]


def sums(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Sum the counts per key; a sum without any known count is <NA>.

    ``licenses_unused`` and ``deployment_percent`` come from the rows that have both counts: a row without one
    is counted in ``rows_without_counts``, not taken for 0. ``deployment_base`` is the seats sold in the rows
    with both, the denominator of the percent.
    """
    grouped = rows.assign(row_count=1, rows_without_counts=rows["licenses_unused"].isna().astype(int)).groupby(keys)
    result = grouped[[*MEASURES, "deployment_base"]].sum(min_count=1)
    result["deployment_percent"] = percent(result)
    return result.join(grouped[["row_count", "rows_without_counts"]].sum())


def percent(frame: pd.DataFrame) -> pd.Series:
    """Return deployed per sold in percent points, not rounded or clamped; <NA> where sold is 0 or unknown."""
    base = frame["deployment_base"]
    return (100 * (base - frame["licenses_unused"]) / base.mask(base == 0)).astype("Float64")


def changes(now: pd.DataFrame, previous: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return what changed per key since the previous processed date of each service.

    Compared are (service, channel, customer, product): one that is new counts with its whole number, one that
    is gone with minus its whole number, one that lacks a count on either date not at all. A service without
    an earlier date takes no part. So the changes of the parts always sum to the change of the whole.
    """
    comparable = now[now["service_code"].isin(previous["service_code"])]
    negative = previous.assign(**{name: -previous[name] for name in MEASURES})
    signed = pd.concat([comparable, negative], ignore_index=True)
    cell = list(dict.fromkeys([*LICENSE_KEYS, *keys]))
    unknown = signed[cell].join(signed[MEASURES].isna()).groupby(cell)[MEASURES].any()
    cells = signed.groupby(cell)[MEASURES].sum().mask(unknown)
    result = cells.groupby(level=keys).sum(min_count=1).add_suffix("_change")
    before, after = (sums(rows, keys)["deployment_percent"] for rows in (previous, comparable))
    result["deployment_percent_change"] = after - before
    return result


def compare(now: pd.DataFrame, previous: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return the sums of ``now`` with their changes; what only ``previous`` had has 0 seats now."""
    result = sums(now, keys).join(changes(now, previous, keys), how="outer")
    gone = result["row_count"].isna()
    result.loc[gone, [*MEASURES, "deployment_base", "row_count", "rows_without_counts"]] = 0
    counts = ["row_count", "rows_without_counts"]
    return result.astype(dict.fromkeys(counts, "int64"))


def named(table: pd.DataFrame, rows: pd.DataFrame, key: str, name: str) -> pd.DataFrame:
    """Add the newest name that the rows give each key, and make the keys columns."""
    names = rows.assign(**{name: rows[name].replace("", pd.NA)}).sort_values(["processed_date", name])
    newest = names.groupby(key)[name].last().fillna("")
    flat = table.reset_index()
    flat.insert(list(flat.columns).index(key) + 1, name, newest.reindex(flat[key]).array)
    return flat


def by_unused(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Sort by seats not deployed, most first, unknown last; equal ones by name."""
    order = table.assign(descending=-table["licenses_unused"])
    return order.sort_values(["descending", name], kind="stable").drop(columns="descending").reset_index(drop=True)


def trend_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the sums per service and processed date, oldest first."""
    columns = ["licenses_sold", "licenses_deployed", "deployment_percent", "row_count", "rows_without_counts"]
    return sums(rows, ["service_code", "processed_date"])[columns].reset_index()


def partner_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the legacy percents of each (service, channel) as served, latest date and change.

    If one file repeats a (service, channel) with different percents, it is <NA>: percents do not add up.
    """
    unit = ["service_name", "channel"]
    served = rows.groupby([*unit, "processed_date"])
    values = served[["licenses_sold"]].sum(min_count=1)
    column = served["prorated_deployment_percent"]
    values["prorated_deployment_percent"] = column.first().mask(column.nunique(dropna=False) > 1)
    now, previous = (part.set_index(unit) for part in latest_and_previous(values.reset_index(), unit))
    before = previous.reindex(now.index)
    numbers = ["licenses_sold", "prorated_deployment_percent"]
    result = now.join((now[numbers] - before[numbers]).add_suffix("_change"))
    result.insert(1, "previous_date", before["processed_date"])
    return result.reset_index()
