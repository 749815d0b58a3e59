"""Airflow's own processes on this machine: SQLite, loopback, a home of their own."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self


class AirflowProcesses:
    """Starts and ends components of an Airflow deployment; the end of the ``with`` block ends them all.

    :param home: an empty folder.
    :param dags: name and text of each DAG file.
    :param environment: further variables, such as connections.
    """

    def __init__(self, home: Path, dags: Mapping[str, str], environment: Mapping[str, str]) -> None:
        self._home = home
        (home / "dags").mkdir()
        for name, text in dags.items():
            (home / "dags" / name).write_text(text)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
        self._environment = clean | {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
            "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
            "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
            "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1",
            "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "4",
            "PYTHONWARNINGS": "ignore",
            # Airflow 2 starts its tasks by the command's name.
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), clean.get("PATH", "")]),
            **environment,
        }
        self._running: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        subprocess.run(self._command("db", "migrate"), env=self._environment, capture_output=True, check=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for process in self._running:
            _signal(process, signal.SIGTERM)
        for process in self._running:
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)
            _signal(process, signal.SIGKILL)
            process.wait()

    @property
    def environment(self) -> Mapping[str, str]:
        """What its processes get."""
        return self._environment

    def run(self, *command: str) -> int:
        """Run an ``airflow`` command to its end and return its exit status; its output goes to a file."""
        with (self._home / f"run-{command[0]}.log").open("ab") as log:
            done = subprocess.run(
                self._command(*command), env=self._environment, stdout=log, stderr=log, timeout=180, check=False
            )
        return done.returncode

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a component, such as ``triggerer``, in a process group of its own; its output goes to a file."""
        with (self._home / f"{len(self._running)}-{command[0]}.log").open("wb") as log:
            process = subprocess.Popen(
                self._command(*command), env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        self._running.append(process)
        return process

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """End a component and its children with no chance to say goodbye."""
        _signal(process, signal.SIGKILL)
        process.wait()

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Return rows of Airflow's database."""
        with closing(sqlite3.connect(f"file:{self._home}/airflow.db?mode=ro", uri=True, timeout=10)) as database:
            return database.execute(sql).fetchall()

    def wait_for(self, condition: Callable[[], Any], what: str, seconds: float = 180) -> None:
        """Wait until something holds.

        :raises AssertionError: it did not in time; the message has the end of each component's output.
        """
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(f"{what} within {seconds} s\n{''.join(self._log_ends())}")
            time.sleep(0.2)

    def _log_ends(self) -> Iterable[str]:
        for log in sorted(self._home.glob("*.log")):
            yield f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}\n"

    def _command(self, *arguments: str) -> list[str]:
        return [str(Path(sys.executable).with_name("airflow")), *arguments]


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Send a signal to a process we started and to its children."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
