"""The licence report: seats sold and deployed per service, product, customer. Imports pandas, no Airflow."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

import pandas as pd

from airflow_partnercenter.reports import tables
from airflow_partnercenter.reports.formats import plain
from airflow_partnercenter.reports.quality import DataQuality, data_quality
from airflow_partnercenter.reports.snapshots import combine_licenses, combine_partner

NOTHING: Mapping[str, pd.DataFrame] = MappingProxyType({})
DEFAULT_TITLE = "Licences sold and deployed"


@dataclass(frozen=True)
class LicenseReport:
    """The tables of one report; all numbers exact, rounded only by ``to_html`` and ``to_text``.

    ``by_service``, ``by_product`` and ``by_customer`` hold their keys and names, ``licenses_sold``,
    ``licenses_deployed``, ``licenses_unused`` (sold minus deployed; negative where more is deployed than
    sold), ``deployment_base``, ``deployment_percent``, ``row_count``, ``rows_without_counts`` and the
    ``…_change`` columns. ``totals`` holds the same numbers over everything, ``None`` where unknown.
    """

    by_service: pd.DataFrame
    by_product: pd.DataFrame
    by_customer: pd.DataFrame
    trend: pd.DataFrame
    partner: pd.DataFrame
    totals: Mapping[str, int | float | None]
    quality: DataQuality

    def summary(self) -> dict[str, Any]:
        """Return the totals, dates and row counts as plain JSON values, small enough for XCom."""
        services = [plain(row) for row in self.by_service.to_dict("records")]
        return {
            **self.totals,
            "processed_dates": {row["service_code"]: row["processed_date"] for row in services},
            "previous_dates": {row["service_code"]: row["previous_date"] for row in services},
            "customer_count": int((self.by_customer["row_count"] > 0).sum()),
            "product_count": int((self.by_product["row_count"] > 0).sum()),
            "snapshot_count": self.quality.snapshot_count,
            "partner_snapshot_count": self.quality.partner_snapshot_count,
            "rows_read": self.quality.row_count,
        }

    def to_html(self, *, title: str = DEFAULT_TITLE, generated_at: datetime | None = None) -> str:
        """Return one self-contained page: no script, nothing fetched.

        :param generated_at: printed if given (a naive time is UTC); equal input gives equal bytes
        :raises ImportError: the extra ``[reports]`` is not installed.
        """
        from airflow_partnercenter.reports.page import render

        return render(self, title=title, generated_at=generated_at)

    def to_text(self) -> str:
        """Return services and the products with most unused seats as aligned text of up to 100 columns."""
        from airflow_partnercenter.reports.text import to_text

        return to_text(self)


def build_license_report(
    licenses_deployment: Mapping[str, pd.DataFrame],
    partner_licenses_deployment: Mapping[str, pd.DataFrame] = NOTHING,
) -> LicenseReport:
    """Build the licence report from all snapshots; without any row its tables are empty, its totals ``None``.

    Services are processed on dates of their own, and a file may repeat rows of an earlier one: for each
    service and processed date the rows of the newest file count, once. "Now" is each service's latest
    processed date, a change is against the date before it. Customers and products that are gone have 0 seats
    now, if their service has a newer date without them; new ones change by their whole number.
    See :func:`airflow_partnercenter.reports.tables.changes`.

    :param licenses_deployment: snapshot name (sorts by date) -> frame of the resource ``licenses_deployment``
    :param partner_licenses_deployment: the same of ``partner_licenses_deployment``
    """
    licenses, partner = combine_licenses(licenses_deployment), combine_partner(partner_licenses_deployment)
    rows = licenses.rows.assign(everything=True)
    now, previous = tables.latest_and_previous(rows, ["service_code"])
    recent = pd.concat([previous, now])

    by_service = tables.named(tables.compare(now, previous, ["service_code"]), recent, "service_code", "service_name")
    for column, part in (("previous_date", previous), ("processed_date", now)):
        dates = part.groupby("service_code")["processed_date"].max()
        by_service.insert(2, column, dates.reindex(by_service["service_code"]).array)

    by_product = tables.compare(now, previous, ["service_code", "product_id"])
    by_customer = tables.compare(now, previous, ["customer_tenant_id"])
    totals = tables.compare(now, previous, ["everything"]).reindex([True]).to_dict("records")[0]
    return LicenseReport(
        by_service=by_service,
        by_product=tables.by_unused(tables.named(by_product, recent, "product_id", "product_name"), "product_name"),
        by_customer=tables.by_unused(
            tables.named(by_customer, recent, "customer_tenant_id", "customer_name"), "customer_name"
        ),
        trend=tables.trend_table(rows),
        partner=tables.partner_table(partner.rows),
        totals=plain(totals),
        quality=data_quality(licenses, partner, now),
    )
