"""Processes that end with the test, whatever becomes of it, and that can be killed like a machine that goes away."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

STOP_SECONDS = 20


class Processes:
    """Servers of one test, each with a log file; all of them end with the ``with`` statement.

    Debian's ``setpriv`` lets them end too if the test itself is killed.

    :param logs: a folder for what they print.
    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._prefix = ("setpriv", "--pdeathsig", "TERM", "--") if shutil.which("setpriv") else ()

    def __enter__(self) -> "Processes":
        self._logs.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        for name in reversed(list(self._running)):
            self.stop(name)

    def start(
        self, name: str, command: Sequence[str | Path], env: Mapping[str, str], *, user: str | None = None
    ) -> None:
        """Start a process in a group of its own.

        :param user: whose rights it has, if not ours.
        """
        with self.log(name).open("ab") as log:
            self._running[name] = subprocess.Popen(
                [*self._prefix, *map(str, command)],
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=user,
                group=user,
                extra_groups=[] if user else None,
                cwd="/",
            )

    @property
    def names(self) -> list[str]:
        """What is running."""
        return list(self._running)

    def log(self, name: str) -> Path:
        """Return the file that a process prints to."""
        return self._logs / f"{name}.log"

    def family(self, name: str) -> list[psutil.Process]:
        """Return a process with all its descendants, those in other groups too; nobody if it has ended."""
        with suppress(psutil.NoSuchProcess):
            parent = psutil.Process(self._running[name].pid)
            return [parent, *parent.children(recursive=True)]
        return []

    def kill(self, name: str) -> None:
        """Kill a process and its descendants at once, by their ids: nobody says good-bye to anybody."""
        family = self.family(name)
        _kill(family)
        self._reap(name, family)

    def stop(self, name: str) -> None:
        """End a process politely, and what is left of it after a while impolitely."""
        family = self.family(name)
        self._running[name].send_signal(signal.SIGTERM)
        psutil.wait_procs(family, timeout=STOP_SECONDS)
        self._reap(name, family)

    def _reap(self, name: str, family: list[psutil.Process]) -> None:
        """Make sure that nothing of a process is left."""
        process = self._running.pop(name)
        _kill(family)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(STOP_SECONDS)

    def wait_until(self, what: str, ready: Callable[[], bool], seconds: float) -> None:
        """Look twice a second; fail if a process has ended by itself, or after ``seconds``."""
        deadline = time.monotonic() + seconds
        while not ready():
            for name, process in self._running.items():
                assert process.poll() is None, f"{name} has ended, waiting until {what}:\n{self._tail(name)}"
            if time.monotonic() > deadline:
                tails = "\n".join(f"--- {name}\n{self._tail(name)}" for name in self._running)
                raise AssertionError(f"Not within {seconds:.0f} s: {what}\n{tails}")
            time.sleep(0.5)

    def _tail(self, name: str) -> str:
        return "\n".join(self.log(name).read_text(errors="replace").splitlines()[-25:])


def _kill(processes: Sequence[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
