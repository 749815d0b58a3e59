"""For which times the data of each service has been processed, asked with as little as the resource can give.

The older resources take no query and are small: one answer holds all rows (one answer per customer for ``customer_*``).

The superseding ones hold a row per customer and product, up to millions. There, ``groupby`` returns which services and
channels (and workloads) there are, in as many rows. Microsoft documents no ``processedDateTime`` among the fields that
``groupby`` takes, nor in the rows it returns, so one row of each group is asked for its date, by ``filter`` and
``top=1``. One row stands for its group, as a service is processed as a whole: ``processedDateTime`` is a parameter of
the request, and without it the service answers for the latest date that it has processed. Where this does not work out
(a group that no filter can name, a row of another group than was asked for), all rows are read.

Imports neither Airflow nor pandas.

Source: https://learn.microsoft.com/en-us/partner-center/developer/get-licenses-deployment-information (read 2026-11-25)
"""

import logging
import re
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from airflow_partnercenter.api.query import build_query
from airflow_partnercenter.exceptions import TransportError
from airflow_partnercenter.rows import time_text, utc_time

if TYPE_CHECKING:
    from airflow_partnercenter.api.client import LicenseReader, PartnerCenterClient, QueryArguments

logger = logging.getLogger(__name__)

#: Service, channel and, where the resource has it, workload.
Group = tuple[str | None, ...]
#: The time for which each group was processed; None if the service does not say. The earliest, if rows differ.
ProcessedDates = dict[Group, datetime | None]

_TIME = "processed_date_time"
_GROUP_COLUMNS = ("service_code", "service_name", "channel", "workload_code", "workload_name")
_QUOTED = re.compile(r"('(?:[^']|'')*')")
_OR = re.compile(r"\s+or\s+")


class ProcessedDatesReader:
    """Reads when the data of a resource was processed. Not for several threads at once, but for :meth:`give_up`.

    :param client: asked for it.
    :param resource: one of the six resource names.
    :param customer_id: GUID of the customer, or a list of them; for the ``customer_*`` resources.
    :param filter_expression: what else the rows must match; for ``licenses_*``.
    :raises ConfigurationError: an argument is wrong, missing, or not for this resource.
    """

    def __init__(
        self,
        client: "PartnerCenterClient",
        resource: str,
        *,
        customer_id: str | Sequence[str] | None = None,
        filter_expression: str | None = None,
    ) -> None:
        query = build_query(resource, customer_id=customer_id, filter_expression=filter_expression)
        self._client = client
        self._resource = query.resource
        self._filter = query.parameters.get("filter")
        self._query: QueryArguments = {"customer_id": customer_id, "filter_expression": filter_expression}
        #: Columns whose values make a group, in order.
        self.columns = tuple(name for name in _GROUP_COLUMNS if name in query.resource.key)
        self._wire = {field.column: field.wire for field in query.resource.fields}
        self._dates: ProcessedDates = {}
        self._reader: LicenseReader | None = None
        self._given_up = False

    def read(self, newer_than: datetime | None = None) -> ProcessedDates:
        """Return the dates of all groups; empty if there is no data.

        :param newer_than: return at the first group that is older, with those before it: that answers whether all are
            newer.
        :raises PartnerCenterError: of the kind that says what to do.
        """
        self._dates = self._read_by_group(newer_than) if self._resource.is_commercial else self._read_rows()
        return dict(self._dates)

    def read_if_oldest_moved(self, newer_than: datetime | None = None) -> ProcessedDates:
        """Return what :meth:`read` does, or what was read last, if the oldest group still is where it was.

        For those who wait for every group: while the oldest one does not move, nothing they wait for can have happened,
        and it takes one request to see.

        :raises PartnerCenterError: of the kind that says what to do.
        """
        known = {group: date for group, date in self._dates.items() if date is not None}
        if not self._resource.is_commercial or not known or len(known) < len(self._dates):
            return self.read(newer_than)
        oldest = min(known, key=lambda group: (known[group], group))
        row = self._read_one_row(oldest) if None not in oldest else None
        if row is not None and row == (oldest, known[oldest]):
            return dict(self._dates)
        return self.read(newer_than)

    def give_up(self) -> None:
        """End a read from another thread: waits end at once, and no further request is sent."""
        self._given_up = True
        if self._reader:
            self._reader.give_up()

    def to_json(self, dates: ProcessedDates) -> list[dict[str, Any]]:
        """Return dates as plain JSON values, such as ``{"service_code": "o365", "channel": "reseller",
        "processed_date_time": "2026-11-20T00:00:00.000000Z"}``, sorted by group.
        """  # noqa: D205 - one sentence
        return [
            dict(zip(self.columns, group, strict=True)) | {_TIME: date and time_text(date)}
            for group, date in sorted(dates.items(), key=lambda item: tuple(map(str, item[0])))
        ]

    def _read_by_group(self, newer_than: datetime | None) -> ProcessedDates:
        groups = self._read_rows([self._wire[name] for name in self.columns])
        if all(groups.values()):
            # None at all; or, against the documentation, the grouped rows carry their dates.
            return groups
        dates: ProcessedDates = {}
        for group in groups:
            row = self._read_one_row(group) if None not in group else None
            if row is None or row[0] != group:
                logger.warning(
                    "%s: no filter returns the rows of %s alone; reading all rows", self._resource.name, group
                )
                return self._read_rows()
            dates[group] = row[1]
            if newer_than and (row[1] is None or row[1] < newer_than):
                break
        return dates

    def _read_one_row(self, group: Group) -> tuple[Group, datetime | None] | None:
        """Return group and date of one row that a filter for the group finds, or None if it finds nothing."""
        query: QueryArguments = self._query | {
            "filter_expression": self._filter_for(group),
            "page_size": 1,
            "max_parallel_requests": 1,
        }
        with closing(self._client.iter_licenses(self._resource.name, **query)) as reader:
            self._start(reader)
            for batch in reader:
                for row in self._rows(batch):
                    return row
        return None

    def _filter_for(self, group: Group) -> str:
        """Return the filter for the rows of a group, within the user's own filter.

        ``and`` binds tighter than ``or``, so the group goes into each alternative of a plain expression.
        """
        named = zip(self.columns, group, strict=True)
        wanted = " and ".join(f"{self._wire[name]} eq '{_quoted(value)}'" for name, value in named)
        if not self._filter:
            return wanted
        pieces = _QUOTED.split(self._filter)
        if any("(" in piece for piece in pieces[::2]):
            return f"({self._filter}) and {wanted}"
        # Every second piece is a quoted text, and stays as it is.
        pieces[::2] = [f" and {wanted} or ".join(_OR.split(piece)) for piece in pieces[::2]]
        return f"{''.join(pieces)} and {wanted}"

    def _read_rows(self, group_by: Sequence[str] | None = None) -> ProcessedDates:
        """Return the earliest date of each group among the rows of a whole result."""

        def fold(reader: "LicenseReader") -> ProcessedDates:
            self._start(reader)
            dates: ProcessedDates = {}
            for batch in reader:
                for group, date in self._rows(batch):
                    before = dates.setdefault(group, date)
                    # An unknown date is as old as any.
                    dates[group] = min(before, date) if before and date else None
            return dates

        query: QueryArguments = {**self._query, "group_by": group_by}
        return self._client.read_whole(self._resource.name, fold, **query)

    def _rows(self, batch: pa.RecordBatch) -> Iterable[tuple[Group, datetime | None]]:
        columns = [batch[name].to_pylist() for name in self.columns]
        # As numbers: pyarrow would import pandas to hand out a time.
        times = batch[_TIME].cast(pa.int64()).to_pylist()
        dates = [None if time is None else utc_time(time) for time in times]
        return zip(zip(*columns, strict=True), dates, strict=True)

    def _start(self, reader: "LicenseReader") -> None:
        self._reader = reader
        if self._given_up:
            raise TransportError("The read was given up, as nobody waits for it any more.")


def _quoted(value: str | None) -> str:
    return (value or "").replace("'", "''")
