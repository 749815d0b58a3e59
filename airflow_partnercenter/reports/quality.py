"""What a reader must know about the data behind a licence report. Imports pandas, no Airflow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from airflow_partnercenter.reports.periods import Periods, dates_of
from airflow_partnercenter.reports.snapshots import Snapshots


@dataclass(frozen=True)
class DataQuality:
    """How much was read, what was left out, and what is missing.

    ``sources`` has a row per resource: its snapshots (``snapshot_count``, names ``first`` and ``last``) and rows.
    ``dates`` has a row per resource and service: the dates compared, how many dates the snapshots hold, and the
    rows of the latest one, and ``days_behind`` the service processed last.
    ``gaps`` has a row (resource, service_code, after, before, days) for each pause between two processed dates that is
    longer than usual for its service; ``late_channels`` a row (service_code, channel,
    processed_date) for each channel that its service's latest date does not hold. ``customers_without_counts`` are
    those (customer_tenant_id, customer_name) whose newest rows hold no pair of counts at all,
    ``customers_without_usage`` those with seats sold but no row in the usage snapshots; without those, none.
    """

    sources: pd.DataFrame
    dates: pd.DataFrame
    gaps: pd.DataFrame
    late_channels: pd.DataFrame
    customers_without_counts: pd.DataFrame
    customers_without_usage: pd.DataFrame
    rows_without_sold: int
    rows_without_deployed: int

    def source(self, resource: str) -> Mapping[str, int]:
        """Return the counts of one resource: snapshot_count, row_count, rows_repeated, rows_without_date."""
        [row] = self.sources[self.sources["resource"] == resource].to_dict("records")
        return {str(name): value for name, value in row.items() if isinstance(value, int)}


def data_quality(
    sources: Mapping[str, Snapshots], deployment: Periods, usage: Periods, by_customer: pd.DataFrame
) -> DataQuality:
    """Describe the snapshots; rows without counts are those of each service's latest date."""
    now = deployment.now
    licenses = sources["licenses_deployment"].rows
    parts = [
        _dates("licenses_deployment", licenses, deployment, "deployment_base"),
        _dates("licenses_usage", sources["licenses_usage"].rows, usage, "usage_base"),
    ]
    return DataQuality(
        sources=_sources(sources),
        dates=pd.concat(parts, ignore_index=True),
        gaps=pd.concat(
            [gaps(sources[name].rows).assign(resource=name) for name in ("licenses_deployment", "licenses_usage")],
            ignore_index=True,
        ),
        late_channels=late_channels(licenses),
        customers_without_counts=_who(by_customer[by_customer["licenses_unused"].isna()]),
        customers_without_usage=_without_usage(by_customer, usage.now),
        rows_without_sold=int(now["licenses_sold"].isna().sum()),
        rows_without_deployed=int(now["licenses_deployed"].isna().sum()),
    )


def gaps(rows: pd.DataFrame) -> pd.DataFrame:
    """List the pauses between two processed dates of a service that are over 1.5 times its median pause."""
    dates = rows[["service_code", "processed_date"]].drop_duplicates().sort_values(["service_code", "processed_date"])
    after = dates.groupby("service_code")["processed_date"].shift()
    days = (dates["processed_date"] - after).dt.days.astype("Int64")
    usual = days.groupby(dates["service_code"]).transform("median")
    table = dates.assign(after=after, before=dates["processed_date"], days=days)
    columns = ["service_code", "after", "before", "days"]
    return pd.DataFrame(table[(days > 1.5 * usual).fillna(False)], columns=columns).reset_index(drop=True)


def late_channels(rows: pd.DataFrame) -> pd.DataFrame:
    """List the channels whose newest rows are older than their service's latest date: not counted now."""
    newest = rows.groupby(["service_code", "channel"])["processed_date"].max()
    table: pd.DataFrame = newest.reset_index()
    latest = table.groupby("service_code")["processed_date"].transform("max")
    return table[table["processed_date"] < latest].reset_index(drop=True)


def _sources(sources: Mapping[str, Snapshots]) -> pd.DataFrame:
    """Return what was read of each resource."""
    names = ("snapshot_count", "first", "last", "row_count", "rows_repeated", "rows_without_date")
    rows = [{"resource": key} | {name: getattr(part, name) for name in names} for key, part in sources.items()]
    return pd.DataFrame(rows, columns=["resource", *names])


def _dates(resource: str, rows: pd.DataFrame, found: Periods, base: str) -> pd.DataFrame:
    """Return the dates of each service of a resource; a service's workloads may be late, its newest date counts."""
    unit: Sequence[str] = ["service_code"]
    now = found.now.groupby("service_code")[base]
    names = found.now.drop_duplicates("service_code", keep="last").set_index("service_code")["service_name"]
    table = pd.DataFrame(
        {
            "service_name": names,
            "processed_date": dates_of(found.now, unit),
            "previous_date": dates_of(found.previous, unit),
            "date_30_days_ago": dates_of(found.month_ago, unit),
            "date_count": rows.groupby("service_code")["processed_date"].nunique(),
            "row_count": now.size(),
            "rows_without_counts": now.size() - now.count(),
        }
    )
    behind = (table["processed_date"].max() - table["processed_date"]).dt.days.astype("Int64")
    return table.assign(days_behind=behind).rename_axis("service_code").reset_index().assign(resource=resource)


def _without_usage(by_customer: pd.DataFrame, usage: pd.DataFrame) -> pd.DataFrame:
    """Return the customers with seats sold that the usage does not name; nobody where there is no usage."""
    sold = by_customer[(by_customer["licenses_sold"] > 0).fillna(False)]
    named = sold["customer_tenant_id"].isin(usage["customer_tenant_id"])
    return _who(sold[~named] if len(usage) else sold.iloc[:0])


def _who(customers: pd.DataFrame) -> pd.DataFrame:
    """Return ids and names of customers by name."""
    return customers[["customer_tenant_id", "customer_name"]].sort_values("customer_name").reset_index(drop=True)
