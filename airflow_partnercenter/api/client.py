"""The client: licence data as rows or Arrow batches, in a plain script or behind the Airflow hook."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import date
from typing import Any, Self, TypedDict, TypeVar, Unpack
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.compute as pc

from airflow_partnercenter.api.clouds import CLOUDS
from airflow_partnercenter.api.entra.auth import Credentials, TokenProvider
from airflow_partnercenter.api.entra.claims import TokenClaims, read_claims
from airflow_partnercenter.api.entra.token_cache import TokenStore
from airflow_partnercenter.api.pages.decoding import RowDecoder
from airflow_partnercenter.api.pages.envelope import decode_records
from airflow_partnercenter.api.query import LicenseQuery, build_query
from airflow_partnercenter.api.reading.call import Call
from airflow_partnercenter.api.reading.customer_list import read_customer_list
from airflow_partnercenter.api.reading.paging import Read, read_customers, read_pages
from airflow_partnercenter.api.reading.transport import Transport
from airflow_partnercenter.api.wire.network import Network
from airflow_partnercenter.api.wire.redaction import Redactor
from airflow_partnercenter.api.wire.retrying import RetryPolicy
from airflow_partnercenter.exceptions import ApiError, ConfigurationError, IncompleteResultError, PartnerCenterError
from airflow_partnercenter.rows import time_text, to_rows, utc_time

logger = logging.getLogger(__name__)
T = TypeVar("T")


class QueryArguments(TypedDict, total=False):
    """Keyword arguments of every read; see :func:`airflow_partnercenter.api.query.build_query`."""

    customer_id: str | Sequence[str] | None
    filter_expression: str | None
    group_by: Sequence[str] | None
    processed_date_time: str | date | None
    page_size: int | None
    max_parallel_requests: int
    on_customer_error: str


class LicenseReader(Iterator[pa.RecordBatch]):
    """One read in progress: iterate for Arrow batches, one a page, of the schema ``schema``.

    Memory holds one page for each request in flight, and three more at most; of a list of customers, twice as many
    customers as requests in flight, and two more. The batches add up to a complete result
    only if the iteration ends without an error: what has been yielded cannot be taken back.

    :ivar schema: of every batch, known before the first request.
    :ivar correlation_id: ``MS-CorrelationId`` of the read, for a support case.
    :ivar row_count: rows yielded so far.
    :ivar oldest: earliest ``processed_date_time`` so far, as text, or None.
    :ivar newest: latest one.
    :ivar skipped_customers: those left out so far, as ``{"customer_id", "status_code", "code", "error"}``.
    """

    def __init__(
        self, query: LicenseQuery, transport: Transport, commercial_prefix: str, *, as_served: bool = False
    ) -> None:
        self._resource = query.resource
        self._call = Call(query.resource.name, transport.gate, query.max_parallel_requests)
        decoder = RowDecoder(query.resource)
        read = Read(transport, query, commercial_prefix, self._call, decoder, as_served)
        self._pages = read_customers(read, self._skip) if query.resource.needs_customer else read_pages(read)
        self.schema = decoder.schema
        self.correlation_id = self._call.correlation_id
        self._outcome: BaseException | None = None
        self.row_count = 0
        self.oldest: str | None = None
        self.newest: str | None = None
        self.skipped_customers: list[dict[str, Any]] = []

    def __next__(self) -> pa.RecordBatch:
        if self._outcome:
            # Asked again, a failed read must not look like one that ended.
            raise self._outcome
        try:
            return self._next_batch()
        except StopIteration as end:
            self._outcome = end
            raise
        except BaseException as error:
            self._outcome = error
            self.close()
            raise

    def _next_batch(self) -> pa.RecordBatch:
        with self._call.naming_errors():
            page = next(self._pages, None)
            if page is None:
                self._log_end()
                raise StopIteration
        batch = page.rows
        self.row_count += batch.num_rows
        self._call.progress.page_delivered(batch.num_rows)
        # As numbers: pyarrow would import pandas to hand out a time.
        span = pc.min_max(batch["processed_date_time"].cast(pa.int64())).as_py()
        if span["min"] is not None:
            # Text of equal width: it sorts like the times.
            self.oldest = min(filter(None, (self.oldest, time_text(utc_time(span["min"])))))
            self.newest = max(filter(None, (self.newest, time_text(utc_time(span["max"])))))
        return batch

    def close(self) -> None:
        """End the read early: no further request is sent."""
        self.give_up()
        self._pages.close()
        # Asked again, it must not look like one that ended.
        self._outcome = self._outcome or PartnerCenterError("The read was closed before its end.")

    def give_up(self) -> None:
        """End the read from another place, such as a signal handler: waits end, and the next step fails."""
        self._call.give_up()

    def _skip(self, customer_id: str, error: ApiError) -> None:
        logger.warning("Customer %s is left out: %s [MS-CorrelationId %s]", customer_id, error, self.correlation_id)
        self.skipped_customers.append(
            {
                "customer_id": customer_id,
                "status_code": error.status_code,
                "code": error.code,
                "error": error.description,
            }
        )

    def _log_end(self) -> None:
        self._call.progress.ended()
        if self.row_count or self.skipped_customers:
            return
        instead = self._resource.superseded_by
        reason = (
            f"this resource is superseded, and one like it has been seen empty since 2021: use {instead}"
            if instead
            else "no data matches the query, or none has been processed yet"
        )
        logger.warning(
            "%s: Partner Center answered 200 without rows; %s [MS-CorrelationId %s]",
            self._resource.name,
            reason,
            self.correlation_id,
        )


class PartnerCenterClient:
    """Reads the six licence resources of one partner.

    Constructing it sends nothing.

    :param credentials: App+User, app-only, or an access token.
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
    :param token_store: where tokens live between tasks; None keeps them in this process.
    :raises ConfigurationError: an argument cannot work.
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
        token_store: TokenStore | None = None,
    ) -> None:
        if cloud not in CLOUDS:
            raise ConfigurationError(f"cloud is {cloud!r}: use one of {', '.join(CLOUDS)}.")
        for name, address in (("base_url", base_url), ("authority", authority)):
            if address and not address.startswith("https://"):
                raise ConfigurationError(f"{name} must start with https://, as secrets travel there.")
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
            store=token_store,
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
        :raises IncompleteResultError: while iterating, if the rows do not add up, if newer data appear meanwhile, or at
            another doubt; a service that repeats a key on two pages, or has pages of any size and states no total, is
            read with ``max_parallel_requests=1``.
        :raises PartnerCenterError: while iterating, for any other failure.
        """
        return LicenseReader(build_query(resource, **query), self._transport, self._commercial_prefix)

    def read_whole(self, resource: str, consume: Callable[[LicenseReader], T], **query: Unpack[QueryArguments]) -> T:
        """Return what ``consume`` makes of a complete read.

        A read that does not add up is done once more, by the service's own links, one page after the other. What the
        first one left must not be visible to anyone: this is for callers that own the whole result.

        :raises IncompleteResultError: the rows did not add up twice.
        """
        try:
            with closing(self.iter_licenses(resource, **query)) as reader:
                return consume(reader)
        except IncompleteResultError as error:
            logger.warning("Reading once more, by the service's own links: %s", error)
        again = build_query(resource, **query)
        if not again.resource.needs_customer:
            # Each customer is read by links anyway.
            again = replace(again, max_parallel_requests=1)
        with closing(LicenseReader(again, self._transport, self._commercial_prefix, as_served=True)) as reader:
            return consume(reader)

    def list_licenses(self, resource: str, **query: Unpack[QueryArguments]) -> list[dict[str, Any]]:
        """Return all rows as plain JSON values, in the order served.

        Keys are the declared columns; a field that the service left out is None; times are text such as
        ``2017-03-14T03:25:16.360000Z``; ``additional_fields`` is there where it holds something.

        :return: a list of dictionaries; empty if there is no data.
        :raises PartnerCenterError: of the kind that says what to do.
        """
        return self.read_whole(resource, lambda reader: [row for batch in reader for row in to_rows(batch)], **query)

    def list_customers(self) -> list[dict[str, Any]]:
        """Return the partner's customers, in the order served.

        :return: plain JSON values, Microsoft's keys in snake_case: ``id`` (the customer's tenant, ``customer_id``
            elsewhere), ``company_profile`` with ``tenant_id``, ``domain`` and ``company_name``, and
            ``relationship_to_partner``.
        :raises IncompleteResultError: a customer came twice, or more were stated than listed.
        :raises PartnerCenterError: of the kind that says what to do.

        Source: https://learn.microsoft.com/en-us/partner-center/developer/get-a-list-of-customers (read 2026-11-20)
        """
        return read_customer_list(self._transport)

    def probe(self) -> None:
        """Sign in and ask for one licence row: proves credentials, address and role. A few seconds of patience.

        :raises PartnerCenterError: of the kind that says what to do.
        """
        url = build_query("licenses_deployment", page_size=1).url(self._transport.base_url, self._commercial_prefix)
        call = Call("licenses_deployment", self._transport.gate)
        with call.naming_errors():
            self._transport.get(url, decode_records, call=call)

    def token_claims(self) -> TokenClaims:
        """Sign in if need be, and return what the access token says about itself.

        :raises PartnerCenterError: of the kind that says what to do.
        """
        return read_claims(self._tokens.access_token())

    def close(self) -> None:
        """Close pooled connections; the client may still be used."""
        self._network.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<PartnerCenterClient of {self._transport.base_url}>"
