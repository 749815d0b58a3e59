"""DAGs in Airflow's database, and their runs, where each Airflow has them."""

import os
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.support.airflow_versions import AIRFLOW

#: Whether a run has a logical date of its own accord, as it always has on Airflow 2.
ALWAYS_DATED = AIRFLOW.major < 3


@cache
def prepare_database() -> None:
    """Make Airflow's database, once a process; Airflow 2 asks it for the aliases in the schedule of a DAG."""
    from airflow.utils.db import initdb

    initdb()


def registered(dags: Iterable[Any] = (), *, folder: Path | None = None) -> Any:
    """Return a DagBag of these DAGs, or of the files of a folder, known to Airflow's database."""
    prepare_database()
    bag = _dag_bag_class()(dag_folder=str(folder or os.devnull))
    for dag in dags:
        if AIRFLOW.release[:2] == (3, 0):
            dag.relative_fileloc = "a_test.py"  # without one Airflow 3.0 cannot store it
        bag.bag_dag(dag, *([dag] if ALWAYS_DATED else []))
    register(bag)
    return bag


def register(bag: Any) -> None:
    """Let Airflow's database know the DAGs of a bag."""
    if ALWAYS_DATED:
        bag.sync_to_db()
        return
    from airflow.dag_processing.bundles.manager import DagBundlesManager

    DagBundlesManager().sync_bundles_to_db()
    if hasattr(bag, "sync_to_db"):
        bag.sync_to_db("dags-folder", None)
        return
    try:
        from airflow.dag_processing.dagbag import sync_bag_to_db
    except ImportError:
        from airflow.models.dagbag import sync_bag_to_db
    sync_bag_to_db(bag, "dags-folder", None)


def run(dag: Any, conf: dict[str, Any] | None = None, logical_date: datetime | None = None) -> Any:
    """Run a DAG by ``dag.test()``: Airflow's task runner in this process, triggers inline.

    Without a date the logical date is null, as in a run that the UI starts; Airflow 2 takes the time of day.
    """
    if (3, 0) <= AIRFLOW.release < (3, 3):
        _keep_the_server_of_tasks()
    return dag.test(**{"execution_date" if ALWAYS_DATED else "logical_date": logical_date, "run_conf": conf})


@cache
def _keep_the_server_of_tasks() -> None:
    """Let Airflow 3.0 to 3.2 keep the API server, as later ones do: they build one for each task, and end none."""
    from airflow.sdk.execution_time import supervisor

    kept = cache(supervisor.in_process_api_server)
    setattr(supervisor, "in_process_api_server", kept)  # noqa: B010 - mypy knows the function of Airflow 3.3 alone


def _dag_bag_class() -> Any:
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:
        from airflow.models.dagbag import DagBag
    return DagBag


def secrets_masker() -> Any:
    """Return the masker of this process, which has all the secrets that it was ever told."""
    for module in (
        "airflow.sdk._shared.secrets_masker",  # since 3.1
        "airflow.sdk.execution_time.secrets_masker",  # 3.0
        "airflow.utils.log.secrets_masker",  # 2
    ):
        with suppress(ImportError):
            return import_module(module)._secrets_masker()
    raise AssertionError("Airflow has no secrets masker where it used to be")


def forget_secrets() -> None:
    """Empty Airflow's masker.

    It compiles all secrets of the process into one pattern: with those of hundreds of tests, each new token would take
    a second.
    """
    masker = secrets_masker()
    masker.patterns, masker.replacer = set(), None


def forget_fernet() -> None:
    """Let Airflow read its key anew."""
    from airflow.models import crypto

    if hasattr(crypto, "_fernet"):
        setattr(crypto, "_fernet", None)  # noqa: B010 - no name of Airflow 3.2
    else:
        crypto.get_fernet.cache_clear()
