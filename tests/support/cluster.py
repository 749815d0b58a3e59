"""Airflow as it runs on several machines: PostgreSQL, Redis, CeleryExecutor, workers. All on loopback.

Needs Debian's ``postgresql`` and ``redis-server`` and the dependency group ``system``: ``make test-system`` has both.
"""

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import requests

from tests.support.patience import PATIENCE
from tests.support.ports import free_port
from tests.support.processes import Processes

DAGS = Path(__file__).parents[2] / "dags"
HOST = "127.0.0.1"
_BIN = Path(sys.executable).parent
#: Of the test run itself, or settings that would lead our own requests elsewhere.
_NOT_INHERITED = ("AIRFLOW", "_PROXY", "_proxy", "_CA_BUNDLE", "PYTHONDONTWRITEBYTECODE", "PYTEST")


class Cluster:
    """One Airflow with as many Celery workers as are started; everything ends with the ``with`` statement.

    :param folder: for its home and its logs.
    :param connection: JSON of the default Partner Center connection.
    """

    def __init__(self, folder: Path, connection: str) -> None:
        self._folder = folder
        self._stack = ExitStack()
        self._processes = Processes(folder / "processes")
        self._url = f"http://{HOST}:{free_port()}"
        self._session = requests.Session()
        self._session.trust_env = False
        self._env = {
            name: value for name, value in os.environ.items() if not any(part in name for part in _NOT_INHERITED)
        } | {"AIRFLOW_CONN_PARTNER_CENTER_DEFAULT": connection, "PYTHONWARNINGS": "ignore"}

    def __enter__(self) -> "Cluster":
        with ExitStack() as stack:
            stack.enter_context(self._processes)
            self._env |= self._settings(self._start_postgresql(stack), self._start_redis())
            stack.callback(self._kill_airflow)
            subprocess.run([_BIN / "airflow", "db", "migrate"], env=self._env, capture_output=True, check=True)
            self._start("api-server", "--host", HOST, "--port", self._url.rpartition(":")[2])
            self._start("scheduler", "--skip-serve-logs")
            self._start("dag-processor")
            self._processes.wait_until("Airflow is healthy", self._is_healthy, PATIENCE)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def start_worker(self, name: str, slots: int = 2) -> None:
        """Start a Celery worker that runs ``slots`` tasks at once, and wait until it is ready."""
        began = self._log_size(name)
        arguments = ("--concurrency", str(slots), "--celery-hostname", f"{name}@{HOST}")
        # Without --skip-serve-logs each worker would offer its logs on every interface, at the same port.
        quiet = ("--skip-serve-logs", "--without-gossip", "--without-mingle")
        pid_file = self._folder / f"{name}-{began}.pid"
        self._start("celery", "worker", *arguments, *quiet, "--pid", str(pid_file), name=name)
        log = self._processes.log(name)
        self._processes.wait_until(f"{name} is ready", lambda: b" ready." in log.read_bytes()[began:], PATIENCE)

    def kill_worker(self, name: str) -> None:
        """Let a worker vanish with all it is doing."""
        self._processes.kill(name)

    @property
    def workers(self) -> set[str]:
        """The names of the workers that were started and not killed."""
        return {name for name in self._processes.names if name.startswith("worker")}

    def process_ids(self, name: str) -> set[int]:
        """Return the process ids of a worker and of the tasks it runs."""
        return {process.pid for process in self._processes.family(name)}

    def trigger(self, dag_id: str, conf: dict[str, Any]) -> str:
        """Start a run without a logical date, as the UI does; return its id."""
        self._api("PATCH", f"dags/{dag_id}", {"is_paused": False})
        run: str = self._api("POST", f"dags/{dag_id}/dagRuns", {"logical_date": None, "conf": conf})["dag_run_id"]
        return run

    def resize_pool(self, name: str, slots: int) -> None:
        """Let so many tasks of a pool run at once."""
        self._api("PATCH", f"pools/{name}?update_mask=slots", {"name": name, "slots": slots})

    def state(self, dag_id: str, run_id: str) -> str:
        """Return the state of a run."""
        return str(self._api("GET", f"dags/{dag_id}/dagRuns/{run_id}")["state"])

    def tasks(self, dag_id: str, run_id: str, task_id: str) -> list[dict[str, Any]]:
        """Return the instances of a task as the REST API has them."""
        found = self._api("GET", f"dags/{dag_id}/dagRuns/{run_id}/taskInstances?task_id={task_id}&limit=1000")
        return [task for task in found["task_instances"] if task["task_id"] == task_id]

    def returned(self, dag_id: str, run_id: str, task_id: str) -> Any:
        """Return what a task returned."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value?deserialize=true"
        return self._api("GET", path)["value"]

    def wait_until(self, what: str, ready: Callable[[], bool], seconds: float) -> None:
        """Wait for something; fail if a part of the cluster ends by itself."""
        self._processes.wait_until(what, ready, seconds)

    def _start(self, *arguments: str, name: str = "") -> None:
        self._processes.start(name or arguments[0], [_BIN / "airflow", *arguments], self._env)

    def _kill_airflow(self) -> None:
        """End Airflow's parts at once: nobody needs their good-bye, which takes half a minute."""
        for name in self._processes.names:
            if name not in ("postgresql", "redis"):
                self._processes.kill(name)

    def _log_size(self, name: str) -> int:
        log = self._processes.log(name)
        return log.stat().st_size if log.exists() else 0

    def _start_postgresql(self, stack: ExitStack) -> str:
        """Start a database of our own, as a user who is not root; return its address."""
        programs = _newest_postgresql()
        user = "postgres" if os.geteuid() == 0 else None
        folder, port, password = Path(tempfile.mkdtemp(prefix="airflow-postgresql-")), free_port(), secrets.token_hex()
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        (folder / "password").write_text(password)
        if user:
            for path in (folder, folder / "password"):
                shutil.chown(path, user, user)
        initdb = [programs / "initdb", "--pgdata", folder / "data", "--username", "airflow", "--auth", "scram-sha-256"]
        subprocess.run(
            [*initdb, "--pwfile", folder / "password", "--no-sync"],
            user=user,
            group=user,
            extra_groups=[] if user else None,
            cwd="/",
            capture_output=True,
            check=True,
        )
        options = ("-h", HOST, "-p", str(port), "-c", "unix_socket_directories=", "-c", "fsync=off")
        self._processes.start(
            "postgresql", [programs / "postgres", "-D", folder / "data", *options], self._env, user=user
        )
        ready = [programs / "pg_isready", "--quiet", "--host", HOST, "--port", str(port)]
        self._processes.wait_until(
            "PostgreSQL is ready", lambda: subprocess.run(ready, check=False).returncode == 0, 30
        )
        return f"postgresql+psycopg2://airflow:{password}@{HOST}:{port}/postgres"

    def _start_redis(self) -> str:
        """Start a broker that writes nothing to disk; return its address."""
        program = shutil.which("redis-server")
        assert program, "redis-server is missing: make test-system installs it"
        port, password = free_port(), secrets.token_hex()
        folder = self._folder / "redis"
        folder.mkdir(parents=True)
        options = {"bind": HOST, "port": port, "dir": folder, "requirepass": password, "appendonly": "no"}
        settings = folder / "redis.conf"
        settings.write_text("".join(f"{name} {value}\n" for name, value in options.items()) + 'save ""\n')
        self._processes.start("redis", [program, settings], self._env)
        return f"redis://:{password}@{HOST}:{port}/0"

    def _settings(self, database: str, broker: str) -> dict[str, str]:
        """Return Airflow's settings, by section; the last ones are what finds a dead worker within a minute."""
        settings: dict[str, dict[str, object]] = {
            "CORE": {
                "EXECUTOR": "CeleryExecutor",
                # a copy, as workers read a DAG's file for each task: no edit reaches a run half-way
                "DAGS_FOLDER": shutil.copytree(DAGS, self._folder / "dags"),
                "LOAD_EXAMPLES": False,
                "PARALLELISM": 16,
                "SIMPLE_AUTH_MANAGER_ALL_ADMINS": True,
                "EXECUTION_API_SERVER_URL": f"{self._url}/execution/",
                "DEFAULT_TASK_RETRY_DELAY": 2,
            },
            "DATABASE": {"SQL_ALCHEMY_CONN": database},
            "CELERY": {"BROKER_URL": broker, "SYNC_PARALLELISM": 1},
            "CELERY_BROKER_TRANSPORT_OPTIONS": {"VISIBILITY_TIMEOUT": 3600},
            "API": {"BASE_URL": self._url, "WORKERS": 1, "SECRET_KEY": secrets.token_hex()},
            "API_AUTH": {"JWT_SECRET": secrets.token_hex(64)},
            "DAG_PROCESSOR": {"PARSING_PROCESSES": 1, "REFRESH_INTERVAL": 3600, "MIN_FILE_PROCESS_INTERVAL": 3600},
            "SCHEDULER": {
                "SCHEDULER_HEARTBEAT_SEC": 1,
                "TASK_INSTANCE_HEARTBEAT_TIMEOUT": 20,
                "TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": 3,
                "TASK_QUEUED_TIMEOUT": 60,
                "TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": 5,
            },
        }
        flat = {
            f"AIRFLOW__{section}__{name}": str(value)
            for section, values in settings.items()
            for name, value in values.items()
        }
        return flat | {"AIRFLOW_HOME": str(self._folder / "airflow")}

    def _is_healthy(self) -> bool:
        """Whether all parts are up and the sample DAGs are known."""
        try:
            health = self._session.get(f"{self._url}/api/v2/monitor/health", timeout=PATIENCE).json()
            known = self._api("GET", "dags?limit=100")["total_entries"]
        except (requests.RequestException, KeyError):
            return False
        parts = ("metadatabase", "scheduler", "dag_processor")
        return all(health[part]["status"] == "healthy" for part in parts) and known >= len(list(DAGS.glob("*.py")))

    def _api(self, method: str, path: str, body: object = None) -> Any:
        """Ask Airflow's REST API; with all users admins, a token is there for the asking."""
        if "Authorization" not in self._session.headers:
            token = self._session.get(f"{self._url}/auth/token", timeout=PATIENCE).json()["access_token"]
            self._session.headers["Authorization"] = f"Bearer {token}"
        response = self._session.request(method, f"{self._url}/api/v2/{path}", json=body, timeout=PATIENCE)
        assert response.ok, f"{method} {path}: {response.status_code} {response.text}"
        return response.json()


def _newest_postgresql() -> Path:
    """Return the folder of PostgreSQL's programs, where Debian has them."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    assert found, "postgresql is missing: make test-system installs it"
    return found[-1]
