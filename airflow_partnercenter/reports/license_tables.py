"""The numbers of a licence report, before they become a page or text. Imports pandas, no Airflow."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from airflow_partnercenter.reports.formats import plain
from airflow_partnercenter.reports.quality import DataQuality

FALL_PERCENT = 10.0


@dataclass(frozen=True)
class LicenseTables:
    """The tables of one report; numbers are rounded only where they are printed.

    What each holds: :class:`~airflow_partnercenter.reports.licenses.LicenseReport`.
    """

    by_service: pd.DataFrame
    by_product: pd.DataFrame
    by_customer: pd.DataFrame
    by_action: pd.DataFrame
    by_workload: pd.DataFrame
    trend: pd.DataFrame
    partner: pd.DataFrame
    partner_usage: pd.DataFrame
    totals: Mapping[str, int | float | None]
    quality: DataQuality
    fall_percent: float = FALL_PERCENT

    def summary(self) -> dict[str, Any]:
        """Return the totals, dates and counts as plain JSON values, small enough for XCom."""
        services = [plain(row) for row in self.by_service.to_dict("records")]
        deployment = self.quality.source("licenses_deployment")
        return {
            **self.totals,
            "processed_dates": {row["service_code"]: row["processed_date"] for row in services},
            "previous_dates": {row["service_code"]: row["previous_date"] for row in services},
            "dates_30_days_ago": {row["service_code"]: row["date_30_days_ago"] for row in services},
            "customer_count": int((self.by_customer["row_count"] > 0).sum()),
            "customers_by_action": {
                row["action"]: int(row["customer_count"]) for row in self.by_action.to_dict("records")
            },
            "product_count": int((self.by_product["row_count"] > 0).sum()),
            "snapshot_count": deployment["snapshot_count"],
            "partner_snapshot_count": self.quality.source("partner_licenses_deployment")["snapshot_count"],
            "usage_snapshot_count": self.quality.source("licenses_usage")["snapshot_count"],
            "rows_read": deployment["row_count"],
        }
