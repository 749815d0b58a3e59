"""Which rows of the snapshots count: each processed date from one file only. Imports pandas, no Airflow."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd

LICENSE_KEYS = ("service_code", "channel", "customer_tenant_id", "product_id")
LICENSE_TEXTS = (
    "service_code",
    "service_name",
    "channel",
    "customer_tenant_id",
    "customer_name",
    "product_id",
    "product_name",
)


@dataclass(frozen=True)
class Snapshots:
    """The rows of one resource that count, and how many there were before.

    ``first`` and ``last`` are the names of the oldest and the newest snapshot, empty without any.
    """

    rows: pd.DataFrame
    snapshot_count: int
    first: str
    last: str
    row_count: int
    rows_repeated: int
    rows_without_date: int


def combine_licenses(snapshots: Mapping[str, pd.DataFrame]) -> Snapshots:
    """Combine ``licenses_deployment`` snapshots: each (service, processed date) from its newest file."""
    return _newest(snapshots, _typed_licenses, ["service_code", "processed_date"])


def combine_usage(snapshots: Mapping[str, pd.DataFrame]) -> Snapshots:
    """Combine ``licenses_usage`` snapshots: each (service, workload, processed date) from its newest file."""
    return _newest(snapshots, _typed_usage, ["service_code", "workload_code", "processed_date"])


def combine_partner(snapshots: Mapping[str, pd.DataFrame]) -> Snapshots:
    """Combine ``partner_licenses_deployment`` snapshots: each (service, channel, date) from its newest file."""
    return _newest(snapshots, _typed_partner, ["service_name", "channel", "processed_date"])


def combine_partner_usage(snapshots: Mapping[str, pd.DataFrame]) -> Snapshots:
    """Combine ``partner_licenses_usage`` snapshots: each (service, channel, workload, date) from its newest file."""
    return _newest(snapshots, _typed_partner_usage, ["service_name", "channel", "workload_name", "processed_date"])


def _newest(
    snapshots: Mapping[str, pd.DataFrame], typed: Callable[[pd.DataFrame], pd.DataFrame], unit: list[str]
) -> Snapshots:
    """Type every frame and keep, for each ``unit``, all rows of the last snapshot (by name) that has any.

    Rows that repeat inside one file stay: without a subscription id, equal keys may be two subscriptions.
    """
    names = sorted(snapshots)
    frames = [typed(snapshots[name]).assign(snapshot=number) for number, name in enumerate(names)]
    rows = pd.concat(frames or [typed(pd.DataFrame()).assign(snapshot=0)], ignore_index=True)
    dated = rows[rows["processed_date"].notna()]
    newest = dated.groupby(unit)["snapshot"].transform("max")
    kept = dated[dated["snapshot"] == newest]
    return Snapshots(
        rows=kept.drop(columns="snapshot").reset_index(drop=True),
        snapshot_count=len(snapshots),
        first=names[0] if names else "",
        last=names[-1] if names else "",
        row_count=len(rows),
        rows_repeated=len(dated) - len(kept),
        rows_without_date=len(rows) - len(dated),
    )


def _typed_licenses(frame: pd.DataFrame) -> pd.DataFrame:
    """Return keys and names, nullable counts, and the unused seats of each row."""
    sold, deployed = _count(frame, "licenses_sold"), _count(frame, "licenses_deployed")
    unused = sold - deployed
    return pd.DataFrame(
        {
            **_who_and_what(frame),
            "processed_date": _date(frame),
            "licenses_sold": sold,
            "licenses_deployed": deployed,
            "licenses_unused": unused,
            "deployment_part": deployed.mask(unused.isna()),
            "deployment_base": sold.mask(unused.isna()),
        }
    )


def _typed_usage(frame: pd.DataFrame) -> pd.DataFrame:
    """Return keys and names, the workload, and nullable counts of seats in use and seats that could be."""
    active, qualified = _count(frame, "licenses_active"), _count(frame, "licenses_qualified")
    unknown = active.isna() | qualified.isna()
    code, name = _text(frame, "workload_code"), _text(frame, "workload_name")
    return pd.DataFrame(
        {
            **_who_and_what(frame),
            "workload_code": code.mask(code == "", name),
            "workload_name": name.mask(name == "", code),
            "processed_date": _date(frame),
            "licenses_qualified": qualified,
            "licenses_active": active,
            "usage_part": active.mask(unknown),
            "usage_base": qualified.mask(unknown),
        }
    )


def _typed_partner(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the legacy rows with nullable numbers; percents stay percent points, as served."""
    return pd.DataFrame(
        {
            "service_name": _text(frame, "service_name"),
            "channel": _text(frame, "channel"),
            "processed_date": _date(frame),
            "licenses_sold": _count(frame, "licenses_sold"),
            "prorated_deployment_percent": _number(frame, "prorated_deployment_percent"),
        }
    )


def _typed_partner_usage(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the legacy usage rows; percents stay percent points, as served."""
    return pd.DataFrame(
        {
            "service_name": _text(frame, "service_name"),
            "channel": _text(frame, "channel"),
            "workload_name": _text(frame, "workload_name"),
            "processed_date": _date(frame),
            "prorated_licenses_usage_percent": _number(frame, "prorated_licenses_usage_percent"),
        }
    )


def _who_and_what(frame: pd.DataFrame) -> dict[str, pd.Series]:
    """Return the texts of a row without nulls, GUIDs in lower case."""
    texts = {name: _text(frame, name) for name in LICENSE_TEXTS}
    # The service writes GUIDs in upper case in one resource and in lower case in others.
    texts["customer_tenant_id"] = texts["customer_tenant_id"].str.lower()
    texts["product_id"] = texts["product_id"].str.lower()
    return texts


def _column(frame: pd.DataFrame, name: str) -> pd.Series:
    """Return a column, or nulls where the frame has none (an empty snapshot may have no columns)."""
    return frame[name] if name in frame else pd.Series(None, index=frame.index, dtype=object)


def _text(frame: pd.DataFrame, name: str) -> pd.Series:
    """Return a text column; a null becomes empty text, so that no row is lost when grouping."""
    return _column(frame, name).astype("string").fillna("")


def _count(frame: pd.DataFrame, name: str) -> pd.Series:
    """Return a count column as nullable integers: an absent count stays absent."""
    return pd.to_numeric(_column(frame, name)).astype("Int64")


def _number(frame: pd.DataFrame, name: str) -> pd.Series:
    """Return a column of fractions as nullable floats; what is no number (NaN, infinity) is not known."""
    numbers = pd.to_numeric(_column(frame, name)).astype("Float64")
    return numbers.mask((numbers - numbers != 0).fillna(True))


def _date(frame: pd.DataFrame) -> pd.Series:
    """Return the UTC day a row was processed on; a naive time is UTC."""
    times = pd.to_datetime(_column(frame, "processed_date_time"), utc=True).astype("datetime64[us, UTC]")
    return times.dt.tz_localize(None).dt.normalize()
