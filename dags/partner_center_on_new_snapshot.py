"""### Customers with the most unused seats, whenever a new snapshot is there.

`partner_center_licenses_report` updates the asset `partner_center_licenses_deployment` when it has written a snapshot.
This DAG runs then, not at a time of day, and learns from the asset's event which file to read.
"""

from datetime import datetime

from airflow.providers.common.compat.sdk import DAG, AirflowSkipException, Asset, task

# --8<-- [start:downstream]
LICENSES_DEPLOYMENT = Asset("partner_center_licenses_deployment")

with DAG(
    "partner_center_on_new_snapshot",
    description="List the customers with the most unused seats, whenever a snapshot was stored",
    schedule=[LICENSES_DEPLOYMENT],
    start_date=datetime(2026, 1, 1),
    catchup=False,
    default_args={"retries": 3},
    doc_md=__doc__,
    tags=["partner_center"],
):

    @task(inlets=[LICENSES_DEPLOYMENT])
    def most_unused_seats(*, inlet_events) -> list[dict]:
        """Return the ten customers with the most seats sold and not deployed."""
        import pandas as pd
        from airflow.providers.common.compat.sdk import ObjectStoragePath

        try:
            uri = inlet_events[LICENSES_DEPLOYMENT][-1].extra["uri"]
        except (IndexError, KeyError):
            raise AirflowSkipException("No snapshot yet, or a person made the asset's last event.") from None
        with ObjectStoragePath(uri).open("rb") as file:
            licenses = pd.read_parquet(file)
        licenses["unused"] = licenses["licenses_sold"] - licenses["licenses_deployed"]
        most = licenses.groupby("customer_name")["unused"].sum().nlargest(10).astype(int)
        return most.reset_index().to_dict("records")

    most_unused_seats()
# --8<-- [end:downstream]
