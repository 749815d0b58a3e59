"""What a reader must know about the data behind a licence report. Imports pandas, no Airflow."""

from dataclasses import dataclass

import pandas as pd

from airflow_partnercenter.reports.snapshots import Snapshots


@dataclass(frozen=True)
class DataQuality:
    """How much was read, what was left out, and what is missing.

    ``gaps`` has a row (service_code, after, before, days) for each pause between two processed dates that is
    longer than usual for its service; ``late_channels`` a row (service_code, channel, processed_date) for
    each channel that its service's latest date does not hold.
    """

    snapshot_count: int
    partner_snapshot_count: int
    row_count: int
    rows_repeated: int
    rows_without_date: int
    rows_without_sold: int
    rows_without_deployed: int
    gaps: pd.DataFrame
    late_channels: pd.DataFrame


def data_quality(licenses: Snapshots, partner: Snapshots, now: pd.DataFrame) -> DataQuality:
    """Describe the snapshots; rows without counts are those of each service's latest date (``now``)."""
    return DataQuality(
        snapshot_count=licenses.snapshot_count,
        partner_snapshot_count=partner.snapshot_count,
        row_count=licenses.row_count,
        rows_repeated=licenses.rows_repeated,
        rows_without_date=licenses.rows_without_date,
        rows_without_sold=int(now["licenses_sold"].isna().sum()),
        rows_without_deployed=int(now["licenses_deployed"].isna().sum()),
        gaps=gaps(licenses.rows),
        late_channels=late_channels(licenses.rows),
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
