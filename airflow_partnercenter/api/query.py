"""Query arguments become one checked request; nothing is sent if they cannot work."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from urllib.parse import quote, urlencode

from airflow_partnercenter.api.resources import Kind, Resource, get_resource
from airflow_partnercenter.exceptions import ConfigurationError

#: Microsoft's default and maximum of ``top``, rows per page.
MAX_PAGE_SIZE = 10_000
DEFAULT_PARALLEL_REQUESTS = 4
#: More connections than this to one partner's throttling limit help nobody.
MAX_PARALLEL_REQUESTS = 64

GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True, slots=True)
class LicenseQuery:
    """One checked request for a licence resource.

    :param resource: what is asked for.
    :param customer_ids: whose rows, for the ``customer_*`` resources.
    :param parameters: as they go out, by Microsoft's names.
    :param group_by: API field names that rows are aggregated by.
    :param max_parallel_requests: requests in flight at most.
    :param on_customer_error: ``fail``, or ``skip`` a customer that answers 403 or 404.
    """

    resource: Resource
    customer_ids: tuple[str, ...]
    parameters: dict[str, str]
    group_by: tuple[str, ...]
    max_parallel_requests: int
    on_customer_error: str

    def url(
        self,
        base_url: str,
        commercial_prefix: str,
        *,
        customer_id: str | None = None,
        top: int | None = None,
        skip: int | None = None,
    ) -> str:
        """Return the address of the first page, of one customer's, or of the page at a place."""
        path = self.resource.path.format(customer_id=customer_id, commercial_prefix=commercial_prefix)
        place = {"top": str(top), "skip": str(skip)} if skip is not None else {}
        # %20 and %27 as on Microsoft's page, where requests would write + for a blank.
        query = urlencode(self.parameters | place, quote_via=quote, safe="")
        return f"{base_url}{path}?{query}" if query else f"{base_url}{path}"


def build_query(
    resource: str,
    *,
    customer_id: str | Sequence[str] | None = None,
    filter_expression: str | None = None,
    group_by: Sequence[str] | None = None,
    processed_date_time: str | date | None = None,
    page_size: int | None = None,
    max_parallel_requests: int = DEFAULT_PARALLEL_REQUESTS,
    on_customer_error: str = "fail",
) -> LicenseQuery:
    """Check the arguments of a read. An empty string counts as not given, as templates render it.

    :param resource: one of the six resource names.
    :param customer_id: GUID of the customer, or a list of them; for the ``customer_*`` resources only, and required
        there.
    :param filter_expression: as Microsoft's ``filter``, for instance ``serviceCode eq 'o365'``.
    :param group_by: API field names to aggregate by.
    :param processed_date_time: day or time, ISO 8601, for which Microsoft processed the data; default the latest.
    :param page_size: rows per page, 1 to 10 000.
    :param max_parallel_requests: requests in flight at most; 1 reads strictly one after the other, by the service's own
        links.
    :param on_customer_error: what a customer that answers 403 or 404 does: ``fail`` the read, or be left out
        (``skip``).
    :raises ConfigurationError: an argument is wrong, missing, or not for this resource.
    """
    declared = get_resource(resource)
    given = {
        "filter_expression": filter_expression or None,
        "group_by": group_by or None,
        "processed_date_time": processed_date_time or None,
        "page_size": page_size,
    }
    unusable = [name for name, value in given.items() if value is not None]
    if unusable and not declared.is_commercial:
        raise ConfigurationError(
            f"{resource} takes no query, but {', '.join(unusable)} was given; {declared.superseded_by} takes one."
        )
    if on_customer_error not in ("fail", "skip"):
        raise ConfigurationError(f"on_customer_error is {on_customer_error!r}: use fail or skip.")
    parameters = {
        "top": _page_size(page_size) if declared.is_commercial else None,
        "filter": _filter(filter_expression),
        "groupby": _group_by(declared, group_by),
        "processedDateTime": _processed_date_time(processed_date_time),
    }
    return LicenseQuery(
        declared,
        _customer_ids(declared, customer_id),
        {name: value for name, value in parameters.items() if value},
        tuple(group_by or ()),
        _whole_number("max_parallel_requests", max_parallel_requests, MAX_PARALLEL_REQUESTS),
        on_customer_error,
    )


def listed_once(customer_id: str | Sequence[str] | None) -> str | Sequence[str] | None:
    """Return several customers as a list: the lazy sequence of a mapped task asks Airflow for each item anew."""
    if customer_id is None or isinstance(customer_id, str) or not isinstance(customer_id, Sequence):
        return customer_id
    return list(customer_id)


def _customer_ids(resource: Resource, given: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the customers, in their order; none twice, as that would double rows."""
    customers: tuple[str, ...] = (given,) if isinstance(given, str) and given else ()
    if not isinstance(given, str | None):
        # Any sequence: a mapped task hands over a lazy one of Airflow's own.
        customers = tuple(given) if isinstance(given, Sequence) else (given,)
    if not resource.needs_customer:
        if not customers:
            return ()
        instead = (
            f"use filter_expression=\"customerTenantId eq '{customers[0]}'\""
            if resource.is_commercial
            else f"use customer_{resource.name.removeprefix('partner_')}"
        )
        raise ConfigurationError(f"{resource.name} takes no customer_id; {instead}.")
    if not customers and given is not None and not isinstance(given, str):
        raise ConfigurationError(
            "customer_id is an empty list: there is no customer to ask for. If that is no mistake, skip this task."
        )
    if not customers:
        raise ConfigurationError(f"{resource.name} needs customer_id, the GUID of the customer's tenant.")
    for customer in customers:
        if not isinstance(customer, str) or not GUID.fullmatch(customer):
            raise ConfigurationError(
                f"customer_id {customer!r} is not a GUID such as 0112a436-b14e-4888-967b-ca4bb2cf1234."
            )
    counts = Counter(customer.lower() for customer in customers)
    if twice := [customer for customer, count in counts.items() if count > 1]:
        raise ConfigurationError(f"customer_id names {len(twice)} customers more than once, such as {twice[0]}.")
    return customers


def _filter(expression: str | None) -> str | None:
    if expression is not None and not isinstance(expression, str):
        raise ConfigurationError(
            f"filter_expression must be text such as \"serviceCode eq 'o365'\", not {type(expression).__name__}."
        )
    return expression.strip() if expression else None


def _group_by(resource: Resource, names: Sequence[str] | None) -> str | None:
    if not names:
        return None
    if isinstance(names, str) or not isinstance(names, Sequence):
        raise ConfigurationError(f"group_by must be a list of API field names, not {type(names).__name__}.")
    allowed = [field.wire for field in resource.fields if field.kind in (Kind.TEXT, Kind.TIME)]
    if unknown := [name for name in names if name not in allowed]:
        raise ConfigurationError(
            f"group_by names {', '.join(map(repr, unknown))}; {resource.name} can be grouped by {', '.join(allowed)}."
        )
    return ",".join(names)


def _processed_date_time(value: str | date | None) -> str | None:
    if not value:
        return None
    try:
        # As a template gives text, and a DAG with native rendering an object: both go out alike.
        parsed = _day_or_time(value) if isinstance(value, str) else value
        if not isinstance(parsed, datetime):
            return date.isoformat(parsed)
        aware = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
        # With its fraction of a second, if it has one: Microsoft's own times do.
        return f"{aware.astimezone(UTC).replace(tzinfo=None).isoformat()}Z"
    except (TypeError, ValueError, OverflowError):
        raise ConfigurationError(
            f"processed_date_time {value!r} is not an ISO 8601 day or time such as 2026-11-20."
        ) from None


def _day_or_time(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return datetime.fromisoformat(text)


def _page_size(value: int | None) -> str:
    return str(_whole_number("page_size", MAX_PAGE_SIZE if value is None else value, MAX_PAGE_SIZE))


def _whole_number(name: str, value: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise ConfigurationError(f"{name} {value!r} is not a whole number from 1 to {most:,}.")
    return value
