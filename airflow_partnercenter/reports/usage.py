"""Usage beside deployment: of the seats deployed with a workload, how many are in use. Imports pandas, no Airflow."""

import pandas as pd

from airflow_partnercenter.reports.periods import Periods, dates_of
from airflow_partnercenter.reports.tables import USAGE, compare, named, sums

KEYS = ["service_code", "workload_code"]


def workloads_table(usage: Periods, deployment: Periods) -> pd.DataFrame:
    """Return one row per (service, workload): seats qualified and active, the rate, and what is deployed beside.

    A seat of a product with four workloads is counted in each of them, so rows do not add up. ``licenses_sold``
    and ``licenses_deployed`` are those of the products that have the workload, on the deployment's own date.
    """
    table = compare(usage, KEYS, USAGE)
    pairs = usage.now[[*KEYS, "product_id"]].drop_duplicates()
    beside = deployment.now.merge(pairs, on=["service_code", "product_id"])
    table = table.join(sums(beside, KEYS)[["licenses_sold", "licenses_deployed"]])
    for column, part in (("date_30_days_ago", usage.month_ago), ("previous_date", usage.previous)):
        table.insert(0, column, dates_of(part, KEYS).reindex(table.index))
    table.insert(0, "processed_date", dates_of(usage.now, KEYS).reindex(table.index))
    flat = named(table, usage.together(), "workload_code", "workload_name")
    names = usage.together().drop_duplicates("service_code", keep="last").set_index("service_code")["service_name"]
    flat.insert(1, "service_name", names.reindex(flat["service_code"]).array)
    return flat
