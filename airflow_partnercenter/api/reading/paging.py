"""Pages in order: by the service's own next links, in parallel by ``top`` and ``skip``, or customer by customer."""

import logging
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pyarrow as pa

from airflow_partnercenter.api.pages.decoding import RowDecoder
from airflow_partnercenter.api.pages.envelope import Page, Rows, decode_records
from airflow_partnercenter.api.pages.links import Links
from airflow_partnercenter.api.query import LicenseQuery
from airflow_partnercenter.api.reading.call import Call
from airflow_partnercenter.api.reading.parallel import decoding_threads, elsewhere, in_order
from airflow_partnercenter.api.reading.proof import Doubts, Once, Proof
from airflow_partnercenter.api.reading.transport import Transport
from airflow_partnercenter.exceptions import ApiError, IncompleteResultError

logger = logging.getLogger(__name__)

LicensePage = Page[pa.RecordBatch]

_NOT_FOUND = 404
#: Answers that may concern one customer only, and not the sign-in or the service.
_CUSTOMER_STATUSES = (403, _NOT_FOUND)
#: Partner Center's codes for a customer that is not the partner's, and one that it does not know.
_CUSTOMER_CODES = ("20002", "60003", "1000")
#: More in a row, each with a next link of its own, lead nowhere.
_MOST_EMPTY_PAGES = 100


@dataclass(frozen=True, slots=True)
class Read:
    """What the pages of one read have in common.

    :param commercial_prefix: path prefix of the superseding resources.
    :param decoder: makes rows of a body.
    :param as_served: whether repeated keys and mixed dates are data, as in a second read after a doubt.
    :param decoding: threads that decode; None decodes where the body came in.
    :param repetition_notice: of a key that the service repeats.
    """

    transport: Transport
    query: LicenseQuery
    commercial_prefix: str
    call: Call
    decoder: RowDecoder
    as_served: bool = False
    decoding: Executor | None = None
    repetition_notice: Once = field(default_factory=Once)

    def url(self, **place: Any) -> str:
        """Return the address of the first page, of one customer's, or of the page at a place."""
        return self.query.url(self.transport.base_url, self.commercial_prefix, **place)

    def get(
        self, url: str, headers: Mapping[str, str] | None = None, rows_before: int = 0, customer_id: str | None = None
    ) -> LicensePage:
        """Return one page."""
        here = partial(self.decoder.decode, rows_before=rows_before, customer_id=customer_id)
        decode = partial(elsewhere, self.decoding, here) if self.decoding else here
        return self.transport.get(url, decode, call=self.call, headers=headers)

    def proof(self, *, parallel: bool = False, repeated_keys: bool = False) -> Proof:
        """Return what will watch the pages.

        :param repeated_keys: whether a key on two pages is a doubt, as it always is in a parallel read.
        """
        doubts = Doubts(
            repeated_keys=parallel or repeated_keys,
            new_dates=not self.as_served,
            short_pages=not self.as_served and self.query.max_parallel_requests > 1,
        )
        return Proof(self.query.resource, self.query.group_by, doubts, self.repetition_notice, parallel=parallel)


def read_pages(read: Read) -> Generator[LicensePage, None, None]:
    """Yield the pages of a resource without customers; in parallel if the first page tells how many there are.

    :raises IncompleteResultError: the rows do not add up, or a doubt.
    """
    first = read.get(read.url())
    # A total that is no larger than the page may count the page: then only the links tell what follows.
    more_is_known = first.next_link is not None and 0 < len(first.rows) < (first.stated_total or 0)
    read.call.progress.total_rows = first.stated_total if more_is_known else None
    if read.query.max_parallel_requests > 1 and read.query.resource.is_commercial and more_is_known:
        yield from _in_parallel_from(read, first)
    else:
        yield from _proven(_by_links_from(first, read.url(), read.transport.base_url, read.get), read.proof())


def read_customers(read: Read, on_skip: Callable[[str, ApiError], None]) -> Generator[LicensePage, None, None]:
    """Yield the pages of each customer, in the order of the list; several customers are asked for at once.

    :param on_skip: told a customer that answered 403 or 404, if the query says to skip those.
    :raises ApiError: all customers did, and no answer says that it is about the customer.
    """
    # In this thread, so that the workers find a token.
    read.transport.sign_in()
    customers = read.query.customer_ids
    tasks = (partial(_read_customer, read, customer) for customer in customers)
    refused: list[ApiError] = []
    workers = read.query.max_parallel_requests
    # A customer has few rows: while one is late, as many more may wait for it as are asked for at once.
    with closing(in_order(tasks, workers, read.call, waiting=workers)) as results:
        for customer, result in zip(customers, results, strict=True):
            if isinstance(result, ApiError):
                refused.append(result)
                on_skip(customer, result)
            else:
                yield from result
    if len(refused) == len(customers) and not any(_is_about_customer(error, customers) for error in refused):
        # Not a matter of single customers: the signed-in user may read none, or the address is wrong.
        raise refused[-1]


def read_records(transport: Transport, url: str, call: Call) -> Iterator[Page[list[dict[str, Any]]]]:
    """Yield the pages of a list that no declaration describes, by the service's own next links.

    :raises IncompleteResultError: a next link leads back.
    :raises ResponseFormatError: a page is not of the documented shape, or a next link leaves the configured origin.
    """

    def get(url: str, headers: Mapping[str, str] | None = None, rows_before: int = 0) -> Page[list[dict[str, Any]]]:
        return transport.get(url, decode_records, call=call, headers=headers)

    return _by_links_from(get(url), url, transport.base_url, get)


def _in_parallel_from(read: Read, first: LicensePage) -> Generator[LicensePage, None, None]:
    """Yield the first page, and the rest by ``top`` and ``skip``.

    If the second page already is not what it should be, the service's own links are followed instead. The first page is
    older than those, so a key that comes twice still is a doubt then: the order may have changed in between.
    """
    # The service may cap pages below what was asked for: its own page size counts.
    page_size, total = len(first.rows), first.stated_total or 0
    skips = range(page_size, total, page_size)
    proof = read.proof(parallel=True)
    links = Links(read.url(), read.transport.base_url)
    links.add(first.next_link)
    proof.add(first)
    yield first
    with closing(_pages_at(read, skips, page_size)) as pages:
        for skip, page in zip(skips, pages, strict=True):
            try:
                _check_position(page, proof, total=total, expected=min(page_size, total - skip), last=skip == skips[-1])
                links.add(page.next_link)
                proof.add(page)
            except IncompleteResultError as doubt:
                if skip != skips[0]:
                    raise
                logger.warning(
                    "Reading on by the service's own links: %s [MS-CorrelationId %s]", doubt, read.call.correlation_id
                )
                break
            yield page
        else:
            proof.conclude()
            return
    read.call.go_on_sequentially()
    proof = read.proof(repeated_keys=True)
    pages = _proven(_by_links_from(first, read.url(), read.transport.base_url, read.get), proof)
    next(pages)
    yield from pages


def _pages_at(read: Read, skips: Sequence[int], page_size: int) -> Generator[LicensePage, None, None]:
    """Yield the pages at these places, in their order, while further ones are on their way."""
    with decoding_threads() as decoding:
        get = replace(read, decoding=decoding).get
        tasks = (partial(get, read.url(top=page_size, skip=skip), rows_before=skip) for skip in skips)
        with closing(in_order(tasks, read.query.max_parallel_requests, read.call)) as pages:
            yield from pages


def _check_position(page: LicensePage, proof: Proof, *, total: int, expected: int, last: bool) -> None:
    """Compare a page that was fetched by ``skip`` with what its place in the result demands."""
    if page.stated_total not in (None, total):
        raise proof.doubt(f"the stated total changed from {total:,} to {page.stated_total:,}")
    if len(page.rows) != expected:
        raise proof.doubt(f"a page has {len(page.rows):,} rows where {expected:,} belong")
    if (page.next_link is None) != last:
        raise proof.doubt("a next link is missing in the middle" if not last else "a next link follows the last page")


def _is_about_customer(error: ApiError, customers: Sequence[str]) -> bool:
    """Return whether a refusal speaks of the customer: by its code, or as a 404 where one customer was asked for."""
    return error.code in _CUSTOMER_CODES or (error.status_code == _NOT_FOUND and len(customers) == 1)


def _read_customer(read: Read, customer_id: str) -> list[LicensePage] | ApiError:
    url = read.url(customer_id=customer_id)
    get = partial(read.get, customer_id=customer_id)
    try:
        return list(_proven(_by_links_from(get(url), url, read.transport.base_url, get), read.proof()))
    except ApiError as error:
        if read.query.on_customer_error == "skip" and error.status_code in _CUSTOMER_STATUSES:
            return error
        raise


def _proven(pages: Iterator[LicensePage], proof: Proof) -> Generator[LicensePage, None, None]:
    """Yield the pages as long as nothing is missing.

    :raises IncompleteResultError: the rows do not add up, or a doubt.
    """
    for page in pages:
        proof.add(page)
        yield page
    proof.conclude()


def _by_links_from(
    page: Page[Rows], url: str, base_url: str, get: Callable[..., Page[Rows]]
) -> Generator[Page[Rows], None, None]:
    """Yield a page that was read from ``url``, and those that it leads to."""
    links = Links(url, base_url)
    empty_pages = row_count = 0
    while True:
        yield page
        row_count += len(page.rows)
        empty_pages = 0 if len(page.rows) else empty_pages + 1
        if empty_pages > _MOST_EMPTY_PAGES:
            raise IncompleteResultError(f"Partner Center served {empty_pages} empty pages in a row, and links to more.")
        step = links.add(page.next_link)
        if step is None:
            return
        page = get(step[0], headers=step[1], rows_before=row_count)
