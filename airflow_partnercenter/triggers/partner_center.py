"""Wait for fresh licence data of Microsoft Partner Center in the triggerer."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

from airflow.triggers.base import TriggerEvent

from airflow_partnercenter.exceptions import ConfigurationError, PartnerCenterError
from airflow_partnercenter.hooks.partner_center import PartnerCenterHook
from airflow_partnercenter.triggers.watching import WatchingTrigger
from airflow_partnercenter.waiting import (
    DEFAULT_INTERVAL_SECONDS,
    DEFAULT_MAX_CONSECUTIVE_FAILURES,
    are_fresh,
    describe,
    error_to_json,
    read_newer_than,
)

try:
    from airflow_partnercenter.triggers.new_data import PartnerCenterLicensesEventTrigger
except ImportError as error:
    _WHY_NO_EVENT_TRIGGER = str(error)

__all__ = ["PartnerCenterLicensesEventTrigger", "PartnerCenterLicensesTrigger"]

logger = logging.getLogger(__name__)

#: Less than what the sensor leaves the trigger before Airflow itself ends the wait.
_SECONDS_FOR_THE_FIRST_LOOK = 30.0


class PartnerCenterLicensesTrigger(WatchingTrigger):
    """Fire once when all licence data of a resource has been processed for a time or later.

    All triggers of a triggerer that watch the same with the same credentials share one poll. Nothing needs to survive a
    restart of the triggerer: the trigger starts again from its arguments, which hold neither data nor secrets.

    The event is ``{"status": "success", "processed_dates": [...]}``, ``{"status": "timeout", "message": ...}``, or
    ``{"status": "error", "error": class, "message": ..., "retry_after_seconds": ..., "request_id": ...,
    "correlation_id": ...}``.

    :param resource: one of the six resource names.
    :param newer_than: ISO 8601 day or time, UTC if it has no offset.
    :param customer_id: GUID of the customer, or a list of them; for the ``customer_*`` resources.
    :param filter_expression: Microsoft's ``filter``; for ``licenses_*``.
    :param partner_center_conn_id: connection of type ``partner_center``.
    :param poll_interval: seconds between two looks, 60 at least; the shortest among those who share a poll counts.
    :param max_consecutive_failures: failed looks in a row by which to give up; None goes on.
    :param deadline: ISO 8601 time at which to give up, UTC if it has no offset; None waits as long as Airflow lets it.
    """

    def __init__(
        self,
        *,
        resource: str,
        newer_than: str,
        customer_id: str | Sequence[str] | None = None,
        filter_expression: str | None = None,
        partner_center_conn_id: str = PartnerCenterHook.default_conn_name,
        poll_interval: float = DEFAULT_INTERVAL_SECONDS,
        max_consecutive_failures: int | None = DEFAULT_MAX_CONSECUTIVE_FAILURES,
        deadline: str | None = None,
    ) -> None:
        super().__init__(
            resource=resource,
            customer_id=customer_id,
            filter_expression=filter_expression,
            partner_center_conn_id=partner_center_conn_id,
            poll_interval=poll_interval,
            max_consecutive_failures=max_consecutive_failures,
        )
        self.newer_than = newer_than
        self.deadline = deadline

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class and arguments, plain JSON values."""
        # A time object too becomes text that reads back as the same time.
        goal = {"newer_than": str(self.newer_than), "deadline": self.deadline}
        return f"{__name__}.{type(self).__name__}", self._arguments() | goal

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and fire once."""
        try:
            payload = await self._wait()
        except PartnerCenterError as error:
            payload = {"status": "error"} | error_to_json(error)
        yield TriggerEvent(payload)  # type: ignore[no-untyped-call]

    async def _wait(self) -> dict[str, Any]:
        newer_than, deadline = read_newer_than(self.newer_than), self._read_deadline()
        seen = ""
        try:
            # Whatever the deadline, there is one look, unless the poll that is shared may not look in these seconds.
            first = _on_the_loops_clock(deadline, _SECONDS_FOR_THE_FIRST_LOOK)
            async with asyncio.timeout_at(first) as limit, aclosing(self._watch(every_group=False)) as looks:
                async for look in looks:
                    if are_fresh(look.dates, newer_than):
                        return {"status": "success", "processed_dates": look.as_json}
                    if not look.error and (now := describe(look.dates, newer_than)) != seen:
                        seen = now
                        logger.info("%s: %s", self.resource, seen)
                    limit.reschedule(_on_the_loops_clock(deadline))
        except TimeoutError:
            state = seen or "no look has worked"
            return {"status": "timeout", "message": f"{self.resource} is not fresh in time: {state}."}
        raise AssertionError("looks never end")

    def _read_deadline(self) -> datetime | None:
        try:
            return None if self.deadline is None else read_newer_than(self.deadline)
        except ConfigurationError:
            raise ConfigurationError(
                f"deadline {self.deadline!r} is not an ISO 8601 time such as 2026-11-20T06:00:00Z."
            ) from None


def _on_the_loops_clock(deadline: datetime | None, seconds_more: float = 0.0) -> float | None:
    if deadline is None:
        return None
    left = (deadline - datetime.now(UTC)).total_seconds()
    return asyncio.get_running_loop().time() + max(left, 0.0) + seconds_more


def __getattr__(name: str) -> Any:
    """Say why the event trigger is not there, on an Airflow that cannot have it."""
    if name == "PartnerCenterLicensesEventTrigger":
        raise ImportError(f"PartnerCenterLicensesEventTrigger is not available: {_WHY_NO_EVENT_TRIGGER}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
