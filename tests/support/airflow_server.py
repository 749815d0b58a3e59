"""A real Airflow API server on loopback, with its UI: no login, its own home, gone when its test is."""

from pathlib import Path
from typing import Self

from airflow_partnercenter.local_airflow import LocalAirflow
from tests.support.ports import free_port


class AirflowServer(LocalAirflow):
    """Airflow's API server and UI, with a metadata database of its own. The connection test is enabled.

    :param home: an empty folder for all that Airflow writes.
    :param settings: further environment variables.
    """

    def __init__(self, home: Path, **settings: str) -> None:
        super().__init__(home, dags=home / "dags", port=free_port(), settings=settings)
        (home / "dags").mkdir()

    def __enter__(self) -> Self:
        with self.stopping_on_failure():
            with self.migrating():
                pass
            self.start("api-server")
            self.wait_until(self.answers, "the API server answers")
        return self

    def log(self) -> str:
        """Return what the server has logged."""
        return (self.home / "api-server.log").read_text(errors="replace")
