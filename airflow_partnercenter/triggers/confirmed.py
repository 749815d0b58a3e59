"""Looks that Airflow confirms: what was told is kept once the event is stored. Airflow 3.3 and later."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from airflow.triggers.shared_stream import AdvanceItem, SharedStreamProducer

from airflow_partnercenter.triggers.polling import Look


@dataclass(slots=True)
class OfferedLook:
    """A look on its way through a trigger.

    :param keep: what to do when the event that was made of it is in Airflow's database; None if there was none.
    """

    look: Look
    keep: Callable[[], Awaitable[None]] | None = None


class ConfirmedLooks(SharedStreamProducer):
    """Offers looks to an event trigger, and is told by Airflow when it is done with them.

    :param looks: starts to look.
    """

    def __init__(self, looks: Callable[[], AsyncGenerator[Look, None]]) -> None:
        self._looks = looks

    async def open_stream(self) -> AsyncIterator[tuple[Any, Any]]:
        """Yield each look, twice, as Airflow wants it: for the trigger, and to be handed back."""
        async with aclosing(self._looks()) as looks:
            async for look in looks:
                offered = OfferedLook(look)
                yield offered, offered

    async def advance(self, batch: Sequence[AdvanceItem]) -> None:
        """Keep what events told that Airflow has stored."""
        for item in batch:
            if item.outcome.is_clean and item.broker_payload.keep:
                await item.broker_payload.keep()
