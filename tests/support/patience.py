"""How long tests wait: a machine under load is ten times slower than an idle one, and fails no test for it."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: Seconds until something that surely comes is given up: only a failure waits so long.
PATIENCE = 300

#: Seconds that "at once" may take: less than the wait of which a test says that nobody waits for its end.
AT_ONCE = 20


def eventually(condition: Callable[[], object]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


async def comes_true(condition: Callable[[], object]) -> None:
    """Wait until something holds, while the event loop goes on."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.01)


@contextmanager
def at_once(seconds: float = AT_ONCE) -> Iterator[None]:
    """Fail if what is within takes longer."""
    began = time.monotonic()
    yield
    assert (took := time.monotonic() - began) < seconds, f"took {took:.1f} s"
