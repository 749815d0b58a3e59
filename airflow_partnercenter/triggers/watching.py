"""What our triggers have in common: what they are told, and one look after the other at a poll.

Failures are counted, and a changed connection is followed.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from typing import Any

from airflow.triggers.base import BaseTrigger

from airflow_partnercenter.exceptions import PartnerCenterError
from airflow_partnercenter.hooks.partner_center import PartnerCenterHook
from airflow_partnercenter.triggers.polling import ConnectionChangedError, Look, Watched
from airflow_partnercenter.triggers.sharing import polls_of_this_loop
from airflow_partnercenter.waiting import (
    DEFAULT_INTERVAL_SECONDS,
    DEFAULT_MAX_CONSECUTIVE_FAILURES,
    MINIMUM_INTERVAL_SECONDS,
    ConsecutiveFailures,
    check_interval,
)

logger = logging.getLogger(__name__)

#: A thousand triggers that start together read their connection once; each look reads it anew.
_SECONDS_A_CONNECTION_IS_NEW = 10.0


class WatchingTrigger(BaseTrigger):
    """A trigger that watches when the data of a resource was processed.

    :param resource: one of the six resource names.
    :param customer_id: GUID of the customer, or a list of them; for the ``customer_*`` resources.
    :param filter_expression: Microsoft's ``filter``; for ``licenses_*``.
    :param partner_center_conn_id: connection of type ``partner_center``.
    :param poll_interval: seconds between two looks, 60 at least; the shortest among those who share a poll counts.
    :param max_consecutive_failures: failed looks in a row by which to give up; None goes on.
    """

    def __init__(
        self,
        *,
        resource: str,
        customer_id: str | Sequence[str] | None = None,
        filter_expression: str | None = None,
        partner_center_conn_id: str = PartnerCenterHook.default_conn_name,
        poll_interval: float = DEFAULT_INTERVAL_SECONDS,
        max_consecutive_failures: int | None = DEFAULT_MAX_CONSECUTIVE_FAILURES,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.resource = resource
        self.customer_id = customer_id
        self.filter_expression = filter_expression
        self.partner_center_conn_id = partner_center_conn_id
        self.poll_interval = poll_interval
        self.max_consecutive_failures = max_consecutive_failures

    def _arguments(self) -> dict[str, Any]:
        """Return what :meth:`serialize` keeps, plain JSON values."""
        return {
            "resource": self.resource,
            "customer_id": self.customer_id,
            "filter_expression": self.filter_expression,
            "partner_center_conn_id": self.partner_center_conn_id,
            "poll_interval": self.poll_interval,
            "max_consecutive_failures": self.max_consecutive_failures,
        }

    async def _watch(self, *, every_group: bool) -> AsyncGenerator[Look, None]:
        """Yield looks, forever, those that failed and may heal among them; close it to stop waiting.

        :param every_group: whether each look must be at all groups, and not just at the oldest one while it does not
            move.
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
            place = polls.waiter(settings, watched, conn_id, self.poll_interval, every_group=every_group)
            with suppress(ConnectionChangedError), place as waiter:
                while True:
                    look = await waiter.look()
                    if look.error:
                        failures.add(look.error)
                    else:
                        failures.reset()
                    yield look
