"""The fan-out over customers on Celery, while a worker and then the service itself go away in the middle.

``make test-system`` runs it with 2 000 customers; ``SYSTEM_TEST_CUSTOMERS`` sets another number, 400 or more.
"""

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from airflow_partnercenter.emulator import Answer, Emulator, Request
from tests.support.cluster import Cluster
from tests.support.ports import free_port

pytestmark = pytest.mark.cluster

CUSTOMERS = int(os.environ.get("SYSTEM_TEST_CUSTOMERS", "2000"))
BATCHES = 12
DAG_ID = "partner_center_customers_fan_out"
#: One request in so many is throttled; the others take as long as a service far away.
THROTTLED_EVERY = 50
LATENCY_SECONDS = 0.1
#: For a machine that has other things to do; alone it takes a minute.
RUN_SECONDS = 420


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """A large partner behind a slow line, which throttles; it keeps its port and its certificate authority."""
    folder = tmp_path_factory.mktemp("emulator")
    with Emulator(customers=CUSTOMERS, port=free_port(), ca_folder=folder) as running:
        number = count(1)

        def answer(request: Request) -> Answer:
            if next(number) % THROTTLED_EVERY == 0:
                throttled = Emulator.FAULTS["throttled_seconds"].answer
                assert isinstance(throttled, Answer)
                return throttled
            return Answer(delay_seconds=LATENCY_SECONDS)

        running.answer_next(answer, "/customers/", times=10**9)
        yield running


@pytest.fixture(scope="module")
def cluster(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """An Airflow on PostgreSQL, Redis and Celery, whose default connection leads to the emulator."""
    with Cluster(tmp_path_factory.mktemp("cluster"), json.dumps(emulator.connection())) as running:
        running.start_worker("worker-1")
        running.start_worker("worker-2")
        yield running


class Run:
    """One run of the DAG, and what there is to see of it."""

    def __init__(self, cluster: Cluster, lake: Path) -> None:
        self._cluster = cluster
        self.id = cluster.trigger(DAG_ID, {"lake": lake.as_uri(), "batch_size": -(-CUSTOMERS // BATCHES)})
        self.folder = lake / "customer_licenses_deployment" / self.id
        self.began = time.monotonic()

    def batches(self) -> list[dict[str, Any]]:
        """Return the mapped task's instances."""
        return self._cluster.tasks(DAG_ID, self.id, "store_batch")

    def wait_for(self, what: str, seen: Callable[[list[dict[str, Any]]], bool]) -> None:
        """Wait until the batches are as wanted."""
        self._cluster.wait_until(what, lambda: seen(self.batches()), RUN_SECONDS)

    def wait_for_end(self) -> None:
        """Wait until the run is over, and succeeded."""
        self._cluster.wait_until("the run ends", lambda: self.state in ("success", "failed"), RUN_SECONDS)
        assert self.state == "success"
        print(f"\n{CUSTOMERS} customers in {time.monotonic() - self.began:.0f} s")

    @property
    def state(self) -> str:
        """The state of the run."""
        return self._cluster.state(DAG_ID, self.id)


def _just_began(batch: dict[str, Any]) -> bool:
    """Whether a batch has long to go."""
    if batch["state"] != "running":
        return False
    return datetime.now(UTC) - datetime.fromisoformat(batch["start_date"]) < timedelta(seconds=2)


def _assert_each_customer_exactly_once(run: Run, cluster: Cluster, emulator: Emulator) -> None:
    """Compare all files with the partner itself, row by row, and the report with the list of customers."""
    files = [pd.read_parquet(file).assign(file=file.name) for file in run.folder.glob("*.parquet")]
    assert len(files) == BATCHES
    rows = pd.concat(files)
    stored = Counter(zip(rows["customer_id"], rows["product_name"], rows["licenses_sold"], strict=True))
    served = Counter(
        (str(row["customerTenantId"]).lower(), row["productName"], row["licensesSold"])
        for row in emulator.partner.rows("deployment")
    )
    assert stored == served
    assert (rows.groupby("customer_id")["file"].nunique() == 1).all()
    table = pd.read_csv(run.folder / "customers.csv")
    assert sorted(table["customer_id"]) == sorted(customer.id for customer in emulator.partner.customers)
    assert table["left_out"].isna().all()
    assert cluster.returned(DAG_ID, run.id, "report_customers")["customers"] == CUSTOMERS


def test_run_survives_the_death_of_a_worker(cluster: Cluster, emulator: Emulator, tmp_path: Path) -> None:
    """Killed in the middle of a batch: Airflow gives the batch to the other worker, and nothing is lost or doubled."""
    run = Run(cluster, tmp_path)

    def mid_way(batches: list[dict[str, Any]]) -> bool:
        doomed = cluster.process_ids("worker-1")
        fresh = [batch for batch in batches if _just_began(batch) and batch["pid"] in doomed]
        return bool(fresh) and sum(batch["state"] == "success" for batch in batches) >= 3

    run.wait_for("worker-1 has begun a batch, and others are done", mid_way)
    cluster.kill_worker("worker-1")
    killed_at = time.monotonic()
    run.wait_for("the dead worker's batches begin again", lambda batches: any(b["try_number"] > 1 for b in batches))
    print(f"\ntaken over {time.monotonic() - killed_at:.0f} s after the kill")
    run.wait_for_end()

    _assert_each_customer_exactly_once(run, cluster, emulator)
    asked = Counter(request.path for request in emulator.api_requests if "/customers/" in request.path)
    assert len(asked) == CUSTOMERS
    assert sum(asked.values()) > CUSTOMERS  # the throttled ones, and those of the dead worker, once more


def test_run_survives_a_restart_of_the_service(cluster: Cluster, emulator: Emulator, tmp_path: Path) -> None:
    """Partner Center is away for a while and then knows no token: tasks wait or are retried, and sign in again."""
    if "worker-1" not in cluster.workers:
        cluster.start_worker("worker-1")
    run = Run(cluster, tmp_path)

    def mid_way(batches: list[dict[str, Any]]) -> bool:
        return any(map(_just_began, batches)) and sum(batch["state"] == "success" for batch in batches) >= 3

    run.wait_for("a batch has begun, and others are done", mid_way)
    emulator.stop()
    time.sleep(10)
    signed_in = len(emulator.token_requests)
    emulator.start()
    run.wait_for_end()

    _assert_each_customer_exactly_once(run, cluster, emulator)
    assert len(emulator.token_requests) > signed_in
