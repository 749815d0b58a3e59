"""Every argument of the sensor and the triggers changes what is asked, how often, or what comes of it."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import aclosing, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSensorTimeout, TaskDeferred

from airflow_partnercenter.api.wire.retrying import RetryPolicy
from airflow_partnercenter.emulator import Answer, Emulator
from airflow_partnercenter.exceptions import PartnerCenterError
from airflow_partnercenter.hooks.partner_center import PartnerCenterHook
from airflow_partnercenter.sensors.partner_center import PartnerCenterLicensesSensor
from airflow_partnercenter.triggers.partner_center import PartnerCenterLicensesTrigger
from tests.conftest import TODAY
from tests.support.argument_tables import ArgumentTable, arguments_of
from tests.support.looks import wait_for_looks

PARTNER, COMMERCIAL = "/v1/analytics/licenses/", "/partner/v1/analytics/commercial/"
UNAVAILABLE = Answer(503, {"code": 503, "description": "down"})
#: What the emulator's services are processed for, and what they are not.
FRESH, LATER = "2026-11-10", "2026-11-19"
#: Seconds that no machine is too slow for.
ENOUGH = 30.0

COMMON = ArgumentTable()
SENSOR = ArgumentTable()
TRIGGER = ArgumentTable()


class Waiter:
    """Waits with different arguments, each time against an emulator that has seen no request.

    :param wait: waits for some seconds at most, and returns what came of it.
    """

    def __init__(self, emulator: Emulator, wait: Callable[..., str]) -> None:
        self.emulator = emulator
        self._wait = wait

    def run(self, *, seconds: float = ENOUGH, **arguments: Any) -> str:
        """Return ``success``, ``timeout``, or the error.

        :param seconds: until the timeout; enough for whatever should come.
        """
        wait_for_looks()
        self.emulator.requests.clear()
        defaults = {"resource": "partner_licenses_deployment", "newer_than": FRESH, "poll_interval": 0.1}
        return self._wait(seconds, **defaults | arguments)

    @property
    def paths(self) -> set[str]:
        """What was asked for."""
        return {request.path for request in self.emulator.api_requests}


def _by_sensor(seconds: float, **arguments: Any) -> str:
    arguments["poke_interval"] = arguments.pop("poll_interval", 0.1)
    sensor = PartnerCenterLicensesSensor(task_id="t", mode="poke", timeout=seconds, **arguments)
    try:
        sensor.execute({"ti": None})
    except AirflowSensorTimeout:
        return "timeout"
    except AirflowFailException as error:
        return type(error.__cause__).__name__
    except PartnerCenterError as error:
        return type(error).__name__
    return "success"


def _by_trigger(seconds: float, **arguments: Any) -> str:
    deadline = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
    trigger = PartnerCenterLicensesTrigger(deadline=deadline, **arguments)

    async def first_event() -> dict[str, Any]:
        async with aclosing(trigger.run()) as events:
            async for event in events:
                return event.payload
        raise AssertionError

    payload = asyncio.run(first_event())
    return payload.get("error") or payload["status"]


@pytest.fixture(params=[_by_sensor, _by_trigger], ids=["sensor", "trigger"])
def waiter(
    request: pytest.FixtureRequest,
    emulator: Emulator,
    connect: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Waiter]:
    """Return a waiter whose requests are sent once, to be over soon."""
    monkeypatch.setattr(PartnerCenterHook, "retry", RetryPolicy(attempts=1, total_seconds=1))
    connect(emulator)
    yield Waiter(emulator, request.param)
    emulator.today = TODAY


@COMMON.changes("resource")
def _resource(waiter: Waiter) -> None:
    """Another resource is another path."""
    assert waiter.run(resource="partner_licenses_usage") == "success"
    assert waiter.paths == {f"{PARTNER}usage"}
    assert waiter.run(resource="licenses_deployment") == "success"
    assert waiter.paths == {f"{COMMERCIAL}deployment/license"}


@COMMON.changes("newer_than")
def _newer_than(waiter: Waiter) -> None:
    """What is new enough for one day is not for a later one."""
    assert waiter.run(newer_than=FRESH) == "success"
    assert waiter.run(newer_than=LATER, seconds=0.5) == "timeout"


@COMMON.changes("customer_id")
def _customer_id(waiter: Waiter) -> None:
    """Each customer is asked for, and no other."""
    one, two, _ = (customer.id for customer in waiter.emulator.partner.customers)
    for given, expected in ((one, {one}), ([one, two], {one, two})):
        assert waiter.run(resource="customer_licenses_deployment", customer_id=given) == "success"
        assert {path.split("/")[3] for path in waiter.paths} == expected


@COMMON.changes("filter_expression")
def _filter_expression(waiter: Waiter) -> None:
    """Only the services that it leaves count: one of the two is newer."""
    newer = {"resource": "licenses_deployment", "newer_than": "2026-11-18"}
    assert waiter.run(**newer, seconds=0.5) == "timeout"
    assert waiter.run(**newer, filter_expression="serviceCode eq 'o365'") == "success"


@COMMON.changes("partner_center_conn_id")
def _partner_center_conn_id(waiter: Waiter) -> None:
    """Another connection is another partner: here one that does not exist."""
    assert waiter.run(partner_center_conn_id="elsewhere") == "ConfigurationError"
    assert waiter.paths == set()


@COMMON.changes("poll_interval")
def _interval(waiter: Waiter) -> None:
    """A shorter one is more looks in the same time."""
    looks = []
    # A busy machine needs a longer time to show it.
    for seconds in (0.8, 3.0, 12.0):
        looks.clear()
        for interval in (0.8 * seconds, 0.1):
            waiter.run(newer_than=LATER, poll_interval=interval, seconds=seconds)
            looks.append(len(waiter.emulator.api_requests))
        if looks[0] < looks[1]:
            return
    pytest.fail(f"{looks[0]} and {looks[1]} looks")


@COMMON.changes("max_consecutive_failures")
def _max_consecutive_failures(waiter: Waiter) -> None:
    """As many looks in a row may fail, less one."""
    for most in (1, 3):
        waiter.emulator.answer_next(UNAVAILABLE, PARTNER, times=99)
        assert waiter.run(max_consecutive_failures=most, poll_interval=0.05) == "ServiceError"
        assert len(waiter.emulator.api_requests) == most
        waiter.emulator.clear_faults()


@SENSOR.changes("deferrable")
def _deferrable(emulator: Emulator) -> None:
    """It waits in the triggerer: nothing is asked here."""
    with pytest.raises(TaskDeferred) as deferred:
        _by_sensor(ENOUGH, resource="licenses_usage", newer_than=FRESH, deferrable=True)
    assert isinstance(deferred.value.trigger, PartnerCenterLicensesTrigger)
    assert emulator.api_requests == []
    assert _by_sensor(ENOUGH, resource="licenses_usage", newer_than=FRESH, deferrable=False) == "success"


@TRIGGER.changes("deadline")
def _deadline(emulator: Emulator) -> None:
    """Until then it waits."""
    waited = []
    for seconds in (0.1, 0.6):
        began = time.monotonic()
        arguments = {"resource": "partner_licenses_usage", "newer_than": LATER, "poll_interval": 30.0}
        assert _by_trigger(seconds, **arguments) == "timeout"
        waited.append(time.monotonic() - began)
    assert waited[0] < 30
    assert waited[1] >= 0.6


def _told_by_event_trigger(seconds: float, **arguments: Any) -> list[dict[str, Any]]:
    """Return what an event trigger tells: all of some seconds, or the first event where they are ``ENOUGH``."""
    from airflow_partnercenter.triggers.partner_center import PartnerCenterLicensesEventTrigger

    told = []

    async def listen() -> None:
        async with aclosing(PartnerCenterLicensesEventTrigger(**arguments).run()) as events:
            async for event in events:
                told.append(event.payload)
                if seconds == ENOUGH:
                    return

    async def within() -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await listen()

    asyncio.run(within())
    return told


def _by_event_trigger(seconds: float, **arguments: Any) -> str:
    arguments.pop("newer_than")
    try:
        told = _told_by_event_trigger(seconds, **arguments)
    except PartnerCenterError as error:
        return type(error).__name__
    return "success" if told else "timeout"


@pytest.mark.parametrize("check", [pytest.param(check, id=name) for name, check in COMMON.checks.items()])
def test_argument_of_sensor_and_trigger_changes_what_happens(check: Callable[[Waiter], None], waiter: Waiter) -> None:
    """At the socket, or in what comes of it; the sensor's poll_interval is Airflow's poke_interval."""
    check(waiter)


EVENT_CHECKS = [name for name in COMMON.checks if name not in ("newer_than", "filter_expression")]


@pytest.mark.airflow(">=3")
@pytest.mark.parametrize("name", EVENT_CHECKS)
def test_argument_of_event_trigger_changes_what_happens(
    name: str, emulator: Emulator, connect: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the same checks; it knows no goal, so a look is a success."""
    monkeypatch.setattr(PartnerCenterHook, "retry", RetryPolicy(attempts=1, total_seconds=1))
    # Airflow starts a failed event trigger at once, so it fails late.
    monkeypatch.setattr("airflow_partnercenter.triggers.new_data.SECONDS_BEFORE_FAILING", 0.0)
    connect(emulator)
    COMMON.checks[name](Waiter(emulator, _by_event_trigger))


@pytest.mark.airflow(">=3")
def test_filter_of_event_trigger_changes_what_is_told(emulator: Emulator, connect: Callable[..., None]) -> None:
    """Only the services that it leaves are in the event."""
    connect(emulator)
    arguments = {"resource": "licenses_deployment", "poll_interval": 0.1}
    for expression, services in ((None, ["crm", "o365"]), ("serviceCode eq 'o365'", ["o365"])):
        [event] = _told_by_event_trigger(ENOUGH, **arguments, filter_expression=expression)
        assert [row["service_code"] for row in event["processed_dates"]] == services


def test_argument_of_sensor_alone_changes_what_happens(emulator: Emulator, connect: Callable[..., None]) -> None:
    """Each check of those that the triggers do not have."""
    connect(emulator)
    for check in SENSOR.checks.values():
        check(emulator)


def test_argument_of_trigger_alone_changes_what_happens(emulator: Emulator, connect: Callable[..., None]) -> None:
    """Each check of those that the sensor does not have."""
    connect(emulator)
    for check in TRIGGER.checks.values():
        check(emulator)


def test_no_argument_is_left_out() -> None:
    """A new argument needs a check above."""
    common = set(COMMON.checks)
    sensor = {"poll_interval" if name == "poke_interval" else name for name in arguments_of(
        PartnerCenterLicensesSensor.__init__
    )}  # fmt: skip
    assert sensor == common | SENSOR.checks.keys()
    assert set(arguments_of(PartnerCenterLicensesTrigger.__init__)) == common | TRIGGER.checks.keys()


@pytest.mark.airflow(">=3")
def test_no_argument_of_the_event_trigger_is_left_out() -> None:
    """It waits for no goal, and for no end."""
    from airflow_partnercenter.triggers.partner_center import PartnerCenterLicensesEventTrigger

    assert set(arguments_of(PartnerCenterLicensesEventTrigger.__init__)) == {*EVENT_CHECKS, "filter_expression"}
