"""### The days before you began: one file for each day that Microsoft processed.

Give `from` and `to`, both included. `list_days` leaves out the days whose file is there: a run that was interrupted, or
one with a wider range, goes on where the last one ended. `store_day` asks for the others, one after the other. A day
without rows, because nothing was processed on it or it is too long ago, is skipped; the next run asks again.

The files lie beside the snapshots of `partner_center_licenses_report`, whose next run shows the longer trend. A
snapshot is named for the newest day in it and may hold an older day of another service; a file such as
`2026-11-20-processed.parquet` holds exactly what was processed on that day. Microsoft processes the services up to ten
days apart: a file of a day that young may lack a service, and stays as it is. The daily snapshots have what follows.
"""

import os
from datetime import UTC, date, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, AirflowFailException, Param, conf, task

from airflow_partnercenter.hooks.partner_center import failing_fast
from airflow_partnercenter.operators.partner_center import PartnerCenterLicensesToObjectStorageOperator

#: The lake of runs that name none: set this variable where all of Airflow's processes see it, or write yours here.
LAKE = os.environ.get("PARTNER_CENTER_LAKE", "file:///tmp/partner_center")

with DAG(
    "partner_center_backfill",
    description="Fetch the licence data of past days, a file for each; goes on where it ended",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    max_active_runs=1,
    default_args={"retries": 3},
    doc_md=__doc__,
    tags=["partner_center"],
    params={
        "from": Param(type="string", format="date", title="First day", description="Processed date, YYYY-MM-DD, UTC."),
        "to": Param(type="string", format="date", title="Last day", description="Today at the latest; it is included."),
        "lake": Param(
            LAKE,
            type="string",
            title="Folder of the snapshots",
            description="An ObjectStoragePath URI, such as s3://connection@bucket/partner_center.",
        ),
    },
):

    @task
    def list_days(params: dict | None = None) -> list[str]:
        """Return the days whose file is missing, oldest first."""
        from airflow_partnercenter.storage import open_path

        first, last = date.fromisoformat(params["from"]), date.fromisoformat(params["to"])
        today, most = datetime.now(UTC).date(), conf.getint("core", "max_map_length")
        if first > last:
            raise AirflowFailException(f"from={first} is after to={last}: swap them.")
        if last > today:
            raise AirflowFailException(f"to={last} is in the future; today is {today} (UTC).")
        if (last - first).days >= most:
            raise AirflowFailException(
                f"{first} to {last} is {(last - first).days + 1:,} days, more than the {most:,} tasks of [core] "
                "max_map_length: take a part of it at a time."
            )
        days = [(first + timedelta(days=number)).isoformat() for number in range((last - first).days + 1)]
        with failing_fast():
            folder = open_path(f"{params['lake']}/licenses_deployment/")
            there = {file.name for file in folder.iterdir()} if folder.exists() else set()
        return [day for day in days if f"{day}-processed.parquet" not in there]

    # --8<-- [start:store]
    PartnerCenterLicensesToObjectStorageOperator.partial(
        task_id="store_day",
        resource="licenses_deployment",
        # Named for the day in its rows, which is the day asked for unless Partner Center answers with another one.
        destination="{{ params.lake }}/licenses_deployment/{processed_date}-processed.parquet",
        if_exists="skip",
        on_empty="skip",
        max_active_tis_per_dag=1,
        map_index_template="{{ task.processed_date_time }}",
    ).expand(processed_date_time=list_days())
    # --8<-- [end:store]
