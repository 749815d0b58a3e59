"""One scenario of :mod:`benchmarks.waiting`, in this process: a thousand triggers in Airflow's own runner.

The runner takes its triggers from here instead of from the supervisor that would read them from the database, as many
at a time; all else is Airflow's, its watchdog for a blocked event loop too. Questions to the emulator go to the
standard output, their answers come from the standard input; the last line is the result, as JSON.
"""

import asyncio
import json
import resource
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from airflow.executors import workloads
from airflow.jobs.triggerer_job_runner import TriggerRunner
from airflow.models.trigger import Trigger
from airflow.triggers.base import BaseTrigger, TriggerEvent

TRIGGERS = 1000
INTERVAL_SECONDS = 10.0
MEASURED_SECONDS = 60.0
#: As many as a triggerer takes from the database in one round.
PER_ROUND = 50
#: A day later than the emulator's data, until it moves.
NEWER_THAN = "2026-11-17"
RESOURCES = {
    "partner": "partner_licenses_deployment",
    "licenses": "licenses_deployment",
    "different": "licenses_deployment",
}


class IdleTrigger(BaseTrigger):
    """What a waiting trigger costs Airflow when it does nothing."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class and arguments."""
        return "benchmarks.triggerer.IdleTrigger", {}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Sleep."""
        while True:
            await asyncio.sleep(INTERVAL_SECONDS)
        yield


class NoSupervisor:
    """Stands where the connection to the supervisor would be."""

    def __init__(self) -> None:
        self._reader_task = asyncio.create_task(asyncio.Event().wait())


class CountingLog:
    """Counts what Airflow says about a blocked loop."""

    def __init__(self, log: Any) -> None:
        self._log = log
        self.warnings = 0

    def __getattr__(self, name: str) -> Any:
        """Return what the log has."""
        return getattr(self._log, name)

    async def ainfo(self, text: str, *values: Any, **named: Any) -> None:
        """Count a warning, which has this level."""
        self.warnings += "was blocked for" in text


class Runner(TriggerRunner):
    """Airflow's runner; ``waiting`` are the triggers it has not started yet, ``fired`` counts those that are done."""

    def __init__(self) -> None:
        super().__init__()
        self.log = CountingLog(self.log)
        self.waiting: list[workloads.RunTrigger] = []
        self.fired = 0

    async def init_comms(self) -> None:
        """Do without a supervisor."""
        self.comms_decoder = NoSupervisor()

    async def sync_state_to_supervisor(self, finished_ids: list[int]) -> None:
        """Take the next triggers, and count the events."""
        while self.events:
            self.fired += self.events.popleft().event.payload["status"] == "success"
        batch, self.waiting = self.waiting[:PER_ROUND], self.waiting[PER_ROUND:]
        self.to_create.extend(batch)


class Watchdog:
    """Measures as Airflow's own does: 0.1 s of sleep, and how much longer it took; and this thread's CPU time then."""

    def __init__(self) -> None:
        self.longest = self.longest_cpu = 0.0

    async def watch(self) -> None:
        """Measure until cancelled."""
        while True:
            began, cpu = time.monotonic(), time.thread_time()
            await asyncio.sleep(0.1)
            self.longest = max(self.longest, time.monotonic() - began - 0.1)
            self.longest_cpu = max(self.longest_cpu, time.thread_time() - cpu)


def trigger(scenario: str, number: int) -> workloads.RunTrigger:
    """Return one trigger as the database would have it."""
    arguments: dict[str, Any] = {}
    path = "benchmarks.triggerer.IdleTrigger"
    if scenario in RESOURCES:
        path = "airflow_partnercenter.triggers.partner_center.PartnerCenterLicensesTrigger"
        arguments = {
            "resource": RESOURCES[scenario],
            "newer_than": NEWER_THAN,
            "poll_interval": INTERVAL_SECONDS,
            "filter_expression": f"customerName ne 'Nobody {number % 100}'" if scenario == "different" else None,
        }
    return workloads.RunTrigger(id=number, classpath=path, encrypted_kwargs=Trigger.encrypt_kwargs(arguments))


def ask(question: str) -> int:
    """Return how many requests the emulator has seen; ``move`` lets its data move on by a day."""
    print(question, flush=True)
    return int(sys.stdin.readline())


def memory() -> int:
    """Return the resident set of this process in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


async def measure(scenario: str) -> dict[str, float]:
    """Start the triggers, wait a while, let the data move, and wait until all have fired."""
    runner, watchdog = Runner(), Watchdog()
    running = asyncio.create_task(runner.arun())
    watching = asyncio.create_task(watchdog.watch())
    # What the first trigger of any kind loads is not what a thousand cost.
    runner.waiting = [trigger(scenario, TRIGGERS)]
    await asyncio.sleep(INTERVAL_SECONDS / 2)
    first_block, watchdog.longest, watchdog.longest_cpu = watchdog.longest, 0.0, 0.0
    first_warnings, runner.log.warnings = runner.log.warnings, 0
    memory_before, cpu = memory(), time.process_time()
    runner.waiting = [trigger(scenario, number) for number in range(TRIGGERS)]
    while len(runner.triggers) <= TRIGGERS:
        await asyncio.sleep(0.5)
    starting_cpu = time.process_time() - cpu
    await asyncio.sleep(INTERVAL_SECONDS)
    began, cpu, requests = time.monotonic(), time.process_time(), ask("count")
    await asyncio.sleep(MEASURED_SECONDS)
    seconds, cpu, requests = time.monotonic() - began, time.process_time() - cpu, ask("count") - requests
    grown = memory() - memory_before
    ask("move")
    while scenario in RESOURCES and runner.fired <= TRIGGERS:
        await asyncio.sleep(0.2)
    watching.cancel()
    runner.stop = True
    await running
    return {
        "requests": requests / seconds * INTERVAL_SECONDS,
        "cpu": cpu / seconds * 60,
        "starting_cpu": starting_cpu,
        "kibibytes": grown / TRIGGERS / 1024,
        "first_block": first_block,
        "first_warnings": first_warnings,
        "longest_block": watchdog.longest,
        "longest_block_cpu": watchdog.longest_cpu,
        "warnings": runner.log.warnings,
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure(sys.argv[1]))), flush=True)
