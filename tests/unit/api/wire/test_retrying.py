"""Patience: what is tried again, how often, and when it ends."""

import time

import pytest

from airflow_partnercenter.api.wire.retrying import Clock, RetryPolicy, UndecodableBodyError
from airflow_partnercenter.exceptions import (
    ApiError,
    AuthenticationError,
    ConfigurationError,
    IncompleteResultError,
    ResponseFormatError,
    ServiceError,
    ThrottledError,
    TokenServiceError,
    TransportError,
)
from tests.support.patience import at_once


class _Attempts:
    """Fails in the given ways, then succeeds."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.count = 0

    def __call__(self) -> str:
        self.count += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


@pytest.mark.parametrize(
    "error",
    [TransportError("x"), ServiceError("x"), ThrottledError("x"), TokenServiceError("x"), UndecodableBodyError("x")],
    ids=lambda error: type(error).__name__,
)
def test_what_may_heal_is_tried_again(error):
    """One failure that may heal costs one more attempt."""
    attempts = _Attempts(error)
    assert RetryPolicy(attempts=3, total_seconds=5).call(attempts) == "done"
    assert attempts.count == 2


@pytest.mark.parametrize(
    "error",
    [
        ApiError("x"),
        AuthenticationError("x"),
        ConfigurationError("x"),
        ResponseFormatError("x"),
        ValueError("x"),
        KeyboardInterrupt(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_cannot_heal_stops_at_once(error):
    """A failure that no waiting mends is raised after one attempt."""
    attempts = _Attempts(error)
    with pytest.raises(type(error)):
        RetryPolicy(attempts=3, total_seconds=5).call(attempts)
    assert attempts.count == 1


def test_attempts_are_bounded_and_the_last_error_is_raised():
    """After the last attempt its own error comes out, not one of the retry library."""
    errors = [ServiceError(str(number)) for number in range(5)]
    attempts = _Attempts(*errors)
    with pytest.raises(ServiceError, match="1"):
        RetryPolicy(attempts=2, total_seconds=5).call(attempts)
    assert attempts.count == 2


def test_answers_that_ask_to_wait_are_no_failures():
    """A service that says when to come back is asked until the deadline; only what failed by itself is counted."""
    told_to_wait = [ThrottledError("busy", retry_after_seconds=0.01), ServiceError("busy", retry_after_seconds=0.01)]
    attempts = _Attempts(*told_to_wait * 3)
    assert RetryPolicy(attempts=2, total_seconds=20, back_off_seconds=0.01).call(attempts) == "done"
    assert attempts.count == 7
    attempts = _Attempts(ThrottledError("busy"), ServiceError("1"), ThrottledError("busy"), ServiceError("2"))
    with pytest.raises(ServiceError, match="2"):
        RetryPolicy(attempts=2, total_seconds=20, back_off_seconds=0.01).call(attempts)


def test_one_attempt_is_one():
    """Whoever wants one request gets one, whatever it is answered."""
    attempts = _Attempts(ThrottledError("busy", retry_after_seconds=0.01))
    with pytest.raises(ThrottledError):
        RetryPolicy(attempts=1, total_seconds=20).call(attempts)
    assert attempts.count == 1


def test_asked_wait_is_not_undercut():
    """The wait the service asked for is kept to, and not much more."""
    waits: list[float] = []
    slept: list[float] = []
    attempts = _Attempts(ThrottledError("x", retry_after_seconds=0.4))
    policy = RetryPolicy(attempts=2, total_seconds=5)
    policy.call(attempts, on_wait=lambda seconds, _: waits.append(seconds), sleep=slept.append)
    [seconds] = waits
    assert slept == waits
    assert 0.4 <= seconds <= 0.4 + 0.5
    start, attempts = time.monotonic(), _Attempts(ThrottledError("x", retry_after_seconds=0.4))
    RetryPolicy(attempts=2, total_seconds=5).call(attempts)
    assert time.monotonic() - start >= 0.4


@pytest.mark.parametrize("kind", [ThrottledError, ServiceError, TokenServiceError])
def test_wait_beyond_the_deadline_is_raised_at_once(kind):
    """A wait longer than our patience frees the worker at once, and says how long to stay away."""
    attempts = _Attempts(kind("x", retry_after_seconds=3600))
    with at_once(), pytest.raises(kind) as caught:
        RetryPolicy(attempts=5, total_seconds=300).call(attempts)
    assert caught.value.retry_after_seconds == 3600
    assert attempts.count == 1


def test_each_wait_is_logged_with_its_reason(logs):
    """A reader of the task log sees why it takes long."""
    RetryPolicy(attempts=2, total_seconds=5).call(_Attempts(ServiceError("the reason [MS-CorrelationId c-1]")))
    (line,) = logs.of("airflow_partnercenter")
    assert "the reason" in line
    assert "1" in line


def test_incomplete_result_is_not_a_matter_of_one_request():
    """Rows that do not add up are read again as a whole, not request by request."""
    assert IncompleteResultError.retriable


def test_back_off_is_as_short_as_the_caller_says():
    """Tests with many retries wait hardly at all; the default stays at half a second."""
    waits = []
    policy = RetryPolicy(attempts=4, total_seconds=5, back_off_seconds=0.001)
    with pytest.raises(TransportError):
        policy.call(_raise_transport, on_wait=lambda seconds, _: waits.append(seconds))
    assert len(waits) == 3
    assert max(waits) <= 0.004
    assert RetryPolicy().back_off_seconds == 0.5


def _raise_transport():
    raise TransportError("no answer")


def test_wait_for_a_turn_takes_nothing_of_the_patience():
    """A request that stood in line for longer than ``total_seconds`` before it was sent is still tried again."""
    clock, sent = Clock(), []

    def attempt():
        if not sent:
            time.sleep(0.3)
        clock.start()
        sent.append(time.monotonic())
        if len(sent) == 1:
            raise ServiceError("busy")
        return "done"

    assert RetryPolicy(attempts=3, total_seconds=0.2, back_off_seconds=0.01).call(attempt, clock=clock) == "done"
    assert len(sent) == 2
