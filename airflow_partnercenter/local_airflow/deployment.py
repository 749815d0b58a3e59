"""Airflow's components on loopback, started one by one and ended together."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from airflow_partnercenter.local_airflow.processes import Component, stop
from airflow_partnercenter.local_airflow.settings import airflow_settings, loopback_settings, plain_environment

#: Without the flag these two serve their logs to every interface of the machine.
_COMPONENTS = {
    "api-server": (),
    "scheduler": ("--skip-serve-logs",),
    "triggerer": ("--skip-serve-logs",),
    "dag-processor": (),
}
#: Only a failure takes so long: an API server that has just started on a busy machine answers after 20 seconds.
_COMMAND_SECONDS = _WAIT_SECONDS = 300
_REQUEST_SECONDS = 60
_HEALTHY = {"metadatabase", "scheduler", "triggerer", "dag_processor"}


class LocalAirflow:
    """An Airflow 3 with a metadata database of its own; the end of the ``with`` block ends all that was started.

    :param home: a folder for all that Airflow writes; an empty one, or that of an Airflow that has ended.
    :param port: where the API server answers, on 127.0.0.1.
    :param settings: further environment variables.
    """

    def __init__(self, home: Path, *, dags: Path, port: int, settings: Mapping[str, str] | None = None) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.home = home
        self.components: list[Component] = []
        self.environment = (
            plain_environment() | airflow_settings(home, dags) | loopback_settings(port) | dict(settings or {})
        )
        home.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @contextmanager
    def stopping_on_failure(self) -> Iterator[None]:
        """For what happens on the way into a ``with`` block, whose end does not follow if that fails."""
        try:
            yield
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End all components."""
        stop(self.components)
        self.components.clear()

    @contextmanager
    def migrating(self) -> Iterator[None]:
        """Make the metadata database while the ``with`` block does something else.

        :raises ComponentEndedError: Airflow could not.
        """
        migration = self._start("db-migrate", "db", "migrate")
        yield
        while migration.status is None:
            time.sleep(0.1)
        self.components.remove(migration)
        migration.bury()
        if migration.status != 0:
            migration.require_running()

    def start(self, name: str) -> Component:
        """Start a component: ``api-server``, ``scheduler``, ``triggerer`` or ``dag-processor``."""
        return self._start(name, name, *_COMPONENTS[name])

    def run(self, *arguments: str) -> str:
        """Run an ``airflow`` command in this Airflow and return what it printed.

        :raises RuntimeError: the command failed.
        """
        done = subprocess.run(  # noqa: S603 - our own command
            self._command(*arguments),
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=_COMMAND_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"airflow {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def ask(self, method: str, path: str, **options: Any) -> Any:
        """Ask Airflow's REST API, such as ``GET /dags``, and return its answer.

        :param options: as of ``requests.request``.
        :raises requests.RequestException: no answer, or none that says yes.
        """
        import requests

        with requests.Session() as session:
            session.trust_env = False  # no proxy leads to this machine
            signed_in = session.get(f"{self.url}/auth/token", timeout=_REQUEST_SECONDS)
            signed_in.raise_for_status()
            headers = {"Authorization": f"Bearer {signed_in.json()['access_token']}"}
            answer = session.request(
                method, f"{self.url}/api/v2{path}", headers=headers, timeout=_REQUEST_SECONDS, **options
            )
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def answers(self) -> bool:
        """Return whether the API server answers."""
        return "version" in self._asked("/version")

    def is_healthy(self) -> bool:
        """Return whether all four components report to be well."""
        health = self._asked("/monitor/health")
        return {name for name, part in health.items() if part and part.get("status") == "healthy"} >= _HEALTHY

    def wait_until(self, ready: Callable[[], bool], what: str, seconds: float = _WAIT_SECONDS) -> None:
        """Look several times a second until something holds.

        :raises ComponentEndedError: a component has ended meanwhile.
        :raises TimeoutError: it did not hold in time; the message has the end of each log.
        """
        deadline = time.monotonic() + seconds
        while not ready():
            self.require_running()
            if time.monotonic() > deadline:
                raise TimeoutError(f"Not within {seconds:.0f} s: {what}\n{''.join(self.log_ends())}")
            time.sleep(0.2)

    def require_running(self) -> None:
        """Raise an error if a component has ended.

        :raises ComponentEndedError: one has.
        """
        for component in self.components:
            component.require_running()

    def log_ends(self) -> Iterator[str]:
        """Return the end of what each component has printed."""
        for component in self.components:
            yield f"--- {component.log}\n{component.log_end()}\n"

    def _start(self, name: str, *arguments: str) -> Component:
        component = Component(name, self._command(*arguments), self.environment, self.home / f"{name}.log")
        self.components.append(component)
        return component

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-P", "-m", "airflow", *arguments]

    def _asked(self, path: str) -> dict[str, Any]:
        """Return an answer of the API that needs no token, empty if there is none yet."""
        import requests

        try:
            with requests.Session() as session:
                session.trust_env = False
                answer = session.get(f"{self.url}/api/v2{path}", timeout=5)
        except requests.RequestException:
            return {}
        return answer.json() if answer.ok else {}
