"""What belongs to one logical call across its requests: ids, pace, progress, and giving up together."""

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from airflow_partnercenter.exceptions import PartnerCenterError, ThrottledError, TransportError

logger = logging.getLogger(__name__)

_SECONDS_BETWEEN_REPORTS = 10.0
#: Answers without throttling, per request in flight, after which one more may be in flight again.
_CALM_ANSWERS = 8
#: Enough for the operating system to run another thread.
_GIVING_WAY_SECONDS = 50e-6


@dataclass(slots=True)
class RequestIds:
    """The ids of one request.

    ``MS-CorrelationId`` is that of the call. ``MS-RequestId`` names one request: Partner Center takes a reused one for
    the same attempt, so it is kept only for a retry after no answer came, or not the whole of it.
    """

    correlation_id: str
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def answered(self) -> None:
        """Note that an answer came, whatever it was: the next request is another one."""
        self.request_id = str(uuid.uuid4())


class Gate:
    """When the next request may leave, as Partner Center asked; shared by all calls of a client."""

    def __init__(self) -> None:
        self._not_before = 0.0
        self._lock = threading.Lock()

    def hold(self, seconds: float) -> None:
        """Let nobody through for this long."""
        with self._lock:
            self._not_before = max(self._not_before, time.monotonic() + seconds)

    def seconds(self) -> float:
        """Return how long it stays closed; 0 if it is open."""
        return max(0.0, self._not_before - time.monotonic())


class Pace:
    """How many requests of a call may be in flight: half as many after throttling, one more after a calm while.

    While Partner Center asks to wait, no request of the call starts.

    :param most: never more than this.
    :param gate: closed while Partner Center asks to wait.
    """

    def __init__(self, most: int, gate: Gate) -> None:
        self._most = most
        self._gate = gate
        self.allowed = most
        self.in_flight = 0
        self._calm = 0
        self._given_up = False
        self._condition = threading.Condition()

    @contextmanager
    def request(self, patience_seconds: float) -> Iterator[None]:
        """Wait for a place, and hold it while a request is under way.

        :param patience_seconds: wait no longer than this for what Partner Center asked of another request.
        :raises ThrottledError: Partner Center asked to stay away for longer.
        :raises TransportError: another request of the same call has failed for good.
        """
        with self._condition:
            while not self._given_up and (delay := self._delay()):
                self._bear(patience_seconds)
                self._condition.wait(delay)
            self.check()
            self.in_flight += 1
        try:
            yield
        finally:
            with self._condition:
                self.in_flight -= 1
                self._condition.notify_all()
        # Whoever has waited for the place sends before this thread computes, as it would for milliseconds on end. Not
        # after an error, of which the others must hear first.
        time.sleep(_GIVING_WAY_SECONDS)

    def wait_for_gate(self, patience_seconds: float) -> None:
        """Wait, without letting go of a place, while Partner Center asks to send nothing.

        :raises ThrottledError: Partner Center asked to stay away for longer than that.
        :raises TransportError: another request of the same call has failed for good.
        """
        with self._condition:
            while not self._given_up and (closed := self._gate.seconds()):
                self._bear(patience_seconds)
                self._condition.wait(closed)
            self.check()

    def _bear(self, patience_seconds: float) -> None:
        if (asked := self._gate.seconds()) > patience_seconds:
            raise ThrottledError(
                f"Partner Center asked to send nothing for {asked:.0f} s more.", retry_after_seconds=asked
            )

    def hold(self, seconds: float) -> None:
        """Note that Partner Center asked to wait."""
        self._gate.hold(seconds)

    def throttled(self) -> None:
        """Note a 429."""
        with self._condition:
            self.allowed = max(1, self.allowed // 2)
            self._calm = 0

    def answered(self) -> None:
        """Note an answer that was no 429."""
        with self._condition:
            self._calm += 1
            if self._calm >= _CALM_ANSWERS * self.allowed and self.allowed < self._most:
                self.allowed += 1
                self._calm = 0
                self._condition.notify_all()

    def give_up(self) -> None:
        """End the call for all its threads: waits end at once, and no further request is sent."""
        with self._condition:
            self._given_up = True
            self._condition.notify_all()

    def sleep(self, seconds: float) -> None:
        """Wait before the next attempt of a request, unless the call is given up meanwhile.

        :raises TransportError: another request of the same call has failed for good.
        """
        with self._condition:
            self._condition.wait_for(lambda: self._given_up, seconds)
            self.check()

    def check(self) -> None:
        """Go on only if nobody gave the call up.

        :raises TransportError: another request of the same call has failed for good.
        """
        if self._given_up:
            error = TransportError("The call was given up, as another of its requests failed.")
            error.retries_are_used_up = True
            raise error

    def _delay(self) -> float:
        """Return for how long no request may start: 0 for now, and a while to look again if there is no place."""
        if self.in_flight >= self.allowed:
            return _SECONDS_BETWEEN_REPORTS
        return self._gate.seconds()


class Call:
    """One logical call to Partner Center; shared by the threads that work on it.

    :param name: what is read, for the log.
    :param gate: closed while Partner Center asks to wait.
    :param max_parallel_requests: requests in flight at most.
    """

    def __init__(self, name: str, gate: Gate, max_parallel_requests: int = 1) -> None:
        self.correlation_id = str(uuid.uuid4())
        self._gate = gate
        self._is_given_up = False
        self.pace = Pace(max_parallel_requests, gate)
        self.progress = Progress(name, self.correlation_id, lambda: self.pace.in_flight)

    def go_on_sequentially(self) -> None:
        """Send one request at a time from now on; those of before, given up by then, no longer count."""
        self.pace = Pace(1, self._gate)
        if self._is_given_up:
            self.pace.give_up()

    def give_up(self) -> None:
        """End the call for all its threads, whatever they would go on with."""
        # In this order: who goes on at the same time sees it, or is seen.
        self._is_given_up = True
        self.pace.give_up()

    def new_request(self) -> RequestIds:
        """Return ids for one more request."""
        return RequestIds(self.correlation_id)

    @contextmanager
    def naming_errors(self) -> Iterator[None]:
        """Give every error that leaves the call its ids, as attributes and in its message."""
        try:
            yield
        except PartnerCenterError as error:
            error.correlation_id = error.correlation_id or self.correlation_id
            # A refusal of the token service names its own correlation id.
            if error.correlation_id == self.correlation_id and self.correlation_id not in str(error):
                error.args = (f"{error} {_ids_of(error, self.correlation_id)}",)
            raise


class Progress:
    """What a call has done so far, told in the log at most every ten seconds and once at the end.

    :param name: what is read.
    :param correlation_id: ``MS-CorrelationId`` of the call.
    :param in_flight: tells how many requests are under way.
    """

    def __init__(self, name: str, correlation_id: str, in_flight: Callable[[], int]) -> None:
        self._name = name
        self._correlation_id = correlation_id
        self._in_flight = in_flight
        self._lock = threading.Lock()
        self._began = self._reported = time.monotonic()
        self.total_rows: int | None = None
        self.rows = self.pages = self.bytes = self.requests = self.retries = 0
        self.waited_seconds = 0.0
        self._waiting = ""

    def request_sent(self) -> None:
        """Count a request."""
        with self._lock:
            self.requests += 1

    def body_read(self, byte_count: int) -> None:
        """Count the bytes of an answer."""
        with self._lock:
            self.bytes += byte_count

    def waits(self, seconds: float, error: BaseException | None) -> None:
        """Count a retry and the wait before it, and say so."""
        ids = _ids_of(error, self._correlation_id)
        logger.warning("%s: trying again in %.1f s: %s %s", self._name, seconds, error, ids)
        with self._lock:
            self.retries += 1
            self.waited_seconds += seconds
            status = getattr(error, "status_code", None)
            cause = f"{type(error).__name__}{f' {status}' if status else ''}"
            self._waiting = f", last wait {seconds:.1f} s after {cause}"

    def page_delivered(self, row_count: int) -> None:
        """Count a page that the caller got, and report if it is time."""
        with self._lock:
            self.pages += 1
            self.rows += row_count
            now = time.monotonic()
            if now - self._reported < _SECONDS_BETWEEN_REPORTS:
                return
            self._reported = now
            waiting, self._waiting = self._waiting, ""
        logger.info(
            "%s: %s, %s, %s in flight, %s%s%s [MS-CorrelationId %s]",
            self._name,
            _counted(self.rows, "row") if self.total_rows is None else f"{self.rows:,} of {self.total_rows:,} rows",
            _counted(self.pages, "page"),
            _counted(self._in_flight(), "request"),
            _counted(self.retries, "retry", "retries"),
            waiting,
            self._time_left(now),
            self._correlation_id,
        )

    def ended(self) -> None:
        """Report the whole call in one line."""
        logger.info(
            "%s: read %s, %s in %.1f s; %s, %s, %.1f s waited [MS-CorrelationId %s]",
            self._name,
            _counted(self.rows, "row"),
            _counted(self.bytes, "byte"),
            time.monotonic() - self._began,
            _counted(self.requests, "request"),
            _counted(self.retries, "retry", "retries"),
            self.waited_seconds,
            self._correlation_id,
        )

    def _time_left(self, now: float) -> str:
        if not self.total_rows or not self.rows:
            return ""
        seconds = (now - self._began) * max(0, self.total_rows - self.rows) / self.rows
        return f", about {seconds:.0f} s left"


def _ids_of(error: BaseException | None, correlation_id: str) -> str:
    """Return what Microsoft's support asks for; an error may be about one request, or about all of them."""
    request_id = getattr(error, "request_id", None)
    return f"[{f'MS-RequestId {request_id}, ' if request_id else ''}MS-CorrelationId {correlation_id}]"


def _counted(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun: 1 row, 2 rows."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
