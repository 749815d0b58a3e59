"""DAGs of several tasks made inside a test, through Airflow's own serialisation and run by Airflow itself."""

import os
from datetime import UTC, datetime
from functools import cache
from typing import Any

from airflow.providers.common.compat.sdk import DAG
from packaging.version import Version

from tests.support.airflow_versions import AIRFLOW

THREE = Version("3.0.0")


def new_dag(dag_id: str, **arguments: Any) -> DAG:
    """Return a DAG without a schedule."""
    return DAG(dag_id, **{"schedule": None, "start_date": datetime(2026, 1, 1, tzinfo=UTC)} | arguments)


def run_dag(dag: DAG, *, logical_date: datetime | None = None, conf: dict[str, Any] | None = None) -> Any:
    """Run a DAG by ``dag.test()`` and return its run; real task runner, and triggers run inline.

    :param logical_date: None is a run without one, as it is started by hand on Airflow 3; Airflow 2 has no such run.
    """
    register(dag)
    if AIRFLOW < THREE:
        return dag.test(execution_date=logical_date, run_conf=conf)
    return dag.test(logical_date=logical_date, run_conf=conf)


def register(*dags: DAG) -> None:
    """Put DAGs into Airflow's database, as its DAG processor does."""
    _database()
    if AIRFLOW < THREE:
        from airflow.models.serialized_dag import SerializedDagModel

        for dag in dags:
            dag.sync_to_db()
            SerializedDagModel.write_dag(dag)
        return
    bag, write = _bag()
    for dag in dags:
        # Airflow 3.0 stores a DAG of a file only.
        dag.relative_fileloc = dag.relative_fileloc or "made_in_a_test.py"
        bag.bag_dag(dag)
    write(bag)


def states(run: Any) -> dict[str, str]:
    """Return the state of each task of a run; those of a mapped task by name and index."""
    return {
        task.task_id if task.map_index < 0 else f"{task.task_id}[{task.map_index}]": str(task.state)
        for task in run.get_task_instances()
    }


def xcom(run: Any, task_id: str, *, map_index: int = -1, key: str = "return_value") -> Any:
    """Return what a task pushed."""
    found = run.get_task_instance(task_id, map_index=map_index)
    return found.xcom_pull(task_ids=task_id, key=key, map_indexes=map_index)


def round_trip(dag: DAG) -> Any:
    """Return a DAG as the scheduler has it: serialised, through JSON text, and back."""
    import json

    from airflow.serialization import serialized_objects

    serialization = getattr(serialized_objects, "DagSerialization", None) or serialized_objects.SerializedDAG
    return serialization.from_dict(json.loads(json.dumps(serialization.to_dict(dag))))


@cache
def _database() -> None:
    from airflow.utils.db import initdb

    initdb()
    if AIRFLOW >= THREE:
        from airflow.dag_processing.bundles.manager import DagBundlesManager

        DagBundlesManager().sync_bundles_to_db()


def _bag() -> tuple[Any, Any]:
    """Return an empty bag, and what writes it to the database, wherever this version has them."""
    try:
        from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
    except ImportError:
        from airflow.models import dagbag

        bag = dagbag.DagBag(dag_folder=os.devnull, include_examples=False)
        if hasattr(bag, "sync_to_db"):
            return bag, lambda bag: bag.sync_to_db("dags-folder", None)
        return bag, lambda bag: dagbag.sync_bag_to_db(bag, "dags-folder", None)
    return DagBag(dag_folder=os.devnull), lambda bag: sync_bag_to_db(bag, "dags-folder", None)
