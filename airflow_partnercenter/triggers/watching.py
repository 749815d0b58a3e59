"""What a trigger sees of a poll: one look after the other, with failures counted and a changed connection followed."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from airflow_partnercenter.exceptions import PartnerCenterError
from airflow_partnercenter.triggers.polling import ConnectionChangedError, Look, Watched
from airflow_partnercenter.triggers.sharing import polls_of_this_loop
from airflow_partnercenter.waiting import MINIMUM_INTERVAL_SECONDS, ConsecutiveFailures, check_interval

logger = logging.getLogger(__name__)

#: A thousand triggers that start together read their connection once; each look reads it anew.
_SECONDS_A_CONNECTION_IS_NEW = 10.0


@dataclass(frozen=True, slots=True)
class Watch:
    """What to watch, how often, and how many failures to bear.

    :param every_group: whether each look must be at all groups, and not just at the oldest one while it does not move.
    """

    resource: str
    customer_id: str | Sequence[str] | None
    filter_expression: str | None
    partner_center_conn_id: str
    poll_interval: float
    max_consecutive_failures: int | None
    every_group: bool = False

    async def looks(self) -> AsyncGenerator[Look, None]:
        """Yield looks, forever, those that failed and may heal among them; close it to stop waiting.

        :raises PartnerCenterError: a look failed in a way that no later one heals, or too many did in a row.
        """
        failures = ConsecutiveFailures(self.max_consecutive_failures)
        watched = Watched.of(self.resource, self.customer_id, self.filter_expression)
        polls, conn_id = polls_of_this_loop(), self.partner_center_conn_id
        while True:
            try:
                settings = await polls.read_settings(conn_id, no_older_than=_SECONDS_A_CONNECTION_IS_NEW)
            except PartnerCenterError as error:
                failures.add(error)
                await asyncio.sleep(MINIMUM_INTERVAL_SECONDS)
                continue
            check_interval(self.poll_interval, "poll_interval", settings)
            place = polls.waiter(settings, watched, conn_id, self.poll_interval, every_group=self.every_group)
            with suppress(ConnectionChangedError), place as waiter:
                while True:
                    look = await waiter.look()
                    if look.error:
                        failures.add(look.error)
                    else:
                        failures.reset()
                    yield look
