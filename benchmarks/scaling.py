"""``python -m benchmarks.scaling``: the fan-out over customers on Airflow with Celery, and the same data in one call.

A run is timed from its trigger to its end, as a user waits for it: PostgreSQL, Redis, one scheduler and two workers
with two slots each, all on this machine, against the emulator in this process, which answers after
``LATENCY_SECONDS``. Prints the tables of ``docs/scaling.md``.
"""

import json
import statistics
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from airflow_partnercenter.emulator import Answer, Emulator, Request
from tests.support.cluster import Cluster
from tests.support.ports import free_port

FAN_OUT = "partner_center_customers_fan_out"
ONE_CALL = "partner_center_licenses_report"
LATENCY_SECONDS = 0.1
CUSTOMERS = (500, 2_000, 8_000)
BATCH_SIZE = 250
BATCH_SIZES = (50, 100, 250, 500, 1_000, 2_000)
#: Requests in a second that the made-up limit lets through.
LIMIT = 60
POOL_SLOTS = (4, 2, 1)
RUN_SECONDS = 1_800


@dataclass(frozen=True)
class Result:
    """What one run took.

    :param seconds: from trigger to end.
    :param requests: to Partner Center, throttled ones included.
    :param sign_ins: requests for a token.
    :param throttled: answers with 429.
    :param tasks: seconds that each instance of the reading task ran.
    :param waits: seconds that each of them was queued.
    """

    seconds: float
    requests: int
    sign_ins: int
    throttled: int
    tasks: list[float]
    waits: list[float]


class Service:
    """The emulated Partner Center behind a slow line, with a limit if one is set."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self.limit: int | None = None
        self.throttled = 0
        self._recent: deque[float] = deque()

    @contextmanager
    def serving(self, customers: int) -> Iterator[Emulator]:
        """Be a partner with this many customers, always at the same address."""
        with Emulator(customers=customers, port=self._port, ca_folder=self._folder) as emulator:
            emulator.partner.rows("deployment")  # made up once, before anybody waits for it
            emulator.answer_next(self._answer, "/v1/", times=10**9)
            yield emulator

    def _answer(self, _: Request) -> Answer:
        now = time.monotonic()
        while self._recent and now - self._recent[0] > 1:
            self._recent.popleft()
        self._recent.append(now)
        if self.limit and len(self._recent) > self.limit:
            self.throttled += 1
            return Answer(429, {"statusCode": 429, "message": "Rate limit is exceeded."}, {"Retry-After": "1"})
        return Answer(delay_seconds=LATENCY_SECONDS)


class Bench:
    """Runs of the sample DAGs, one after the other."""

    def __init__(self, folder: Path) -> None:
        self._lake = folder / "lake"
        self.service = Service(folder / "ca")
        with self.service.serving(1) as emulator:
            connection = json.dumps(emulator.connection())
        self.cluster = Cluster(folder / "cluster", connection)

    def run(self, dag_id: str, customers: int, **conf: Any) -> Result:
        """Run a DAG once against a partner of this size."""
        with self.service.serving(customers) as emulator:
            self.service.throttled, began = 0, time.monotonic()
            run = self.cluster.trigger(dag_id, {"lake": self._lake.as_uri(), **conf})
            self.cluster.wait_until("the run ends", lambda: self._state(dag_id, run) != "running", RUN_SECONDS)
            seconds = time.monotonic() - began
            if self._state(dag_id, run) != "success":
                raise RuntimeError(f"{dag_id} failed; see {self._lake.parent}")
            tasks = self.cluster.tasks(dag_id, run, "store_batch" if dag_id == FAN_OUT else "store_licenses_deployment")
            result = Result(
                seconds,
                requests=len(emulator.api_requests),
                sign_ins=len(emulator.token_requests),
                throttled=self.service.throttled,
                tasks=[task["duration"] for task in tasks],
                waits=[_seconds(task["queued_when"], task["start_date"]) for task in tasks],
            )
        print(
            f"{dag_id} {customers:,} {conf}: {seconds:.0f} s, {result.requests} requests", file=sys.stderr, flush=True
        )
        return result

    def _state(self, dag_id: str, run: str) -> str:
        state = self.cluster.state(dag_id, run)
        return "running" if state == "queued" else state


def _seconds(before: str, after: str) -> float:
    return (datetime.fromisoformat(after) - datetime.fromisoformat(before)).total_seconds()


def growth(bench: Bench) -> Iterator[str]:
    """Compare the fan-out with one call, at growing numbers of customers."""
    yield "| customers | fan-out: tasks | requests | sign-ins | seconds | one call: requests | seconds |"
    yield "|---:|---:|---:|---:|---:|---:|---:|"
    for customers in CUSTOMERS:
        many = bench.run(FAN_OUT, customers, batch_size=BATCH_SIZE)
        one = bench.run(ONE_CALL, customers)
        yield (
            f"| {customers:,} | {len(many.tasks)} | {many.requests:,} | {many.sign_ins} | {many.seconds:.0f} "
            f"| {one.requests} | {one.seconds:.0f} |"
        )


def batch_sizes(bench: Bench, customers: int) -> Iterator[str]:
    """Compare batch sizes, and split a task's time into its fixed part and that of each customer."""
    yield "| batch size | tasks | run, s | a task, s | queued, s | all tasks, s |"
    yield "|---:|---:|---:|---:|---:|---:|"
    points: list[tuple[int, float]] = []
    for size in BATCH_SIZES:
        result = bench.run(FAN_OUT, customers, batch_size=size)
        points += [(size, seconds) for seconds in result.tasks]
        yield (
            f"| {size:,} | {len(result.tasks)} | {result.seconds:.0f} | {statistics.median(result.tasks):.1f} "
            f"| {statistics.median(result.waits):.1f} | {sum(result.tasks):.0f} |"
        )
    slope, fixed = statistics.linear_regression(*zip(*points, strict=True))
    yield ""
    yield f"A task takes {fixed:.1f} s, and {1000 * slope:.0f} ms more for each customer."


def pools(bench: Bench, customers: int) -> Iterator[str]:
    """Compare pool sizes under a limit."""
    yield "| pool slots | requests in flight at most | 429 answers | of all requests | run, s |"
    yield "|---:|---:|---:|---:|---:|"
    bench.service.limit = LIMIT
    for slots in POOL_SLOTS:
        bench.cluster.resize_pool("default_pool", slots)
        result = bench.run(FAN_OUT, customers, batch_size=BATCH_SIZE)
        share = 100 * result.throttled / result.requests
        yield f"| {slots} | {4 * slots} | {result.throttled:,} | {share:.0f} % | {result.seconds:.0f} |"


def main() -> None:
    """Measure, and print each table as soon as it is known."""
    folder = Path(tempfile.mkdtemp(prefix="partner-center-scaling-"))
    bench = Bench(folder)
    with bench.cluster:
        for worker in ("worker-1", "worker-2"):
            bench.cluster.start_worker(worker)
        # The first tasks of a worker import everything, and a DAG with a schedule first runs what is due.
        bench.run(FAN_OUT, 8, batch_size=2)
        bench.run(ONE_CALL, 8)
        for table in (growth(bench), batch_sizes(bench, 2_000), pools(bench, 2_000)):
            print()
            for line in table:
                print(line, flush=True)


if __name__ == "__main__":
    main()
