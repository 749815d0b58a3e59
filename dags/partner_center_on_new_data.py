"""### A DAG that starts when Partner Center has processed new licence data.

Microsoft refreshes licence data at its own pace, each service on its own day. The asset's watcher looks every quarter
of an hour, in the triggerer and without a worker, and starts a run when any service has moved on. The run returns the
processed date of each service and writes one file for the newest of them; a run that repeats replaces that file by what
is there then.

Needs Airflow 3. On Airflow 2 there is no such DAG: schedule one by time, and begin it with
`PartnerCenterLicensesSensor`.
"""

import os
from datetime import datetime

from airflow.providers.common.compat.sdk import DAG, Asset, Param, task

from airflow_partnercenter.operators.partner_center import PartnerCenterLicensesToObjectStorageOperator

#: The lake of runs that name none: set this variable where all of Airflow's processes see it, or write yours here.
LAKE = os.environ.get("PARTNER_CENTER_LAKE", "file:///tmp/partner_center")

try:
    from airflow.sdk import AssetWatcher
except ImportError:
    AssetWatcher = None

if AssetWatcher is not None:
    from airflow_partnercenter.triggers.partner_center import PartnerCenterLicensesEventTrigger

    # --8<-- [start:watch]
    licenses = Asset(
        name="partner_center_new_licenses",
        watchers=[
            AssetWatcher(
                name="new_licenses_deployment",
                trigger=PartnerCenterLicensesEventTrigger(resource="licenses_deployment", poll_interval=900),
            )
        ],
    )
    # --8<-- [end:watch]

    with DAG(
        "partner_center_on_new_data",
        description="Store the licence data as soon as Partner Center has processed new ones",
        schedule=[licenses],
        start_date=datetime(2026, 1, 1),
        catchup=False,
        max_active_runs=1,
        default_args={"retries": 3},
        doc_md=__doc__,
        tags=["partner_center"],
        params={
            "lake": Param(
                LAKE,
                type="string",
                title="Folder of the files",
                description="An ObjectStoragePath URI, such as s3://connection@bucket/partner_center.",
            ),
        },
    ):
        # --8<-- [start:read]
        @task
        def list_processed_dates(triggering_asset_events: dict | None = None) -> list[dict]:
            """Return what the watcher saw last; nothing if a person started the run, or made the asset's event."""
            events = [event for events in (triggering_asset_events or {}).values() for event in events]
            payload = events[-1].extra.get("payload") if events else None
            return payload["processed_dates"] if payload else []

        list_processed_dates() >> PartnerCenterLicensesToObjectStorageOperator(
            task_id="store_licenses_deployment",
            resource="licenses_deployment",
            destination="{{ params.lake }}/licenses_deployment/{processed_date}.parquet",
        )
        # --8<-- [end:read]
