"""A real Airflow API server on loopback, with its UI: no login, its own home, gone when its test is."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

_START_SECONDS = 60
# Ends with the test process whatever happens to it: then the pipe closes, `cat` ends, and the group is told to stop.
_TIED_TO_PARENT = 'trap "exit 0" TERM; "$@" & cat >/dev/null; kill -TERM -- -$$'


class AirflowServer:
    """Airflow's API server and UI, with a metadata database of its own. The connection test is enabled.

    :param home: an empty folder for all that Airflow writes.
    :param settings: further environment variables.
    """

    def __init__(self, home: Path, **settings: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._home = home
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")} | {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API_AUTH__JWT_SECRET": "loopback-only-not-a-secret-" * 3,
            "AIRFLOW__API__SECRET_KEY": "loopback-only-not-a-secret",
            "PYTHONWARNINGS": "ignore",
            **settings,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        (self._home / "dags").mkdir(parents=True)
        self.airflow("db", "migrate")
        command = [_executable(), "api-server", "--host", "127.0.0.1", "--port", self.url.rpartition(":")[2]]
        with (self._home / "api-server.log").open("wb") as log:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", _TIED_TO_PARENT, "sh", *command],
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._wait_until_it_answers()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._process:
            return
        group = self._process.pid
        for number, seconds in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
            try:
                os.killpg(group, number)
            except ProcessLookupError:
                break
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline and _is_alive(group):
                self._process.poll()
                time.sleep(0.1)
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait(5)

    def airflow(self, *arguments: str) -> str:
        """Run an ``airflow`` command in this Airflow and return what it printed."""
        done = subprocess.run(
            [_executable(), *arguments], env=self.environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def log(self) -> str:
        """Return what the server has logged."""
        return (self._home / "api-server.log").read_text(errors="replace")

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"{self.url}/api/v2/version", timeout=5):  # noqa: S310 - our own server
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        self.__exit__(None, None, None)
        raise AssertionError(f"Airflow did not start in {_START_SECONDS} s:\n{self.log()[-3000:]}")


def _executable() -> str:
    return str(Path(sys.executable).with_name("airflow"))


def _is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
