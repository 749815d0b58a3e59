"""Which failures are tried again at once, how often, and after how long."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, wait_random_exponential
from tenacity.stop import stop_base

from airflow_partnercenter.exceptions import PartnerCenterError, ResponseFormatError, ThrottledError

logger = logging.getLogger(__name__)
T = TypeVar("T")

_LONGEST_BACK_OFF_SECONDS = 30.0


class UndecodableBodyError(ResponseFormatError):
    """The body is not JSON: worth another try at once, but not worth a later run."""


class Clock:
    """Seconds since the first attempt of a request, which may have waited for its turn before."""

    def __init__(self) -> None:
        self._began: float | None = None

    @classmethod
    def started(cls) -> "Clock":
        """Return a clock that runs."""
        clock = cls()
        clock.start()
        return clock

    def start(self) -> None:
        """Begin to count, unless it did already."""
        if self._began is None:
            self._began = time.monotonic()

    def seconds(self) -> float:
        """Return the seconds since the start; 0 before it."""
        return 0.0 if self._began is None else time.monotonic() - self._began


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Seconds of patience within one task; minutes belong to Airflow's own ``retries``.

    :param attempts: how often one request may fail; 1 sends it once. An answer that asks to wait, as 429 does, is no
        failure: the service says when to come back, until ``total_seconds`` have passed.
    :param total_seconds: no attempt starts later than this after the first one. A service that asks to wait
        longer gets its way: the error is raised at once, with ``retry_after_seconds``, and frees the worker.
    :param back_off_seconds: longest wait before the second attempt; it doubles with each further one, up to 30.
    """

    attempts: int = 5
    total_seconds: float = 300.0
    back_off_seconds: float = 0.5

    def call(
        self,
        attempt: Callable[[], T],
        *,
        on_wait: Callable[[float, BaseException | None], None] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: "Clock | None" = None,
    ) -> T:
        """Return what ``attempt`` returns, or raise its last error.

        :param on_wait: told the seconds before each further attempt, and why; by default the log is.
        :param sleep: waits; may raise to end it all.
        :param clock: tells since when ``total_seconds`` count; by default, since now.
        """
        since = clock or Clock.started()
        tell = on_wait or log_wait
        # A fifth at least: an immediate retry only counts against the partner's limit.
        least = min(0.1, self.back_off_seconds / 5)
        back_off = wait_random_exponential(self.back_off_seconds, max=_LONGEST_BACK_OFF_SECONDS, min=least)
        retrying = Retrying(
            retry=retry_if_exception(_may_heal),
            # What the service asked for, never less, plus back-off with jitter so that tasks do not return in step.
            wait=lambda state: _asked_seconds(state) + back_off(state),
            # The first of the two counts, so it must be asked each time.
            stop=_StopAfter(self.attempts) | _StopBefore(self.total_seconds, since),
            before_sleep=lambda state: tell(state.upcoming_sleep, _error(state)),
            sleep=sleep,
            reraise=True,
        )
        try:
            return retrying(attempt)
        except PartnerCenterError as error:
            # The token service is asked within a request to Partner Center: its retries must not multiply with ours.
            error.retries_are_used_up = True
            raise


def log_wait(seconds: float, error: BaseException | None) -> None:
    """Say why, and for how long, a request waits before it is sent again."""
    logger.warning("Trying again in %.1f s: %s", seconds, error)


class _StopAfter(stop_base):
    """Ends the retries after so many failures; to be told to wait is none, but where there is one attempt only."""

    def __init__(self, attempts: int) -> None:
        self._attempts = attempts
        self._failures = 0

    def __call__(self, state: RetryCallState) -> bool:
        is_told_to_wait = isinstance(_error(state), ThrottledError) or _asked_seconds(state) > 0
        self._failures += not is_told_to_wait
        return self._attempts == 1 or self._failures >= self._attempts


class _StopBefore(stop_base):
    """Ends the retries if the next attempt would start too late."""

    def __init__(self, seconds: float, clock: Clock) -> None:
        self._seconds = seconds
        self._clock = clock

    def __call__(self, state: RetryCallState) -> bool:
        return self._clock.seconds() + state.upcoming_sleep >= self._seconds


def _may_heal(error: BaseException) -> bool:
    if not isinstance(error, PartnerCenterError) or error.retries_are_used_up:
        return False
    return error.retriable or isinstance(error, UndecodableBodyError)


def _asked_seconds(state: RetryCallState) -> float:
    """Return how long the service asked to wait."""
    error = _error(state)
    return (error.retry_after_seconds or 0.0) if isinstance(error, PartnerCenterError) else 0.0


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None
