"""The retry policy, through Airflow's own task runner."""

from datetime import timedelta

import pytest

from tests.support.airflow_versions import needs_airflow

needs_airflow(">=3.3")

# ruff: noqa: E402 - what follows is not there on other versions
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, task
from airflow.sdk.definitions.retry_policy import RetryAction

from airflow_partnercenter.emulator import Answer
from airflow_partnercenter.exceptions import (
    IncompleteResultError,
    InteractionRequiredError,
    ServiceError,
    ThrottledError,
    TokenServiceError,
)
from airflow_partnercenter.hooks.partner_center import PartnerCenterHook
from airflow_partnercenter.operators.partner_center import PartnerCenterListLicensesOperator
from airflow_partnercenter.retry_policies.partner_center import PartnerCenterRetryPolicy
from tests.support.airflow_runs import run_task

PARTNER = "/v1/analytics/licenses/deployment"


@pytest.fixture(autouse=True)
def connected(emulator, connect, monkeypatch):
    """The default connection leads to the emulator, and each request is sent once."""
    from airflow_partnercenter.api.wire.retrying import RetryPolicy

    monkeypatch.setattr(PartnerCenterHook, "retry", RetryPolicy(attempts=1, total_seconds=1))
    connect(emulator)


def _list(**arguments):
    return run_task(
        lambda: PartnerCenterListLicensesOperator(
            task_id="t", resource="partner_licenses_deployment", retry_policy=PartnerCenterRetryPolicy(), **arguments
        )
    )


def test_next_try_waits_as_long_as_partner_center_asked(emulator):
    """And not as long as retry_delay, which would be an hour here."""
    import time

    times = []

    def answer(_):
        times.append(time.monotonic())
        if len(times) > 1:
            return Answer()
        return Answer(429, {"statusCode": 429, "message": "slow down"}, headers={"Retry-After": "3"})

    emulator.answer_next(answer, PARTNER, times=2)
    done = _list(retries=1, retry_delay=timedelta(hours=1))
    assert (done.state, done.try_number) == ("success", 2)
    assert 3 <= times[1] - times[0] < 600


def test_task_of_ones_own_that_needs_a_person_is_not_tried_again(emulator):
    """A task that calls the hook raises our error itself: the policy is asked, and ends it."""
    emulator.answer_next(Answer(403, {"code": 900150, "description": "no role"}), PARTNER, times=9)

    def make():
        @task(retries=3, retry_delay=timedelta(0), retry_policy=PartnerCenterRetryPolicy())
        def read():
            PartnerCenterHook().list_licenses("partner_licenses_deployment")

        return read().operator

    done = run_task(make)
    assert (done.state, done.try_number) == ("failed", 1)
    assert len(emulator.api_requests) == 1


def test_other_failures_keep_the_tasks_own_delay(emulator):
    """5xx without a word about when to return: retry_delay."""
    emulator.answer_next(Answer(503, {"code": 503}), PARTNER)
    done = _list(retries=1, retry_delay=timedelta(0))
    assert (done.state, done.try_number) == ("success", 2)


def test_retries_stay_the_limit(emulator):
    """The policy gives no further try than the task has."""
    emulator.answer_next(Answer(429, {}, headers={"Retry-After": "1"}), PARTNER, times=9)
    done = _list(retries=1)
    assert (done.state, done.try_number) == ("failed", 2)
    assert len(emulator.api_requests) == 2


def _caused(error, cause):
    """Return an error that was raised from another."""
    try:
        raise error from cause  # noqa: TRY301 - that is the point
    except Exception as raised:
        return raised


def _while_meeting(cause):
    """Return an error that came up while another was being met."""
    try:
        try:
            raise cause  # noqa: TRY301 - the same
        except Exception:
            raise KeyError("rows")  # noqa: B904 - the same
    except KeyError as raised:
        return raised


@pytest.mark.parametrize(
    ("exception", "action", "seconds"),
    [
        (ThrottledError("x", retry_after_seconds=57), RetryAction.RETRY, 57),
        (TokenServiceError("x", retry_after_seconds=0.5), RetryAction.RETRY, 0.5),
        (ThrottledError("x"), RetryAction.DEFAULT, None),
        (IncompleteResultError("x"), RetryAction.DEFAULT, None),
        (InteractionRequiredError("x"), RetryAction.FAIL, None),
        (_caused(AirflowFailException("x"), InteractionRequiredError("y")), RetryAction.FAIL, None),
        (_caused(AirflowException("x"), ThrottledError("y", retry_after_seconds=9)), RetryAction.RETRY, 9),
        (_caused(RuntimeError("x"), _caused(ValueError("y"), InteractionRequiredError("z"))), RetryAction.FAIL, None),
        (_while_meeting(InteractionRequiredError("y")), RetryAction.FAIL, None),
        (_caused(RuntimeError("x"), None), RetryAction.DEFAULT, None),
        (ServiceError("x", retry_after_seconds=120), RetryAction.RETRY, 120),
        (ZeroDivisionError(), RetryAction.DEFAULT, None),
    ],
    ids=repr,
)
def test_decision(exception, action, seconds):
    """Ours, or what another was caused by; anything else is left to the task."""
    decision = PartnerCenterRetryPolicy().evaluate(exception, 1, 3)
    assert decision.action is action
    assert decision.retry_delay == (timedelta(seconds=seconds) if seconds else None)


def test_circle_of_causes_ends():
    """Whatever made it."""
    first, second = ValueError(1), ValueError(2)
    first.__cause__, second.__cause__ = second, first
    assert PartnerCenterRetryPolicy().evaluate(first, 1, 3).action is RetryAction.DEFAULT
