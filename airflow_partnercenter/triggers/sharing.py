"""What the triggers of one triggerer share: polls, one client for each set of credentials, and threads."""

import asyncio
import math
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.providers.common.compat.connection import get_async_connection
from airflow.providers.common.compat.sdk import AirflowNotFoundException

from airflow_partnercenter.connection.settings import read_connection
from airflow_partnercenter.exceptions import ConfigurationError, TransportError
from airflow_partnercenter.hooks.partner_center import (
    PartnerCenterHook,
    _mask_secret,
    build_client,
    no_such_connection,
)
from airflow_partnercenter.triggers.account import Account
from airflow_partnercenter.triggers.garbage import spare_what_is_loaded
from airflow_partnercenter.triggers.polling import Poll, Waiter, Watched

if TYPE_CHECKING:
    from airflow_partnercenter.api.client import PartnerCenterClient
    from airflow_partnercenter.connection.settings import ConnectionSettings

T = TypeVar("T")

#: Looks under way at once in one triggerer, in threads of our own, as others need those of the event loop. They wait
#: for the network most of the time; more of them would only keep the loop from Python's lock.
_THREADS = 4


class Polls:
    """The polls of one event loop, and one client for each set of credentials among them."""

    def __init__(self) -> None:
        self._polls: dict[tuple[Account, Watched], Poll] = {}
        self._clients: dict[Account, PartnerCenterClient] = {}
        self._settings: dict[str, tuple[float, ConnectionSettings]] = {}
        self._reading: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._secrets: list[str] = []
        self._executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="partner_center_poll")

    def waiter(
        self, settings: "ConnectionSettings", watched: Watched, conn_id: str, interval: float, *, every_group: bool
    ) -> Waiter:
        """Return a place at the poll for this, whether there is one already or not."""
        self._forget()
        key = (Account.of(settings, conn_id), watched)
        if key not in self._polls:
            self._polls[key] = Poll(*key, self)
        return Waiter(self._polls[key], conn_id, interval, every_group=every_group)

    async def read_settings(self, conn_id: str, *, no_older_than: float = 0.0) -> "ConnectionSettings":
        """Return the settings of a connection as it is now, or was some seconds ago.

        :raises ConfigurationError: there is no such connection, or it cannot work as written.
        :raises TransportError: Airflow did not answer.
        """
        async with self._reading[conn_id]:
            read_at, settings = self._settings.get(conn_id, (-math.inf, None))
            if settings is None or time.monotonic() - read_at >= no_older_than:
                read_at = time.monotonic()
                try:
                    settings = await self._read_settings(conn_id)
                except ConfigurationError:
                    # A connection that has vanished leaves nothing behind.
                    self._settings.pop(conn_id, None)
                    raise
                self._settings[conn_id] = read_at, settings
            return settings

    async def _read_settings(self, conn_id: str) -> "ConnectionSettings":
        try:
            connection = await get_async_connection(conn_id)
        except AirflowNotFoundException:
            raise no_such_connection(conn_id) from None
        except Exception as error:
            raise TransportError(f"Airflow did not give connection {conn_id!r}: {type(error).__name__}.") from error
        return read_connection(connection)

    async def in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        """Return what ``work`` returns in a thread; secrets it has met are masked after it.

        What the work asks of Airflow, such as a Variable, goes through this loop, as the line to the triggerer's
        supervisor belongs to it. Whoever is cancelled leaves at once, and the work goes on: to cancel it while it waits
        for the supervisor would leave the answer on the line, for the next one to trip over.
        """
        from asgiref.sync import sync_to_async

        call = sync_to_async(work, thread_sensitive=False, executor=self._executor)
        working = asyncio.ensure_future(call(*arguments))
        # Nobody else hears of what fails after that.
        working.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            await asyncio.wait([working])
            return working.result()
        finally:
            await self._mask_secrets()

    def client_of(self, account: Account) -> "PartnerCenterClient":
        """Return the client for these credentials, the same one to all polls, so that they share its token."""
        if account not in self._clients:
            client = build_client(
                account.settings,
                patient=True,
                retry=PartnerCenterHook.retry,
                on_secret=self._secrets.append,
                newer_access_token=lambda: self._newest_access_token(account.supplier),
            )
            # Two threads may build it at once; one of the two is kept.
            self._clients.setdefault(account, client)
        return self._clients[account]

    def _newest_access_token(self, conn_id: str | None) -> str | None:
        """Return the token of the connection as it was read last, which was just before the look under way."""
        _, settings = self._settings.get(conn_id or "", (0.0, None))
        return settings.access_token if settings else None

    async def _mask_secrets(self) -> None:
        """Tell Airflow's masker. From a thread its call to the supervisor would meet another event loop."""
        from asgiref.sync import sync_to_async

        while self._secrets:
            await sync_to_async(_mask_secret())(self._secrets.pop())

    def _forget(self) -> None:
        """Let go of polls that nobody came back to, and of their clients."""
        for key in [key for key, poll in self._polls.items() if poll.is_forgotten]:
            del self._polls[key]
        for account in self._clients.keys() - {account for account, _ in self._polls}:
            self._clients.pop(account).close()


# What the triggers of a triggerer share is one per process by its nature, and belongs to the loop they run on.
_POLLS: "dict[asyncio.AbstractEventLoop, Polls]" = {}


def polls_of_this_loop() -> Polls:
    """Return the polls of the running event loop; those of loops that have ended are dropped."""
    for ended in [loop for loop in _POLLS if loop.is_closed()]:
        del _POLLS[ended]
    loop = asyncio.get_running_loop()
    if loop not in _POLLS:
        # Before the first look, as the libraries that it loads make Python collect.
        spare_what_is_loaded()
        _POLLS[loop] = Polls()
    return _POLLS[loop]
