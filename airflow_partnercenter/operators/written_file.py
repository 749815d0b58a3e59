"""What is told of a file that is in place: its description, and the asset events that DAGs wait for."""

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from airflow_partnercenter.assets import add_events
from airflow_partnercenter.exceptions import PartnerCenterError, TransportError
from airflow_partnercenter.operators.xcom_size import configured_limit, fitting
from airflow_partnercenter.unexpected import describe_unexpected

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_partnercenter.api.client import LicenseReader
    from airflow_partnercenter.storage import Destination

logger = logging.getLogger(__name__)


def describe(
    resource: str, destination: "Destination", reader: "LicenseReader", *, byte_count: int, sha256: str
) -> dict[str, Any]:
    """Return what the task returns of its file, and say it in the log.

    :param resource: that was read.
    :param destination: the file.
    :param reader: that has read its rows.
    :param byte_count: of the file.
    :param sha256: of the file.
    """
    logger.info(
        "Wrote %s: %d rows, %d bytes [MS-CorrelationId %s]",
        destination.uri,
        reader.row_count,
        byte_count,
        reader.correlation_id,
    )
    return {
        "uri": destination.uri,
        "resource": resource,
        "file_format": destination.file_format,
        "row_count": reader.row_count,
        "byte_count": byte_count,
        "sha256": sha256,
        "processed_date_time": {"min": reader.oldest, "max": reader.newest},
        "correlation_id": reader.correlation_id,
        "columns": reader.schema.names,
    }


def describe_skipped(skipped: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the description says of skipped customers; thousands of them would be too much for XCom."""
    told = fitting(skipped, limit := configured_limit())
    if told != skipped:
        logger.warning(
            "%d customers were skipped, more than [partner_center] max_xcom_bytes=%d has room for: XCom lists %d of "
            "them, with shortened errors; all are in this log.",
            len(skipped),
            limit,
            len(told),
        )
    return {"skipped_customer_count": len(skipped), "skipped_customers": told}


def add_asset_events(
    context: "Context",
    outlets: Iterable[object],
    described: dict[str, Any],
    *,
    partitioned: bool | None,
    if_exists: str,
) -> None:
    """Add what was written to the task's asset events; an error says whether to run the task again.

    :param outlets: of the task.
    :param described: what the task returns.
    :param partitioned: whether the events carry a partition key; None leaves it to the DAG's timetable.
    :param if_exists: what the next attempt does with the file, which it will find there.
    :raises TransportError: a retry may heal it.
    :raises PartnerCenterError: a retry does not.
    """
    try:
        add_events(context, outlets, described, partitioned=partitioned)
    except Exception as error:
        if if_exists == "replace" and isinstance(error, PartnerCenterError):
            raise  # it says itself whether a retry can heal it
        told = told_of(error, "Telling them")
        if if_exists == "replace":
            raise TransportError(
                f"{described['uri']} is written, but its asset events failed: run the task again. {told}"
            ) from None
        # The next attempt would find the file, and skip: the event would be lost after all.
        raise PartnerCenterError(
            f"{described['uri']} is written, but its asset events failed: remove the file and run the task again. "
            f"No retry is made, as if_exists is {if_exists!r}. {told}"
        ) from None


def told_of(error: Exception, ended: str, level: int = logging.ERROR) -> str:
    """Return what may be said of an error: of one of ours its text, of any other one its kind."""
    return str(error) if isinstance(error, PartnerCenterError) else describe_unexpected(error, ended, level)
