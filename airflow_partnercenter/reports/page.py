"""The licence report as one HTML page. Imports Jinja2 only when it renders, no Airflow."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pandas as pd

from airflow_partnercenter.reports import charts, formats
from airflow_partnercenter.reports.customers import ACTION_NEEDED, ACTIVATION_OPPORTUNITY
from airflow_partnercenter.reports.falls import find_falls
from airflow_partnercenter.reports.license_tables import LicenseTables
from airflow_partnercenter.reports.periods import SINCE
from airflow_partnercenter.reports.quality import DataQuality
from airflow_partnercenter.reports.tables import DEPLOYMENT

BARS = 10
ROWS = 25
NAMES = 10
#: A service further behind the newest one is told; two to ten days between services are what Microsoft shows.
LATE_DAYS = 10
PACKAGE = "airflow_partnercenter.reports"
SPARE = ("licenses_to_activate", "licenses_over_deployed")


def render(report: LicenseTables, *, title: str, generated_at: datetime | None, csv_names: Mapping[str, str]) -> str:
    """Return the page; names are escaped by the template engine, numbers rounded here and nowhere before.

    :raises ImportError: the extra ``[reports]`` is not installed
    """
    try:
        import jinja2
    except ImportError as exc:
        raise ImportError(
            "The report page needs jinja2, which is not installed: "
            "pip install 'airflow-provider-partnercenter[reports]'"
        ) from exc
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(PACKAGE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=lambda value: formats.printable(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        count=formats.count,
        percent=formats.percent,
        served_percent=formats.served_percent,
        signed=formats.signed,
        day=formats.day,
        plural=formats.plural,
        quote=quote,
    )
    return environment.get_template("licenses.html.jinja").render(
        title=title, generated_at=_minute(generated_at), csv_names=csv_names, **_content(report)
    )


def _content(report: LicenseTables) -> dict[str, Any]:
    """Return what the template prints, as plain values."""
    products = formats.records(report.by_product[(report.by_product["licenses_unused"] > 0).fillna(False)].iloc[:BARS])
    workloads = formats.records(report.by_workload)
    return {
        "totals": report.totals,
        "services": formats.records(report.by_service),
        "panels": _panels(report),
        "plot_height": charts.PLOT_HEIGHT,
        "plot_width": charts.PLOT_WIDTH,
        "products": top(report.by_product),
        "product_bars": list(zip(products, charts.bars(products, DEPLOYMENT.part, DEPLOYMENT.base), strict=True)),
        "workloads": list(zip(workloads, _workload_bars(workloads), strict=True)),
        "partner": formats.records(report.partner),
        "partner_usage": formats.records(report.partner_usage),
        **_customers(report),
        **_quality(report.quality),
    }


def _customers(report: LicenseTables) -> dict[str, Any]:
    """Return the customers by what there is to do; those that need action with the reasons."""
    customers = report.by_customer
    falls = {since: _falls(report, since) for since in SINCE}
    needed = customers[customers["action"] == ACTION_NEEDED]
    size = [-_at_stake(row, falls) for row in formats.records(needed)]
    needed = needed.assign(size=size).sort_values(["size", "customer_name"], kind="stable")
    return {
        "actions": formats.records(report.by_action),
        "needed": top(needed, SPARE) | {"falls": falls},
        "activation": top(customers[customers["action"] == ACTIVATION_OPPORTUNITY], SPARE),
        "customers": top(customers, SPARE),
        "fall_percent": report.fall_percent,
    }


def _quality(quality: DataQuality) -> dict[str, Any]:
    """Return the data quality."""
    frames = ("sources", "dates", "gaps", "late_channels", "customers_without_counts", "customers_without_usage")
    return {"quality": quality, "names_shown": NAMES, "late_days": LATE_DAYS} | {
        name: formats.records(getattr(quality, name)) for name in frames
    }


def _panels(report: LicenseTables) -> list[tuple[dict[str, Any], charts.TrendPanel, dict[str, Any]]]:
    """Return each service, its chart, and its newest numbers."""
    trends = dict(list(report.trend.groupby("service_code")))
    services = formats.records(report.by_service)
    tables = [trends[row["service_code"]] for row in services]
    return [
        (row, charts.trend_panel(table), formats.records(table)[-1])
        for row, table in zip(services, tables, strict=True)
    ]


def top(table: pd.DataFrame, more: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the first rows of a table, the sum of the others as one row, and the sum of all.

    :param more: further columns that are sums
    """
    return {
        "rows": formats.records(table.iloc[:ROWS]),
        "others": _summed(table.iloc[ROWS:], more),
        "others_count": max(0, len(table) - ROWS),
        "total": _summed(table, more),
        "count": len(table),
        "gone": int((table["row_count"] == 0).sum()),
        "over_deployed": int((table["licenses_unused"] < 0).sum()),
    }


def _summed(table: pd.DataFrame, more: tuple[str, ...]) -> dict[str, Any]:
    """Return the sums of some rows, and the rate of those sums; rates and their changes do not add up."""
    columns = [*DEPLOYMENT.measures, DEPLOYMENT.part, DEPLOYMENT.base, *DEPLOYMENT.changes, *more]
    sums = formats.plain(table[columns].sum(min_count=1).to_dict())
    part, base = sums[DEPLOYMENT.part], sums[DEPLOYMENT.base]
    return sums | {"deployment_percent": 100 * part / base if base else None}


def _at_stake(customer: Mapping[str, Any], falls: Mapping[str, Mapping[str, list[dict[str, Any]]]]) -> int:
    """Return by how many seats action is needed: those deployed beyond what was sold, or the largest fall."""
    told = [fall for found in falls.values() for fall in found.get(customer["customer_tenant_id"], ())]
    return max(int(customer["licenses_over_deployed"] or 0), *(-int(fall["change"]) for fall in told), 0)


def _falls(report: LicenseTables, since: str) -> dict[str, list[dict[str, Any]]]:
    """Return what fell, by customer."""
    falls = find_falls(report, more_than_percent=report.fall_percent, since=since)
    found: dict[str, list[dict[str, Any]]] = {}
    for row in formats.records(falls[falls["kind"] == "customer"]):
        found.setdefault(row["id"], []).append(row)
    return found


def _workload_bars(workloads: list[dict[str, Any]]) -> list[dict[str, float | None]]:
    """Return active, deployed and sold seats of each workload on one scale; what is not known is not drawn."""
    names = ("licenses_active", "licenses_deployed", "licenses_sold")
    longest = max((row[name] or 0 for row in workloads for name in names), default=0) or 1
    return [{name: None if row[name] is None else 100 * row[name] / longest for name in names} for row in workloads]


def _minute(when: datetime | None) -> str | None:
    """Return a time as 22 Nov 2026 17:29 UTC; a naive time is UTC."""
    if when is None:
        return None
    utc = when.astimezone(UTC) if when.tzinfo else when
    return f"{formats.day(utc)} {utc:%H:%M} UTC"
