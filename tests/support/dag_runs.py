"""DAGs of several tasks made inside a test, through Airflow's own serialisation and run by Airflow itself."""

import json
from datetime import UTC, datetime
from typing import Any

from airflow.providers.common.compat.sdk import DAG

from tests.support.airflow_dags import registered, run


def new_dag(dag_id: str, **arguments: Any) -> DAG:
    """Return a DAG without a schedule."""
    return DAG(dag_id, **{"schedule": None, "start_date": datetime(2026, 1, 1, tzinfo=UTC)} | arguments)


def run_dag(dag: DAG, *, logical_date: datetime | None = None, conf: dict[str, Any] | None = None) -> Any:
    """Run a DAG by ``dag.test()`` and return its run; real task runner, and triggers run inline.

    :param logical_date: None is a run without one, as it is started by hand on Airflow 3; Airflow 2 has no such run.
    """
    registered([dag])
    return run(dag, conf, logical_date)


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
    from airflow.serialization import serialized_objects

    serialization = getattr(serialized_objects, "DagSerialization", None) or serialized_objects.SerializedDAG
    return serialization.from_dict(json.loads(json.dumps(serialization.to_dict(dag))))
