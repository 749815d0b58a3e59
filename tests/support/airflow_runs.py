"""DAGs made inside a test, run by Airflow itself."""

import os
from collections.abc import Callable
from datetime import datetime
from typing import Any

from airflow.providers.common.compat.sdk import DAG


def run_task(make_task: Callable[[], Any], *, logical_date: datetime | None = None) -> Any:
    """Run a DAG of one task, and return the task instance; ``make_task`` is called within the DAG.

    ``dag.test()``: real task runner and execution API in this process, triggers run inline.
    """
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
    from airflow.utils.db import initdb

    if not run_task.__dict__.get("database"):
        initdb()
        DagBundlesManager().sync_bundles_to_db()
        run_task.__dict__["database"] = True
    number = run_task.__dict__["number"] = run_task.__dict__.get("number", 0) + 1
    with DAG(f"test_{number}", schedule=None, start_date=datetime(2026, 1, 1)) as dag:
        task = make_task()
    bag = DagBag(dag_folder=os.devnull)
    bag.bag_dag(dag)
    sync_bag_to_db(bag, "dags-folder", None)
    dag_run = dag.test(logical_date=logical_date)
    return dag_run.get_task_instance(task.task_id)
