"""### The licences of each customer, read by many workers.

1. `list_customers` writes `customers.json` into a folder of this run, once: each customer and the file it belongs to. A
   retry or a cleared task finds the same list, so a batch is always the same customers in the same file.
2. `store_batch` runs once for each batch, on any worker, and writes its Parquet file. The batch of a worker that died
   is read again, and its file replaced. Customers that answer 403 or 404 are left out and listed.
3. `report_customers` fails unless the folder holds the files of this run and each customer's rows are in its own one.
   Then it writes `customers.csv`, a line for each customer, most seats to activate first, and `customers.html`.

This costs a request for each customer. Where `licenses_deployment` has your data, `partner_center_licenses_report`
reads it with a request for each 10 000 rows. `docs/scaling.md` has figures, and says which batch size and which Airflow
pool keep a partner under its limit.
"""

import json
import os
from datetime import datetime

from airflow.providers.common.compat.sdk import DAG, AirflowFailException, Param, conf, task

from airflow_partnercenter.hooks.partner_center import PartnerCenterHook, failing_fast
from airflow_partnercenter.operators.partner_center import PartnerCenterLicensesToObjectStorageOperator

#: The lake of runs that name none: set this variable where all of Airflow's processes see it, or write yours here.
LAKE = os.environ.get("PARTNER_CENTER_LAKE", "file:///tmp/partner_center")


def read_plan(folder: str) -> list[dict]:
    """Return the customers of a run, each with its file."""
    from airflow_partnercenter.storage import open_path

    return json.loads(open_path(f"{folder}/customers.json").read_bytes())


# --8<-- [start:batch]
def batch_arguments(batch: dict) -> dict:
    """Return what differs from batch to batch; runs in the mapped task, so no XCom carries thousands of customers."""
    plan = read_plan(batch["folder"])
    return {
        "customer_id": [customer["customer_id"] for customer in plan if customer["file"] == batch["file"]],
        "destination": f"{batch['folder']}/{batch['file']}",
    }


# --8<-- [end:batch]


def check_files(customers, frames, row_counts):
    """Return the rows of all files, if no customer is lost or doubled."""
    import pandas as pd

    if set(frames) != set(customers["file"]) or {name: len(frame) for name, frame in frames.items()} != row_counts:
        raise AirflowFailException(
            f"The {len(frames)} files are not the {customers['file'].nunique()} files that this run wrote: clear "
            "store_batch to write them again."
        )
    rows = pd.concat([frame.assign(file=name) for name, frame in frames.items()], ignore_index=True)
    rows["customer_id"] = rows["customer_id"].str.lower()
    astray = rows[rows["file"] != rows["customer_id"].map(customers.set_index("customer_id")["file"])]
    if len(astray):
        whose = ", ".join(astray["customer_id"].unique()[:10])
        raise AirflowFailException(f"{len(astray)} rows are in a file that is not their customer's, of {whose}.")
    return rows


def list_left_out(files):
    """Return why each customer was left out, by its id, if XCom had room for all of them."""
    for file in files:
        if len(file["skipped_customers"]) < file["skipped_customer_count"]:
            raise AirflowFailException(
                f"{file['uri']} leaves out {file['skipped_customer_count']:,} customers, of whom XCom lists only "
                f"{len(file['skipped_customers']):,}: raise [partner_center] max_xcom_bytes and clear store_batch, "
                "or start a run with a smaller batch_size."
            )
    return {
        customer["customer_id"].lower(): f"{customer['status_code']} {customer['error'] or ''}".strip()
        for file in files
        for customer in file["skipped_customers"]
    }


with DAG(
    "partner_center_customers_fan_out",
    description="Read each customer's licences on many workers; list the seats that each could still activate",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    max_active_runs=1,
    default_args={"retries": 3},
    doc_md=__doc__,
    tags=["partner_center"],
    params={
        "lake": Param(
            LAKE,
            type="string",
            title="Folder of the files and of the report",
            description="An ObjectStoragePath URI that all workers reach, such as s3://connection@bucket/partner_center.",
        ),
        "batch_size": Param(
            250,
            type="integer",
            minimum=1,
            title="Customers in a batch, at most",
            description="A batch is one task and one file. Small ones lose less with a worker, large ones cost less.",
        ),
    },
):

    @task
    def list_customers(folder: str, params: dict | None = None) -> list[dict]:
        """Write who belongs into which file, unless it is written; return the batches."""
        from airflow_partnercenter.storage import open_path, write_whole

        size, most = params["batch_size"], conf.getint("core", "max_map_length")
        with failing_fast():
            if not open_path(f"{folder}/customers.json").exists():
                customers = PartnerCenterHook().list_customers()
                count = len(customers)
                batch_count = -(-count // size)
                if batch_count > most:
                    raise AirflowFailException(
                        f"{count:,} customers in batches of {size:,} are more tasks than the {most:,} of [core] "
                        f"max_map_length: set batch_size to {-(-count // most):,} or more."
                    )
                plan = [
                    {
                        "customer_id": customer["id"].lower(),
                        "customer_name": (customer.get("company_profile") or {}).get("company_name"),
                        # Equal batches: a last one of a single customer would fail if that one is refused.
                        "file": f"{number * batch_count // count:04}.parquet",
                    }
                    for number, customer in enumerate(customers)
                ]
                write_whole(f"{folder}/customers.json", json.dumps(plan).encode())
        files = sorted({customer["file"] for customer in read_plan(folder)})
        return [{"folder": folder, "file": file} for file in files]

    batches = list_customers("{{ params.lake }}/customer_licenses_deployment/{{ run_id }}")

    # --8<-- [start:store]
    # At most sixteen requests at once: four tasks with four each. A pool does the same across DAGs.
    stored = PartnerCenterLicensesToObjectStorageOperator.partial(
        task_id="store_batch",
        resource="customer_licenses_deployment",
        on_customer_error="skip",
        max_parallel_requests=4,
        max_active_tis_per_dagrun=4,
        map_index_template="{{ task.destination.rpartition('/')[2] }}",
    ).expand_kwargs(batches.map(batch_arguments))
    # --8<-- [end:store]

    @task(multiple_outputs=False)  # one XCom; each key its own one fails on Airflow 3.0 where a value is None
    def report_customers(batches: list[dict], files: list[dict]) -> dict:
        """Check that every customer is in exactly one file; write the table and the page."""
        import pandas as pd

        from airflow_partnercenter.reports import build_license_report, to_csv
        from airflow_partnercenter.storage import read_snapshots, write_whole

        folder, files = batches[0]["folder"], files[:]  # all at once, as XComs of mapped tasks come one by one
        customers = pd.DataFrame(read_plan(folder))
        row_counts = {file["uri"].rpartition("/")[2]: file["row_count"] for file in files}
        rows = check_files(customers, read_snapshots(folder), row_counts)

        licenses = rows.assign(
            customer_tenant_id=rows["customer_id"],
            product_id=rows["product_name"],
            service_code=rows["service_code"].fillna(rows["service_name"]),
            # Customers may have been processed on different days: all of them count as of the newest.
            processed_date_time=rows.groupby("service_name")["processed_date_time"].transform("max"),
        )
        report = build_license_report({"now": licenses})
        numbers = ["licenses_sold", "licenses_deployed", "licenses_unused", "deployment_percent", "row_count"]
        totals = report.by_customer.set_index("customer_tenant_id")[numbers]
        left_out = list_left_out(files)
        table = customers.join(totals, on="customer_id").fillna({"row_count": 0})
        table["left_out"] = table["customer_id"].map(left_out)
        table = table.sort_values(["licenses_unused", "customer_name"], ascending=[False, True])
        write_whole(f"{folder}/customers.csv", to_csv(table.round(2)))
        write_whole(f"{folder}/customers.html", report.to_html(title="Licences of each customer").encode())
        return {
            **report.summary(),
            "uri": f"{folder}/customers.csv",
            "customers": len(table),
            "customers_left_out": len(left_out),
            "customers_without_rows": int((table["row_count"] == 0).sum()) - len(left_out),
        }

    report_customers(batches, stored.output)
