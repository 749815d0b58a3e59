"""The sensor in its three modes, run by Airflow itself against the emulator."""

import json
import os
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
)

from airflow_partnercenter.emulator import Answer
from airflow_partnercenter.sensors.partner_center import PartnerCenterLicensesSensor
from tests.conftest import TODAY
from tests.support.airflow_runs import run_task
from tests.support.documented import query_of
from tests.support.lazy_sequence import LazySequence
from tests.support.patience import at_once

MODES = {"poke": {"mode": "poke"}, "reschedule": {"mode": "reschedule"}, "deferrable": {"deferrable": True}}
PARTNER = "/v1/analytics/licenses/deployment"
COMMERCIAL = "/analytics/commercial/"
UNAVAILABLE = Answer(503, {"code": 503, "description": "down"})
THROTTLED = Answer(429, {"statusCode": 429, "message": "slow down"}, headers={"Retry-After": "3"})
FORBIDDEN = Answer(403, {"code": 900150, "description": "The supplied role does not have the rights"})
FRESH = "2026-11-10"
#: The emulator's crm is four days behind.
LATER = "2026-11-17"


#: On Airflow 3.0 ``dag.test()`` fails at the second look, as it has the time of the first one as a text.
RESCHEDULED = pytest.param("reschedule", marks=pytest.mark.airflow("!=3.0.*"))


@pytest.fixture(params=["poke", RESCHEDULED, "deferrable"])
def wait(request, emulator, connect, monkeypatch):
    """Return a function that runs the sensor in one of the modes; each request is sent once, to be over soon."""
    from airflow_partnercenter.api.wire.retrying import RetryPolicy
    from airflow_partnercenter.hooks.partner_center import PartnerCenterHook

    monkeypatch.setattr(PartnerCenterHook, "retry", RetryPolicy(attempts=1, total_seconds=1))
    connect(emulator)

    def run(*, logical_date=None, **arguments):
        arguments = {
            "resource": "partner_licenses_deployment",
            "newer_than": FRESH,
            "poke_interval": 0.2,
            "timeout": 60,  # a week, by default: what should have failed would wait for good
        } | arguments
        return run_task(
            lambda: PartnerCenterLicensesSensor(task_id="wait", **MODES[request.param], **arguments),
            logical_date=logical_date,
        )

    run.mode = request.param
    return run


#: Each look of the mode ``reschedule`` is a process of its own; what they count needs Airflow's store of task states.
in_modes_that_count_failures = pytest.mark.parametrize(
    "wait",
    ["poke", pytest.param("reschedule", marks=pytest.mark.airflow(">=3.3")), "deferrable"],
    indirect=True,
)


def _returned(task_instance):
    return task_instance.xcom_pull(task_ids="wait")


def test_all_dates_new_enough_succeeds_and_returns_them(wait, emulator):
    """The partner resource is one request; each service and channel comes with its date."""
    done = wait()
    assert done.state == "success"
    assert _returned(done) == [
        {"service_name": "crm", "channel": "reseller", "processed_date_time": "2026-11-16T00:00:00.000000Z"},
        {"service_name": "o365", "channel": "reseller", "processed_date_time": "2026-11-19T03:13:07.950000Z"},
    ]
    assert [request.path for request in emulator.api_requests] == [PARTNER]


@pytest.mark.parametrize(
    "resource",
    ["partner_licenses_usage", "customer_licenses_deployment", "customer_licenses_usage", "licenses_usage"],
)
def test_every_resource_can_be_waited_for(wait, emulator, resource):
    """Groups are services and channels, and workloads where there are some."""
    query = query_of(resource) and {"customer_id": emulator.partner.customers[0].id}
    done = wait(resource=resource, **query)
    assert done.state == "success"
    workload = ("workload_name" in row or "workload_code" in row for row in _returned(done))
    assert set(workload) == {"usage" in resource}


def test_one_service_behind_is_waited_for(wait, emulator):
    """It goes on looking while the oldest service is too old, and succeeds when that one has moved."""
    emulator.today = TODAY
    looks = []

    def answer(request):
        looks.append(request)
        if len(looks) == 3:
            emulator.today = date(2026, 11, 21)
        return Answer()

    emulator.answer_next(answer, PARTNER, times=3)
    try:
        done = wait(newer_than=LATER, timeout=60)
    finally:
        emulator.today = TODAY
    assert done.state == "success"
    assert len(looks) == 3
    assert _returned(done)[0]["processed_date_time"] == "2026-11-17T00:00:00.000000Z"


def test_time_runs_out(wait, emulator):
    """The task fails when the sensor's timeout is over, and is not tried again."""
    done = wait(newer_than=LATER, timeout=0.5, retries=3, retry_delay=timedelta(0))
    assert (done.state, done.try_number) == ("failed", 1)
    assert emulator.api_requests


def test_time_runs_out_softly(wait):
    """soft_fail makes it a skip."""
    assert wait(newer_than=LATER, timeout=0.5, soft_fail=True).state == "skipped"


@pytest.mark.parametrize(
    ("told", "state"), [({"soft_fail": True}, "skipped"), ({"never_fail": True}, "skipped"), ({}, "failed")]
)
def test_refusal_ends_it_at_once(wait, emulator, told, state):
    """What a person must heal is not looked at again, nor retried; soft_fail and never_fail make it a skip."""
    emulator.answer_next(FORBIDDEN, PARTNER, times=99)
    done = wait(retries=3, retry_delay=timedelta(0), **told)
    assert done.state == state
    assert done.try_number == 1
    assert len(emulator.api_requests) == 1


def test_failures_that_may_heal_are_borne(wait, emulator):
    """Fewer than max_consecutive_failures in a row do nothing; one that works starts the count again."""
    emulator.answer_next(UNAVAILABLE, PARTNER, times=2)
    emulator.answer_next(Answer(), PARTNER)
    emulator.answer_next(UNAVAILABLE, PARTNER, times=2)
    emulator.today = date(2026, 11, 20)

    def move(_):
        emulator.today = date(2026, 11, 21)
        return Answer()

    emulator.answer_next(move, PARTNER)
    try:
        done = wait(newer_than=LATER, max_consecutive_failures=3, timeout=60)
    finally:
        emulator.today = TODAY
    assert done.state == "success"
    assert len(emulator.api_requests) == 6


@in_modes_that_count_failures
@pytest.mark.parametrize(("told", "state"), [({"never_fail": True}, "skipped"), ({"soft_fail": True}, "failed")])
def test_too_many_failures_end_it_with_the_last_cause(wait, emulator, told, state):
    """As Airflow's other sensors: never_fail makes any failure a skip, soft_fail only those that are final."""
    emulator.answer_next(UNAVAILABLE, PARTNER, times=99)
    done = wait(max_consecutive_failures=3, timeout=60, **told)
    assert done.state == state
    assert len(emulator.api_requests) == 3


@in_modes_that_count_failures
@pytest.mark.airflow("!=3.0.*")  # its dag.test() resumes a deferred task's second try where the first one ended
def test_airflows_retries_begin_again_after_too_many_failures(wait, emulator):
    """The error may heal, so Airflow tries again, and counts from the start."""
    emulator.answer_next(UNAVAILABLE, PARTNER, times=3)
    done = wait(max_consecutive_failures=2, timeout=60, retries=1, retry_delay=timedelta(0))
    assert done.state == "success"
    assert done.try_number == 2
    assert len(emulator.api_requests) == 4


@pytest.mark.airflow("<3.3")
@pytest.mark.parametrize("wait", [RESCHEDULED], indirect=True)
def test_rescheduled_sensor_bears_every_failure_where_none_is_counted(wait, emulator):
    """Its own timeout is what ends it then."""
    emulator.answer_next(UNAVAILABLE, PARTNER, times=3)
    done = wait(max_consecutive_failures=2)
    assert done.state == "success"
    assert len(emulator.api_requests) == 4


def test_silent_fail_goes_on(wait, emulator):
    """Failures that may heal never end it then."""
    emulator.answer_next(UNAVAILABLE, PARTNER, times=4)
    done = wait(max_consecutive_failures=2, timeout=60, silent_fail=True)
    assert done.state == "success"
    assert len(emulator.api_requests) == 5


def test_never_sooner_than_partner_center_asked(wait, emulator):
    """A wait that is longer than poke_interval is honoured between two looks."""
    times = []

    def answer(_):
        times.append(time.monotonic())
        return THROTTLED if len(times) == 1 else Answer()

    emulator.answer_next(answer, PARTNER, times=2)
    assert wait(timeout=60).state == "success"
    assert times[1] - times[0] >= 3


@pytest.mark.parametrize("wait", ["poke", RESCHEDULED], indirect=True)
@pytest.mark.parametrize(("soft_fail", "state"), [(False, "failed"), (True, "skipped")])
def test_wait_that_outlasts_the_timeout_is_not_waited_for(wait, emulator, soft_fail, state):
    """Partner Center asks for an hour, the sensor has a minute: its worker is free at once."""
    emulator.answer_next(Answer(429, {"statusCode": 429}, headers={"Retry-After": "3600"}), PARTNER, times=9)
    with at_once():
        assert wait(timeout=60, soft_fail=soft_fail).state == state
    assert len(emulator.api_requests) == 1


def test_wait_of_an_earlier_look_does_not_outlast_a_later_one(connect, emulator, monkeypatch):
    """It was waited for, whatever has happened to the look after it."""
    from airflow_partnercenter.api.wire.retrying import RetryPolicy
    from airflow_partnercenter.hooks.partner_center import PartnerCenterHook

    monkeypatch.setattr(PartnerCenterHook, "retry", RetryPolicy(attempts=1, total_seconds=1))
    connect(emulator)
    emulator.answer_next(THROTTLED, PARTNER)
    sensor = PartnerCenterLicensesSensor(
        task_id="t", resource="partner_licenses_deployment", newer_than=FRESH, poke_interval=1, timeout=10
    )
    assert not sensor.poke({}).is_done
    assert sensor._get_next_poke_interval(datetime.now(UTC), lambda: 1.0, 1) == 3
    sensor.newer_than = "tomorrow"
    with pytest.raises(AirflowFailException):
        sensor.poke({})
    assert sensor._get_next_poke_interval(datetime.now(UTC), lambda: 8.0, 2) == 1


def test_no_data_is_not_fresh(wait, emulator):
    """An empty answer, as the older resources have been seen to give, never succeeds."""
    emulator.answer_next(Answer(200, {"totalCount": 0, "items": []}), PARTNER, times=99)
    assert wait(timeout=0.5).state == "failed"


def test_unknown_date_is_not_fresh(wait, emulator):
    """A service without a date keeps it waiting."""
    rows = [{"serviceName": "crm", "channel": "reseller"}]
    emulator.answer_next(Answer(200, {"totalCount": 1, "items": rows}), PARTNER, times=99)
    assert wait(timeout=0.5).state == "failed"


@pytest.mark.parametrize(
    "wrong",
    [
        {"newer_than": None},
        {"newer_than": ""},
        {"newer_than": "yesterday"},
        # on Airflow 2 every run has a logical date
        pytest.param({"newer_than": "{{ ds }}"}, marks=pytest.mark.airflow(">=3.0")),
        {"newer_than": "{{ none }}"},
        {"newer_than": 7},
        {"resource": "licences"},
        {"resource": "customer_licenses_usage"},
        {"resource": "licenses_usage", "customer_id": "0112a436-b14e-4888-967b-ca4bb2cf1234"},
        {"filter_expression": "serviceCode eq 'o365'"},
        {"max_consecutive_failures": 0},
        {"partner_center_conn_id": "no_such_connection"},
    ],
    ids=str,
)
def test_arguments_that_cannot_work_fail_before_any_request(wait, emulator, wrong):
    """In every mode, at once and for good; {{ ds }} is not there in a run without a logical date."""
    done = wait(retries=2, retry_delay=timedelta(0), **wrong)
    assert (done.state, done.try_number) == ("failed", 1)
    assert emulator.requests == []


@pytest.mark.parametrize(
    "newer_than",
    [
        "2026-11-16",
        "2026-11-16T00:00:00",
        "2026-11-16T02:00:00+02:00",
        "2026-11-16T00:00:00Z",
        date(2026, 11, 16),
        datetime(2026, 11, 16),
        datetime(2026, 11, 16, tzinfo=UTC),
        "{{ ds }}",
        "{{ logical_date }}",
    ],
    ids=str,
)
def test_newer_than_is_a_day_or_a_time(wait, newer_than):
    """The date that crm has, to the second, however it is written; without an offset it is UTC."""
    assert wait(newer_than=newer_than, timeout=0, logical_date=datetime(2026, 11, 16, tzinfo=UTC)).state == "success"


@pytest.mark.parametrize("newer_than", ["2026-11-16T00:00:01", "2026-11-15T22:00:01-02:00", "{{ dag_run.run_after }}"])
def test_a_second_later_is_too_late(wait, newer_than):
    """Crm was processed for midnight, not a second after."""
    assert wait(newer_than=newer_than, timeout=0).state == "failed"


def test_deferrable_is_airflows_default_for_operators():
    """``[operators] default_deferrable`` decides where nothing is said; a fresh process reads it."""
    code = (
        "from airflow_partnercenter.sensors.partner_center import PartnerCenterLicensesSensor as S\n"
        "print(S(task_id='t', resource='licenses_usage', newer_than='2026-11-20').deferrable)"
    )
    for value in ("True", "False"):
        environment = os.environ | {"AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE": value}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        assert done.stdout.split()[-1] == value


@pytest.mark.parametrize("mode", MODES)
def test_too_short_an_interval_is_refused_unless_it_is_for_this_machine(connect, emulator, mode):
    """Microsoft discourages polling; the emulator may be asked at any pace, which all tests here do."""
    connect(emulator, host=None, ca_bundle=None, authority=None)
    done = run_task(
        lambda: PartnerCenterLicensesSensor(
            task_id="wait", resource="licenses_usage", newer_than=FRESH, poke_interval=59, timeout=5, **MODES[mode]
        )
    )
    assert done.state == "failed"
    assert emulator.requests == []


def test_deferring_asks_nothing_on_the_worker(connect, emulator):
    """The worker only checks the arguments; the trigger's hold neither secrets nor anything but JSON."""
    from airflow.providers.common.compat.sdk import TaskDeferred

    connect(emulator)
    sensor = PartnerCenterLicensesSensor(task_id="t", resource="licenses_usage", newer_than=FRESH, deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        sensor.execute({})
    path, arguments = deferred.value.trigger.serialize()
    assert path == "airflow_partnercenter.triggers.partner_center.PartnerCenterLicensesTrigger"
    assert json.loads(json.dumps(arguments)) == arguments
    deadline = datetime.fromisoformat(arguments.pop("deadline"))
    assert abs((deadline - datetime.now(UTC)).total_seconds() - sensor.timeout) < 60
    assert arguments == {
        "resource": "licenses_usage",
        "newer_than": "2026-11-10T00:00:00+00:00",
        "customer_id": None,
        "filter_expression": None,
        "partner_center_conn_id": "partner_center_default",
        "poll_interval": 900.0,
        "max_consecutive_failures": 5,
    }
    assert emulator.requests == []


def test_customers_of_another_task_are_asked_for_once(connect, emulator):
    """Each item may be a request to Airflow's server, and there may be many looks."""
    connect(emulator)
    customers = LazySequence([customer.id for customer in emulator.partner.customers][:3])
    sensor = PartnerCenterLicensesSensor(
        task_id="t", resource="customer_licenses_usage", customer_id=customers, newer_than=LATER, poke_interval=0.1
    )
    for _ in range(2):
        assert not sensor.poke({}).is_done
    assert customers.times_asked == 1


def test_airflows_own_timeout_leaves_the_trigger_time_to_say_why(connect, emulator):
    """Both at one instant, the scheduler might come first, and what the trigger saw would be lost."""
    from airflow.providers.common.compat.sdk import TaskDeferred

    connect(emulator)
    sensor = PartnerCenterLicensesSensor(
        task_id="t", resource="licenses_usage", newer_than=FRESH, deferrable=True, timeout=600
    )
    with pytest.raises(TaskDeferred) as deferred:
        sensor.execute({})
    assert deferred.value.timeout == timedelta(seconds=660)


@pytest.mark.parametrize(
    ("reason", "arguments"),
    [
        ("Trigger timeout", {}),
        ("Trigger/execution timeout", {}),
        # Airflow 3 never says so of an execution_timeout.
        ("Trigger timeout", {"execution_timeout": timedelta(hours=1)}),
    ],
    ids=["3", "2.11", "3 with execution_timeout"],
)
def test_wait_that_airflow_ended_is_a_timeout_like_any_other(reason, arguments):
    """Without a triggerer the scheduler ends it: no retry, and skipped where that was asked for."""
    wait = {"task_id": "t", "resource": "licenses_usage", "newer_than": FRESH, "deferrable": True, **arguments}
    with pytest.raises(AirflowSensorTimeout, match="no triggerer reported why"):
        PartnerCenterLicensesSensor(**wait).resume_execution("__fail__", {"error": reason}, {})
    with pytest.raises(AirflowSkipException):
        PartnerCenterLicensesSensor(**wait, soft_fail=True).resume_execution("__fail__", {"error": reason}, {})


@pytest.mark.parametrize(
    ("reason", "arguments"),
    [("Trigger failure", {}), ("Trigger/execution timeout", {"execution_timeout": timedelta(hours=1)})],
    ids=["trigger", "execution_timeout"],
)
def test_other_end_of_a_wait_is_airflows_matter(reason, arguments):
    """A trigger that fails, or an execution_timeout that came first: Airflow's own error, and its retries."""
    sensor = PartnerCenterLicensesSensor(
        task_id="t", resource="licenses_usage", newer_than=FRESH, deferrable=True, **arguments
    )
    with pytest.raises(AirflowException, match=reason) as caught:
        sensor.resume_execution("__fail__", {"error": reason}, {})
    assert not isinstance(caught.value, AirflowSensorTimeout | AirflowFailException)


@pytest.mark.parametrize("mode", ["poke", "reschedule"])
def test_exponential_back_off_does_not_begin_below_the_least_interval(mode):
    """Airflow's first step is half of the interval, which may be less than Microsoft would like."""
    sensor = PartnerCenterLicensesSensor(
        task_id="t", resource="licenses_usage", newer_than=FRESH, poke_interval=60, mode=mode, exponential_backoff=True
    )
    for looks in range(1, 5):
        assert sensor._get_next_poke_interval(datetime.now(UTC), lambda: 0.0, looks) >= 60


@pytest.mark.parametrize("event", [None, {}, {"status": "unheard of"}, "success"], ids=str)
def test_unknown_event_fails(event):
    """A trigger of another version is not taken for success."""
    sensor = PartnerCenterLicensesSensor(task_id="t", resource="licenses_usage", newer_than=FRESH)
    with pytest.raises(AirflowFailException, match="which this version does not know"):
        sensor.execute_complete({}, event)


def test_error_of_an_event_is_of_its_class(emulator):
    """So that a retry policy sees what the trigger saw; a name that is no error of ours is not looked up."""
    from airflow_partnercenter.exceptions import PartnerCenterError, ThrottledError
    from airflow_partnercenter.waiting import error_from_json, error_to_json

    error = ThrottledError("slow down", retry_after_seconds=57.0, correlation_id="c", request_id="r")
    again = error_from_json(json.loads(json.dumps(error_to_json(error))))
    assert type(again) is ThrottledError
    assert (str(again), again.retry_after_seconds, again.correlation_id) == ("slow down", 57.0, "c")
    assert again.request_id == "r"
    assert type(error_from_json({"error": "__builtins__", "message": "x"})) is PartnerCenterError
