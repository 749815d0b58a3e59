"""### Licences sold, per service.

Lists the partner's licences deployment (`partner_licenses_deployment`, one row per service and channel) and sums the
seats sold with pandas. The rows travel through XCom: right for a few rows, too small for a partner's customers; those
belong into a file, see `partner_center_licenses_report`.
"""

# --8<-- [start:readme]
from datetime import datetime

from airflow.providers.common.compat.sdk import DAG, task

from airflow_partnercenter.operators.partner_center import PartnerCenterListLicensesOperator

with DAG(
    "partner_center_licenses_to_xcom",
    description="Sum up the seats sold per service, through XCom",
    schedule="@daily",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    default_args={"retries": 3},
) as dag:
    licenses = PartnerCenterListLicensesOperator(
        task_id="list_licenses", resource="partner_licenses_deployment", on_empty="skip"
    )

    @task
    def licenses_sold_per_service(rows: list[dict]) -> dict[str, int]:
        import pandas as pd  # here and not above, so that parsing the DAG stays fast

        return pd.DataFrame(rows).groupby("service_name")["licenses_sold"].sum().to_dict()

    licenses_sold_per_service(licenses.output)
# --8<-- [end:readme]

dag.doc_md = __doc__
dag.tags = type(dag.tags)(["partner_center"])  # a list in Airflow 2, a set in Airflow 3
