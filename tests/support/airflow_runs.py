"""DAGs made inside a test, run by Airflow itself."""

from collections.abc import Callable
from datetime import datetime
from itertools import count
from typing import Any

from airflow.providers.common.compat.sdk import DAG

from tests.support.airflow_dags import registered, run

_NUMBERS = count(1)


def run_task(make_task: Callable[[], Any], *, logical_date: datetime | None = None) -> Any:
    """Run a DAG of one task, and return the task instance; ``make_task`` is called within the DAG.

    ``dag.test()``: real task runner and execution API in this process, triggers run inline.
    """
    with DAG(f"test_{next(_NUMBERS)}", schedule=None, start_date=datetime(2026, 1, 1)) as dag:
        task = make_task()
    registered([dag])
    return run(dag, logical_date=logical_date).get_task_instance(task.task_id)
