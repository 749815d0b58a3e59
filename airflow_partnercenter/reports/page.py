"""The licence report as one HTML page. Imports Jinja2 and matplotlib only when it renders, no Airflow."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pandas as pd

from airflow_partnercenter.reports import formats
from airflow_partnercenter.reports.charts import bar_chart, trend_chart
from airflow_partnercenter.reports.svg import required
from airflow_partnercenter.reports.tables import CHANGES, MEASURES

if TYPE_CHECKING:
    from airflow_partnercenter.reports.licenses import LicenseReport

BARS = 10
ROWS = 25
WIDE, NARROW = 720, 340
PACKAGE = "airflow_partnercenter.reports"


def render(report: "LicenseReport", *, title: str, generated_at: datetime | None) -> str:
    """Return the page; names are escaped by the template engine, numbers rounded here and nowhere before.

    :raises ImportError: the extra ``[reports]`` is not installed
    """
    jinja2 = required("jinja2")
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
    )
    html: str = environment.get_template("licenses.html.jinja").render(
        title=title, generated_at=_minute(generated_at), charts=_charts(report), **_content(report)
    )
    return html


def _content(report: "LicenseReport") -> dict[str, Any]:
    """Return what the template prints, as plain values."""
    return {
        "services": formats.records(report.by_service),
        "products": top(report.by_product, report.totals),
        "customers": top(report.by_customer, report.totals),
        "partner": formats.records(report.partner),
        "totals": report.totals,
        "trend_dates": report.trend.groupby("service_code").size().to_dict(),
        "quality": report.quality,
        "gaps": formats.records(report.quality.gaps),
        "late_channels": formats.records(report.quality.late_channels),
    }


def top(table: pd.DataFrame, totals: Mapping[str, Any]) -> dict[str, Any]:
    """Return the first rows of a table, the sum of the others as one row, and counts of what deserves a remark."""
    others = table.iloc[ROWS:]
    rest = others[[*MEASURES, "deployment_base", *CHANGES]].sum(min_count=1)
    base = rest["deployment_base"]
    known = not pd.isna(base) and base > 0
    rest["deployment_percent"] = 100 * (base - rest["licenses_unused"]) / base if known else None
    rest["deployment_percent_change"] = None  # rates do not add up
    return {
        "rows": formats.records(table.iloc[:ROWS]),
        "others": formats.plain(rest.to_dict()),
        "others_count": len(others),
        "total": totals,
        "count": int((table["row_count"] > 0).sum()),
        "gone": int((table["row_count"] == 0).sum()),
        "over_deployed": int((table["licenses_unused"] < 0).sum()),
    }


def _charts(report: "LicenseReport") -> dict[str, list[Any]]:
    """Return each chart twice, for wide and narrow screens, as markup the template may insert as it is."""
    markup = required("markupsafe").Markup
    charts: dict[str, list[Any]] = {"trend": [], "bars": []}
    names = {row["service_code"]: service_label(row) for row in formats.records(report.by_service)}
    products = report.by_product[(report.by_product["licenses_unused"] > 0).fillna(False)].iloc[:BARS]
    labels = [_product_label(row) for row in formats.records(products)]
    for width, name in ((WIDE, "wide"), (NARROW, "narrow")):
        if len(report.trend):
            charts["trend"].append(markup(trend_chart(report.trend, names, width=width, name=f"trend-{name}")))
        if len(products):
            charts["bars"].append(markup(bar_chart(products, labels, width=width, name=f"bars-{name}")))
    return charts


def service_label(row: Mapping[str, Any]) -> str:
    """Return a service's name with its code, or whichever there is."""
    name, code = row["service_name"], row["service_code"]
    return f"{name} ({code})" if name and code else name or code or "(service not given)"


def _product_label(row: Mapping[str, Any]) -> str:
    """Return a product's name with the code of its service: one name may be sold in two."""
    name = row["product_name"] or row["product_id"] or "(product not given)"
    return f"{name} ({row['service_code']})" if row["service_code"] else str(name)


def _minute(when: datetime | None) -> str | None:
    """Return a time as 22 Nov 2026 17:29 UTC; a naive time is UTC."""
    if when is None:
        return None
    utc = when.astimezone(UTC) if when.tzinfo else when
    return f"{formats.day(utc)} {utc:%H:%M} UTC"
