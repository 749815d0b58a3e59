"""Airflow's own processes on this machine, without an API server: SQLite, a home of their own."""

import os
import sqlite3
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from signal import SIGKILL
from typing import Any, Self

from airflow_partnercenter.local_airflow import LocalAirflow
from airflow_partnercenter.local_airflow.processes import Component
from tests.support.patience import PATIENCE
from tests.support.ports import free_port


class AirflowProcesses(LocalAirflow):
    """Starts and ends components of an Airflow deployment; the end of the ``with`` block ends them all.

    :param home: an empty folder.
    :param dags: name and text of each DAG file.
    :param environment: further variables, such as connections.
    """

    def __init__(self, home: Path, dags: Mapping[str, str], environment: Mapping[str, str]) -> None:
        # Whoever kills a triggerer does not want to wait half a minute for the next one to take over.
        settings = {
            "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "4",
            # Airflow 2 starts its tasks by the command's name.
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
            **environment,
        }
        super().__init__(home, dags=home / "dags", port=free_port(), settings=settings)
        (home / "dags").mkdir()
        for name, text in dags.items():
            (home / "dags" / name).write_text(text)

    def __enter__(self) -> Self:
        with self.stopping_on_failure(), self.migrating():
            pass
        return self

    def kill(self, component: Component) -> None:
        """End a component and its children with no chance to say goodbye."""
        component.signal(SIGKILL)
        self.components.remove(component)
        component.bury()

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Return rows of Airflow's database."""
        with closing(sqlite3.connect(f"file:{self.home}/airflow.db?mode=ro", uri=True, timeout=10)) as database:
            return database.execute(sql).fetchall()

    def wait_for(self, condition: Callable[[], Any], what: str) -> None:
        """Wait until something holds, for five minutes at most."""
        self.wait_until(lambda: bool(condition()), what, PATIENCE)
