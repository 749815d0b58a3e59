"""One poll for all triggers of a triggerer that watch the same data with the same credentials.

Whoever waits, a poll asks Partner Center once an interval, in a thread beside the event loop. Nothing here needs to
survive a restart: the first look of a new process asks afresh.
"""

import asyncio
import contextvars
import logging
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from airflow_partnercenter.exceptions import ConfigurationError, PartnerCenterError, TransportError
from airflow_partnercenter.triggers.account import Account
from airflow_partnercenter.unexpected import describe_unexpected

if TYPE_CHECKING:
    from airflow_partnercenter.api.client import PartnerCenterClient
    from airflow_partnercenter.api.freshness import ProcessedDates, ProcessedDatesReader
    from airflow_partnercenter.triggers.sharing import Polls

logger = logging.getLogger(__name__)

_WOKEN_AT_ONCE = 25
#: Airflow's triggerer takes what has fired once a second, at a fifth of a millisecond each: 125 a second leave it calm.
_SECONDS_BETWEEN_WAKINGS = 0.2
#: How long a poll that nobody waits for is remembered, so that who comes back does not ask too soon.
_REMEMBERED_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Watched:
    """What a trigger watches.

    :param customer_ids: for the ``customer_*`` resources; None where there are none.
    """

    resource: str
    customer_ids: str | tuple[str, ...] | None
    filter_expression: str | None

    @classmethod
    def of(cls, resource: str, customer_id: Any, filter_expression: str | None) -> Self:
        """Return it from a trigger's arguments."""
        several = isinstance(customer_id, Iterable) and not isinstance(customer_id, str)
        return cls(resource, tuple(customer_id) if several else customer_id, filter_expression)


class Look(NamedTuple):
    """What a poll saw: the dates, or why it failed."""

    dates: "ProcessedDates"
    as_json: list[dict[str, Any]]
    error: PartnerCenterError | None = None


class ConnectionChangedError(Exception):
    """The connection of this waiter is another one now: join again."""


class Waiter:
    """One trigger at a poll; leave it by the end of the ``with`` block.

    :param every_group: whether each look must be at all groups, and not just at the oldest one while it does not move.
    """

    def __init__(self, poll: "Poll", conn_id: str, interval: float, *, every_group: bool) -> None:
        self._poll = poll
        self.conn_id = conn_id
        self.interval = interval
        self.every_group = every_group
        self.is_moved = False
        self.news = asyncio.Event()
        #: Number of the last look it saw.
        self.seen = 0

    async def look(self) -> Look:
        """Return the next look of the poll; at once if a recent one will do.

        :raises ConnectionChangedError: join again.
        """
        while self._poll.number == self.seen and not self.is_moved:
            self.news.clear()
            await self.news.wait()
        if self.is_moved:
            raise ConnectionChangedError(self.conn_id)
        self.seen = self._poll.number
        return self._poll.last

    def __enter__(self) -> Self:
        self._poll.join(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._poll.leave(self)


class Poll:
    """Looks once an interval for all who wait: the shortest interval among theirs.

    :param account: credentials and address.
    :param watched: what is asked for.
    :param polls: where it belongs; runs what blocks, and has the client.
    """

    def __init__(self, account: Account, watched: Watched, polls: "Polls") -> None:
        self._account = account
        self._watched = watched
        self._polls = polls
        self._waiters: set[Waiter] = set()
        self._task: asyncio.Task[None] | None = None
        self._joined = asyncio.Event()
        self._asker = Asker(watched)
        self._not_before = 0.0
        self._looked_at = -math.inf
        self.number = 0
        self.last = Look({}, [])

    @property
    def is_forgotten(self) -> bool:
        """Whether nobody waits, and nobody has for long."""
        now = time.monotonic()
        return not self._waiters and now > max(self._not_before, self._looked_at + _REMEMBERED_SECONDS)

    def join(self, waiter: Waiter) -> None:
        """Let a trigger wait; a recent look is shown to it at once."""
        is_recent = time.monotonic() - self._looked_at < waiter.interval
        usable = is_recent and self.number and self.last.error is None
        waiter.seen = self.number - 1 if usable else self.number
        self._waiters.add(waiter)
        self._joined.set()
        if self._task is None or self._task.done():
            # In a context of its own: its log lines must not land in the task log of the first who waits.
            self._asker = Asker(self._watched)
            self._task = asyncio.create_task(self._run(), context=contextvars.Context())

    def leave(self, waiter: Waiter) -> None:
        """Forget a trigger; the last one ends the poll, and a look under way."""
        self._waiters.discard(waiter)
        if self._waiters or self._task is None:
            return
        self._task.cancel()
        self._task = None
        self._asker.give_up()

    async def _run(self) -> None:
        while self._waiters:
            self._joined.clear()
            if (delay := self._due() - time.monotonic()) > 0:
                # Who joins may want it sooner.
                await _wait(self._joined, delay)
                continue
            look = await self._look()
            if look is not None:
                await self._publish(look)

    def _due(self) -> float:
        """Return when to look next, on the monotonic clock; never sooner than Partner Center asked for."""
        return max(self._not_before, self._looked_at + min(waiter.interval for waiter in self._waiters))

    async def _publish(self, look: Look) -> None:
        self._looked_at = time.monotonic()
        if look.error:
            self._not_before = self._looked_at + (look.error.retry_after_seconds or 0.0)
        self.last = look
        self.number += 1
        await self._wake()

    async def _wake(self) -> None:
        """Tell all who wait, a few at a time: what a thousand do about it at once would block the event loop."""
        for number, waiter in enumerate(list(self._waiters)):
            if number and number % _WOKEN_AT_ONCE == 0:
                await asyncio.sleep(_SECONDS_BETWEEN_WAKINGS)
            waiter.news.set()

    async def _look(self) -> Look | None:
        """Ask Partner Center, or return None if nobody is left whose connection still is the same."""
        try:
            await self._check_connections()
            if not any(not waiter.is_moved for waiter in self._waiters):
                return None
            every_group = any(waiter.every_group for waiter in self._waiters)
            return await self._polls.in_thread(self._asker.ask, self._polls.client_of, self._account, every_group)
        except PartnerCenterError as error:
            return Look({}, [], error)
        except Exception as error:
            return Look({}, [], TransportError(describe_unexpected(error, f"A look at {self._watched.resource}")))

    async def _check_connections(self) -> None:
        """Send away those whose connection has changed since they joined."""
        for conn_id in {waiter.conn_id for waiter in self._waiters}:
            try:
                is_same = Account.of(await self._polls.read_settings(conn_id), conn_id) == self._account
            except ConfigurationError:
                # They will be told so when they join again.
                is_same = False
            if not is_same:
                logger.info("Connection %s has changed", conn_id)
                for waiter in self._waiters:
                    waiter.is_moved = waiter.is_moved or waiter.conn_id == conn_id
                # They leave before the next look.
                await self._wake()


class Asker:
    """Asks Partner Center, in a thread, for a poll; gives up when nobody waits any more."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._reader: ProcessedDatesReader | None = None
        self._given_up = False

    def ask(
        self,
        client_of: "Callable[[Account], PartnerCenterClient]",
        account: Account,
        every_group: bool,
    ) -> Look:
        """Return what there is now; not on the event loop, as it imports, builds the client and waits for answers."""
        if self._reader is None:
            from airflow_partnercenter.api.freshness import ProcessedDatesReader

            self._reader = ProcessedDatesReader(
                client_of(account),
                self._watched.resource,
                customer_id=self._watched.customer_ids,
                filter_expression=self._watched.filter_expression,
            )
        if self._given_up:
            self._reader.give_up()
        dates = self._reader.read() if every_group else self._reader.read_if_oldest_moved()
        return Look(dates, self._reader.to_json(dates))

    def give_up(self) -> None:
        """End a look under way, from the event loop."""
        self._given_up = True
        if self._reader:
            self._reader.give_up()


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
