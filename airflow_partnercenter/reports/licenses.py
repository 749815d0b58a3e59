"""The licence report: seats sold, deployed and used per service, product, customer. Imports pandas, no Airflow."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

import pandas as pd

from airflow_partnercenter.reports import customers, page, snapshots, tables, text
from airflow_partnercenter.reports.csv_files import to_csv
from airflow_partnercenter.reports.formats import plain
from airflow_partnercenter.reports.license_tables import FALL_PERCENT, LicenseTables
from airflow_partnercenter.reports.periods import Periods, dates_of, periods
from airflow_partnercenter.reports.quality import data_quality
from airflow_partnercenter.reports.usage import workloads_table

NOTHING: Mapping[str, pd.DataFrame] = MappingProxyType({})
DEFAULT_TITLE = "Licences sold, deployed and used"


class LicenseReport(LicenseTables):
    """The tables of one report, all numbers exact, and how to write them down: a page, files, or text for a terminal.

    ``by_service``, ``by_product`` and ``by_customer`` hold their keys and names, ``licenses_sold``,
    ``licenses_deployed``, ``licenses_unused`` (sold minus deployed; negative where more is deployed than
    sold), ``deployment_percent`` and what it is computed from (``deployment_part``, ``deployment_base``),
    ``row_count``, ``rows_without_counts``, and for the last snapshot and for 30 days (``…_30_days``) what the counts
    were (``…_before``) and how they changed (``…_change``). ``by_customer`` has ``action`` too, and what it comes from:
    ``licenses_to_activate`` and ``licenses_over_deployed``, counted product by product, and ``falling``; ``by_action``
    sums it up. ``by_workload`` is usage beside deployment, ``trend`` the sums of each service and processed date.
    ``partner`` and ``partner_usage`` are the older resources' percents as served. ``totals`` holds the numbers of
    ``by_service`` over everything, ``None`` where unknown.
    """

    def to_html(
        self,
        *,
        title: str = DEFAULT_TITLE,
        generated_at: datetime | None = None,
        csv_names: Mapping[str, str] = MappingProxyType({}),
    ) -> str:
        """Return one self-contained page: no script, nothing fetched.

        :param generated_at: printed if given (a naive time is UTC); equal input gives equal bytes
        :param csv_names: table -> name of its CSV file beside the page, which the page then links to
        :raises ImportError: the extra ``[reports]`` is not installed.
        """
        return page.render(self, title=title, generated_at=generated_at, csv_names=csv_names)

    def to_csv(self) -> dict[str, bytes]:
        """Return table -> CSV file: services, products, customers, workloads, trend, partner and partner_usage.

        Each holds every row with exact values, also those that the page sums up; see
        :func:`~airflow_partnercenter.reports.csv_files.to_csv`.
        """
        return {
            "services": to_csv(self.by_service),
            "products": to_csv(self.by_product),
            "customers": to_csv(self.by_customer),
            "workloads": to_csv(self.by_workload),
            "trend": to_csv(self.trend),
            "partner": to_csv(self.partner),
            "partner_usage": to_csv(self.partner_usage),
        }

    def to_text(self) -> str:
        """Return services and the products with most unused seats as aligned text of up to 100 columns."""
        return text.to_text(self)


def build_license_report(
    licenses_deployment: Mapping[str, pd.DataFrame],
    partner_licenses_deployment: Mapping[str, pd.DataFrame] = NOTHING,
    licenses_usage: Mapping[str, pd.DataFrame] = NOTHING,
    partner_licenses_usage: Mapping[str, pd.DataFrame] = NOTHING,
    *,
    fall_percent: float = FALL_PERCENT,
) -> LicenseReport:
    """Build the licence report from all snapshots; without any row its tables are empty, its totals ``None``.

    Services are processed on dates of their own, and a file may repeat rows of an earlier one: for each
    service and processed date the rows of the newest file count, once. "Now" is each service's latest
    processed date; changes are against the date before it, and against the date nearest to 30 days before it (23 to 37
    days; none after a longer pause). Customers and products that are gone have 0 seats now, if their service has a
    newer date without them; new ones change by their whole number.
    See :func:`airflow_partnercenter.reports.tables.changes`.

    :param licenses_deployment: snapshot name (sorts by date) -> frame of the resource of that name
    :param partner_licenses_deployment: the same of the older resource; its percents are shown as served
    :param licenses_usage: the same; without it the report has no usage
    :param partner_licenses_usage: the same of the older resource
    :param fall_percent: a customer whose seats sold or deployed fell by more than this needs action, in percent points
    """
    sources = {
        "licenses_deployment": snapshots.combine_licenses(licenses_deployment),
        "licenses_usage": snapshots.combine_usage(licenses_usage),
        "partner_licenses_deployment": snapshots.combine_partner(partner_licenses_deployment),
        "partner_licenses_usage": snapshots.combine_partner_usage(partner_licenses_usage),
    }
    rows = sources["licenses_deployment"].rows.assign(everything=True)
    deployment = periods(rows, tables.DEPLOYMENT.unit)
    usage = periods(sources["licenses_usage"].rows, tables.USAGE.unit)
    by_customer = customers.customers_table(deployment, fall_percent=fall_percent)
    return LicenseReport(
        by_service=_services(deployment),
        by_product=_products(deployment),
        by_customer=by_customer,
        by_action=customers.actions_table(by_customer),
        by_workload=workloads_table(usage, deployment),
        trend=tables.trend_table(rows),
        partner=tables.served_table(
            sources["partner_licenses_deployment"].rows, ["service_name", "channel"], "prorated_deployment_percent"
        ),
        partner_usage=tables.served_table(
            sources["partner_licenses_usage"].rows,
            ["service_name", "workload_name", "channel"],
            "prorated_licenses_usage_percent",
        ),
        totals=_totals(deployment),
        quality=data_quality(sources, deployment, usage, by_customer),
        fall_percent=fall_percent,
    )


def _totals(found: Periods) -> dict[str, Any]:
    """Return the numbers over everything, without the steps on the way to them."""
    [row] = tables.compare(found, ["everything"]).reindex([True]).to_dict("records")
    return {name: value for name, value in plain(row).items() if "_before" not in name and name != "deployment_part"}


def _services(found: Periods) -> pd.DataFrame:
    """Return the services with the dates they are compared on."""
    table = tables.named(tables.compare(found, ["service_code"]), found.together(), "service_code", "service_name")
    parts = (("date_30_days_ago", found.month_ago), ("previous_date", found.previous), ("processed_date", found.now))
    for column, part in parts:
        table.insert(2, column, dates_of(part, ["service_code"]).reindex(table["service_code"]).array)
    return table


def _products(found: Periods) -> pd.DataFrame:
    """Return the products of each service, most unused seats first."""
    table = tables.compare(found, ["service_code", "product_id"])
    return tables.by_unused(tables.named(table, found.together(), "product_id", "product_name"), "product_name")
