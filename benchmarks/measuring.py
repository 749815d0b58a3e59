"""One contender in one fresh process: wall time, CPU time, peak memory."""

import json
import os
import shutil
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.contenders import Job

#: The environment may bring settings of its own, such as certificate authorities that beat a session's.
_NOT_INHERITED = ("_PROXY", "_CA_BUNDLE", "PYTHONDONTWRITEBYTECODE", "AIRFLOW", "_proxy")


@dataclass(frozen=True)
class Measurement:
    """What one run took.

    :param wall: seconds from the start of the task to the end of the process.
    :param cpu: seconds, user and system, in that time.
    :param memory: largest resident set of the whole process, in bytes.
    :param airflow_wall: seconds from the start of the process to that of the task: Python and Airflow's imports.
    :param airflow_cpu: CPU seconds in that time.
    :param server_cpu: CPU seconds of the server in the whole run.
    """

    contender: str
    rows: int
    wait_ms: int
    wall: float
    cpu: float
    memory: int
    airflow_wall: float
    airflow_cpu: float
    server_cpu: float


class Server:
    """The server process.

    :param folder: where its certificate authority goes.
    """

    def __init__(self, folder: Path, rows: int) -> None:
        self.ca_bundle = str(folder / "ca.pem")
        command = [sys.executable, "-m", "benchmarks.server", "--rows", str(rows), "--ca", self.ca_bundle]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own
        port = (self._process.stdout or sys.stdin).readline().strip()
        self.base_url = f"https://127.0.0.1:{port}"

    def cpu_seconds(self) -> float:
        """Return the CPU time that the server has used so far."""
        context = ssl.create_default_context(cafile=self.ca_bundle)
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        with opener.open(f"{self.base_url}/cpu") as response:
            return float(response.read())

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()


@contextmanager
def serving(folder: Path, rows: int) -> Iterator[Server]:
    """Have a server with pages for this many rows."""
    folder.mkdir(parents=True, exist_ok=True)
    server = Server(folder, rows)
    try:
        yield server
    finally:
        server.close()


def measure(contender: str, rows: int, wait_ms: int, server: Server, folder: Path) -> Measurement:
    """Run a contender to its end; what it wrote stays in ``folder/contender``.

    :raises RuntimeError: it failed, or lost rows.
    """
    output = folder / contender
    job = Job(contender, server.base_url, server.ca_bundle, rows, wait_ms, str(output))
    server_before = server.cpu_seconds()
    began = time.monotonic()
    with (folder / f"{contender}.log").open("w+") as log:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "benchmarks.contenders", json.dumps(asdict(job))],
            stdout=subprocess.PIPE,
            stderr=log,
            env=_environment(folder, server),
            text=True,
        )
        # The last line; a contender may print as well.
        lines = (process.stdout or sys.stdin).read().splitlines()
        _, status, usage = os.wait4(process.pid, 0)
        ended = time.monotonic()
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode or not lines:
        raise RuntimeError(f"{contender} failed; see {log.name}")
    told = json.loads(lines[-1])
    if contender != "ours_customers" and told["row_count"] != rows:
        raise RuntimeError(f"{contender} returned {told['row_count']:,} rows of {rows:,}")
    return Measurement(
        contender,
        rows,
        wait_ms,
        wall=ended - told["started"],
        cpu=usage.ru_utime + usage.ru_stime - told["cpu_before"],
        memory=usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        airflow_wall=told["started"] - began,
        airflow_cpu=told["cpu_before"],
        server_cpu=server.cpu_seconds() - server_before,
    )


def clear(folder: Path, contender: str) -> None:
    """Remove what a contender wrote."""
    shutil.rmtree(folder / contender, ignore_errors=True)


def _environment(folder: Path, server: Server) -> dict[str, str]:
    """Return an environment that is the same everywhere, without telemetry and without a database."""
    kept = {name: value for name, value in os.environ.items() if not any(part in name for part in _NOT_INHERITED)}
    return kept | {
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "PYTHONWARNINGS": "ignore",
        "REQUESTS_CA_BUNDLE": server.ca_bundle,
        "NO_PROXY": "*",
        # dlt would ask Airflow's database, which is not there, and call home
        "PROVIDERS__ENABLE_AIRFLOW_SECRETS": "false",
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "DLT_DATA_DIR": str(folder / "dlt_home"),
    }
