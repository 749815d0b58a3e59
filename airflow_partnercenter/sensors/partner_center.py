"""Wait for fresh licence data of Microsoft Partner Center."""

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
)
from jinja2 import UndefinedError

from airflow_partnercenter.exceptions import PartnerCenterError
from airflow_partnercenter.hooks.partner_center import PartnerCenterHook, failing_fast
from airflow_partnercenter.triggers.partner_center import PartnerCenterLicensesTrigger
from airflow_partnercenter.waiting import (
    DEFAULT_INTERVAL_SECONDS,
    DEFAULT_MAX_CONSECUTIVE_FAILURES,
    MINIMUM_INTERVAL_SECONDS,
    ConsecutiveFailures,
    are_fresh,
    check_interval,
    describe,
    error_from_json,
    read_newer_than,
)

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_partnercenter.api.freshness import ProcessedDatesReader

logger = logging.getLogger(__name__)

_STATE_KEY = "partner_center_consecutive_failures"
#: Airflow's scheduler looks every 15 s for tasks whose deferral is over.
_SECONDS_LEFT_TO_THE_TRIGGER = 60.0
#: What Airflow 3 says of one whose time is over.
_TRIGGER_TIMEOUT = "Trigger timeout"
#: What 2.11 says, of an execution_timeout too.
_TRIGGER_OR_EXECUTION_TIMEOUT = "Trigger/execution timeout"


class PartnerCenterLicensesSensor(BaseSensorOperator):
    """Succeed when all licence data of a resource has been processed for a time or later; return those times.

    Microsoft processes each service at its own pace: the sensor waits until every service and channel (and workload)
    that it sees has ``processed_date_time >= newer_than``. No data at all is not fresh.

    It waits alike in the modes ``poke`` and ``reschedule`` and with ``deferrable=True``, where a thousand sensors take
    no worker and share one request per interval.

    :param resource: one of ``partner_licenses_deployment``, ``partner_licenses_usage``,
        ``customer_licenses_deployment``, ``customer_licenses_usage``, ``licenses_deployment``, ``licenses_usage``.
        (templated)
    :param newer_than: ISO 8601 text, day or time; UTC if it has no offset. A run without a logical date has no
        ``{{ ds }}``; every run of Airflow 3 has ``{{ dag_run.run_after }}``. (templated)
    :param customer_id: GUID of the customer, or a list of them; for the ``customer_*`` resources. (templated)
    :param filter_expression: Microsoft's ``filter``, such as ``serviceCode eq 'o365'``; for ``licenses_*``. (templated)
    :param partner_center_conn_id: connection of type ``partner_center``. (templated)
    :param poke_interval: seconds, or a timedelta, between two looks; 60 s at least, as Microsoft discourages polling.
    :param max_consecutive_failures: looks in a row that fail although they may heal (throttling, 5xx, no answer) by
        which the sensor fails with the last error. Below Airflow 3.3 the mode ``reschedule`` has no place to count
        them, and waits on until the sensor's timeout.
    :param deferrable: whether to wait in the triggerer; by default what ``[operators] default_deferrable`` says.
    :return: list of ``{"service_code" or "service_name", "channel", "workload_code" or "workload_name" where there is
        one, "processed_date_time"}``.
    """

    template_fields: Sequence[str] = (
        "resource",
        "newer_than",
        "customer_id",
        "filter_expression",
        "partner_center_conn_id",
    )
    ui_color = "#e8f1fb"
    #: Has open connections, which no copy can have of its own.
    shallow_copy_attrs = ("_dates_reader",)

    def __init__(
        self,
        *,
        resource: str,
        newer_than: str | date,
        customer_id: str | Sequence[str] | None = None,
        filter_expression: str | None = None,
        partner_center_conn_id: str = PartnerCenterHook.default_conn_name,
        poke_interval: timedelta | float = DEFAULT_INTERVAL_SECONDS,
        max_consecutive_failures: int = DEFAULT_MAX_CONSECUTIVE_FAILURES,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(poke_interval=poke_interval, **kwargs)
        self.resource = resource
        self.newer_than = newer_than
        self.customer_id = customer_id
        self.filter_expression = filter_expression
        self.partner_center_conn_id = partner_center_conn_id
        self.max_consecutive_failures = max_consecutive_failures
        self.deferrable = deferrable
        self._asked_seconds = 0.0

    @cached_property
    def hook(self) -> PartnerCenterHook:
        """The hook; built on first use."""
        return PartnerCenterHook(self.partner_center_conn_id)

    def __getstate__(self) -> Any:
        """Leave the reader behind, which a pickle of a used sensor builds anew."""
        state = super().__getstate__()  # type: ignore[no-untyped-call]
        return {name: value for name, value in state.items() if name != "_dates_reader"}

    def execute(self, context: "Context") -> Any:
        """Wait here, or hand over to the triggerer."""
        if self.deferrable:
            self._hand_over()
        return super().execute(context)

    def poke(self, context: "Context") -> PokeReturnValue:
        """Look once."""
        self._asked_seconds = 0.0
        with failing_fast():
            newer_than = self._check_arguments()
            failures = self._failures(context)
            try:
                dates = self._dates_reader.read_if_oldest_moved(newer_than)
            except PartnerCenterError as error:
                self._asked_seconds = error.retry_after_seconds or 0.0
                try:
                    failures.add(error)
                finally:
                    self._remember(context, failures)
                return PokeReturnValue(is_done=False)
        if failures.count:
            failures.reset()
            self._remember(context, failures)
        if not are_fresh(dates, newer_than):
            logger.info("%s: %s", self.resource, describe(dates, newer_than))
            return PokeReturnValue(is_done=False)
        return PokeReturnValue(is_done=True, xcom_value=self._dates_reader.to_json(dates))

    def execute_complete(self, context: "Context", event: dict[str, Any] | None = None) -> Any:
        """Return what the trigger found, or fail as a poke would have."""
        status = event.get("status") if isinstance(event, dict) else event
        if not isinstance(event, dict) or status not in ("success", "timeout", "error"):
            raise AirflowFailException(f"The trigger returned {status!r}, which this version does not know.")
        if status == "success":
            return event["processed_dates"]
        if status == "timeout":
            raise AirflowSensorTimeout(event["message"])
        try:
            with failing_fast():
                raise error_from_json(event)
        except (AirflowFailException, PartnerCenterError) as error:
            raise self._as_told_to_fail(error) from error.__cause__

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: "Context") -> Any:
        """Go on after the wait; one that Airflow itself ended, as no triggerer ran, is a timeout like any other."""
        if next_method == "__fail__" and self._is_timeout((next_kwargs or {}).get("error")):
            told = f"{self.resource} was not seen fresh in time, and no triggerer reported why: is one running?"
            next_method, next_kwargs = "execute_complete", {"event": {"status": "timeout", "message": told}}
        return super().resume_execution(next_method, next_kwargs, context)

    def _is_timeout(self, error: Any) -> bool:
        """Whether Airflow says that the wait was too long."""
        said = getattr(error, "value", error)
        # An execution_timeout that came first is Airflow's matter.
        ours_came_first = not self.execution_timeout or self.execution_timeout > self._deferral_time
        return said == _TRIGGER_TIMEOUT or (said == _TRIGGER_OR_EXECUTION_TIMEOUT and ours_came_first)

    def render_template(self, content: Any, context: Any, *arguments: Any, **named: Any) -> Any:
        """Render; a name that a template uses and the run does not have is an error that says what to use instead."""
        try:
            return super().render_template(content, context, *arguments, **named)
        except UndefinedError as error:
            raise AirflowFailException(
                f"Template {content!r} cannot be rendered: {error}. A run without a logical date has no {{{{ ds }}}}, "
                "{{ logical_date }} or {{ data_interval_start }}; every run of Airflow 3 has {{ dag_run.run_after }}."
            ) from error

    @cached_property
    def _dates_reader(self) -> "ProcessedDatesReader":
        from airflow_partnercenter.api.freshness import ProcessedDatesReader

        check_interval(self.poke_interval, "poke_interval", self.hook._settings())
        return ProcessedDatesReader(
            self.hook.get_conn(),
            self.resource,
            customer_id=self.customer_id,
            filter_expression=self.filter_expression,
        )

    def _check_arguments(self) -> datetime:
        """Return ``newer_than`` as a time, if all arguments can work.

        :raises ConfigurationError: one cannot; nothing was sent.
        """
        from airflow_partnercenter.api.query import build_query, listed_once

        self.customer_id = listed_once(self.customer_id)
        build_query(self.resource, customer_id=self.customer_id, filter_expression=self.filter_expression)
        ConsecutiveFailures(self.max_consecutive_failures)
        return read_newer_than(self.newer_than)

    def _hand_over(self) -> None:
        """Wait in the triggerer, if the arguments can work; what runs here ends with this."""
        try:
            with failing_fast():
                trigger = self._trigger()
        except AirflowFailException as error:
            raise self._as_told_to_fail(error) from error
        self.defer(trigger=trigger, method_name="execute_complete", timeout=self._deferral_time)

    @property
    def _deferral_time(self) -> timedelta:
        """For how long Airflow lets it wait; the trigger, which knows the timeout, says first that it is over."""
        return timedelta(seconds=self.timeout + _SECONDS_LEFT_TO_THE_TRIGGER)

    def _trigger(self) -> PartnerCenterLicensesTrigger:
        newer_than = self._check_arguments()
        return PartnerCenterLicensesTrigger(
            resource=self.resource,
            newer_than=newer_than.isoformat(),
            customer_id=self.customer_id,
            filter_expression=self.filter_expression,
            partner_center_conn_id=self.partner_center_conn_id,
            poll_interval=self.poke_interval,
            # silent_fail goes on whatever happens, as it does in the other modes.
            max_consecutive_failures=None if self.silent_fail else self.max_consecutive_failures,
            deadline=(datetime.now(UTC) + timedelta(seconds=self.timeout)).isoformat(),
        )

    def _as_told_to_fail(self, error: Exception) -> Exception:
        """Return what an error is in a deferrable sensor, as Airflow does for the other modes."""
        softened = self.soft_fail and isinstance(error, AirflowFailException)
        if not (softened or self.never_fail):
            return error
        return AirflowSkipException(f"Skipping, as {'soft_fail' if softened else 'never_fail'} says: {error}")

    def _failures(self, context: "Context") -> ConsecutiveFailures:
        """Return the failures so far: this process knows them, or the store of Airflow 3.3 if there is a new one."""
        if self.mode != "reschedule":
            return self._failures_here
        store: Any = context.get("task_state_store")
        if store is None:
            return ConsecutiveFailures(None)
        return ConsecutiveFailures(self.max_consecutive_failures, store.get(_STATE_KEY, 0))

    @cached_property
    def _failures_here(self) -> ConsecutiveFailures:
        return ConsecutiveFailures(self.max_consecutive_failures)

    def _remember(self, context: "Context", failures: ConsecutiveFailures) -> None:
        if self.mode == "reschedule" and (store := context.get("task_state_store")) is not None:
            store.set(_STATE_KEY, failures.count)

    def _get_next_poke_interval(
        self, started_at: Any, run_duration: Callable[[], float], *arguments: Any, **named: Any
    ) -> float:
        """Return the seconds to the next look; never sooner than Microsoft would like, or Partner Center asked for.

        :raises AirflowSensorTimeout: it asked for more than the timeout leaves; a skip if ``soft_fail`` is set.
        """
        if self._asked_seconds > (left := max(self.timeout - run_duration(), 0.0)):
            told = (
                f"Microsoft asked to send nothing for {self._asked_seconds:.0f} s; "
                f"the sensor's timeout leaves {left:.0f} s."
            )
            raise AirflowSkipException(told) if self.soft_fail else AirflowSensorTimeout(told)
        # Airflow's exponential back-off begins with half of the interval.
        least = max(min(float(self.poke_interval), MINIMUM_INTERVAL_SECONDS), self._asked_seconds)
        return max(float(super()._get_next_poke_interval(started_at, run_duration, *arguments, **named)), least)
