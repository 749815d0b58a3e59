"""What waiting for fresh data means, whoever waits: sensor or trigger. Imports next to nothing."""

import ipaddress
import logging
import math
from collections.abc import Mapping
from copy import copy
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_partnercenter import exceptions
from airflow_partnercenter.exceptions import ConfigurationError, PartnerCenterError
from airflow_partnercenter.one_line import one_line

if TYPE_CHECKING:
    from airflow_partnercenter.api.freshness import ProcessedDates
    from airflow_partnercenter.connection.settings import ConnectionSettings

logger = logging.getLogger(__name__)

#: Microsoft discourages polling, and its data moves once a day at most.
DEFAULT_INTERVAL_SECONDS = 900.0
#: The least seconds between two looks.
MINIMUM_INTERVAL_SECONDS = 60.0
DEFAULT_MAX_CONSECUTIVE_FAILURES = 5


def read_newer_than(value: Any) -> datetime:
    """Return a time in UTC; one without an offset is UTC, and a day is its midnight.

    :param value: ISO 8601 text, or a time or day.
    :raises ConfigurationError: it is none of these.
    """
    if isinstance(value, str):
        value = _parsed(value.strip())
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC)
    raise ConfigurationError(
        f"newer_than must be an ISO 8601 day or time such as 2026-11-20, not {type(value).__name__}."
    )


def _parsed(text: str) -> datetime:
    if text in ("", "None"):
        raise ConfigurationError(
            f"newer_than is {text!r}: the template gave nothing. A run without a logical date has no {{{{ ds }}}}; "
            "every run of Airflow 3 has {{ dag_run.run_after }}."
        )
    try:
        parsed = datetime.fromisoformat(text)
        # In UTC, a time of the first or the last year may be in none.
        return parsed.astimezone(UTC) if parsed.tzinfo else parsed
    except (ValueError, OverflowError):
        raise ConfigurationError(f"newer_than {text!r} is not an ISO 8601 day or time such as 2026-11-20.") from None


def check_interval(seconds: Any, name: str, settings: "ConnectionSettings") -> None:
    """Refuse to look more often than Microsoft would like; a Partner Center on this machine may be asked at any pace.

    :raises ConfigurationError: the interval is too short.
    """
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not math.isfinite(seconds) or seconds <= 0:
        raise ConfigurationError(f"{name} {seconds!r} is not a number of seconds.")
    if seconds < MINIMUM_INTERVAL_SECONDS and not _is_this_machine(settings.base_url):
        raise ConfigurationError(
            f"{name} is {seconds:g} s, less than {MINIMUM_INTERVAL_SECONDS:g} s: Microsoft discourages polling, and "
            "licence data is processed once a day at most."
        )


def _is_this_machine(base_url: str | None) -> bool:
    host = urlsplit(base_url or "").hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def are_fresh(dates: "ProcessedDates", newer_than: datetime) -> bool:
    """Return whether there is data, and all of it was processed for ``newer_than`` or later."""
    return bool(dates) and all(processed is not None and processed >= newer_than for processed in dates.values())


def describe(dates: "ProcessedDates", newer_than: datetime) -> str:
    """Return in one sentence what is there, and what is waited for."""
    if not dates:
        return (
            f"no data at all; waiting for {_text(newer_than)} or later (a superseded resource has been seen empty "
            "since 2021: licenses_* supersede them all)"
        )
    parts = [f"{one_line('/'.join(map(str, group)), 200)} {_text(processed)}" for group, processed in dates.items()]
    return f"processed {', '.join(sorted(parts))}; waiting for {_text(newer_than)} or later in all of them"


def _text(processed: datetime | None) -> str:
    return processed.isoformat().replace("+00:00", "Z") if processed else "at an unknown time"


class ConsecutiveFailures:
    """Counts looks that failed in a row, and says when it is enough.

    :param most: the failure by which to give up; None goes on whatever happens.
    :param count: how many there were before.
    """

    def __init__(self, most: int | None, count: int = 0) -> None:
        if most is not None and (not isinstance(most, int) or isinstance(most, bool) or most < 1):
            raise ConfigurationError(f"max_consecutive_failures {most!r} is not a whole number of at least 1.")
        self._most = most
        self.count = count

    def add(self, error: PartnerCenterError) -> None:
        """Count one, and go on; or give up.

        :raises PartnerCenterError: such a one, if a later look cannot heal it, or if it was one too many.
        """
        # A copy, as all who share a poll are told of the same error.
        last = copy(error)
        if not error.retriable:
            raise last from error
        self.count += 1
        if self._most is not None and self.count >= self._most:
            count, self.count = self.count, 0
            if count > 1:
                last.args = (f"{count} looks in a row failed; the last one: {error}",)
            raise last from error
        limit = f" of {self._most}" if self._most is not None else ""
        logger.warning("Look failed (%d%s in a row), waiting on: %s", self.count, limit, error)

    def reset(self) -> None:
        """Start again, after a look that worked."""
        self.count = 0


def error_to_json(error: PartnerCenterError) -> dict[str, Any]:
    """Return what :func:`error_from_json` needs; messages hold no secrets."""
    return {
        "error": type(error).__name__,
        "message": str(error),
        "retry_after_seconds": error.retry_after_seconds,
        "request_id": error.request_id,
        "correlation_id": error.correlation_id,
    }


def error_from_json(event: Mapping[str, Any]) -> PartnerCenterError:
    """Return an error of the class it had in the triggerer, so that retries treat it as they would have there."""
    kind = getattr(exceptions, str(event.get("error")), None)
    if not (isinstance(kind, type) and issubclass(kind, PartnerCenterError)):
        kind = PartnerCenterError
    error: PartnerCenterError = kind(str(event.get("message")))
    error.retry_after_seconds = event.get("retry_after_seconds")
    error.request_id = event.get("request_id")
    error.correlation_id = event.get("correlation_id")
    return error
