"""Runs every sample DAG with made-up secrets, through success and every kind of failure, at DEBUG.

Started as a process of its own, with a home, a database and a log level of its own: ``python -m
tests.support.secret_runs FOLDER``. What it prints, logs and stores is searched by ``test_no_secret_anywhere.py``; the
secrets themselves go into ``FOLDER/secrets.json`` and nowhere else.
"""

import json
import os
import secrets
import string
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.support import airflow_dags
from tests.support.airflow_versions import AIRFLOW

SAMPLE_DAGS = Path(__file__).parents[2] / "dags"
API = "/analytics/"
TOKEN = "/oauth2/v2.0/token"
CACHE = "partner_center_token_cache"
#: Holds OpenLineage's events, a line each.
LINEAGE = "openlineage.jsonl"


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of the process, with an encrypted database and everybody at DEBUG."""
    from cryptography.fernet import Fernet

    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    return kept | {
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(SAMPLE_DAGS),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__FERNET_KEY": Fernet.generate_key().decode(),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder / 'airflow' / 'airflow.db'}",
        "AIRFLOW__OPENLINEAGE__NAMESPACE": "tests",
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(
            {"type": "file", "log_file_path": str(folder / LINEAGE), "append": True}
        ),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG",
        "AIRFLOW__LOGGING__CELERY_LOGGING_LEVEL": "DEBUG",
        "PYTHONWARNINGS": "ignore",
    }


class Canaries:
    """The secrets of one process, by what they are."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}

    def new(self, name: str) -> str:
        """Return a new secret; random, so that no part of it can be anywhere by chance."""
        letters = string.ascii_letters + string.digits
        return self.add(name, "".join(secrets.choice(letters) for _ in range(60)))

    def add(self, name: str, secret: str) -> str:
        """Remember a secret."""
        self.known[f"{name} {len(self.known)}"] = secret
        return secret


def plant(canaries: Canaries) -> None:
    """Let the emulator know secrets of this run instead of its public ones."""
    from airflow_partnercenter.emulator import Emulator
    from airflow_partnercenter.emulator import credentials as known

    Emulator.client_secret = known.CLIENT_SECRET = canaries.new("client secret")
    Emulator.refresh_token = known.REFRESH_TOKEN = canaries.new("refresh token")
    special = {name: canaries.new(f"refresh token {name}") for name in known.SPECIAL_REFRESH_TOKENS}
    Emulator.REFRESH_TOKENS = known.SPECIAL_REFRESH_TOKENS = MappingProxyType(special)
    known.issued_refresh_token = lambda number: canaries.new(f"rotated refresh token {number}")


Case = Callable[[Any, Canaries, ExitStack], dict[str, Any]]
CASES: dict[str, Case] = {}


def case(function: Case) -> Case:
    """Add a way for a run to go: it prepares the emulator, and returns what the connection has of its own."""
    CASES[function.__name__] = function
    return function


@case
def success_with_token_cache(emulator: Any, canaries: Canaries, stack: ExitStack) -> dict[str, Any]:
    """Sign in, keep the tokens in a Variable, renew them on the way."""
    emulator.inject("expired_token")
    return {"token_cache": f"variable:{CACHE}"}


@case
def success_with_certificate_through_a_proxy(emulator: Any, canaries: Canaries, stack: ExitStack) -> dict[str, Any]:
    """An encrypted key, and a proxy with a password."""
    from tests.support.certificates import CERTIFICATE_PEM, key_pem
    from tests.support.proxy import ConnectProxy

    proxy = stack.enter_context(ConnectProxy())
    passphrase = canaries.new("passphrase")
    key = key_pem(passphrase=passphrase)
    # The first lines hold what all such keys have in common.
    for line in key.splitlines()[4:-2]:
        canaries.add("line of the certificate's key", line)
    return {
        "password": None,
        "certificate": key + CERTIFICATE_PEM,
        "certificate_passphrase": passphrase,
        "proxy": f"http://user:{canaries.new('proxy password')}@{proxy.address}",
    }


@case
def success_with_given_token(emulator: Any, canaries: Canaries, stack: ExitStack) -> dict[str, Any]:
    """A token of a secrets backend."""
    return emulator.connection("access_token")["extra"] | {"password": None, "login": None, "refresh_token": None}


@case
def wrong_secret(emulator: Any, canaries: Canaries, stack: ExitStack) -> dict[str, Any]:
    """Entra ID refuses it."""
    return {"password": canaries.new("wrong client secret")}


@case
def wrong_passphrase(emulator: Any, canaries: Canaries, stack: ExitStack) -> dict[str, Any]:
    """The key cannot be read."""
    from tests.support.certificates import CERTIFICATE_PEM, key_pem

    key = key_pem(passphrase=canaries.new("passphrase"))
    return {
        "password": None,
        "certificate": key + CERTIFICATE_PEM,
        "certificate_passphrase": canaries.new("wrong passphrase"),
    }


@case
def refused_proxy(emulator: Any, canaries: Canaries, stack: ExitStack) -> dict[str, Any]:
    """The proxy answers 407, with the password in its reason."""
    from tests.support.proxy import ConnectProxy

    password = canaries.new("proxy password")
    proxy = stack.enter_context(ConnectProxy(refuse=f"no {password}"))
    return {"proxy": f"http://user:{password}@{proxy.address}"}


@case
def garbled_token(emulator: Any, canaries: Canaries, stack: ExitStack) -> dict[str, Any]:
    """A refresh token of nobody."""
    return {"refresh_token": canaries.new("garbled refresh token")}


@case
def masked_and_unknown_fields(emulator: Any, canaries: Canaries, stack: ExitStack) -> dict[str, Any]:
    """The connection is wrong before anything is sent."""
    return {"proxy": f"ftp://{canaries.new('password of an unusable proxy')}", "unknown_key": canaries.new("unknown")}


def refused_refresh_token(name: str) -> Case:
    """Return the case of a refresh token that is refused for a reason."""
    return lambda emulator, canaries, stack: {"refresh_token": emulator.REFRESH_TOKENS[name]}


def echoed(status: int, path: str, shape: Callable[[str], Any]) -> Case:
    """Return the case of a server that repeats every secret it was sent."""

    def prepare(emulator: Any, canaries: Canaries, stack: ExitStack) -> dict[str, Any]:
        from airflow_partnercenter.emulator import Answer

        def echo(request: Any) -> Any:
            form = [value for name, value in request.form.items() if name not in ("scope", "grant_type", "client_id")]
            said = " ".join([request.headers.get("authorization", ""), emulator.client_secret, *form])
            return Answer(status, shape(said))

        emulator.answer_next(echo, path, times=99)
        return {}

    return prepare


def fault(name: str) -> Case:
    """Return the case of a fault of the emulator."""

    def prepare(emulator: Any, canaries: Canaries, stack: ExitStack) -> dict[str, Any]:
        emulator.inject(name, times=99)
        return {}

    return prepare


CASES |= {
    f"refresh_token_{name}": refused_refresh_token(name)
    for name in ("expired", "revoked", "mfa_required", "consent_missing", "conditional_access", "no_mfa")
}
CASES |= {
    "echo_401": echoed(401, API, lambda said: {"code": "400", "description": said}),
    "echo_403_text": echoed(403, API, lambda said: said),
    "echo_500": echoed(500, API, lambda said: {"code": said, "description": said, "data": [said]}),
    "echo_html": echoed(200, API, lambda said: f"<html><title>{said}</title></html>"),
    "echo_link": echoed(200, API, lambda said: {"Value": [], "items": [], "@nextLink": f"https://evil.example/{said}"}),
    "echo_of_entra": echoed(400, TOKEN, lambda said: {"error": "invalid_grant", "error_description": said}),
    "echo_of_entra_html": echoed(502, TOKEN, lambda said: f"<html>{said}</html>"),
    "echo_of_entra_200": echoed(200, TOKEN, lambda said: {"echo": said}),
}
CASES |= {name: fault(name) for name in ("access_denied", "mfa_required", "cut_off", "throttled_for_long", "redirect")}


#: Reads a snapshot and not Partner Center: nothing that happens to the connection makes it fail.
ON_NEW_SNAPSHOT = "partner_center_on_new_snapshot"
#: These run through every failure: the storage operator, and the operator that lists into XCom.
THROUGH_EVERYTHING = {
    "partner_center_licenses_to_xcom",
    # Airflow 2 has no asset watcher, and so not the DAG that one starts.
    "partner_center_backfill" if AIRFLOW.major < 3 else "partner_center_on_new_data",
}
#: Through these runs every other DAG that uses the connection too: one for each place where a failure begins, which is
#: the connection, the way there, the sign-in and the answer.
#: What those DAGs have of their own is around the reads (more resources, mapped tasks, a list of customers), and all
#: read by the same hook; through all cases, they would take three times as long.
FOR_ALL_DAGS = ("masked_and_unknown_fields", "refused_proxy", "refresh_token_expired", "echo_500")


#: Of the sample DAGs, on this Airflow.
DAG_COUNT = len(list(SAMPLE_DAGS.glob("*.py"))) - (1 if AIRFLOW.major < 3 else 0)


def dags_of(case: str, bag: Any) -> list[str]:
    """Return the DAGs that a case is for; in alphabetical order, the report writes what the next ones read."""
    if case.startswith("success"):
        return sorted(bag.dags)
    return sorted(set(bag.dags) - {ON_NEW_SNAPSHOT}) if case in FOR_ALL_DAGS else sorted(THROUGH_EVERYTHING)


def run_dag(bag: Any, dag_id: str, lake: Path) -> str:
    """Run a DAG with the parameters that it needs, and return the state of the run."""
    newest = (datetime.now(UTC).date() - timedelta(days=1)).isoformat()
    in_lake = {"lake": lake.as_uri()}
    conf: dict[str, dict[str, str]] = {
        "partner_center_backfill": in_lake | {"from": newest, "to": newest},
        "partner_center_customers_fan_out": in_lake,
        "partner_center_licenses_report": in_lake,
        "partner_center_licenses_to_xcom": {},
        "partner_center_on_new_data": in_lake,
        ON_NEW_SNAPSHOT: {},
    }
    return str(airflow_dags.run(bag.dags[dag_id], conf[dag_id]).state)


def register_dags() -> Any:
    """Return the sample DAGs, known to Airflow's database."""
    bag = airflow_dags.registered(folder=SAMPLE_DAGS)
    assert not bag.import_errors, bag.import_errors
    for dag in bag.dags.values():
        for task in dag.tasks:
            # ``dag.test()`` would wait five minutes for each.
            task.retries = 0
    airflow_dags.register(bag)
    return bag


@contextmanager
def connected(name: str, canaries: Canaries) -> Iterator[Any]:
    """Yield an emulator in a state of its own, connected as the case wants it."""
    from airflow_partnercenter.emulator import Emulator

    with ExitStack() as stack:
        emulator = stack.enter_context(Emulator(customers=3))
        own = CASES[name](emulator, canaries, stack)
        os.environ["AIRFLOW_CONN_PARTNER_CENTER_DEFAULT"] = json.dumps(emulator.connection(**own))
        yield emulator
        for request in emulator.api_requests:
            canaries.add("access token", request.headers.get("authorization", "").removeprefix("Bearer "))


def show_objects() -> None:
    """Print what a debugger, or a log of an object, would show of everything public that holds secrets."""
    from airflow_partnercenter.connection.credentials import credentials_of
    from airflow_partnercenter.connection.settings import read_connection
    from airflow_partnercenter.hooks.partner_center import PartnerCenterHook
    from airflow_partnercenter.operators.partner_center import PartnerCenterListLicensesOperator

    hook = PartnerCenterHook()
    settings = read_connection(PartnerCenterHook.get_connection(hook.partner_center_conn_id))
    reader = hook.iter_licenses("licenses_deployment")
    operator = PartnerCenterListLicensesOperator(task_id="shown", resource="licenses_usage")
    for thing in (hook, hook.get_conn(), settings, credentials_of(settings), reader, operator, vars(operator)):
        print(repr(thing), thing)
    print(hook.test_connection())


def show_variables() -> int:
    """Print the Variables as the UI and the REST API show them, and return how many there are."""
    from airflow.models import Variable
    from airflow.utils.session import create_session
    from sqlalchemy import select

    from tests.support.airflow_variables import shown_variable

    with create_session() as session:
        found = session.scalars(select(Variable)).all()
        for variable in found:
            print(shown_variable(variable))
        return len(found)


def main(folder: Path) -> None:
    """Run everything, and leave the secrets and the states of the runs in ``folder``."""
    from airflow_partnercenter.api.wire.retrying import RetryPolicy
    from airflow_partnercenter.hooks.partner_center import PartnerCenterHook

    canaries, states = Canaries(), {}
    plant(canaries)
    PartnerCenterHook.retry = RetryPolicy(attempts=2, total_seconds=2, back_off_seconds=0.1)
    bag = register_dags()
    for name in CASES:
        with connected(name, canaries):
            for dag_id in dags_of(name, bag):
                states[f"{name} {dag_id}"] = run_dag(bag, dag_id, folder / "lake" / name)
            if name.startswith("success"):
                show_objects()
        airflow_dags.forget_secrets()
    # The one failure of the DAG that reads this file.
    (folder / "lake").rename(folder / "moved lake")
    states[f"file_is_gone {ON_NEW_SNAPSHOT}"] = run_dag(bag, ON_NEW_SNAPSHOT, folder / "lake")
    variables = show_variables()
    found = {"secrets": canaries.known, "states": states, "variables": variables}
    (folder / "secrets.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
