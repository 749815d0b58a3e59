"""Operators, sensors and triggers survive what Airflow and its users do to them: copies, pickles, the database."""

import copy
import json
import pickle
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from airflow_partnercenter.emulator import Emulator
from airflow_partnercenter.hooks.partner_center import PartnerCenterHook
from airflow_partnercenter.operators.partner_center import (
    PartnerCenterLicensesToObjectStorageOperator,
    PartnerCenterListLicensesOperator,
)
from airflow_partnercenter.sensors.partner_center import PartnerCenterLicensesSensor
from tests.support.argument_tables import arguments_of
from tests.support.dag_runs import new_dag, round_trip

CUSTOMER = "0112a436-b14e-4888-967b-ca4bb2cf1234"
_QUERY = {
    "resource": "licenses_deployment",
    "customer_id": None,
    "filter_expression": "serviceCode eq 'o365'",
    "group_by": ["serviceCode"],
    "processed_date_time": date(2026, 11, 12),
    "page_size": 5,
    "max_parallel_requests": 2,
    "on_customer_error": "skip",
    "on_empty": "skip",
    "partner_center_conn_id": "partner_center_default",
}


def _pickled(thing: Any) -> Any:
    return pickle.loads(pickle.dumps(thing))  # noqa: S301 - our own


def _dilled(thing: Any) -> Any:
    """As the tasks of Airflow that run in a Python of their own do if they are told to."""
    import dill

    return dill.loads(dill.dumps(thing))  # noqa: S301 - our own


#: Each with a value for every argument.
TASKS: dict[type[Any], dict[str, Any]] = {
    PartnerCenterListLicensesOperator: _QUERY | {"max_xcom_bytes": 5000},
    PartnerCenterLicensesToObjectStorageOperator: _QUERY
    | {
        "destination": "file:///nowhere/{processed_date}.parquet",
        "file_format": "parquet",
        "if_exists": "skip",
        "expectations": {"fail": {"row_count_at_least": 10}, "warn": {"processed_within_days": 3}},
        "partition_asset_events": False,
    },
    PartnerCenterLicensesSensor: {
        "resource": "customer_licenses_deployment",
        "newer_than": date(2026, 11, 12),
        "customer_id": [CUSTOMER],
        "filter_expression": None,
        "partner_center_conn_id": "partner_center_default",
        "poke_interval": 120.0,
        "max_consecutive_failures": 3,
        "deferrable": True,
    },
}
TRIGGERS: dict[str, dict[str, Any]] = {
    "PartnerCenterLicensesTrigger": {
        "resource": "customer_licenses_usage",
        "newer_than": "2026-11-12T00:00:00+00:00",
        "customer_id": [CUSTOMER],
        "filter_expression": None,
        "partner_center_conn_id": "partner_center_default",
        "poll_interval": 120.0,
        "max_consecutive_failures": None,
        "deadline": "2026-11-13T00:00:00+00:00",
    },
    "PartnerCenterLicensesEventTrigger": {
        "resource": "licenses_usage",
        "customer_id": None,
        "filter_expression": "serviceCode eq 'o365'",
        "partner_center_conn_id": "partner_center_default",
        "poll_interval": 120.0,
        "max_consecutive_failures": 7,
    },
}
KINDS = pytest.mark.parametrize("kind", TASKS, ids=lambda kind: kind.__name__)
WAYS = pytest.mark.parametrize(
    "way",
    [
        _pickled,
        _dilled,
        copy.copy,
        copy.deepcopy,
        lambda task: task.prepare_for_execution(),
    ],
    ids=["pickle", "dill", "copy", "deepcopy", "prepare_for_execution"],
)
EVERY_TRIGGER = pytest.mark.parametrize(
    "name",
    [
        "PartnerCenterLicensesTrigger",
        pytest.param("PartnerCenterLicensesEventTrigger", marks=pytest.mark.airflow(">=3")),
    ],
)


def _trigger(name: str) -> Any:
    from airflow_partnercenter.triggers import partner_center

    return getattr(partner_center, name)(**TRIGGERS[name])


@KINDS
def test_every_argument_has_a_value_here(kind: type[Any]) -> None:
    """A new argument must survive too."""
    names = {name for each in kind.__mro__ if each.__module__.startswith("airflow_partnercenter") and each.__init__
             for name in arguments_of(each.__init__)}  # fmt: skip
    assert names == TASKS[kind].keys()


@WAYS
@KINDS
def test_copy_of_a_task_has_every_argument(kind: type[Any], way: Callable[[Any], Any]) -> None:
    """Whatever way it came about, and after its hook was used."""
    with new_dag("copied"):
        task = kind(task_id="t", **TASKS[kind])
    assert task.hook
    copied = way(task)
    assert {name: getattr(copied, name) for name in TASKS[kind]} == TASKS[kind]
    assert copied.hook.partner_center_conn_id == "partner_center_default"


@pytest.mark.parametrize("way", [_pickled, copy.deepcopy], ids=["pickle", "deepcopy"])
@pytest.mark.parametrize("used", [False, True], ids=["new", "used"])
def test_copy_of_a_task_runs(
    used: bool, way: Callable[[Any], Any], emulator: Emulator, connect: Callable[..., None], tmp_path: Any
) -> None:
    """Also one of a task that ran, which has a client with open connections, a lineage and a file."""
    connect(emulator)
    for task in (
        PartnerCenterListLicensesOperator(task_id="a", resource="licenses_deployment"),
        PartnerCenterLicensesToObjectStorageOperator(
            task_id="b", resource="licenses_deployment", destination=f"{tmp_path.as_uri()}/a.csv"
        ),
        PartnerCenterLicensesSensor(task_id="c", resource="licenses_deployment", newer_than="2026-11-10"),
    ):
        if used:
            task.execute({})
        emulator.requests.clear()
        copied = way(task)
        result = copied.execute({})
        assert emulator.api_requests
        assert result or isinstance(task, PartnerCenterLicensesSensor)


def test_pickle_of_a_used_hook_holds_no_secret(emulator: Emulator, connect: Callable[..., None]) -> None:
    """Neither of the connection nor of the sign-in."""
    connect(emulator)
    hook = PartnerCenterHook()
    hook.list_customers()
    hook.log.info("a subclass may say so")
    pickled = pickle.dumps(hook)
    for secret in (emulator.client_secret, emulator.refresh_token, hook.get_conn()._tokens.access_token()):
        assert secret.encode() not in pickled
    assert _pickled(hook).list_customers() == hook.list_customers()


@KINDS
def test_task_survives_the_database(kind: type[Any]) -> None:
    """The scheduler and the UI have a task by JSON: type, templated fields, links and colours are there."""
    with new_dag("stored") as dag:
        task = kind(task_id="t", **TASKS[kind], doc_md="what for", retries=2)
    stored = round_trip(dag).get_task("t")
    assert (stored.task_type, stored.ui_color, stored.retries) == (kind.__name__, "#e8f1fb", 2)
    assert tuple(stored.template_fields) == tuple(kind.template_fields)
    for name in kind.template_fields:
        rendered = getattr(stored, name)
        assert rendered == json.loads(json.dumps(getattr(task, name), default=str)), name
    links = {link.name for link in getattr(kind, "operator_extra_links", ())}
    assert set(stored.extra_links) == links


@KINDS
def test_mapped_task_survives_the_database(kind: type[Any]) -> None:
    """What is the same for all, and what is mapped."""
    arguments = {name: value for name, value in TASKS[kind].items() if name != "resource"}
    mapped = {"resource": ["licenses_usage", "licenses_deployment"]}
    with new_dag("stored_mapped") as dag:
        kind.partial(task_id="t", **arguments).expand(**mapped)
    stored = round_trip(dag).get_task("t")
    assert type(stored).__name__.endswith("MappedOperator")
    assert stored.task_type == kind.__name__
    assert tuple(stored.template_fields) == tuple(kind.template_fields)
    # Airflow stores days as text, and leaves out what is None.
    same = {name: stored.partial_kwargs.get(name) for name in arguments}
    assert same == json.loads(json.dumps(arguments, default=str))
    assert stored.expand_input.value == mapped


def test_deferrable_sensor_starts_on_a_worker() -> None:
    """It checks its arguments there, so it must not claim to start in the triggerer."""
    with new_dag("deferrable") as dag:
        PartnerCenterLicensesSensor(task_id="t", resource="licenses_usage", newer_than="2026-11-12", deferrable=True)
    assert not round_trip(dag).get_task("t").start_from_trigger


@EVERY_TRIGGER
def test_every_argument_of_a_trigger_round_trips(name: str) -> None:
    """Class path and plain JSON are all that a restarted triggerer has; nothing is lost, nothing is added."""
    from importlib import import_module

    trigger = _trigger(name)
    assert arguments_of(type(trigger).__init__) == list(TRIGGERS[name])
    path, arguments = trigger.serialize()
    assert arguments == TRIGGERS[name]
    module, _, kind = path.rpartition(".")
    again = getattr(import_module(module), kind)(**json.loads(json.dumps(arguments)))
    assert again.serialize() == (path, arguments)


@EVERY_TRIGGER
def test_trigger_survives_the_database(name: str) -> None:
    """Airflow encrypts the arguments of a trigger, and makes it anew from them."""
    from airflow.models.trigger import Trigger

    path, arguments = _trigger(name).serialize()
    row = Trigger(classpath=path, kwargs=arguments, created_date=datetime(2026, 1, 1, tzinfo=UTC))
    assert row.kwargs == arguments


@EVERY_TRIGGER
@pytest.mark.parametrize("way", [_pickled, copy.copy, copy.deepcopy], ids=["pickle", "copy", "deepcopy"])
def test_copy_of_a_trigger_has_every_argument(name: str, way: Callable[[Any], Any]) -> None:
    """As ``AssetWatcher`` and Airflow's own tests copy them."""
    trigger = _trigger(name)
    assert way(trigger).serialize() == trigger.serialize()
