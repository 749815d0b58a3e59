"""The token cache in an Airflow Variable, through Airflow's own task runner and database."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, task

from airflow_partnercenter.emulator import Emulator
from airflow_partnercenter.hooks.partner_center import PartnerCenterHook
from airflow_partnercenter.operators.partner_center import PartnerCenterListLicensesOperator
from airflow_partnercenter.sensors.partner_center import PartnerCenterLicensesSensor
from airflow_partnercenter.token_caches import VariableStore, token_store
from tests.support import airflow_dags
from tests.support.airflow_variables import shown_variable

NAME = "partner_center_token_cache"
RESOURCE = "partner_licenses_deployment"
STORE = f"variable:{NAME}"


@pytest.fixture(scope="module")
def run() -> Callable[[DAG], Any]:
    """Return a function that lets Airflow run a DAG of this test."""
    airflow_dags.prepare_database()

    def run(dag: DAG) -> Any:
        airflow_dags.registered([dag])
        return airflow_dags.run(dag)

    return run


@pytest.fixture(autouse=True)
def _no_variable(run: Any) -> Any:
    """Begin and end without the Variable."""
    _delete_variables()
    yield
    _delete_variables()


def _delete_variables() -> None:
    from airflow.models.variable import Variable
    from airflow.utils.session import create_session

    with create_session() as session:
        session.query(Variable).delete()


def _variable() -> Any:
    from airflow.models.variable import Variable
    from airflow.utils.session import create_session

    with create_session() as session:
        found = session.query(Variable).filter(Variable.key == NAME).one()
        return found, found.get_val()


def _returned(dag_run: Any, task_id: str) -> Any:
    return dag_run.get_task_instance(task_id).xcom_pull(task_ids=task_id)


def test_mapped_tasks_of_an_hour_make_one_token_request(emulator: Emulator, connect: Any, run: Any) -> None:
    """Each mapped task is a new hook; the Variable, which nobody made beforehand, carries the token between them."""
    connect(emulator, token_cache=STORE)
    with DAG("mapped") as dag:
        PartnerCenterListLicensesOperator.partial(task_id="read").expand(resource=[RESOURCE] * 6)
    assert str(run(dag).state) == "success"
    assert len(emulator.token_requests) == 1
    assert len(emulator.api_requests) == 6


def test_rotated_refresh_token_survives_in_the_variable(emulator: Emulator, connect: Any, run: Any) -> None:
    """The next run spends the refresh token that the last one got."""
    connect(emulator, token_cache=STORE)
    with DAG("rotating") as dag:
        PartnerCenterListLicensesOperator(task_id="read", resource=RESOURCE)
    for _ in range(2):
        run(dag)
        emulator.expire_access_tokens()
    first, second = [request.form["refresh_token"] for request in emulator.token_requests]
    assert first == emulator.refresh_token
    assert second != first
    assert second not in _variable()[1]


@pytest.mark.airflow("!=3.0.*")  # whose dag.test() runs a trigger without a supervisor
def test_triggers_share_the_token_of_the_variable(emulator: Emulator, connect: Any, run: Any) -> None:
    """A trigger writes it, and the next one, on a loop of its own as in another triggerer, starts with it."""
    connect(emulator, token_cache=STORE)
    with DAG("waiting") as dag:
        PartnerCenterLicensesSensor(
            task_id="wait", resource=RESOURCE, newer_than="2026-11-10", poke_interval=0.3, deferrable=True
        )
    for looks in (1, 2):
        assert str(run(dag).state) == "success"
        assert len(emulator.api_requests) == looks
        assert json.loads(_variable()[1])["tokens"]
    assert len(emulator.token_requests) == 1


def test_variable_is_encrypted_described_and_masked_in_the_ui(emulator: Emulator, connect: Any, run: Any) -> None:
    """Its name has a word by which Airflow masks it, in the API that the UI reads too.

    Airflow 3.0 to 3.2 go by the keys of the JSON instead, so one there has such a word as well.
    """
    connect(emulator, token_cache=STORE)
    with DAG("masked") as dag:
        PartnerCenterListLicensesOperator(task_id="read", resource=RESOURCE)
    run(dag)
    variable, text = _variable()
    assert variable.is_encrypted
    assert "Deleting it costs one sign-in" in variable.description
    shown = shown_variable(variable)
    [section] = json.loads(text)["tokens"].values()
    tokens = [
        entry["secret"]
        for kind in ("AccessToken", "RefreshToken", "IdToken")
        for entry in section["msal"].get(kind, {}).values()
    ]
    assert len(tokens) >= 2
    assert "***" in shown
    assert not any(token[:40] in shown for token in tokens)


def test_variable_of_a_secrets_backend_is_warned_of(connect: Any, run: Any, monkeypatch: Any) -> None:
    """What a backend serves, Airflow cannot write; the store says so, and what to name instead."""
    monkeypatch.setenv(f"AIRFLOW_VAR_{NAME.upper()}", "{}")
    with DAG("served") as dag:

        @task
        def write() -> str:
            from airflow_partnercenter.api.entra.token_cache import TokenStoreError
            from airflow_partnercenter.token_caches import VariableStore

            try:
                VariableStore("partner_center_token_cache").save("new text")
            except TokenStoreError as error:
                return str(error)
            return "written"

        write()
    assert _returned(run(dag), "write") == (
        "a secrets backend serves it, which Airflow cannot write: name a Variable that no backend serves, or a file."
    )


def test_variable_that_cannot_be_decrypted_is_written_anew(emulator: Emulator, connect: Any, run: Any) -> None:
    """After a change of ``fernet_key`` Airflow serves no value: one sign-in, and the cache is there again."""
    from airflow.models.variable import Variable
    from airflow.utils.session import create_session

    with create_session() as session:
        session.add(Variable(key=NAME, val="x"))
        session.flush()
        session.query(Variable).update({"val": "no fernet token", "is_encrypted": True})
    connect(emulator, token_cache=STORE)
    with DAG("undecryptable") as dag:
        PartnerCenterListLicensesOperator(task_id="read", resource=RESOURCE)
    run(dag)
    assert json.loads(_variable()[1])["tokens"]


@pytest.mark.airflow(">=3.0")  # on 2 a script writes to the database itself
def test_script_without_airflows_supervisor_reads_on_with_one_warning(
    emulator: Emulator, connect: Any, logs: Any
) -> None:
    """Outside a task or trigger nobody can write Variables: the hook works, signs in each time, and says so once."""
    connect(emulator, token_cache=STORE)
    hook = PartnerCenterHook()
    assert hook.list_licenses(RESOURCE)
    emulator.expire_access_tokens()
    assert hook.list_licenses(RESOURCE)
    (warning,) = [text for text in logs.of("airflow_partnercenter", 30) if "oken" in text]
    # Airflow 3.0 lets it not even read
    assert re.search(rf"The token cache in Variable {NAME} is not used: it cannot be (written|read) ", warning)
    assert re.search("only (tasks and triggers|they) can", warning)
    assert "The read goes on" in warning


@pytest.mark.parametrize("name", ["partner_center_token_cache", "pc-TOKEN-cache", "secret_of_pc"])
def test_name_that_airflow_masks_is_no_reason_to_warn(logs: Any, name: str) -> None:
    """The masker goes by words such as token and secret."""
    VariableStore(name)
    assert logs.of("airflow_partnercenter", 30) == []


def test_name_that_airflow_shows_in_clear_is_warned_of(logs: Any) -> None:
    """Whoever may see Variables would see the tokens."""
    VariableStore("partner_center_cache")
    (warning,) = logs.of("airflow_partnercenter", 30)
    assert "partner_center_cache" in warning
    assert "variable:partner_center_token_cache" in warning


def test_setting_names_the_store() -> None:
    """As text a store says where it is; without a setting there is none."""
    assert str(token_store("variable:a_token")) == "Variable a_token"
    assert str(token_store("file:/a/b")) == "file /a/b"
    assert [repr(token_store(setting)) for setting in ("variable:a_token", "file:/a")] == [
        "<VariableStore a_token>",
        "<FileStore /a>",
    ]
    assert token_store(None) is None
