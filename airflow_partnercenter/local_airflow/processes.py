"""Components of Airflow as processes that never outlive who started them, nor leave children behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

#: Airflow's components take three seconds, but for a scheduler whose tasks wait for those that have ended.
STOP_SECONDS = 5
# Ends with the process that started it, whatever happens to that one: then its pipe closes without a word, and the
# whole group is told to stop, then made to. What waits for that has a session of its own: whoever signals the
# component's does not meet it, so that it is there also if who started them is killed in the middle of stopping them.
# It does not heed SIGTERM either, which may come before it has left the component's session.
# (By descriptor 3: what a shell starts with & has an empty standard input. By Python: macOS has no `setsid`.)
_WATCH = 'read -r _ && exit; kill -TERM "-$1"; sleep 5; kill -KILL "-$1"'
_IN_A_SESSION = 'import os, sys; os.setsid(); os.execv("/bin/sh", ["sh", "-c", *sys.argv[1:]])'
_TIED_TO_PARENT = (
    f"exec 3<&0; (trap '' TERM; exec \"$0\" -ISc '{_IN_A_SESSION}' '{_WATCH}' sh $$) <&3 3<&- >/dev/null 2>&1 & "
    '"$@" 3<&- </dev/null & wait $!'
)


class ComponentEndedError(Exception):
    """A component has ended by itself.

    :param log_end: the last lines that it printed.
    """

    def __init__(self, name: str, status: int, log: Path, log_end: str) -> None:
        super().__init__(f"{name} has ended by itself (exit status {status})")
        self.name = name
        self.log = log
        self.log_end = log_end


class Component:
    """A process in a session of its own, with its children; its output goes to a file.

    Children may move to process groups of their own, as Airflow's tasks do, but they stay in the session.
    """

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own commands
                ["/bin/sh", "-c", _TIED_TO_PARENT, sys.executable, *command],
                env=dict(environment),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def status(self) -> int | None:
        """Exit status, or None while the component runs."""
        return self._process.poll()

    def require_running(self) -> None:
        """Raise an error if the component has ended.

        :raises ComponentEndedError: it has.
        """
        if self.status is not None:
            raise ComponentEndedError(self.name, self.status, self.log, self.log_end())

    def log_end(self, lines: int = 25) -> str:
        """Return the last lines of the log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def processes(self) -> list[int]:
        """Return the ids of the component's processes that are alive."""
        self._process.poll()  # the first of them is ours to bury
        return [pid for pid in psutil.pids() if _session_of(pid) == self._process.pid and _is_alive(pid)]

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to all processes of the component."""
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def bury(self) -> None:
        """Give back what belonged to an ended component, and send away what waits beside it."""
        self.signal(signal.SIGKILL)
        self._process.communicate(b"It has ended.\n")


def stop(components: Iterable[Component], seconds: float = STOP_SECONDS) -> None:
    """End components together: politely first, and what is left after a while impolitely."""
    components = list(components)
    for component in components:
        component.signal(signal.SIGTERM)
    deadline = time.monotonic() + seconds
    while any(component.processes() for component in components):
        if time.monotonic() > deadline:
            for component in components:
                component.signal(signal.SIGKILL)
        time.sleep(0.1)
    for component in components:
        component.bury()


def _session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:  # it has just ended, or is none of our business
        return None


def _is_alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
