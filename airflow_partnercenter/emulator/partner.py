"""The generated partner: its customers, and its licence rows on any day of its history."""

import math
import random
import threading
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, lru_cache
from typing import Literal

from airflow_partnercenter.emulator.catalogue import PRODUCTS, SERVICES, Service, customer_name
from airflow_partnercenter.emulator.subscriptions import Subscription

Kind = Literal["deployment", "usage"]
Row = dict[str, str | int | None]

# The rows of a day of a partner with 5000 customers take tens of megabytes, and a reader asks for one day at a time.
DAYS_KEPT = 8


@dataclass(frozen=True)
class Customer:
    """A customer of the partner; ``id`` is a GUID in lower case."""

    id: str
    name: str
    domain: str


def utc_today() -> date:
    """Return today's date in UTC."""
    return datetime.now(UTC).date()


class Partner:
    """A partner made up from a seed.

    :param customers: how many customers it has; a larger partner has the same first customers.
    :param history_days: how many days before ``today`` can be asked.
    :param today: the calendar; None follows the clock.
    """

    def __init__(self, seed: int, customers: int, history_days: int, today: date | None = None) -> None:
        self.seed = seed
        self.history_days = history_days
        self._customer_count = customers
        self._today = today
        self._lock = threading.Lock()
        self._rows = lru_cache(DAYS_KEPT)(self._rows_of_day)

    @property
    def today(self) -> date:
        """The date in the emulator's calendar."""
        return self._today or utc_today()

    @today.setter
    def today(self, today: date | None) -> None:
        self._today = today

    @cached_property
    def customers(self) -> list[Customer]:
        """The customers, always in the same order."""
        return [self._customer(number) for number in range(self._customer_count)]

    def processed_dates(self) -> dict[str, date]:
        """Return the newest processed date of each service by its code."""
        return {service.code: self.today - service.lag for service in SERVICES}

    def rows(self, kind: Kind, processed: date | None = None) -> list[Row]:
        """Return the rows as the newer endpoints (E and F) print them, by service, customer and product.

        :param processed: the day asked for; by default the newest one of each service. Empty outside the history.
        """
        rows: list[Row] = []
        for service, day in self._days(processed):
            with self._lock:
                rows += self._rows(kind, service, day)
        return rows

    def customer_rows(self, kind: Kind, customer: Customer) -> list[Row]:
        """Return those of ``rows(kind)`` that are one customer's, in the same order; costs the same at any size."""
        subscriptions = self._subscriptions_by_id[customer.id]
        rows: list[Row] = []
        for service, day in self._days(None):
            rows += self._rows_of(kind, customer, subscriptions, service, day)
        return rows

    def _days(self, processed: date | None) -> list[tuple[Service, date]]:
        """Return the services that have rows, and of which day: that asked for, or each one's newest."""
        oldest, newest = self.today - timedelta(days=self.history_days), self.processed_dates()
        days = [(service, processed or newest[service.code]) for service in SERVICES]
        return [(service, day) for service, day in days if oldest <= day <= newest[service.code]]

    def customer(self, customer_id: str) -> Customer | None:
        """Return the customer with this GUID, however it is written, or None."""
        return self._customers_by_id.get(customer_id.lower())

    @cached_property
    def _customers_by_id(self) -> dict[str, Customer]:
        """The customers by their GUIDs in lower case."""
        return {customer.id: customer for customer in self.customers}

    def _random(self, number: int, purpose: str) -> random.Random:
        """Return the source of chance for one purpose of one customer."""
        return random.Random(f"{self.seed}/{number}/{purpose}")  # noqa: S311 - made-up numbers, no secrets

    def _customer(self, number: int) -> Customer:
        """Make up the customer with this number."""
        identifier = str(uuid.UUID(int=self._random(number, "id").getrandbits(128), version=4))
        return Customer(identifier, customer_name(number), f"customer{number + 1:05}.example")

    @cached_property
    def _subscriptions(self) -> list[tuple[Customer, list[Subscription]]]:
        """What each customer has bought."""
        return [(customer, self._subscriptions_of(number, customer)) for number, customer in enumerate(self.customers)]

    @cached_property
    def _subscriptions_by_id(self) -> dict[str, list[Subscription]]:
        """The same by the customer's GUID."""
        return {customer.id: subscriptions for customer, subscriptions in self._subscriptions}

    def _subscriptions_of(self, number: int, customer: Customer) -> list[Subscription]:
        """Make up two to eight subscriptions of a customer."""
        chance = self._random(number, "products")
        people = min(max(round(math.exp(chance.gauss(3.4, 1.0))), 3), 2500)
        # by number, not by chance, so that a small partner has both kinds too
        habit = "never" if number % 12 == 4 else "over" if number % 15 == 1 else "usual"
        products = sorted(chance.sample(PRODUCTS, chance.randint(2, 8)), key=PRODUCTS.index)
        return [Subscription(product, f"{self.seed}/{customer.id}/{product.id}", people, habit) for product in products]

    def _rows_of_day(self, kind: Kind, service: Service, processed: date) -> list[Row]:
        """Compute the rows of one service on one day."""
        rows: list[Row] = []
        for customer, subscriptions in self._subscriptions:
            rows += self._rows_of(kind, customer, subscriptions, service, processed)
        return rows

    def _rows_of(
        self, kind: Kind, customer: Customer, subscriptions: Sequence[Subscription], service: Service, processed: date
    ) -> list[Row]:
        """Compute the rows of one customer and one service on one day."""
        day, rows = processed.toordinal(), list[Row]()
        for subscription in subscriptions:
            if subscription.product.service is service:
                rows += self._subscription_rows(kind, customer, subscription, day)
        return rows

    def _subscription_rows(self, kind: Kind, customer: Customer, subscription: Subscription, day: int) -> list[Row]:
        """Return the rows of one subscription; none once it is cancelled and the last seat is given back."""
        sold, deployed = subscription.sold(day), subscription.deployed(day)
        if not sold and not deployed:
            return []
        product = subscription.product
        when: Row = {"processedDateTime": f"{date.fromordinal(day).isoformat()}T00:00:00"}
        who: Row = {
            "serviceCode": product.service.code,
            "serviceName": product.service.name,
            "channel": "reseller",
            "customerTenantId": customer.id.upper(),
            "customerName": customer.name,
            "productId": product.id,
            "productName": product.name,
        }
        if kind == "deployment":
            return [when | who | {"licensesDeployed": deployed, "licensesSold": sold}]
        return [
            when
            | {"workloadCode": workload.code, "workloadName": workload.name}
            | who
            | {"licensesActive": subscription.active(day, workload), "licensesQualified": sold}
            for workload in product.workloads
        ]
