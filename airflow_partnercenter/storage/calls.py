"""Calls to a store that end: each within its time, and all at once when the task is killed.

When a store refuses connections, it is asked again for half a minute or so, by its library or by us. A store that takes
them and then says nothing would hold a worker for half an hour; that is what the limit is for.
"""

import asyncio
import concurrent.futures
from collections.abc import Coroutine
from typing import Any, TypeVar

from airflow_partnercenter.exceptions import TransportError

#: A call that moves no data.
CALL_SECONDS = 120.0
#: An upload has this much more for each byte: a connection slower than half a megabyte a second counts as broken.
SECONDS_PER_BYTE = 1 / 500_000
#: What is left of a killed task's time: Airflow ends its process five seconds after ``on_kill``.
CLEANING_SECONDS = 3.0

T = TypeVar("T")


class StoreCalls:
    """Runs calls on the event loop of a filesystem, one at a time.

    :param fs: an fsspec filesystem.
    """

    def __init__(self, fs: Any) -> None:
        self._fs = fs
        self._running: concurrent.futures.Future[Any] | None = None
        self._given_up = False

    def call(self, method: str, *args: Any, seconds: float = CALL_SECONDS, **options: Any) -> Any:
        """Call a method of the filesystem; one that knows no event loop is called as it is, without a limit.

        :raises TransportError: it did not end in time, or :meth:`give_up` was called.
        """
        if not getattr(self._fs, "async_impl", False):
            return getattr(self._fs, method)(*args, **options)
        return self.wait_for(getattr(self._fs, f"_{method}")(*args, **options), seconds)

    def wait_for(self, coroutine: Coroutine[Any, Any, T], seconds: float = CALL_SECONDS) -> T:
        """Return what the coroutine returns.

        :raises TransportError: it did not end in time, or :meth:`give_up` was called.
        """
        if self._given_up:
            coroutine.close()
            raise _killed()
        self._running = running = asyncio.run_coroutine_threadsafe(coroutine, self._fs.loop)
        try:
            return running.result(seconds)
        except concurrent.futures.CancelledError:
            raise _killed() from None
        except TimeoutError as error:
            if running.done():  # the store's own
                raise
            raise TransportError(
                f"The store did not finish within {seconds:.0f} seconds: run the task again later."
            ) from error
        finally:
            running.cancel()

    def clean(self, method: str, *args: Any, **options: Any) -> None:
        """Call a method to undo something, also after :meth:`give_up`; what it raises does not matter any more."""
        coroutine = getattr(self._fs, f"_{method}")(*args, **options)
        waiting = asyncio.run_coroutine_threadsafe(coroutine, self._fs.loop)
        concurrent.futures.wait([waiting], CLEANING_SECONDS)
        waiting.cancel()

    def give_up(self) -> None:
        """End the running call and refuse further ones; may be called from a signal handler."""
        self._given_up = True
        if self._running:
            self._running.cancel()


def _killed() -> TransportError:
    return TransportError("The task was ended while it wrote to the store.")
