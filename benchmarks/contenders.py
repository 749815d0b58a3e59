"""The contenders, each run alone in a fresh process: ``python -m benchmarks.contenders '{"contender": …}'``.

All of them sign in by MSAL, follow the same service, and leave the same rows behind. Each process first imports what
Airflow itself imports for a task, as a task's process has that anyway; then the clock of the task starts.
"""

import json
import logging
import os
import shutil
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.server import PAGE_ROWS, TENANT_ID, customer_id

SCOPE = "https://api.partnercenter.microsoft.com/user_impersonation"
LICENSES = "/partner/v1/analytics/commercial/deployment/license"
REFRESH_TOKEN = "benchmark-refresh-token-1"  # noqa: S105 - the server takes any
PARALLEL_REQUESTS = 4
CUSTOMERS = 1_000
CUSTOMERS_IN_PARALLEL = 8


@dataclass(frozen=True)
class Job:
    """What one process has to do.

    :param contender: a key of :data:`CONTENDERS`.
    :param base_url: of the server.
    :param ca_bundle: its certificate authority.
    :param rows: how many there are.
    :param wait_ms: how long the service takes for a page.
    :param folder: to write to; fresh.
    """

    contender: str
    base_url: str
    ca_bundle: str
    rows: int
    wait_ms: int
    folder: str

    @property
    def prefix(self) -> str:
        """What the server reads its settings from."""
        return f"/rows/{self.rows}/wait/{self.wait_ms}"

    @property
    def first_page(self) -> str:
        """Path and query of the first page."""
        return f"{self.prefix}{LICENSES}?top={PAGE_ROWS}"

    @property
    def parquet(self) -> str:
        """Where the Parquet file goes."""
        return str(Path(self.folder, "licenses.parquet"))


def ours(job: Job, *, suffix: str = "parquet", parallel: int = PARALLEL_REQUESTS) -> int:
    """Read with the operator, as a DAG would."""
    return _operate(
        job, resource="licenses_deployment", destination=f"licenses.{suffix}", max_parallel_requests=parallel
    )


def ours_customers(job: Job) -> int:
    """Read 1 000 customers into one file."""
    return _operate(
        job,
        resource="customer_licenses_deployment",
        destination="licenses.parquet",
        customer_id=[customer_id(number) for number in range(CUSTOMERS)],
        max_parallel_requests=CUSTOMERS_IN_PARALLEL,
    )


def _operate(job: Job, *, resource: str, destination: str, **query: Any) -> int:
    from airflow_partnercenter.operators.partner_center import PartnerCenterLicensesToObjectStorageOperator

    address = urlsplit(job.base_url)
    extra = {
        "tenant_id": TENANT_ID,
        "refresh_token": REFRESH_TOKEN,
        "authority": job.base_url,
        "ca_bundle": job.ca_bundle,
        "commercial_prefix": f"{job.prefix}/partner/v1",
    }
    os.environ["AIRFLOW_CONN_PARTNER_CENTER_DEFAULT"] = json.dumps(
        {
            "conn_type": "partner_center",
            "login": "client",
            "password": "benchmark-secret",
            "host": f"https://{address.hostname}",
            "port": address.port,
            "extra": extra,
        }
    )
    operator = PartnerCenterLicensesToObjectStorageOperator(
        task_id="read", resource=resource, destination=f"file://{job.folder}/{destination}", **query
    )
    return int(operator.execute({})["row_count"])


def requests_pandas(job: Job) -> int:
    """Read as users do today: a session, ``json``, a list, pandas."""
    import pandas as pd
    import requests

    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {access_token(job)}"
    url: str | None = job.base_url + job.first_page
    rows: list[dict[str, Any]] = []
    while url:
        response = session.get(url, verify=job.ca_bundle, timeout=60)
        response.raise_for_status()
        # not response.json(), which stumbles over the byte order mark
        page = json.loads(response.content)
        rows += page["Value"]
        url = page["@nextLink"]
    pd.DataFrame(rows).to_parquet(job.parquet)
    return len(rows)


def http_operator(job: Job) -> int:
    """Read with Airflow's HttpOperator, which is HttpHook with a pagination function."""
    import pandas as pd
    from airflow.providers.http.operators.http import HttpOperator

    os.environ["AIRFLOW_CONN_HTTP_DEFAULT"] = json.dumps({"conn_type": "http", "host": job.base_url})
    token = access_token(job)

    def next_page(response: Any) -> dict[str, str] | None:
        link = json.loads(response.content)["@nextLink"]
        return {"endpoint": link.removeprefix(job.base_url)} if link else None

    def to_parquet(responses: list[Any]) -> int:
        rows = [row for response in responses for row in json.loads(response.content)["Value"]]
        pd.DataFrame(rows).to_parquet(job.parquet)
        return len(rows)

    operator = HttpOperator(
        task_id="read",
        method="GET",
        endpoint=job.first_page,
        headers={"Authorization": f"Bearer {token}"},
        extra_options={"verify": job.ca_bundle, "timeout": 60},
        pagination_function=next_page,
        response_filter=to_parquet,
    )
    return int(operator.execute({}))


def dlt_rest(job: Job) -> int:
    """Read with dlt's REST source to its filesystem destination."""
    import dlt
    import requests
    from dlt.destinations import filesystem
    from dlt.sources.rest_api import rest_api_source

    session = requests.Session()
    session.verify = job.ca_bundle
    source = rest_api_source(
        {
            "client": {
                "base_url": job.base_url,
                "session": session,
                "auth": {"type": "bearer", "token": access_token(job)},
                "paginator": {"type": "json_link", "next_url_path": "'@nextLink'"},
            },
            "resources": [
                {
                    "name": "licenses",
                    "endpoint": {"path": job.first_page, "data_selector": "Value"},
                    "max_table_nesting": 0,
                }
            ],
        }
    )
    pipeline = dlt.pipeline(
        "benchmark",
        pipelines_dir=str(Path(job.folder, "pipelines")),
        destination=filesystem(bucket_url=f"file://{job.folder}/dlt"),
        dataset_name="partner_center",
    )
    pipeline.run(source, loader_file_format="parquet").raise_on_failed_jobs()
    return int(pipeline.last_trace.last_normalize_info.row_counts["licenses"])


def limit(job: Job) -> int:
    """Download the same bytes, as much in parallel as we do, and throw them away."""
    import requests

    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {access_token(job)}"

    def download(url: str) -> None:
        with session.get(url, verify=job.ca_bundle, timeout=60, stream=True) as response:
            response.raise_for_status()
            while response.raw.read1(1 << 16):
                pass

    first = job.base_url + job.first_page
    download(first)
    with ThreadPoolExecutor(PARALLEL_REQUESTS) as pool:
        list(pool.map(download, (f"{first}&skip={skip}" for skip in range(PAGE_ROWS, job.rows, PAGE_ROWS))))
    return job.rows


def profiled(job: Job) -> int:
    """Read with the operator, and leave in the folder where the CPU time went."""
    from benchmarks.profiling import profiling

    with profiling(Path(job.folder, "profile.json")):
        return ours(job)


CONTENDERS: dict[str, Callable[[Job], int]] = {
    "ours_parquet": ours,
    "ours_csv": lambda job: ours(job, suffix="csv"),
    "ours_sequential": lambda job: ours(job, parallel=1),
    "ours_customers": ours_customers,
    "ours_profiled": profiled,
    "requests_pandas": requests_pandas,
    "http_operator": http_operator,
    "dlt": dlt_rest,
    "limit": limit,
}


def access_token(job: Job) -> str:
    """Sign in by MSAL, as everyone must."""
    import msal

    application = msal.ConfidentialClientApplication(
        "client",
        client_credential="benchmark-secret",
        authority=f"{job.base_url}/{TENANT_ID}",
        instance_discovery=False,
        verify=job.ca_bundle,
    )
    return str(application.acquire_token_by_refresh_token(REFRESH_TOKEN, [SCOPE])["access_token"])


def main() -> None:
    """Do one job and print when its clock started, by a clock that all processes of the machine share."""
    job = Job(**json.loads(sys.argv[1]))
    shutil.rmtree(job.folder, ignore_errors=True)
    Path(job.folder).mkdir(parents=True)
    # A task's process is a fork of its supervisor.
    import airflow.sdk.execution_time.supervisor
    import airflow.sdk.execution_time.task_runner  # noqa: F401
    from airflow.providers.common.compat.sdk import BaseHook, BaseOperator, ObjectStoragePath  # noqa: F401

    logging.disable(logging.INFO)
    started, cpu_before = time.monotonic(), time.process_time()
    row_count = CONTENDERS[job.contender](job)
    print(json.dumps({"started": started, "cpu_before": cpu_before, "row_count": row_count}), flush=True)
    # As the task processes of Airflow end: nobody waits for the interpreter to take itself apart.
    os._exit(0)


if __name__ == "__main__":
    main()
