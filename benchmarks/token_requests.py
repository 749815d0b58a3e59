"""How many token requests 200 mapped tasks make, with and without ``token_cache``; counted at the emulator.

Each task is a process of its own, as in Airflow: a hook that shares a process with others would also share what no
real task shares. They are forked from a process that has Airflow loaded, as Airflow's own are, and 16 run at a time,
Airflow's default for one DAG. The Variable needs Airflow's supervisor and database, so its tasks are run by
``dag.test()``, which runs one after the other.
"""

import contextlib
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

_TASKS = 200
_AT_ONCE = 16
_RESOURCE = "partner_licenses_deployment"
_ENVIRONMENT = "AIRFLOW_CONN_PARTNER_CENTER_DEFAULT"


@dataclass(frozen=True)
class Count:
    """What the emulator saw of one DAG run."""

    cache: str
    at_once: int
    token_requests: int
    discoveries: int
    seconds: float

    def row(self) -> str:
        """Return a row of the table."""
        per_task = f"{self.token_requests / _TASKS:.3f}".rstrip("0").rstrip(".")
        cells = (self.cache, self.at_once, self.token_requests, per_task, self.discoveries)
        return "| " + " | ".join(map(str, cells)) + " |"


def main() -> int:
    """Print the table."""
    folder = Path(tempfile.mkdtemp(prefix="token-requests-"))
    _prepare_airflow(folder)
    from airflow_partnercenter.emulator import Emulator

    counts = []
    with Emulator(customers=1) as emulator:

        def count(name: str, at_once: int, run: Callable[[dict[str, object]], None], token_cache: str | None) -> None:
            emulator.requests.clear()
            began = time.monotonic()
            run(emulator.connection(token_cache=token_cache))
            discoveries = sum("openid-configuration" in request.path for request in emulator.requests)
            if len(emulator.api_requests) != _TASKS:
                raise SystemExit(f"{name}: {len(emulator.api_requests)} reads instead of {_TASKS}")
            seconds = time.monotonic() - began
            counts.append(Count(name, at_once, len(emulator.token_requests), discoveries, seconds))
            print(f"{name}: {seconds:.0f} s", file=sys.stderr)

        file = f"file:{folder}/tokens.json"
        count("none", _AT_ONCE, _in_processes, None)
        count("`file:…`", _AT_ONCE, _in_processes, file)
        count("`file:…`, a second run within the hour", _AT_ONCE, _in_processes, file)
        count("a store without a lock, such as a Variable", _AT_ONCE, _in_processes, f"{file}.unlocked")
        count("`variable:…`", 1, _in_airflow, "variable:partner_center_token_cache")
    print(
        f"| `token_cache` | tasks at once | token requests of {_TASKS} tasks an hour | per task | discovery requests |"
    )
    print("|---|---|---|---|---|")
    print("\n".join(count.row() for count in counts))
    return 0


def read_once(unlocked: bool) -> int:
    """Do what one task does: a new hook, one read.

    :param unlocked: whether the cache's file is used without its lock.
    """
    from airflow_partnercenter.hooks.partner_center import PartnerCenterHook
    from airflow_partnercenter.token_caches import FileStore

    if unlocked:
        FileStore.exclusive = _no_lock  # type: ignore[method-assign] # in a process of its own
    return len(PartnerCenterHook().list_licenses(_RESOURCE))


@contextlib.contextmanager
def _no_lock(_: object) -> Iterator[None]:
    yield


def _in_processes(connection: dict[str, object]) -> None:
    """Run the tasks in processes of their own, some at a time."""
    os.environ[_ENVIRONMENT] = json.dumps(connection)
    unlocked = "unlocked" in os.environ[_ENVIRONMENT]
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["airflow_partnercenter.api.client", "airflow_partnercenter.token_caches"])
    with context.Pool(_AT_ONCE, _set_connection, (os.environ[_ENVIRONMENT],), maxtasksperchild=1) as pool:
        pool.map(read_once, [unlocked] * _TASKS, chunksize=1)


def _set_connection(connection: str) -> None:
    """Tell a new process the connection; it is forked from one that was there before."""
    os.environ[_ENVIRONMENT] = connection


def _in_airflow(connection: dict[str, object]) -> None:
    """Let Airflow run the tasks."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
    from airflow.providers.common.compat.sdk import DAG
    from airflow.utils.db import initdb

    from airflow_partnercenter.operators.partner_center import PartnerCenterListLicensesOperator

    os.environ[_ENVIRONMENT] = json.dumps(connection)
    with DAG("token_requests") as dag:
        PartnerCenterListLicensesOperator.partial(task_id="read").expand(resource=[_RESOURCE] * _TASKS)
    with contextlib.redirect_stdout(sys.stderr):
        initdb()
        DagBundlesManager().sync_bundles_to_db()
        bag = DagBag(dag_folder=os.devnull)
        bag.bag_dag(dag)
        sync_bag_to_db(bag, "dags-folder", None)
        dag.test()


def _prepare_airflow(folder: Path) -> None:
    """Give Airflow a home of its own, before its first import."""
    (folder / "dags").mkdir()
    os.environ |= {
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder}/airflow.db",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "PYTHONWARNINGS": "ignore",
    }


if __name__ == "__main__":
    sys.exit(main())
