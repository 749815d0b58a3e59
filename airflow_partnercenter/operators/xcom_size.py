"""How much a task may push through XCom: its rows are refused beyond that, lists beside its file are cut."""

import json
from typing import Any

from airflow.providers.common.compat.sdk import conf

from airflow_partnercenter.exceptions import ConfigurationError
from airflow_partnercenter.get_provider_info import MAX_XCOM_BYTES

#: Characters of each error that stay, the more customers there are.
_ERROR_LENGTHS = (200, 100, 50)


def byte_count(value: Any) -> int:
    """Return the size of a JSON value as UTF-8, in bytes."""
    return len(json.dumps(value, ensure_ascii=False).encode())


def configured_limit() -> int:
    """Return the most bytes to push, as Airflow's configuration says.

    :raises ConfigurationError: it is no whole number of at least 1.
    """
    configured = conf.get("partner_center", "max_xcom_bytes", fallback=str(MAX_XCOM_BYTES))
    try:
        limit = int(configured)
    except ValueError:
        limit = 0
    if limit < 1:
        raise ConfigurationError(
            f"[partner_center] max_xcom_bytes is {configured!r} in Airflow's configuration: give a whole number of at "
            "least 1."
        )
    return limit


def limit_of(max_xcom_bytes: int | None) -> int:
    """Return the most bytes to push: what a task says, or else Airflow's configuration.

    :raises ConfigurationError: it is no whole number of at least 1.
    """
    if max_xcom_bytes is None:
        return configured_limit()
    if not isinstance(max_xcom_bytes, int) or isinstance(max_xcom_bytes, bool) or max_xcom_bytes < 1:
        raise ConfigurationError(f"max_xcom_bytes {max_xcom_bytes!r} is not a whole number of at least 1.")
    return max_xcom_bytes


def fitting(skipped: list[dict[str, Any]], limit: int) -> list[dict[str, Any]]:
    """Return skipped customers as far as they fit: errors are shortened first, then the last customers left out.

    :param skipped: ``{"customer_id", "status_code", "code", "error"}`` of each.
    :param limit: most bytes of UTF-8 JSON.
    """
    if byte_count(skipped) <= limit:
        return skipped
    for length in _ERROR_LENGTHS:
        shortened = [customer | {"error": _shortened(customer["error"], length)} for customer in skipped]
        if byte_count(shortened) <= limit:
            return shortened
    used = len("[]")
    for count, customer in enumerate(shortened):
        used += byte_count(customer) + len(", ")
        if used - len(", ") > limit:
            return shortened[:count]
    return shortened


def _shortened(text: str | None, length: int) -> str | None:
    return f"{text[: length - 1]}…" if text and len(text) > length else text
