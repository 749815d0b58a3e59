"""Licence data of Microsoft Partner Center to XCom, or to one file in object storage."""

import json
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from airflow.providers.common.compat.sdk import AirflowSkipException

from airflow_partnercenter import __version__
from airflow_partnercenter.assets import check_outlets
from airflow_partnercenter.exceptions import ConfigurationError, ResultTooLargeError
from airflow_partnercenter.hooks.partner_center import failing_fast
from airflow_partnercenter.imports import uninterrupted
from airflow_partnercenter.lineage import TaskLineage, report_output
from airflow_partnercenter.links.partner_center import FILE_ADDRESS_KEY, FileLink
from airflow_partnercenter.locations import FileLocation
from airflow_partnercenter.operators.base import PartnerCenterLicensesOperator
from airflow_partnercenter.operators.written_file import add_asset_events, describe, describe_skipped, told_of
from airflow_partnercenter.operators.xcom_size import byte_count, configured_limit, limit_of
from airflow_partnercenter.storage import (
    PROCESSED_DATE,
    Destination,
    SpooledFile,
    file_web_address,
    filesystem_of,
    open_path,
)

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperatorLink, Context, ObjectStoragePath

    from airflow_partnercenter.api.client import LicenseReader
    from airflow_partnercenter.expectations import QualityGate

logger = logging.getLogger(__name__)

IfExists = Literal["replace", "skip", "fail"]

#: Query arguments that change how rows are read, not which.
_NOT_OF_THE_DATA = frozenset({"page_size", "max_parallel_requests"})


class PartnerCenterListLicensesOperator(PartnerCenterLicensesOperator):
    """Return the rows of a licence resource as a list of dictionaries, through XCom.

    For small results: partner totals, one customer, or an aggregation by ``group_by``. Rows are plain JSON values as
    :meth:`PartnerCenterHook.list_licenses` returns them. Customers left out by ``on_customer_error="skip"`` are in the
    XCom ``skipped_customers``. Further parameters: :class:`PartnerCenterLicensesOperator`.

    :param max_xcom_bytes: most bytes of UTF-8 JSON to push, skipped customers included; beyond it the task fails before
        anything is pushed. By default what ``[partner_center] max_xcom_bytes`` of Airflow's configuration says, which
        is 49 152 if not set.
    """

    def __init__(self, *, max_xcom_bytes: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_xcom_bytes = max_xcom_bytes

    def execute(self, context: "Context") -> list[dict[str, Any]]:
        """Read, check the size, return."""
        with failing_fast():
            self._check_choice("on_empty", ("allow", "skip", "fail"))
            limit = limit_of(self.max_xcom_bytes)
            self._check_query()
            rows, skipped = self._read_whole(_rows_and_skipped)
            self._meet_emptiness(len(rows))
            self._check_size(rows, skipped, limit)
        if skipped:
            context["ti"].xcom_push(key="skipped_customers", value=skipped)
        return rows

    def _check_size(self, rows: list[dict[str, Any]], skipped: list[dict[str, Any]], limit: int) -> None:
        size, beside = byte_count(rows), byte_count(skipped) if skipped else 0
        logger.info("%s: %d rows, %d bytes for XCom", self.resource, len(rows), size + beside)
        if size + beside > limit:
            told = f"{len(rows):,} rows of {self.resource} are {size:,} bytes"
            if skipped:
                told += f" and the list of {len(skipped):,} skipped customers {beside:,}"
            raise ResultTooLargeError(
                f"{told}, more than max_xcom_bytes={limit:,}. Ask for less by filter_expression or group_by, or write "
                "them to a file: two lines of the task change, to\n"
                f"    {PartnerCenterLicensesToObjectStorageOperator.__name__}(\n"
                f'        destination="s3://connection@bucket/{self.resource}/{PROCESSED_DATE}.parquet",'
            )


class PartnerCenterLicensesToObjectStorageOperator(PartnerCenterLicensesOperator):
    """Write a licence resource to exactly one file, whole or not at all, and return its description.

    Rows stream page by page to the worker's disk, so memory stays flat; the file is put in place in one step when the
    result is complete. A failed run leaves the previous file as it was. Further parameters:
    :class:`PartnerCenterLicensesOperator`.

    :param destination: ``scheme://[connection@]bucket/key`` or ``file:///path``. ``{processed_date}`` in it becomes the
        newest day, ``YYYY-MM-DD``, for which the rows were processed. (templated)
    :param file_format: ``parquet``, ``csv``, ``json`` or ``jsonl``; by default what the destination ends in
        (``.parquet``, ``.csv``, ``.json``, ``.jsonl``, text ones also ``.gz``). (templated)
    :param if_exists: what a file that is there already does: ``replace`` it, ``skip`` the task, or ``fail`` it.
    :param expectations: of the rows, checked before the file is put in place, such as
        ``{"fail": {"row_count_at_least": 1000, "no_null_keys": True}, "warn": {"processed_within_days": 3}}``. A broken
        one of ``fail`` fails the task and leaves the previous file. (templated)
    :param partition_asset_events: whether asset events carry the newest processed day as their partition key. By
        default they do if the DAG's timetable is Airflow's ``PartitionedAtRuntime``. Airflow starts partition-aware
        DAGs on an event with a key, and all others on one without.
    :return: ``{"uri", "resource", "file_format", "row_count", "byte_count", "sha256", "processed_date_time":
        {"min", "max"}, "correlation_id", "columns"}``, plain JSON values; with ``on_customer_error="skip"`` also
        ``"skipped_customer_count"`` and ``"skipped_customers"``, a list of ``{"customer_id", "status_code", "code",
        "error"}`` of as many as fit into ``[partner_center] max_xcom_bytes``, while the log has all; with
        ``expectations`` also ``"expectations"``, a list of ``{"name", "on_failure", "expected", "observed", "passed",
        "message"}``.
    """

    template_fields: Sequence[str] = (
        *PartnerCenterLicensesOperator.template_fields,
        "destination",
        "file_format",
        "expectations",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"expectations": "json"}
    operator_extra_links: "Sequence[BaseOperatorLink]" = (
        FileLink(),
        *PartnerCenterLicensesOperator.operator_extra_links,
    )

    def __init__(
        self,
        *,
        destination: str,
        file_format: str | None = None,
        if_exists: IfExists = "replace",
        expectations: Mapping[str, Mapping[str, Any]] | str | None = None,
        partition_asset_events: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.destination = destination
        self.file_format = file_format
        self.if_exists = if_exists
        self.expectations = expectations
        self.partition_asset_events = partition_asset_events
        self.file_web_address: str | None = None
        self._reader: LicenseReader | None = None
        self._spool: SpooledFile | None = None

    def execute(self, context: "Context") -> dict[str, Any]:
        """Check the destination, read, put the file in place, return its description."""
        with failing_fast():
            self._check_choice("on_empty", ("allow", "skip", "fail"))
            self._check_choice("if_exists", ("replace", "skip", "fail"))
            self._check_choice("partition_asset_events", (None, True, False))
            destination = Destination.parse(self.destination, self.file_format)
            self._check_query()
            self._gate()
            if self.on_customer_error == "skip":
                configured_limit()
            check_outlets(self.outlets, destination.uri)
            # Here and not when the file is in place: then no connection may be needed to tell of it.
            path = open_path(destination.uri)
            if destination.is_final:
                self._meet_existing(destination)
            try:
                described = self._read_whole(lambda reader, lineage: self._write(reader, lineage, destination))
            finally:
                # Of no use to anybody now, and nothing that a copy of the task could have.
                self._reader = self._spool = None
            self._announce(context, described, path)
        return described

    def on_kill(self) -> None:
        """Leave no spool behind: Airflow ends the process soon, whatever it does."""
        if self._reader and self._spool:
            self._reader.give_up()
            self._spool.discard()

    def _write(self, reader: "LicenseReader", lineage: TaskLineage, destination: Destination) -> dict[str, Any]:
        from airflow_partnercenter.expectations import require

        gate = self._gate()
        with SpooledFile(destination, reader.schema, self._provenance(reader)) as spool:
            self._reader, self._spool = reader, spool
            for batch in reader:
                spool.write(batch)
                gate.watch(batch)
                lineage.note_rows(batch)
            byte_count, sha256 = spool.close()
            self._meet_emptiness(spool.row_count)
            results = gate.results()
            lineage.note_expectations(results)
            require(results, self.resource)
            final = destination.at(reader.newest and reader.newest[:10])
            if not spool.publish(final, replace=self.if_exists == "replace"):
                self._refuse(final)
        described = describe(self.resource, final, reader, byte_count=byte_count, sha256=sha256)
        if self.on_customer_error == "skip":
            described |= describe_skipped(reader.skipped_customers)
        return described | ({"expectations": results} if results else {})

    def _gate(self) -> "QualityGate":
        """Return a new quality gate.

        :raises ConfigurationError: the expectations cannot work.
        """
        with uninterrupted():
            from airflow_partnercenter.api.resources import get_resource
            from airflow_partnercenter.expectations import ExpectedRows, QualityGate

        resource = get_resource(self.resource)
        # Aggregated rows are named by what they are aggregated by.
        key = tuple(field.column for field in resource.fields if field.wire in (self.group_by or ())) or resource.key
        return QualityGate(self.expectations, ExpectedRows(resource.name, resource.columns, key))

    def _announce(self, context: "Context", described: dict[str, Any], path: "ObjectStoragePath") -> None:
        """Tell Airflow and OpenLineage what was written, and leave the file's web address for its link.

        Asset events must not be lost in silence: DAGs wait for them, and a task that succeeds without its event stops
        them. So an error of theirs fails the task. Lineage and link tell about a file that is in place; without them
        nothing is missing in the data, so they are at most a warning.

        :param path: of the destination as given; its filesystem is the file's.
        """
        location = FileLocation.of(described["uri"])
        add_asset_events(
            context, self.outlets, described, partitioned=self.partition_asset_events, if_exists=self.if_exists
        )
        report_output(path, location.asset_uri)
        try:
            filesystem = filesystem_of(path)
            if self._lineage:
                self._lineage.note_file(described, filesystem)
            self._leave_link(context, file_web_address(described["uri"], filesystem))
        except Exception as error:  # whatever a store's library or Airflow's server raises
            told = told_of(error, "Telling of the file", logging.WARNING)
            logger.warning("%s is written, but not in links or lineage: %s", described["uri"], told)

    def _leave_link(self, context: "Context", web_address: str | None) -> None:
        self.file_web_address = web_address
        if web_address and "ti" in context:
            context["ti"].xcom_push(key=FILE_ADDRESS_KEY, value=web_address)

    def _provenance(self, reader: "LicenseReader") -> dict[str, str]:
        """Return what a Parquet file says of itself; rows of many customers name them by themselves."""
        query = {name: value for name, value in self._query.items() if value and name not in _NOT_OF_THE_DATA}
        if not isinstance(self.customer_id, str | None):
            query["customer_id"] = f"{len(self.customer_id)} customers"
        return {
            "resource": self.resource,
            "query": json.dumps(query, default=str, sort_keys=True),
            "correlation_id": reader.correlation_id,
            "package_version": __version__,
        }

    def _meet_existing(self, destination: Destination) -> None:
        """Do what ``if_exists`` says if there is a file already."""
        if self.if_exists != "replace" and destination.exists():
            self._refuse(destination)

    def _refuse(self, destination: Destination) -> None:
        """Leave a file as it is, in the way ``if_exists`` says."""
        if self.if_exists == "skip":
            raise AirflowSkipException(f"{destination.uri} exists; skipping, as if_exists says.")
        raise ConfigurationError(f"{destination.uri} exists, and if_exists is 'fail'; nothing was changed.")


def _rows_and_skipped(
    reader: "LicenseReader", lineage: TaskLineage
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    from airflow_partnercenter.rows import to_rows

    rows = []
    for batch in reader:
        lineage.note_rows(batch)
        rows += to_rows(batch)
    return rows, reader.skipped_customers
