"""The environment of such an Airflow: what differs from Airflow's defaults, and why."""

import os
import secrets
from pathlib import Path

import airflow_partnercenter

_LOOPBACK = ("127.0.0.1", "localhost")


def airflow_settings(home: Path, dags: Path) -> dict[str, str]:
    """Return the variables of an Airflow with a home and DAGs of its own.

    :param home: a folder for all that Airflow writes.
    """
    unproxied = os.environ.get("NO_PROXY") or os.environ.get("no_proxy")
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        # A proxy that leads to the world does not lead to this machine.
        **dict.fromkeys(("NO_PROXY", "no_proxy"), ",".join(filter(None, (unproxied, *_LOOPBACK)))),
    }


def loopback_settings(port: int) -> dict[str, str]:
    """Return the variables that the components share: one address, one key, no login, quick to react."""
    url = f"http://127.0.0.1:{port}"
    return {
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(32),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(64),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        # Each worker has a Python of its own in memory, and the machine is somebody's laptop.
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
        "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
        "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1",
        "PYTHONWARNINGS": "ignore",
    }


def plain_environment() -> dict[str, str]:
    """Return this process's environment without what configures another Airflow."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}


def sample_dags() -> Path:
    """Return the folder of the sample DAGs: inside an installed package, beside it in a checkout."""
    package = Path(airflow_partnercenter.__file__).parent
    installed = package / "example_dags"
    return installed if installed.is_dir() else package.parent / "dags"
