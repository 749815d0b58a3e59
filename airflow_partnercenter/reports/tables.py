"""The tables of the licence report: sums, rates and changes of typed rows. Imports pandas, no Airflow."""

from dataclasses import dataclass

import pandas as pd

from airflow_partnercenter.reports.periods import SINCE, Periods, periods
from airflow_partnercenter.reports.snapshots import LICENSE_KEYS


@dataclass(frozen=True)
class Counted:
    """What is summed and compared of a resource.

    :param measures: count columns.
    :param part: column of numerators of the rate, known where both counts are.
    :param base: column of denominators, likewise.
    :param percent: name of the rate.
    :param cell: what is compared one by one with its own past.
    :param unit: what is processed together, on dates of its own.
    """

    measures: tuple[str, ...]
    part: str
    base: str
    percent: str
    cell: tuple[str, ...]
    unit: tuple[str, ...]

    @property
    def changes(self) -> list[str]:
        """Names of the change columns of the counts."""
        return [f"{name}_change{suffix}" for suffix in SINCE.values() for name in self.measures]


DEPLOYMENT = Counted(
    measures=("licenses_sold", "licenses_deployed", "licenses_unused"),
    part="deployment_part",
    base="deployment_base",
    percent="deployment_percent",
    cell=LICENSE_KEYS,
    unit=("service_code",),
)
USAGE = Counted(
    measures=("licenses_qualified", "licenses_active"),
    part="usage_part",
    base="usage_base",
    percent="usage_percent",
    cell=(*LICENSE_KEYS, "workload_code"),
    unit=("service_code", "workload_code"),
)


def sums(rows: pd.DataFrame, keys: list[str], counted: Counted = DEPLOYMENT) -> pd.DataFrame:
    """Sum the counts per key; a sum without any known count is <NA>.

    The rate comes from the rows that have both counts: a row without one is counted in ``rows_without_counts``,
    not taken for 0.
    """
    numbered = rows.assign(row_count=1, rows_without_counts=rows[counted.base].isna().astype("int64"))
    grouped = numbered.groupby(keys)
    result = grouped[[*counted.measures, counted.part, counted.base]].sum(min_count=1)
    result[counted.percent] = percent(result[counted.part], result[counted.base])
    return result.join(grouped[["row_count", "rows_without_counts"]].sum())


def percent(part: pd.Series, base: pd.Series) -> pd.Series:
    """Return part per base in percent points, not rounded or clamped; <NA> where the base is 0 or unknown."""
    return (100 * part / base.mask(base == 0)).astype("Float64")


def changes(found: Periods, since: str, keys: list[str], counted: Counted = DEPLOYMENT) -> pd.DataFrame:
    """Return per key what the counts were (``…_before``), how they changed, and the change of the rate.

    Compared is cell by cell, such as (service, channel, customer, product): one that is new counts with its whole
    number, one that is gone with minus its whole number, one that lacks a count on either date not at all. A unit
    without the earlier date takes no part. So the changes of the parts always sum to the change of the whole.
    """
    before, suffix = found.before(since), SINCE[since]
    unit, measures = list(counted.unit), list(counted.measures)
    compared = before[unit].drop_duplicates()
    after = found.now.merge(compared, on=unit)
    # Those of the third date have none now and had none before: a change of 0, which is known.
    others = found.together().merge(compared, on=unit).assign(**dict.fromkeys(measures, 0))
    cell = list(dict.fromkeys([*counted.cell, *keys]))
    both = pd.concat([before, after, others], ignore_index=True)
    unknown = both[cell].join(both[measures].isna()).groupby(cell)[measures].any()
    old, new = (
        pd.concat([part, others], ignore_index=True).groupby(cell)[measures].sum().mask(unknown)
        for part in (before, after)
    )
    result = (
        old.groupby(level=keys).sum(min_count=1).add_suffix(f"_before{suffix}")
        .join((new - old).groupby(level=keys).sum(min_count=1).add_suffix(f"_change{suffix}"))
    )  # fmt: skip
    rates = [sums(rows, keys, counted)[counted.percent] for rows in (after, before)]
    result[f"{counted.percent}_change{suffix}"] = rates[0] - rates[1]
    return result


def compare(found: Periods, keys: list[str], counted: Counted = DEPLOYMENT) -> pd.DataFrame:
    """Return the sums of now with their changes; what only an earlier date had has 0 seats now."""
    result = sums(found.now, keys, counted)
    for since in SINCE:
        result = result.join(changes(found, since, keys, counted), how="outer")
    gone = result["row_count"].isna()
    counts = ["row_count", "rows_without_counts"]
    result.loc[gone, [*counted.measures, counted.part, counted.base, *counts]] = 0
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


def served_table(rows: pd.DataFrame, unit: list[str], percent_name: str) -> pd.DataFrame:
    """Return the legacy percents of each unit as served, latest date and change.

    If one file repeats a unit with different percents, it is <NA>: percents do not add up.
    """
    served = rows.groupby([*unit, "processed_date"])
    counts = [name for name in ("licenses_sold",) if name in rows]
    column = served[percent_name]
    values = served[counts].sum(min_count=1) if counts else pd.DataFrame(index=column.first().index)
    values[percent_name] = column.first().mask(column.nunique(dropna=False) > 1)
    found = periods(values.reset_index(), unit)
    now, previous = found.now.set_index(unit), found.previous.set_index(unit)
    before, numbers = previous.reindex(now.index), [*counts, percent_name]
    result = now.join((now[numbers] - before[numbers]).add_suffix("_change"))
    result.insert(1, "previous_date", before["processed_date"])
    return result.sort_index().reset_index()
