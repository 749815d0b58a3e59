"""### A licence report from daily snapshots.

1. `store_licenses_deployment` and `store_partner_licenses_deployment` write the latest licence data to the lake, one
   Parquet file per processed date. Running twice on one day replaces the file by the same rows. The first one updates
   the asset `partner_center_licenses_deployment`, on which `partner_center_on_new_snapshot` runs.
2. `write_report` reads all snapshots with pandas and writes one self-contained HTML page: seats sold and deployed per
   service, product and customer, the change since the last snapshot, and the trend.

`lake` may be any folder Airflow can reach, such as `s3://connection@bucket/partner_center`. Nothing depends on a
logical date, so the DAG may be started from the UI or the command line at any time.
"""

from datetime import datetime

from airflow.providers.common.compat.sdk import DAG, Asset, Param, task

from airflow_partnercenter.operators.partner_center import PartnerCenterLicensesToObjectStorageOperator

with DAG(
    "partner_center_licenses_report",
    schedule="@daily",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["partner_center"],
    params={
        "lake": Param(
            "file:///tmp/partner_center",
            type="string",
            title="Folder of the snapshots and of the report",
            description="An ObjectStoragePath URI, such as s3://connection@bucket/partner_center.",
        ),
    },
):
    # [START store]
    commercial = PartnerCenterLicensesToObjectStorageOperator(
        task_id="store_licenses_deployment",
        resource="licenses_deployment",
        destination="{{ params.lake }}/licenses_deployment/{processed_date}.parquet",
        on_empty="fail",
        expectations={"fail": {"no_null_keys": True}, "warn": {"processed_within_days": 7}},
        outlets=[Asset("partner_center_licenses_deployment")],
    )
    # [END store]
    # The older resource has been seen empty since 2021: the report does without it then.
    partner = PartnerCenterLicensesToObjectStorageOperator(
        task_id="store_partner_licenses_deployment",
        resource="partner_licenses_deployment",
        destination="{{ params.lake }}/partner_licenses_deployment/{processed_date}.parquet",
        on_empty="skip",
    )

    @task(trigger_rule="none_failed")
    def write_report(lake: str) -> dict:
        """Write the page; return its address and the headline numbers."""
        from airflow_partnercenter.reports import build_license_report
        from airflow_partnercenter.storage import read_snapshots, write_whole

        report = build_license_report(
            read_snapshots(f"{lake}/licenses_deployment"),
            read_snapshots(f"{lake}/partner_licenses_deployment"),
        )
        uri = f"{lake}/licenses_report.html"
        write_whole(uri, report.to_html().encode())
        return {"uri": uri, **report.summary()}

    [commercial, partner] >> write_report("{{ params.lake }}")
