"""What the emulated Partner Center can serve: the generated partner, or the documentation's examples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from airflow_partnercenter.emulator import documented, legacy
from airflow_partnercenter.emulator.partner import Customer, Kind, Partner, Row


@dataclass(frozen=True)
class Body:
    """A body: ``content`` as bytes goes out as it is, anything else as JSON."""

    content: object
    headers: Mapping[str, str] = field(default_factory=dict)


class Dataset(Protocol):
    """What the routes ask for."""

    def customers(self) -> Sequence[Customer]:
        """Return the partner's customers."""

    def customer(self, customer_id: str) -> Customer | None:
        """Return the customer with this GUID, or None."""

    def rows(self, kind: Kind, processed: date | None) -> list[Row]:
        """Return the rows of a newer endpoint; by default the newest of each service."""

    def counts(self, kind: Kind) -> tuple[str, str]:
        """Return the names of the counts in these rows."""

    def everything(self, kind: Kind) -> Body | None:
        """Return the body that stands for all rows of a newer endpoint, None if it is to be composed."""

    def legacy(self, kind: Kind, customer: Customer | None) -> Body:
        """Return the answer of an older endpoint, for one customer or the whole partner."""


class GeneratedData:
    """The generated partner."""

    def __init__(self, partner: Partner) -> None:
        self._partner = partner

    def customers(self) -> Sequence[Customer]:
        """Return the partner's customers."""
        return self._partner.customers

    def customer(self, customer_id: str) -> Customer | None:
        """Return the customer with this GUID, or None."""
        return self._partner.customer(customer_id)

    def rows(self, kind: Kind, processed: date | None) -> list[Row]:
        """Return the rows of a day, by default the newest of each service."""
        return self._partner.rows(kind, processed)

    def counts(self, kind: Kind) -> tuple[str, str]:
        """Return the names of the counts as the page's tables have them."""
        return ("licensesDeployed", "licensesSold") if kind == "deployment" else ("licensesActive", "licensesQualified")

    def everything(self, kind: Kind) -> Body | None:
        """Return None: every body is composed."""
        return None

    def legacy(self, kind: Kind, customer: Customer | None) -> Body:
        """Return the answer of an older endpoint, from the newest rows."""
        if customer is None:
            return Body(legacy.collection(legacy.partner_items(kind, self._partner.rows(kind))))
        return Body(legacy.collection(legacy.customer_items(kind, self._partner.customer_rows(kind, customer))))


class DocumentedData:
    """The examples of the documentation; each GUID is a customer, and all have the same rows."""

    def customers(self) -> Sequence[Customer]:
        """Return the one customer of the examples."""
        return documented.CUSTOMERS

    def customer(self, customer_id: str) -> Customer | None:
        """Return the customer of the example under any GUID."""
        return Customer(customer_id, "DT DEMO CSP CUSTOMER 005", "dtdemo005.example")

    def rows(self, kind: Kind, processed: date | None) -> list[Row]:
        """Return the example's rows, none for any day but theirs."""
        wanted = processed.isoformat() if processed else ""
        return [row for row in documented.rows(kind) if str(row["processedDateTime"]).startswith(wanted)]

    def counts(self, kind: Kind) -> tuple[str, str]:
        """Return the names of the counts as printed."""
        return documented.counts(kind)

    def everything(self, kind: Kind) -> Body | None:
        """Return the example itself."""
        return self._body(documented.commercial_name(kind))

    def legacy(self, kind: Kind, customer: Customer | None) -> Body:
        """Return the example itself."""
        return self._body(f"{'customer' if customer else 'partner'}_licenses_{kind}")

    def _body(self, name: str) -> Body:
        """Return a documented body with the headers printed beside it."""
        return Body(documented.body(name), documented.headers(name))
