"""Start DAGs when Partner Center has processed new licence data: the trigger for ``AssetWatcher``, Airflow 3 only.

Importing this module on Airflow 2 raises an ImportError that says so.
"""

import asyncio
import hashlib
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Hashable
from contextlib import aclosing, suppress
from functools import partial
from typing import Any

try:
    from airflow.triggers.base import BaseEventTrigger, TriggerEvent
except ImportError:
    raise ImportError(
        "it belongs to asset watchers, which Airflow has since 3.0. On Airflow 2 schedule the DAG by time and begin it "
        "with PartnerCenterLicensesSensor."
    ) from None

from airflow_partnercenter.exceptions import PartnerCenterError
from airflow_partnercenter.triggers.polling import Look
from airflow_partnercenter.triggers.watching import WatchingTrigger

logger = logging.getLogger(__name__)

#: By group, as JSON text, the newest time that an event told of.
Watermark = dict[str, str]

#: Airflow starts an event trigger that failed again within a second or two, for ever.
SECONDS_BEFORE_FAILING = 60.0


class PartnerCenterLicensesEventTrigger(WatchingTrigger, BaseEventTrigger):
    """Fire an asset event for each new set of processed dates: when any service (and channel, workload) moved on.

    ``Asset("partner_center_licenses", watchers=[AssetWatcher(name="...", trigger=...)])``. The first look fires too, as
    its dates are new. The event's payload is ``{"resource": ..., "processed_dates": [...]}``, each date as
    ``{"service_code", "channel", ["workload_code",] "processed_date_time"}``.

    A failure that no later look heals, or too many in a row, end the trigger with that error in the triggerer's log;
    Airflow starts it again, and it looks again an interval later.

    **After a restart.** Since Airflow 3.3 what has been told is kept with the asset, once Airflow has the event in its
    database: no event is lost, and one repeats only if the triggerer dies in the second or two between the two. Airflow
    3.0 to 3.2 offer no place to keep it: no event is lost, and the latest one repeats after each restart.

    :param resource: one of the six resource names.
    :param customer_id: GUID of the customer, or a list of them; for the ``customer_*`` resources.
    :param filter_expression: Microsoft's ``filter``; for ``licenses_*``.
    :param partner_center_conn_id: connection of type ``partner_center``.
    :param poll_interval: seconds between two looks, 60 at least.
    :param max_consecutive_failures: failed looks in a row by which to give up; None goes on.
    """

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class and arguments, plain JSON values."""
        path = "airflow_partnercenter.triggers.partner_center.PartnerCenterLicensesEventTrigger"
        return path, self._arguments()

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Fire for each look with news, where Airflow offers no place to keep what was told."""
        told: Watermark = {}
        async with aclosing(self.looks()) as looks:
            async for look in looks:
                if news := _news(look, told):
                    told |= news
                    yield self._event(look)

    def shared_stream_key(self) -> Hashable | None:
        """Return a key of this trigger's own where Airflow can confirm that an event is stored.

        The poll is shared elsewhere, with the triggers of tasks too.
        """
        return json.dumps(self.serialize(), sort_keys=True) if getattr(self, "asset_state_store", None) else None

    @classmethod
    def create_shared_stream_producer(cls, kwargs: dict[str, Any]) -> Any:
        """Return what looks, and what keeps that an event has been stored."""
        from airflow_partnercenter.triggers.confirmed import ConfirmedLooks

        return ConfirmedLooks(cls(**kwargs).looks)

    async def filter_shared_stream(self, shared_stream: AsyncIterator[Any]) -> AsyncIterator[TriggerEvent]:
        """Fire for each look with news; what was told is kept when Airflow has stored the event."""
        told = await self._told()
        async for offered in shared_stream:
            if news := _news(offered.look, told):
                told |= news
                offered.keep = partial(self._keep, dict(told))
                yield self._event(offered.look)

    async def looks(self) -> AsyncGenerator[Look, None]:
        """Yield looks at all groups.

        :raises PartnerCenterError: some time after it was logged, as Airflow starts a failed event trigger at once.
        """
        try:
            async with aclosing(self._watch(every_group=True)) as looks:
                async for look in looks:
                    yield look
        except PartnerCenterError as error:
            logger.error("%s cannot be watched: %s", self.resource, error)  # noqa: TRY400 - raised below
            await asyncio.sleep(SECONDS_BEFORE_FAILING)
            raise

    async def _told(self) -> Watermark:
        """Return what earlier events told."""
        try:
            return dict(await self._store.aget(self._key, {}))
        except ValueError:
            logger.warning(
                "One trigger watches %s for several assets, for which Airflow offers no place to keep what was told: "
                "after each restart the latest event repeats. Give the watchers different arguments.",
                self.resource,
            )
            return {}

    async def _keep(self, told: Watermark) -> None:
        with suppress(ValueError):
            await self._store.aset(self._key, told)

    @property
    def _store(self) -> Any:
        """Airflow's store of the watched asset."""
        return self.asset_state_store

    @property
    def _key(self) -> str:
        """Where the watermark is kept; other arguments watch something else."""
        watched = [self.resource, self.customer_id, self.filter_expression, self.partner_center_conn_id]
        return f"partner_center_{hashlib.sha256(json.dumps(watched).encode()).hexdigest()[:16]}"

    def _event(self, look: Look) -> TriggerEvent:
        payload = {"resource": self.resource, "processed_dates": look.as_json}
        return TriggerEvent(payload)  # type: ignore[no-untyped-call]


def _news(look: Look, told: Watermark) -> Watermark:
    """Return the groups whose data is newer than what was told, or was never told of."""
    news = {}
    for row in look.as_json:
        *group, processed = row.values()
        name = json.dumps(group)
        # Text of equal width: it sorts like the times.
        if processed and processed > told.get(name, ""):
            news[name] = processed
    return news
