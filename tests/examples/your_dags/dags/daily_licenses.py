"""One file a day, and how many seats are unused."""

# --8<-- [start:dag]
from datetime import datetime

from airflow.providers.common.compat.sdk import DAG, ObjectStoragePath, task

from airflow_partnercenter.operators.partner_center import PartnerCenterLicensesToObjectStorageOperator

with DAG(
    "daily_licenses",
    schedule="@daily",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    params={"lake": "s3://lake@company-data/partner_center"},
):
    stored = PartnerCenterLicensesToObjectStorageOperator(
        task_id="store_licenses",
        resource="licenses_deployment",
        destination="{{ params.lake }}/{processed_date}.parquet",
        on_empty="fail",
    )

    @task
    def unused_seats(written: dict) -> int:
        """Return how many seats are sold and not deployed."""
        import pandas as pd

        with ObjectStoragePath(written["uri"]).open("rb") as file:
            licenses = pd.read_parquet(file)
        return int((licenses["licenses_sold"] - licenses["licenses_deployed"]).sum())

    unused_seats(stored.output)
# --8<-- [end:dag]
