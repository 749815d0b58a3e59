"""Which failures are tried again at once, how often, and after how long."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    stop_before_delay,
    wait_random_exponential,
)

from airflow_partnercenter.exceptions import PartnerCenterError, ResponseFormatError

logger = logging.getLogger(__name__)
T = TypeVar("T")

_back_off = wait_random_exponential(multiplier=0.5, max=30)


class UndecodableBodyError(ResponseFormatError):
    """The body is not JSON: worth another try at once, but not worth a later run."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Seconds of patience within one task; minutes belong to Airflow's own ``retries``.

    :param attempts: how often one request is sent at most.
    :param total_seconds: no attempt starts later than this after the first one. A service that asks to wait
        longer gets its way: the error is raised at once, with ``retry_after_seconds``, and frees the worker.
    """

    attempts: int = 5
    total_seconds: float = 300.0

    def call(self, attempt: Callable[[], T]) -> T:
        """Return what ``attempt`` returns, or raise its last error."""
        return Retrying(
            retry=retry_if_exception(_may_heal),
            wait=_wait_seconds,
            stop=stop_after_attempt(self.attempts) | stop_before_delay(self.total_seconds),
            before_sleep=_log_wait,
            reraise=True,
        )(attempt)


def _may_heal(error: BaseException) -> bool:
    return isinstance(error, UndecodableBodyError) or (isinstance(error, PartnerCenterError) and error.retriable)


def _wait_seconds(state: RetryCallState) -> float:
    """Return what the service asked for, never less, plus back-off with jitter so that tasks do not return in step."""
    error = _error(state)
    asked = error.retry_after_seconds if isinstance(error, PartnerCenterError) else None
    return (asked or 0.0) + _back_off(state)


def _log_wait(state: RetryCallState) -> None:
    logger.warning("Attempt %d failed, next in %.1f s: %s", state.attempt_number, state.upcoming_sleep, _error(state))


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None
