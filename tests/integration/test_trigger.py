"""The trigger: one poll for all who watch the same, off the event loop, against the emulator."""

import asyncio
import gc
import json
import pkgutil
import socket
import threading
import time
import weakref
from contextlib import asynccontextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from typing import ClassVar

import pytest
from asgiref.sync import async_to_sync

from airflow_partnercenter.api.wire.retrying import RetryPolicy
from airflow_partnercenter.emulator import Answer
from airflow_partnercenter.hooks.partner_center import PartnerCenterHook
from airflow_partnercenter.triggers.garbage import spare_what_is_loaded
from airflow_partnercenter.triggers.partner_center import PartnerCenterLicensesTrigger
from airflow_partnercenter.triggers.sharing import polls_of_this_loop
from airflow_partnercenter.waiting import read_newer_than
from tests.conftest import TODAY
from tests.support.patience import AT_ONCE, PATIENCE, at_once, comes_true, eventually
from tests.support.secrets_backends import BaseSecretsBackend, forget_secrets_backends

PARTNER = "/v1/analytics/licenses/deployment"
UNAVAILABLE = Answer(503, {"code": 503, "description": "down"})
FORBIDDEN = Answer(403, {"code": 900150, "description": "The supplied role does not have the rights"})
FRESH, LATER = "2026-11-10", "2026-11-17"


@pytest.fixture(autouse=True)
def connected(emulator, connect, monkeypatch):
    """The default connection leads to the emulator, each request is sent once, and its date is put back."""
    monkeypatch.setattr(PartnerCenterHook, "retry", RetryPolicy(attempts=1, total_seconds=1))
    connect(emulator)
    yield
    emulator.today = TODAY


def _trigger(**arguments):
    arguments = {"resource": "partner_licenses_deployment", "newer_than": FRESH, "poll_interval": 0.3} | arguments
    return PartnerCenterLicensesTrigger(**arguments)


async def _fire(trigger):
    """Return the payload of the first event, as a triggerer takes it."""
    async for event in trigger.run():
        return event.payload
    raise AssertionError("no event")


@asynccontextmanager
async def _running(*triggers):
    """Run triggers beside the block, which gets their tasks; cancel what is left."""
    tasks = [asyncio.create_task(_fire(trigger)) for trigger in triggers]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def test_event_holds_the_times_and_nothing_else(emulator):
    """Airflow keeps events as plain text: neither data nor secrets are in it."""
    payload = asyncio.run(_fire(_trigger()))
    assert payload == {
        "status": "success",
        "processed_dates": [
            {"service_name": "crm", "channel": "reseller", "processed_date_time": "2026-11-16T00:00:00.000000Z"},
            {"service_name": "o365", "channel": "reseller", "processed_date_time": "2026-11-19T03:13:07.950000Z"},
        ],
    }


def test_trigger_comes_back_from_its_arguments():
    """After a restart Airflow makes it anew: class path and plain JSON are all there is."""
    trigger = _trigger(customer_id=["a", "b"], deadline="2026-11-20T00:00:00+00:00", max_consecutive_failures=None)
    path, arguments = json.loads(json.dumps(trigger.serialize()))
    assert pkgutil.resolve_name(path)(**arguments).serialize() == trigger.serialize()
    _, arguments = _trigger(newer_than=datetime(2026, 11, 16, tzinfo=UTC)).serialize()
    assert json.loads(json.dumps(arguments)) == arguments
    assert read_newer_than(arguments["newer_than"]) == datetime(2026, 11, 16, tzinfo=UTC)


def test_arguments_in_airflows_database_keep_their_names():
    """A trigger that an older release stored is made anew from them by this one."""
    path, arguments = _trigger(filter_expression="channel eq 'direct'").serialize()
    assert path == "airflow_partnercenter.triggers.partner_center.PartnerCenterLicensesTrigger"
    assert arguments == {
        "resource": "partner_licenses_deployment",
        "newer_than": FRESH,
        "customer_id": None,
        "filter_expression": "channel eq 'direct'",
        "partner_center_conn_id": "partner_center_default",
        "poll_interval": 0.3,
        "max_consecutive_failures": 5,
        "deadline": None,
    }


def test_many_triggers_share_one_request_an_interval(emulator):
    """A hundred wait, with different goals; each look is one request, and all are told of it."""

    async def scene():
        async with _running(*[_trigger(newer_than=LATER, poll_interval=0.5) for _ in range(100)]) as tasks:
            await comes_true(lambda: len(emulator.api_requests) >= 3)
            assert not any(task.done() for task in tasks)
            emulator.today = date(2026, 11, 21)
            return await asyncio.gather(*tasks)

    events = asyncio.run(scene())
    assert {event["status"] for event in events} == {"success"}
    # The third may still have been on its way when the date moved.
    assert len(emulator.api_requests) in (3, 4)
    assert len(emulator.token_requests) == 1


def test_waiting_for_the_large_resource_is_one_request_an_interval_too(emulator):
    """After the first look only the oldest group is asked for."""

    async def scene():
        async with _running(*[_trigger(resource="licenses_deployment", newer_than=LATER) for _ in range(10)]):
            await comes_true(lambda: len(emulator.api_requests) >= 6)

    asyncio.run(scene())
    assert [request.query.get("top") for request in emulator.api_requests][:3] == ["10000", "1", "1"]
    assert {request.query["filter"] for request in emulator.api_requests[3:6]} == {
        "serviceCode eq 'crm' and channel eq 'reseller'"
    }


def test_shortest_interval_wins_and_who_joins_gets_a_recent_answer(emulator):
    """The one with the long interval is told more often; the late one without a request of its own."""

    async def scene():
        async with _running(_trigger(newer_than=LATER, poll_interval=100)) as [patient]:
            assert (await _fire(_trigger(poll_interval=50)))["status"] == "success"
            assert (await asyncio.wait_for(_fire(_trigger(poll_interval=50)), AT_ONCE))["status"] == "success"
            assert len(emulator.api_requests) == 1
            async with _running(_trigger(newer_than=LATER, poll_interval=0.3)):
                await comes_true(lambda: len(emulator.api_requests) >= 3)
                emulator.today = date(2026, 11, 21)
                assert (await patient)["status"] == "success"

    asyncio.run(scene())


def test_one_that_leaves_takes_nobody_along(emulator):
    """The others go on waiting, and are told."""

    async def scene():
        async with _running(_trigger(newer_than=LATER), _trigger(newer_than=LATER)) as [leaving, staying]:
            await comes_true(lambda: len(emulator.api_requests) >= 2)
            leaving.cancel()
            with suppress(asyncio.CancelledError):
                await leaving
            emulator.today = date(2026, 11, 21)
            return await staying

    assert asyncio.run(scene())["status"] == "success"


def test_last_one_that_leaves_ends_the_poll_and_who_returns_does_not_ask_too_soon(emulator):
    """No request is sent for nobody; the answer is remembered for an interval."""

    async def scene():
        async with _running(_trigger(newer_than=LATER, poll_interval=1)):
            await comes_true(lambda: len(emulator.api_requests) >= 2)
        before = len(emulator.api_requests)
        await asyncio.sleep(2)
        assert len(emulator.api_requests) == before
        async with _running(_trigger(newer_than=LATER, poll_interval=100)):
            await asyncio.sleep(0.3)
        assert len(emulator.api_requests) == before

    asyncio.run(scene())


def test_leaving_ends_a_wait_for_partner_center(emulator, monkeypatch):
    """A look that sleeps before its next attempt ends when nobody waits for it: no thread holds the triggerer up."""
    monkeypatch.setattr(PartnerCenterHook, "retry", RetryPolicy(attempts=5, total_seconds=60))
    emulator.answer_next(Answer(429, {"statusCode": 429}, headers={"Retry-After": "30"}), PARTNER, times=9)

    async def scene():
        async with _running(_trigger()):
            await comes_true(lambda: len(emulator.api_requests) >= 1)
            await asyncio.sleep(0.2)

    asyncio.run(scene())
    with at_once():
        for thread in threading.enumerate():
            if thread.name.startswith("partner_center_poll"):
                eventually(lambda thread=thread: _is_idle(thread))
    assert len(emulator.api_requests) == 1


def _is_idle(thread):
    """Whether a thread of the pool waits for work, and not for Partner Center."""
    import sys
    import traceback

    frame = sys._current_frames().get(thread.ident)
    return frame is None or "retrying.py" not in "".join(traceback.format_stack(frame))


def test_failure_is_told_to_all_and_counted_by_each(emulator):
    """One has enough of it, the other waits on."""
    emulator.answer_next(UNAVAILABLE, PARTNER, times=2)

    async def scene():
        async with _running(_trigger(max_consecutive_failures=2), _trigger(max_consecutive_failures=5)) as tasks:
            return await asyncio.gather(*tasks)

    impatient, patient = asyncio.run(scene())
    assert impatient["status"] == "error"
    assert impatient["error"] == "ServiceError"
    assert "2 looks in a row failed; the last one: " in impatient["message"]
    assert "503" in impatient["message"]
    assert patient["status"] == "success"
    assert len(emulator.api_requests) == 3


def test_each_is_told_once_how_many_looks_failed(emulator):
    """They share the error, not what each makes of it."""
    emulator.answer_next(UNAVAILABLE, PARTNER, times=9)

    async def scene():
        return await asyncio.gather(*(_fire(_trigger(max_consecutive_failures=2)) for _ in range(3)))

    messages = [event["message"] for event in asyncio.run(scene())]
    assert [message.count("in a row failed") for message in messages] == [1, 1, 1]


def test_connection_that_vanishes_fails_its_own_triggers_only(emulator, connect, monkeypatch):
    """Others with the same credentials under another name wait on."""
    connect(emulator, "another_name")

    async def scene():
        triggers = [_trigger(newer_than=LATER), _trigger(newer_than=LATER, partner_center_conn_id="another_name")]
        async with _running(*triggers) as [staying, failing]:
            await comes_true(lambda: len(emulator.api_requests) >= 2)
            monkeypatch.delenv("AIRFLOW_CONN_ANOTHER_NAME")
            failed = await failing
            emulator.today = date(2026, 11, 21)
            return failed, await staying

    failed, stayed = asyncio.run(scene())
    assert "'another_name' does not exist" in failed["message"]
    assert stayed["status"] == "success"


def test_refusal_is_told_at_once(emulator):
    """What a person must heal is not looked at again."""
    emulator.answer_next(FORBIDDEN, PARTNER, times=9)
    event = asyncio.run(_fire(_trigger()))
    assert (event["status"], event["error"]) == ("error", "ApiError")
    assert "role" in event["message"]
    assert len(emulator.api_requests) == 1


def test_what_partner_center_asked_for_holds_for_all(emulator):
    """Nobody looks before, neither those who wait nor who comes."""
    times = []

    def answer(_):
        times.append(time.monotonic())
        if len(times) > 1:
            return Answer()
        return Answer(429, {"statusCode": 429, "message": "slow down"}, headers={"Retry-After": "3"})

    emulator.answer_next(answer, PARTNER, times=2)

    async def scene():
        async with _running(_trigger(poll_interval=0.1)) as [waiting]:
            await comes_true(lambda: len(times) >= 1)
            await asyncio.sleep(0.3)
            assert (await _fire(_trigger(poll_interval=0.1)))["status"] == "success"
            assert (await waiting)["status"] == "success"

    asyncio.run(scene())
    assert times[1] - times[0] >= 3


def test_event_loop_goes_on_while_partner_center_is_slow(emulator):
    """Imports, sign-in and answers are all beside the loop; measured as Airflow's own watchdog does."""
    emulator.answer_next(Answer(delay_seconds=3), PARTNER)
    worst = 0.0

    async def watchdog():
        nonlocal worst
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.1)
            worst = max(worst, time.monotonic() - began - 0.1)

    async def scene():
        watching = asyncio.create_task(watchdog())
        event = await _fire(_trigger())
        watching.cancel()
        return event

    assert asyncio.run(scene())["status"] == "success"
    assert worst < 1


def test_garbage_collection_does_not_look_through_what_airflow_has_loaded(emulator):
    """That would block the event loop for longer than Airflow likes; what is made later is collected as ever."""
    gc.unfreeze()
    spare_what_is_loaded.cache_clear()
    loaded = len(gc.get_objects())
    asyncio.run(_fire(_trigger()))
    spared = gc.get_freeze_count()
    # All but what was young and dropped.
    assert spared > 0.9 * loaded > 100_000
    assert len(gc.get_objects()) < 0.5 * loaded

    class Cycle:
        def __init__(self):
            self.itself = self

    made_later = weakref.ref(Cycle())
    asyncio.run(_fire(_trigger()))
    assert gc.get_freeze_count() <= spared, "it happens once, or what triggers drop would pile up"
    gc.collect()
    assert made_later() is None


def test_what_a_look_asks_of_airflow_goes_through_the_triggers_loop():
    """On Airflow 3.0 and 3.1 a Variable read from another loop ends the triggerer's runner."""

    async def loop_of_the_answer():
        return asyncio.get_running_loop()

    def work():
        return threading.current_thread().name, async_to_sync(loop_of_the_answer)()

    async def scene():
        name, loop = await polls_of_this_loop().in_thread(work)
        assert name.startswith("partner_center_poll")
        assert loop is asyncio.get_running_loop()

    asyncio.run(scene())


def test_leaving_does_not_cancel_what_a_look_has_asked_of_airflow():
    """Who leaves waits for nothing; the answer is taken off the line nevertheless."""
    asked, answered = threading.Event(), threading.Event()

    async def ask(answer):
        asked.set()
        await answer.wait()
        answered.set()

    async def scene():
        answer = asyncio.Event()
        leaving = asyncio.create_task(polls_of_this_loop().in_thread(async_to_sync(ask), answer))
        await comes_true(asked.is_set)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(leaving, PATIENCE)
        assert not answered.is_set()
        answer.set()
        await comes_true(answered.is_set)

    asyncio.run(scene())


def test_two_loops_of_one_process_do_not_meet(emulator):
    """dag.test() runs each trigger in a loop of its own."""
    assert [asyncio.run(_fire(_trigger()))["status"] for _ in range(3)] == ["success"] * 3
    assert len(emulator.api_requests) == 3


def test_two_connections_with_the_same_credentials_share_a_poll(emulator, connect):
    """What counts is what they say, not how they are called."""
    connect(emulator, "another_name")

    async def scene():
        triggers = [_trigger(), _trigger(partner_center_conn_id="another_name")]
        return await asyncio.gather(*map(_fire, triggers))

    assert [event["status"] for event in asyncio.run(scene())] == ["success", "success"]
    assert len(emulator.api_requests) == 1


def test_different_questions_do_not_share_a_poll_but_the_token(emulator):
    """One client for one set of credentials."""

    async def scene():
        triggers = [_trigger(), _trigger(resource="partner_licenses_usage"), _trigger(resource="licenses_usage")]
        first = await _fire(triggers[0])
        return [first, *await asyncio.gather(*map(_fire, triggers[1:]))]

    assert {event["status"] for event in asyncio.run(scene())} == {"success"}
    assert len({request.path for request in emulator.api_requests}) == 3
    assert len(emulator.token_requests) == 1


def test_connection_that_changes_is_followed(emulator, connect):
    """A new secret or address counts from the next look on, for all who wait."""

    def answer(request):
        return Answer() if "ms-partnercenter-application" in request.headers else UNAVAILABLE

    emulator.answer_next(answer, PARTNER, times=99)

    async def scene():
        triggers = [_trigger(max_consecutive_failures=None) for _ in range(3)]
        async with _running(*triggers) as tasks:
            await comes_true(lambda: len(emulator.api_requests) >= 2)
            connect(emulator, application_name="changed")
            return await asyncio.gather(*tasks)

    assert {event["status"] for event in asyncio.run(scene())} == {"success"}
    last = emulator.api_requests[-1]
    assert last.headers["ms-partnercenter-application"] == "changed"
    assert sum("ms-partnercenter-application" in request.headers for request in emulator.api_requests) == 1


class TokensOfTheMoment(BaseSecretsBackend):
    """A secrets backend that makes a new access token at each read of a connection, as those of clouds do."""

    emulators: ClassVar = {}
    reads: ClassVar = []

    def get_conn_value(self, conn_id, team_name=None):
        """Return the connection with a new token."""
        if conn_id not in self.emulators:
            return None
        self.reads.append(conn_id)
        fields = self.emulators[conn_id].connection("access_token")
        return json.dumps(fields)


@pytest.fixture
def mint(monkeypatch):
    """Let connections come from a secrets backend that makes a new token at each read; returns them and the reads."""
    monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND", f"{__name__}.TokensOfTheMoment")
    forget_secrets_backends()
    yield TokensOfTheMoment
    TokensOfTheMoment.emulators.clear()
    TokensOfTheMoment.reads.clear()
    forget_secrets_backends()


def _tokens(emulator):
    return {request.headers["authorization"] for request in emulator.api_requests}


def test_new_access_token_at_each_read_is_no_new_connection(emulator, mint):
    """All share one poll, which reads the connection once a look; a token is used until it is refused."""
    mint.emulators["minting"] = emulator

    async def scene():
        triggers = [_trigger(newer_than=LATER, partner_center_conn_id="minting") for _ in range(5)]
        async with _running(*triggers) as tasks:
            await comes_true(lambda: len(emulator.api_requests) >= 4)
            assert len(mint.reads) <= len(emulator.api_requests) + 2
            assert len(_tokens(emulator)) == 1
            emulator.expire_access_tokens()
            await comes_true(lambda: len(_tokens(emulator)) >= 2)
            emulator.today = date(2026, 11, 21)
            return await asyncio.gather(*tasks)

    assert {event["status"] for event in asyncio.run(scene())} == {"success"}
    assert len(_tokens(emulator)) == 2
    assert len(mint.reads) <= len(emulator.api_requests) + 2


def test_access_token_that_is_refused_and_not_renewed_is_an_error(emulator, connect):
    """Whoever supplies it must act; waiting on would not help."""
    connect(emulator, **emulator.connection("access_token")["extra"])

    async def scene():
        async with _running(_trigger(newer_than=LATER)) as [waiting]:
            await comes_true(lambda: len(emulator.api_requests) >= 2)
            emulator.expire_access_tokens()
            return await waiting

    event = asyncio.run(scene())
    assert (event["status"], event["error"]) == ("error", "AccessTokenRefusedError")


def test_access_tokens_of_two_connections_do_not_share_a_poll(emulator, mint):
    """They may be those of two partners, as nothing else of the connections need differ."""
    mint.emulators |= {"minting": emulator, "another_partner": emulator}

    async def scene():
        triggers = [_trigger(partner_center_conn_id=conn_id) for conn_id in ("minting", "another_partner")]
        return await asyncio.gather(*map(_fire, triggers))

    assert [event["status"] for event in asyncio.run(scene())] == ["success", "success"]
    assert len(_tokens(emulator)) == len(emulator.api_requests) == 2


def test_missing_connection_is_an_error_that_says_so():
    """Airflow is asked in the triggerer, not on the worker."""
    event = asyncio.run(_fire(_trigger(partner_center_conn_id="no_such")))
    assert event["error"] == "ConfigurationError"
    assert "'no_such' does not exist" in event["message"]


@pytest.mark.parametrize("interval", [59.9, 0, -1, float("nan"), float("inf"), "60", True, None], ids=str)
def test_interval_below_a_minute_is_refused(emulator, connect, interval):
    """Microsoft discourages polling; nothing is sent."""
    connect(emulator, host="https://api.partnercenter.microsoft.com")
    event = asyncio.run(_fire(_trigger(poll_interval=interval)))
    assert event["error"] == "ConfigurationError"
    assert "poll_interval" in event["message"]
    assert emulator.requests == []


@pytest.mark.parametrize("host", ["https://127.0.0.1.example.com", "https://localhost.example.com", None])
def test_only_this_machine_may_be_asked_at_any_pace(emulator, connect, host):
    """A name that looks like it is none."""
    connect(emulator, host=host)
    assert asyncio.run(_fire(_trigger()))["error"] == "ConfigurationError"
    assert emulator.requests == []


def test_deadline_ends_it_after_one_look_at_least(emulator):
    """However late it is, it looks once; the message says what was there."""
    past = datetime.now(UTC) - timedelta(hours=1)
    assert asyncio.run(_fire(_trigger(deadline=past.isoformat())))["status"] == "success"
    event = asyncio.run(_fire(_trigger(deadline=past.isoformat(), newer_than=LATER)))
    assert event["status"] == "timeout"
    assert "crm/reseller 2026-11-16T00:00:00Z" in event["message"]


def test_deadline_without_an_offset_is_utc(emulator):
    """As newer_than is; what is no time is told before anything is asked."""
    past = datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=1)
    event = asyncio.run(_fire(_trigger(deadline=past.isoformat(), newer_than=LATER)))
    assert event["status"] == "timeout"
    asked = len(emulator.requests)
    event = asyncio.run(_fire(_trigger(deadline="tomorrow")))
    assert event["error"] == "ConfigurationError"
    assert event["message"].startswith("deadline 'tomorrow' is not an ISO 8601 time")
    assert len(emulator.requests) == asked


def test_deadline_ends_it_while_every_look_fails(emulator):
    """Also where no look has ever worked."""
    emulator.answer_next(UNAVAILABLE, PARTNER, times=99)
    deadline = datetime.now(UTC) + timedelta(seconds=1)
    event = asyncio.run(_fire(_trigger(deadline=deadline.isoformat(), max_consecutive_failures=None)))
    assert event["status"] == "timeout"
    assert "no look has worked" in event["message"]


def test_deadline_ends_it_while_the_others_of_its_poll_are_asked_to_wait(emulator, monkeypatch):
    """Who joins a poll that may not look has no first look; it is told before Airflow ends it without a word."""
    monkeypatch.setattr(f"{PartnerCenterLicensesTrigger.__module__}._SECONDS_FOR_THE_FIRST_LOOK", 0.5)
    emulator.answer_next(Answer(429, {"statusCode": 429}, headers={"Retry-After": "3600"}), PARTNER, times=9)
    deadline = datetime.now(UTC).isoformat()

    async def scene():
        async with _running(_trigger()):
            await comes_true(lambda: len(emulator.api_requests) >= 1)
            await asyncio.sleep(0.2)
            return await _fire(_trigger(deadline=deadline))

    with at_once():
        event = asyncio.run(scene())
    assert event["status"] == "timeout"
    assert "no look has worked" in event["message"]
    assert len(emulator.api_requests) == 1


def test_no_secret_is_in_arguments_events_or_logs(emulator, logs):
    """Neither when it works nor when it fails."""
    emulator.answer_next(UNAVAILABLE, PARTNER)
    trigger = _trigger(max_consecutive_failures=1)
    events = [asyncio.run(_fire(trigger)) for _ in range(2)]
    assert [event["status"] for event in events] == ["error", "success"]
    tokens = [request.headers["authorization"].split()[1] for request in emulator.api_requests]
    texts = [str(trigger.serialize()), repr(trigger), str(events), logs.text]
    for secret in (emulator.client_secret, emulator.refresh_token, *tokens):
        assert not any(secret in text for text in texts)


def test_unexpected_error_of_a_look_is_told_without_its_text(emulator, logs, monkeypatch):
    """Whatever breaks below may repeat what it was sent: event and log name its kind alone, and where it came from."""
    sent = f"{emulator.client_secret} {emulator.refresh_token} canary-of-no-masker"

    def broken(*_, **__):
        raise RuntimeError(f"cannot resolve; was asked to send {sent}")

    monkeypatch.setattr(socket, "getaddrinfo", broken)
    event = asyncio.run(_fire(_trigger(max_consecutive_failures=2)))
    assert event["error"] == "TransportError"
    assert "A look at partner_licenses_deployment was ended by an unexpected RuntimeError." in event["message"]
    assert "in broken" in logs.text
    for secret in sent.split():
        assert secret not in str(event)
        assert secret not in logs.text
