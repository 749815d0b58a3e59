"""Writes to Azure and S3, side by side with a write to the local disk and a plain upload of the same file.

``python -m benchmarks.stores [--rows 1000000] [--rounds 3]`` prints a Markdown table. Azurite and moto run in processes
of their own; each measurement is a fresh process, as each task of Airflow is. ``python -m benchmarks.stores '{…}'`` is
such a process.
"""

import argparse
import base64
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from benchmarks.contenders import REFRESH_TOKEN
from benchmarks.measuring import Server, serving
from benchmarks.server import TENANT_ID

FOLDER = Path("build/benchmarks/stores")
#: What `python -m benchmarks` takes into its report.
TABLE = FOLDER / "table.md"
GOAL = 1.25
KEY = base64.b64encode(b"loopback only, not a secret").decode()
CONTAINER = "reports"
AZURITE = Path("build/node/node_modules/.bin/azurite-blob")


@dataclass(frozen=True)
class Job:
    """What one process has to do.

    :param contender: a key of :data:`CONTENDERS`.
    :param suffix: the file format.
    :param rows: how many are read.
    :param base_url: of the benchmark's Partner Center.
    :param ca_bundle: its certificate authority.
    :param azure: connection string.
    :param s3: endpoint.
    :param folder: for the local file.
    """

    contender: str
    suffix: str
    rows: int
    base_url: str
    ca_bundle: str
    azure: str
    s3: str
    folder: str

    @property
    def local(self) -> str:
        """The file on this machine's disk."""
        return f"{self.folder}/licenses.{self.suffix}"


def write(job: Job, destination: str) -> None:
    """Read with the operator and write to a destination, as a DAG would."""
    from airflow_partnercenter.operators.partner_center import PartnerCenterLicensesToObjectStorageOperator

    host, port = job.base_url.rsplit(":", 1)
    extra = {
        "tenant_id": TENANT_ID,
        "refresh_token": REFRESH_TOKEN,
        "authority": job.base_url,
        "ca_bundle": job.ca_bundle,
        "commercial_prefix": f"/rows/{job.rows}/wait/0/partner/v1",
    }
    connections = {
        "PARTNER_CENTER_DEFAULT": {
            "conn_type": "partner_center",
            "login": "client",
            "password": "benchmark-secret",
            "host": host,
            "port": int(port),
            "extra": extra,
        },
        "AZ": {"conn_type": "wasb", "extra": {"connection_string": job.azure}},
        "S3": {
            "conn_type": "aws",
            "login": "test",
            "password": "testtest",
            "extra": {"region_name": "us-east-1", "endpoint_url": job.s3},
        },
    }
    os.environ |= {f"AIRFLOW_CONN_{name}": json.dumps(connection) for name, connection in connections.items()}
    operator = PartnerCenterLicensesToObjectStorageOperator(
        task_id="write", resource="licenses_deployment", destination=destination
    )
    if operator.execute({})["row_count"] != job.rows:
        raise RuntimeError("rows are missing")


def upload_to_azure(job: Job) -> None:
    """Upload the local file with Azure's own library."""
    from azure.storage.blob import BlobClient

    client = BlobClient.from_connection_string(job.azure, CONTAINER, "plain")
    with Path(job.local).open("rb") as file:
        client.upload_blob(file, overwrite=True, max_concurrency=4)


def upload_to_s3(job: Job) -> None:
    """Upload the local file with AWS's own library."""
    import boto3

    _s3_client(boto3, job.s3).upload_file(job.local, CONTAINER, "plain")


CONTENDERS: dict[str, Callable[[Job], None]] = {
    "local": lambda job: write(job, f"file://{job.local}"),
    "azure": lambda job: write(job, f"abfs://az@{CONTAINER}/licenses.{job.suffix}"),
    "s3": lambda job: write(job, f"s3://s3@{CONTAINER}/licenses.{job.suffix}"),
    "plain_azure": upload_to_azure,
    "plain_s3": upload_to_s3,
}
NAMES = {"azure": "Azure (Azurite)", "s3": "S3 (moto)"}


def measure(job: Job) -> float:
    """Run a job in a process of its own; return the seconds from Airflow's imports to its end."""
    folder = Path(job.folder)
    with (folder / f"{job.contender}.log").open("w+") as log:
        process = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "benchmarks.stores", "--job", json.dumps(asdict(job))],
            stdout=subprocess.PIPE,
            stderr=log,
            env=_environment(folder, job),
            check=False,
        )
    ended = time.monotonic()
    if process.returncode:
        raise RuntimeError(f"{job.contender} failed; see {log.name}")
    return ended - float(process.stdout.splitlines()[-1])


def run(job: Job) -> None:
    """Do one job, and print when its clock started, by a clock that all processes of the machine share."""
    from airflow.providers.common.compat.sdk import BaseHook, BaseOperator, ObjectStoragePath  # noqa: F401

    logging.disable(logging.INFO)
    print(time.monotonic(), flush=True)
    CONTENDERS[job.contender](job)
    sys.stdout.flush()
    os._exit(0)


@contextmanager
def stores() -> Iterator[tuple[str, str]]:
    """Have an Azurite and a moto with an empty container; yield a connection string and an endpoint."""
    azurite = [str(AZURITE), "--blobHost", "127.0.0.1", "--blobPort", "0", "--inMemoryPersistence"]
    azurite += ["--disableTelemetry", "--skipApiVersionCheck", "--silent"]
    moto = [sys.executable, "-m", "benchmarks.stores", "--moto"]
    environment = os.environ | {"AZURITE_ACCOUNTS": f"local:{KEY}"}
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)  # noqa: S603 - our own
        for command in (azurite, moto)
    ]
    try:
        blobs, s3 = (_address(process) for process in running)
        text = f"DefaultEndpointsProtocol=http;AccountName=local;AccountKey={KEY};BlobEndpoint={blobs}/local;"
        _make_containers(text, s3)
        yield text, s3
    finally:
        for process in running:
            process.kill()
            process.wait()


def _address(process: "subprocess.Popen[str]") -> str:
    for line in process.stdout or ():
        if "http://127.0.0.1:" in line and not line.rstrip().endswith(":0"):
            return "http://127.0.0.1:" + line.rsplit(":", 1)[1].strip()
    raise RuntimeError("a store did not start")


def _make_containers(azure: str, s3: str) -> None:
    import boto3
    from azure.storage.blob import BlobServiceClient

    BlobServiceClient.from_connection_string(azure).create_container(CONTAINER)
    _s3_client(boto3, s3).create_bucket(Bucket=CONTAINER)


def _s3_client(boto3: object, endpoint: str) -> object:
    return boto3.client(  # type: ignore[attr-defined]
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="testtest",  # noqa: S106 - moto takes any
    )


def _serve_moto() -> None:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    logging.disable(logging.INFO)
    print(f"http://127.0.0.1:{server.get_host_and_port()[1]}", flush=True)
    time.sleep(24 * 3600)


def _environment(folder: Path, job: Job) -> dict[str, str]:
    """Return the same environment everywhere, with nothing of the developer's Airflow or proxy in it."""
    left_out = ("_PROXY", "_proxy", "_CA_BUNDLE", "PYTHONDONTWRITEBYTECODE", "AIRFLOW")
    kept = {name: value for name, value in os.environ.items() if not any(part in name for part in left_out)}
    return kept | {
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "PYTHONWARNINGS": "ignore",
        "NO_PROXY": "*",
    }


def report(seconds: dict[str, dict[str, list[float]]], rows: int, sizes: dict[str, int]) -> str:
    """Return the table: medians of the seconds, and of the ratios within each round."""
    lines = [
        f"A write of {rows:,} rows (`licenses_deployment`) to a store, as multiple of a write to the local disk plus a "
        f"plain upload of that file by the store's own library. The goal is {GOAL}.",
        "",
        "| store | format | file | write | local disk | plain upload | ratio | met |",
        "|---|---|---:|---:|---:|---:|---:|---|",
    ]
    for suffix, taken in seconds.items():
        for store, name in NAMES.items():
            written, local, plain = taken[store], taken["local"], taken[f"plain_{store}"]
            ratio = median(ours / (disk + up) for ours, disk, up in zip(written, local, plain, strict=True))
            columns = (
                name,
                suffix,
                f"{sizes[suffix] / 1e6:.1f} MB",
                *(f"{median(times):.2f} s" for times in (written, local, plain)),
                f"{ratio:.2f}",
                "yes" if ratio <= GOAL else "**no**",
            )
            lines.append(f"| {' | '.join(columns)} |")
    return "\n".join(lines)


def measure_all(rows: int, rounds: int, server: Server, azure: str, s3: str) -> str:
    """Run everything in turn, and return the table."""
    seconds: dict[str, dict[str, list[float]]] = {}
    sizes: dict[str, int] = {}
    for suffix in ("parquet", "csv"):
        seconds[suffix] = {name: [] for name in CONTENDERS}
        for number in range(-1, rounds):  # the first round writes bytecode and fills the file cache
            for name in CONTENDERS:
                used = rows if number >= 0 else 20_000
                job = Job(name, suffix, used, server.base_url, server.ca_bundle, azure, s3, str(FOLDER.absolute()))
                taken = measure(job)
                if number >= 0:
                    seconds[suffix][name].append(taken)
                    print(f"{suffix:8s} {name:12s} {taken:6.2f} s", file=sys.stderr, flush=True)
        sizes[suffix] = (FOLDER / f"licenses.{suffix}").stat().st_size
    return report(seconds, rows, sizes)


def main() -> None:
    """Measure and print the table, or be one of the processes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--job", help=argparse.SUPPRESS)
    parser.add_argument("--moto", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.job:
        run(Job(**json.loads(arguments.job)))
    elif arguments.moto:
        _serve_moto()
    else:
        with serving(FOLDER, arguments.rows) as server, stores() as (azure, s3):
            table = measure_all(arguments.rows, arguments.rounds, server, azure, s3)
        TABLE.write_text(f"{table}\n")
        print(table)


if __name__ == "__main__":
    main()
