"""Pages in order: by the service's own next links, in parallel by ``top`` and ``skip``, or customer by customer."""

import logging
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import replace
from functools import partial

from airflow_partnercenter.api.call import Call
from airflow_partnercenter.api.decoding import Page, decode_page
from airflow_partnercenter.api.parallel import in_order
from airflow_partnercenter.api.proof import Proof
from airflow_partnercenter.api.query import LicenseQuery
from airflow_partnercenter.api.transport import Transport
from airflow_partnercenter.exceptions import ApiError, IncompleteResultError

logger = logging.getLogger(__name__)

_FORBIDDEN = 403
#: Answers that may concern one customer only, and not the sign-in or the service.
_CUSTOMER_STATUSES = (_FORBIDDEN, 404)
#: More in a row, each with a next link of its own, lead nowhere.
_MOST_EMPTY_PAGES = 100


def read_by_links(
    transport: Transport, url: str, call: Call, proof: Proof | None = None
) -> Generator[Page, None, None]:
    """Yield the pages from ``url`` on, by the service's own next links.

    :param proof: watches the pages; None only for lists whose rows have no declared key.
    :raises IncompleteResultError: after the last page, if the rows do not add up; or if a next link repeats.
    :raises ResponseFormatError: a page is not of the documented shape, or a next link leaves the configured origin.
    """
    first = transport.get(url, decode_page, call=call)
    yield from _by_links_from(transport, url, first, call, proof)


def read_pages(transport: Transport, query: LicenseQuery, prefix: str, call: Call) -> Generator[Page, None, None]:
    """Yield the pages of a resource without customers; in parallel if the first page tells how many there are.

    :raises IncompleteResultError: the rows do not add up; in parallel, at any doubt.
    """
    url = query.url(transport.base_url, prefix)
    first = transport.get(url, decode_page, call=call)
    call.progress.total_rows = first.stated_total
    # A total that is no larger than the page may count the page: then only the links tell what follows.
    more_is_known = first.next_link is not None and 0 < len(first.records) < (first.stated_total or 0)
    if query.max_parallel_requests > 1 and query.resource.is_commercial and more_is_known:
        yield from _in_parallel_from(transport, query, prefix, first, call)
    else:
        proof = Proof(query.resource, query.group_by, parallel=False)
        yield from _by_links_from(transport, url, first, call, proof)


def _in_parallel_from(
    transport: Transport, query: LicenseQuery, prefix: str, first: Page, call: Call
) -> Generator[Page, None, None]:
    """Yield the first page, and the rest by ``top`` and ``skip``.

    If the second page already is not what it should be, the service's own links are followed instead: no more has been
    yielded by then than such a read would have.
    """
    # The service may cap pages below what was asked for: its own page size counts.
    page_size, total = len(first.records), first.stated_total or 0
    skips = range(page_size, total, page_size)
    tasks = (
        partial(transport.get, query.url(transport.base_url, prefix, top=page_size, skip=skip), decode_page, call=call)
        for skip in skips
    )
    proof = Proof(query.resource, query.group_by, parallel=True)
    links = _Links(transport, query.url(transport.base_url, prefix))
    links.add(first)
    proof.add(first)
    yield first
    with closing(in_order(tasks, query.max_parallel_requests, call)) as pages:
        for skip, page in zip(skips, pages, strict=True):
            try:
                _check_position(page, proof, total=total, expected=min(page_size, total - skip), last=skip == skips[-1])
                links.add(page)
                proof.add(page)
            except IncompleteResultError as doubt:
                if skip != skips[0]:
                    raise
                logger.warning(
                    "Reading on by the service's own links: %s [MS-CorrelationId %s]", doubt, call.correlation_id
                )
                break
            yield page
        else:
            proof.conclude()
            return
    call.go_on_sequentially()
    own_links = Proof(query.resource, query.group_by, parallel=False)
    pages = _by_links_from(transport, query.url(transport.base_url, prefix), first, call, own_links)
    next(pages)
    yield from pages


def read_customers(
    transport: Transport, query: LicenseQuery, prefix: str, call: Call, on_skip: Callable[[str, ApiError], None]
) -> Generator[Page, None, None]:
    """Yield the pages of each customer, in the order of the list; several customers are asked for at once.

    :param on_skip: told a customer that answered 403 or 404, if the query says to skip those.
    :raises ApiError: every customer answered 403.
    """
    # In this thread, so that the workers find a token.
    transport.sign_in()
    tasks = (partial(_read_customer, transport, query, prefix, call, customer) for customer in query.customer_ids)
    refused: list[ApiError] = []
    with closing(in_order(tasks, query.max_parallel_requests, call)) as results:
        for customer, result in zip(query.customer_ids, results, strict=True):
            if isinstance(result, ApiError):
                refused.append(result)
                on_skip(customer, result)
            else:
                yield from result
    if len(refused) == len(query.customer_ids) and all(error.status_code == _FORBIDDEN for error in refused):
        # Not a matter of single customers: the signed-in user may read none.
        raise refused[-1]


def _read_customer(
    transport: Transport, query: LicenseQuery, prefix: str, call: Call, customer_id: str
) -> list[Page] | ApiError:
    url = query.url(transport.base_url, prefix, customer_id=customer_id)
    proof = Proof(query.resource, query.group_by, parallel=False)
    try:
        return [replace(page, customer_id=customer_id) for page in read_by_links(transport, url, call, proof)]
    except ApiError as error:
        if query.on_customer_error == "skip" and error.status_code in _CUSTOMER_STATUSES:
            return error
        raise


def _by_links_from(
    transport: Transport, url: str, page: Page, call: Call, proof: Proof | None
) -> Generator[Page, None, None]:
    """Yield a page that was read from ``url``, and those that it leads to."""
    links = _Links(transport, url)
    empty_pages = 0
    while True:
        if proof:
            proof.add(page)
        yield page
        empty_pages = 0 if page.records else empty_pages + 1
        if empty_pages > _MOST_EMPTY_PAGES:
            raise IncompleteResultError(f"Partner Center served {empty_pages} empty pages in a row, and links to more.")
        step = links.add(page)
        if step is None:
            break
        page = transport.get(step[0], decode_page, call=call, headers=step[1])
    if proof:
        proof.conclude()


class _Links:
    """The next links of one read: each leads to the configured origin, and none twice to the same page."""

    def __init__(self, transport: Transport, first_url: str) -> None:
        self._base_url = transport.base_url
        self._current_url = first_url
        self._seen: set[tuple[str, tuple[tuple[str, str], ...]]] = {(first_url, ())}

    def add(self, page: Page) -> tuple[str, dict[str, str]] | None:
        """Return address and headers of the page after this one, or None after the last.

        :raises ResponseFormatError: the link leaves the configured origin.
        :raises IncompleteResultError: the link leads to a page that was read already.
        """
        if page.next_link is None:
            return None
        url = page.next_link.resolve(self._current_url, self._base_url)
        headers = dict(page.next_link.headers)
        step = (url, tuple(sorted(headers.items())))
        if step in self._seen:
            raise IncompleteResultError(
                f"Partner Center's next link leads back to a page already read, after {len(self._seen)} pages."
            )
        self._seen.add(step)
        self._current_url = url
        return url, headers


def _check_position(page: Page, proof: Proof, *, total: int, expected: int, last: bool) -> None:
    """Compare a page that was fetched by ``skip`` with what its place in the result demands."""
    if page.stated_total not in (None, total):
        raise proof.doubt(f"the stated total changed from {total:,} to {page.stated_total:,}")
    if len(page.records) != expected:
        raise proof.doubt(f"a page has {len(page.records):,} rows where {expected:,} belong")
    if (page.next_link is None) != last:
        raise proof.doubt("a next link is missing in the middle" if not last else "a next link follows the last page")
