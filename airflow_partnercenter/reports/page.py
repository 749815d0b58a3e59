"""The licence report as one HTML page. Imports Jinja2 only when it renders, no Airflow."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pandas as pd

from airflow_partnercenter.reports import charts, formats
from airflow_partnercenter.reports.customers import ACTION_NEEDED, ACTIVATION_OPPORTUNITY
from airflow_partnercenter.reports.falls import find_falls
from airflow_partnercenter.reports.tables import DEPLOYMENT

if TYPE_CHECKING:
    from airflow_partnercenter.reports.licenses import LicenseReport

BARS = 10
ROWS = 25
NAMES = 10
PACKAGE = "airflow_partnercenter.reports"
SPARE = ["licenses_to_activate", "licenses_over_deployed"]


def render(report: "LicenseReport", *, title: str, generated_at: datetime | None, csv_names: Mapping[str, str]) -> str:
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


def _content(report: "LicenseReport") -> dict[str, Any]:
    """Return what the template prints, as plain values."""
    quality, customers = report.quality, report.by_customer
    falls = {since: _falls(report, since) for since in ("previous", "30_days")}
    needed = customers[customers["action"] == ACTION_NEEDED]
    largest = needed.assign(size=-_at_stake(needed)).sort_values(["size", "customer_name"], kind="stable")
    activation = customers[customers["action"] == ACTIVATION_OPPORTUNITY]
    products = formats.records(report.by_product[(report.by_product["licenses_unused"] > 0).fillna(False)].iloc[:BARS])
    workloads = formats.records(report.by_workload)
    return {
        "services": formats.records(report.by_service),
        "panels": [
            (name, charts.trend_panel(table), formats.records(table)[-1])
            for name, table in zip(report.by_service["service_code"], _per_service(report), strict=True)
        ],
        "plot_height": charts.PLOT_HEIGHT,
        "plot_width": charts.PLOT_WIDTH,
        "products": top(report.by_product) | {"bars": list(zip(products, _product_bars(products), strict=True))},
        "actions": formats.records(report.by_action),
        "needed": top(largest.drop(columns="size"), [*SPARE]) | {"falls": falls},
        "activation": top(activation, [*SPARE]),
        "customer_total": top(customers, [*SPARE])["total"] | {"customer_count": len(customers)},
        "gone": int((customers["row_count"] == 0).sum()),
        "fall_percent": report.fall_percent,
        "workloads": list(zip(workloads, _workload_bars(workloads), strict=True)),
        "partner": formats.records(report.partner),
        "partner_usage": formats.records(report.partner_usage),
        "totals": report.totals,
        "quality": quality,
        "sources": formats.records(quality.sources),
        "dates": formats.records(quality.dates),
        "gaps": formats.records(quality.gaps),
        "late_channels": formats.records(quality.late_channels),
        "without_counts": formats.records(quality.customers_without_counts),
        "without_usage": formats.records(quality.customers_without_usage),
        "names_shown": NAMES,
    }


def top(table: pd.DataFrame, more: "list[str] | tuple[str, ...]" = ()) -> dict[str, Any]:
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


def _summed(table: pd.DataFrame, more: "list[str] | tuple[str, ...]") -> dict[str, Any]:
    """Return the sums of some rows, and the rate of those sums; rates and their changes do not add up."""
    columns = [*DEPLOYMENT.measures, DEPLOYMENT.part, DEPLOYMENT.base, *DEPLOYMENT.changes, *more]
    sums = formats.plain(table[columns].sum(min_count=1).to_dict())
    part, base = sums[DEPLOYMENT.part], sums[DEPLOYMENT.base]
    return sums | {"deployment_percent": 100 * part / base if base else None}


def _at_stake(customers: pd.DataFrame) -> pd.Series:
    """Return by how many seats action is needed: those deployed beyond what was sold, or the largest fall."""
    changes = [name for name in DEPLOYMENT.changes if "unused" not in name]
    fall = (-customers[changes]).max(axis=1).fillna(0)
    return (
        customers["licenses_over_deployed"]
        .fillna(0)
        .clip(lower=0)
        .astype("float64")
        .combine(fall.astype("float64"), max)
    )


def _falls(report: "LicenseReport", since: str) -> dict[str, list[dict[str, Any]]]:
    """Return what fell, by customer."""
    falls = find_falls(report, more_than_percent=report.fall_percent, since=since)
    found: dict[str, list[dict[str, Any]]] = {}
    for row in formats.records(falls[falls["kind"] == "customer"]):
        found.setdefault(row["id"], []).append(row)
    return found


def _per_service(report: "LicenseReport") -> list[pd.DataFrame]:
    """Return the trend of each service, in the order of the services."""
    found = dict(list(report.trend.groupby("service_code")))
    return [found[code] for code in report.by_service["service_code"]]


def _product_bars(products: list[dict[str, Any]]) -> list[charts.Bar]:
    """Return deployed and unused seats of each product; together they are the seats with known counts."""
    return charts.bars(products, "deployment_part", "deployment_base")


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
