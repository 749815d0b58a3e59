"""The partner's customers as one list: complete, or an error."""

from typing import Any

from airflow_partnercenter.api.reading.call import Call
from airflow_partnercenter.api.reading.paging import read_records
from airflow_partnercenter.api.reading.transport import Transport
from airflow_partnercenter.exceptions import IncompleteResultError, ResponseFormatError
from airflow_partnercenter.rows import to_snake_case


def read_customer_list(transport: Transport) -> list[dict[str, Any]]:
    """Return the customers, in the order served, Microsoft's keys in snake_case.

    :raises IncompleteResultError: a customer came twice, or more were stated than listed.
    :raises ResponseFormatError: an id is no text.
    """
    call = Call("customers", transport.gate)
    with call.naming_errors():
        customers: list[dict[str, Any]] = []
        stated = 0
        for page in read_records(transport, f"{transport.base_url}/v1/customers", call):
            customers += map(to_snake_case, page.rows)
            # One below the number listed may count the customers of its page.
            stated = max(stated, page.stated_total or 0)
            call.progress.page_delivered(len(page.rows))
        ids = [customer["id"] for customer in customers if customer.get("id") is not None]
        if kinds := {type(each).__name__ for each in ids} - {"str"}:
            raise ResponseFormatError(f"Partner Center listed a customer whose id is {kinds.pop()}, not text.")
        if len(set(ids)) < len(ids):
            raise IncompleteResultError("Partner Center listed a customer twice; the list may be changing.")
        if stated > len(customers):
            raise IncompleteResultError(
                f"Partner Center stated {stated:,} customers but listed {len(customers):,}; the list may be changing."
            )
    call.progress.ended()
    return customers
