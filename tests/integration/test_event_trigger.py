"""The event trigger for asset watchers, with Airflow's own shared streams; tests/system has a real triggerer."""

import asyncio
import json
from contextlib import aclosing, asynccontextmanager, suppress
from datetime import date

import pytest

from tests.support.airflow_versions import needs_airflow

needs_airflow(">=3.3")

# ruff: noqa: E402 - what follows is not there on other versions
import structlog
from airflow.triggers.base import BaseEventTrigger
from airflow.triggers.shared_stream import AckTimeout, SharedStreamManager

from airflow_partnercenter.api.wire.retrying import RetryPolicy
from airflow_partnercenter.emulator import Answer
from airflow_partnercenter.exceptions import ApiError
from airflow_partnercenter.hooks.partner_center import PartnerCenterHook
from airflow_partnercenter.triggers import new_data
from airflow_partnercenter.triggers.partner_center import (
    PartnerCenterLicensesEventTrigger,
    PartnerCenterLicensesTrigger,
)
from tests.conftest import TODAY
from tests.support.patience import PATIENCE, comes_true

PARTNER = "/v1/analytics/licenses/deployment"


@pytest.fixture(autouse=True)
def connected(emulator, connect, monkeypatch):
    """The default connection leads to the emulator, each request is sent once, and its date is put back."""
    monkeypatch.setattr(PartnerCenterHook, "retry", RetryPolicy(attempts=1, total_seconds=1))
    connect(emulator)
    yield
    emulator.today = TODAY


class Store:
    """Stands where Airflow's store of the watched asset is: the same methods, plain JSON values."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    async def aget(self, key, default=None):
        """Return a value."""
        return json.loads(self.values[key]) if key in self.values else default

    async def aset(self, key, value):
        """Keep a value."""
        self.values[key] = json.dumps(value)


class SeveralAssets:
    """What Airflow's store does when a trigger watches for several assets."""

    async def aget(self, key, default=None):
        """Refuse."""
        raise ValueError("Task has 2 concrete inlets and outlets")

    aset = aget


def _trigger(store=None, **arguments):
    arguments = {"resource": "partner_licenses_deployment", "poll_interval": 0.2} | arguments
    trigger = PartnerCenterLicensesEventTrigger(**arguments)
    trigger.asset_state_store = store
    return trigger


@asynccontextmanager
async def _triggerer(trigger, *, stores_events=True, ack_timeout=60):
    """Run a trigger as Airflow's runner does, and return the days of crm that its events told, as they come."""
    manager = SharedStreamManager(log=structlog.get_logger(), ack_timeout=ack_timeout)
    told: list[str] = []

    async def run():
        key = trigger.shared_stream_key()
        stream = manager.subscribe(trigger_id=1, trigger=trigger, key=key)
        async for event in trigger.filter_shared_stream(stream):
            told.append(event.payload["processed_dates"][0]["processed_date_time"][:10])
            number = manager.bind_pending_event(trigger_id=1, key=key)
            if stores_events:
                asyncio.get_running_loop().call_later(0.1, manager.confirm_persisted, [number])

    task = asyncio.create_task(run())
    try:
        yield told
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, AckTimeout):
            await task
        await manager.stop_all()


def test_one_event_for_each_new_set_of_dates(emulator):
    """The first look fires, the same dates do not, newer ones do; the event holds times and nothing else."""
    store = Store()

    async def scene():
        async with _triggerer(_trigger(store)) as told:
            await comes_true(lambda: len(emulator.api_requests) >= 3)
            assert told == ["2026-11-16"]
            emulator.today = date(2026, 11, 21)
            await comes_true(lambda: len(told) == 2)
            await comes_true(lambda: "2026-11-20" in str(store.values))
        return told

    assert asyncio.run(scene()) == ["2026-11-16", "2026-11-17"]


def test_restart_neither_repeats_nor_loses(emulator):
    """What was told is kept; what moved meanwhile is told."""
    store = Store()

    async def scene(until):
        async with _triggerer(_trigger(store)) as told:
            before = len(emulator.api_requests)
            await comes_true(lambda: until(told) and len(emulator.api_requests) > before + 2)
        return told

    assert asyncio.run(scene(lambda told: told and store.values)) == ["2026-11-16"]
    assert asyncio.run(scene(lambda _: True)) == []
    emulator.today = date(2026, 11, 21)
    assert asyncio.run(scene(lambda told: told and "2026-11-20" in str(store.values))) == ["2026-11-17"]


def test_event_that_airflow_never_stored_is_told_again(emulator):
    """The triggerer died in between: nothing was kept, so nothing is lost."""
    store = Store()

    async def scene(*, stores_events):
        async with _triggerer(_trigger(store), stores_events=stores_events) as told:
            await comes_true(lambda: told)
            before = len(emulator.api_requests)
            await comes_true(lambda: len(emulator.api_requests) > before + 2)
        return told

    assert asyncio.run(scene(stores_events=False)) == ["2026-11-16"]
    assert store.values == {}
    assert asyncio.run(scene(stores_events=True)) == ["2026-11-16"]
    assert len(store.values) == 1


def test_event_that_airflow_could_not_store_is_not_kept(emulator):
    """Airflow gives the trigger up after a while, and hands the look back as failed."""
    store = Store()

    async def scene():
        async with _triggerer(_trigger(store), stores_events=False, ack_timeout=0.5) as told:
            await comes_true(lambda: told)
            await asyncio.sleep(3)

    asyncio.run(scene())
    assert store.values == {}


def test_long_wait_between_two_looks_is_not_taken_for_a_hang(emulator):
    """Airflow's limit is on a look that nobody is done with, not on the time to the next one."""
    store = Store()

    async def scene():
        async with _triggerer(_trigger(store, poll_interval=3), ack_timeout=1) as told:
            await comes_true(lambda: len(emulator.api_requests) >= 1)
            emulator.today = date(2026, 11, 21)
            await comes_true(lambda: len(told) == 2)
            await comes_true(lambda: "2026-11-20" in str(store.values))

    asyncio.run(scene())


def test_service_that_vanishes_and_returns_is_nothing_new(emulator):
    """Nor is an older date: only a newer one is, or a service that was never told of."""
    store = Store()
    rows = [{"serviceName": "crm", "channel": "reseller", "processedDateTime": "2026-11-10T00:00:00+00:00"}]

    async def scene():
        async with _triggerer(_trigger(store)) as told:
            await comes_true(lambda: store.values)
            emulator.answer_next(Answer(200, {"totalCount": 1, "items": rows}), PARTNER)
            emulator.answer_next(Answer(200, {"totalCount": 0, "items": []}), PARTNER)
            before = len(emulator.api_requests)
            await comes_true(lambda: len(emulator.api_requests) > before + 4)
        return told

    assert asyncio.run(scene()) == ["2026-11-16"]


def test_failures_in_between_tell_nothing(emulator):
    """Fewer than max_consecutive_failures do nothing."""

    async def scene():
        async with _triggerer(_trigger(Store())) as told:
            await comes_true(lambda: told)
            emulator.answer_next(Answer(503), PARTNER, times=3)
            before = len(emulator.api_requests)
            await comes_true(lambda: len(emulator.api_requests) > before + 4)
        return told

    assert asyncio.run(scene()) == ["2026-11-16"]


def test_several_assets_with_one_trigger_do_without_the_store(emulator, logs):
    """Airflow offers no place for it then; the log says so."""

    async def scene():
        async with _triggerer(_trigger(SeveralAssets())) as told:
            await comes_true(lambda: told and len(emulator.api_requests) > 2)
        return told

    assert asyncio.run(scene()) == ["2026-11-16"]
    assert "for several assets" in logs.text


def test_without_a_store_it_keeps_in_its_process_what_it_told(emulator):
    """As on Airflow 3.0 to 3.2: each new set once, and the latest one again after a restart."""

    async def scene(count):
        told = []
        trigger = _trigger()
        assert trigger.shared_stream_key() is None
        async with aclosing(trigger.run()) as events, asyncio.timeout(PATIENCE):
            async for event in events:
                told.append(event.payload["processed_dates"][0]["processed_date_time"][:10])
                if len(told) == count:
                    break
                # A few looks later, which tell nothing.
                asyncio.get_running_loop().call_later(1, setattr, emulator, "today", date(2026, 11, 21))
        return told

    assert asyncio.run(scene(2)) == ["2026-11-16", "2026-11-17"]
    assert asyncio.run(scene(1)) == ["2026-11-17"]


def test_refusal_ends_it_after_a_while_and_the_next_one_does_not_ask_too_soon(emulator, monkeypatch, logs):
    """Airflow starts a failed event trigger again at once: neither Partner Center nor the log must notice."""
    monkeypatch.setattr(new_data, "SECONDS_BEFORE_FAILING", 0.5)
    emulator.answer_next(Answer(403, {"code": 900150, "description": "no role"}), PARTNER, times=9)

    async def scene():
        began = asyncio.get_running_loop().time()
        with pytest.raises(ApiError, match="role"):
            await anext(_trigger(poll_interval=100).run())
        assert asyncio.get_running_loop().time() - began >= 0.5
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(_trigger(poll_interval=100).run()), 0.5)

    asyncio.run(scene())
    assert len(emulator.api_requests) == 1
    assert "partner_licenses_deployment cannot be watched: " in logs.text


def test_watcher_and_sensors_share_a_poll(emulator):
    """One request, whoever waits."""

    async def scene():
        async with _triggerer(_trigger(Store(), poll_interval=50)) as told:
            await comes_true(lambda: told)
            arguments = {"resource": "partner_licenses_deployment", "newer_than": "2026-11-10", "poll_interval": 50}
            event = await anext(PartnerCenterLicensesTrigger(**arguments).run())
        return event.payload["status"]

    assert asyncio.run(scene()) == "success"
    assert len(emulator.api_requests) == 1


def test_all_groups_are_looked_at_for_a_watcher(emulator):
    """Another than the oldest may be what moves."""

    async def scene():
        async with _triggerer(_trigger(Store(), resource="licenses_deployment")):
            await comes_true(lambda: len(emulator.api_requests) >= 6)

    asyncio.run(scene())
    assert [request.query.get("groupby") for request in emulator.api_requests[:6:3]] == ["serviceCode,channel"] * 2


def test_arguments_are_plain_json_and_name_the_trigger():
    """Airflow tells triggers apart by their arguments, in which no secret is; other arguments keep their own place."""
    trigger = _trigger()
    path, arguments = json.loads(json.dumps(trigger.serialize()))
    assert path == "airflow_partnercenter.triggers.partner_center.PartnerCenterLicensesEventTrigger"
    assert set(arguments) == {
        "resource",
        "customer_id",
        "filter_expression",
        "partner_center_conn_id",
        "poll_interval",
        "max_consecutive_failures",
    }
    assert PartnerCenterLicensesEventTrigger(**arguments).serialize() == trigger.serialize()
    assert BaseEventTrigger.hash(*trigger.serialize()) == BaseEventTrigger.hash(*_trigger().serialize())
    places = {_trigger(partner_center_conn_id=name)._key for name in ("a", "b")}
    assert len(places) == 2
