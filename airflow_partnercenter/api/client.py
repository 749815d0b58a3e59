"""The client: licence data as rows or Arrow batches, in a plain script or behind the Airflow hook."""

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any, Self, TypedDict, Unpack
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.compute as pc

from airflow_partnercenter.api.auth import Credentials, TokenProvider
from airflow_partnercenter.api.clouds import CLOUDS
from airflow_partnercenter.api.decoding import RowDecoder, decode_page
from airflow_partnercenter.api.network import Network
from airflow_partnercenter.api.paging import read_again_on_doubt, read_pages
from airflow_partnercenter.api.query import LicenseQuery, build_query
from airflow_partnercenter.api.redaction import Redactor
from airflow_partnercenter.api.retrying import RetryPolicy
from airflow_partnercenter.api.transport import CallIds, Transport
from airflow_partnercenter.rows import time_text, to_rows

logger = logging.getLogger(__name__)


class QueryArguments(TypedDict, total=False):
    """Keyword arguments of every read; see :func:`airflow_partnercenter.api.query.build_query`."""

    customer_id: str | None
    filter_expression: str | None
    group_by: Sequence[str] | None
    processed_date_time: str | date | None
    page_size: int | None


class LicenseReader(Iterator[pa.RecordBatch]):
    """One read in progress: iterate for Arrow batches, one a page, of the schema ``schema``.

    Memory holds one page at a time. The batches add up to a complete result only if the iteration ends without an
    error: what has been yielded cannot be taken back.

    :ivar schema: of every batch, known before the first request.
    :ivar correlation_id: ``MS-CorrelationId`` of the read, for a support case.
    :ivar row_count: rows yielded so far.
    :ivar oldest: earliest ``processed_date_time`` so far, as text, or None.
    :ivar newest: latest one.
    """

    def __init__(self, query: LicenseQuery, transport: Transport, url: str) -> None:
        ids = CallIds()
        self._resource = query.resource
        self._decoder = RowDecoder(query.resource, query.customer_id)
        self._pages = read_pages(transport, url, ids)
        self.schema = self._decoder.schema
        self.correlation_id = ids.correlation_id
        self.row_count = 0
        self.oldest: str | None = None
        self.newest: str | None = None

    def __next__(self) -> pa.RecordBatch:
        page = next(self._pages, None)
        if page is None:
            self._log_end()
            raise StopIteration
        batch = self._decoder.to_batch(page.records, self.row_count)
        self.row_count += batch.num_rows
        span = pc.min_max(batch["processed_date_time"]).as_py()
        if span["min"] is not None:
            # Text of equal width: it sorts like the times.
            self.oldest = min(filter(None, (self.oldest, time_text(span["min"]))))
            self.newest = max(filter(None, (self.newest, time_text(span["max"]))))
        return batch

    def _log_end(self) -> None:
        if self.row_count:
            logger.info("%s: %d rows [MS-CorrelationId %s]", self._resource.name, self.row_count, self.correlation_id)
            return
        instead = self._resource.superseded_by
        logger.warning(
            "%s: Partner Center answered 200 without rows%s [MS-CorrelationId %s]",
            self._resource.name,
            f"; this resource is superseded and has been seen empty since 2021, use {instead}"
            if instead
            else "; no data matches the query, or none has been processed yet",
            self.correlation_id,
        )


class PartnerCenterClient:
    """Reads the six licence resources of one partner.

    Constructing it sends nothing.

    :param credentials: App+User or app-only.
    :param cloud: ``global``, ``us_government`` or ``china``.
    :param base_url: override of the cloud's Partner Center address, with scheme and port.
    :param authority: override of the cloud's login host; the tenant is appended.
    :param commercial_prefix: path prefix of the superseding resources; Microsoft's page has both ``/partner/v1`` and
        ``/v1``.
    :param network: certificate authorities, proxy and time-out.
    :param retry: patience with failing requests.
    :param locale: for texts that Partner Center may translate.
    :param application_name: by which Partner Center's support sees the requests.
    :param on_secret: told every secret and token, to mask it in logs.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        cloud: str = "global",
        base_url: str | None = None,
        authority: str | None = None,
        commercial_prefix: str = "/partner/v1",
        network: Network | None = None,
        retry: RetryPolicy | None = None,
        locale: str = "en-US",
        application_name: str | None = None,
        on_secret: Callable[[str], None] | None = None,
    ) -> None:
        place = CLOUDS[cloud]
        redactor = Redactor(on_secret)
        self._network = network or Network()
        redactor.add(urlsplit(self._network.proxy or "").password)
        retry = retry or RetryPolicy()
        self._tokens = TokenProvider(
            credentials,
            authority=authority or place.authority,
            audience=place.audience,
            network=self._network,
            retry=retry,
            redactor=redactor,
        )
        self._transport = Transport(
            (base_url or place.base_url).rstrip("/"),
            self._tokens,
            network=self._network,
            retry=retry,
            redactor=redactor,
            locale=locale,
            application_name=application_name,
        )
        self._commercial_prefix = commercial_prefix

    def iter_licenses(self, resource: str, **query: Unpack[QueryArguments]) -> LicenseReader:
        """Return an iterator over Arrow batches, a page each, with a schema that is known before the first request.

        Arguments are checked at once; requests are sent as the iterator is used. There may be no batch, or empty
        ones.

        :raises ConfigurationError: an argument is wrong, missing, or not for this resource.
        :raises IncompleteResultError: while iterating, if the rows do not add up.
        :raises PartnerCenterError: while iterating, for any other failure.
        """
        checked = build_query(resource, **query)
        return LicenseReader(checked, self._transport, checked.url(self._transport.base_url, self._commercial_prefix))

    def list_licenses(self, resource: str, **query: Unpack[QueryArguments]) -> list[dict[str, Any]]:
        """Return all rows as plain JSON values, in the order served.

        Keys are the declared columns; a field that the service left out is None; times are text such as
        ``2017-03-14T03:25:16.360000Z``; ``additional_fields`` is there where it holds something.

        :return: a list of dictionaries; empty if there is no data.
        :raises PartnerCenterError: of the kind that says what to do.
        """
        return read_again_on_doubt(
            lambda: [row for batch in self.iter_licenses(resource, **query) for row in to_rows(batch)]
        )

    def probe(self) -> None:
        """Sign in and ask for one licence row: proves credentials, address and role. A few seconds of patience.

        :raises PartnerCenterError: of the kind that says what to do.
        """
        query = build_query("licenses_deployment", page_size=1)
        url = query.url(self._transport.base_url, self._commercial_prefix)
        self._transport.get(url, decode_page, ids=CallIds())

    def close(self) -> None:
        """Close pooled connections; the client may still be used."""
        self._network.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<PartnerCenterClient of {self._transport.base_url}>"
