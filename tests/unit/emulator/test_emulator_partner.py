"""The generated partner: always the same, believable, and cheap enough at any size."""

import time
from collections import Counter
from datetime import date, timedelta

import pytest

from airflow_partnercenter.emulator.catalogue import AWKWARD_NAMES, customer_name
from airflow_partnercenter.emulator.partner import Partner

TODAY = date(2026, 3, 1)


@pytest.fixture(scope="module")
def partner() -> Partner:
    """Return a partner of the default size on a fixed day."""
    return Partner(2026, 40, 60, TODAY)


def test_same_seed_gives_the_same_partner(partner):
    """Another instance, asked in another order, tells the same story."""
    other = Partner(2026, 40, 60, TODAY)
    other.rows("usage", TODAY - timedelta(days=30))
    assert other.rows("deployment") == partner.rows("deployment")
    assert other.customers == partner.customers


def test_a_known_day_has_known_totals(partner):
    """The story is anchored on the calendar: what a demo showed once, it shows in every later release."""
    rows = partner.rows("deployment", date(2026, 2, 25))
    totals = (sum(row["licensesSold"] for row in rows), sum(row["licensesDeployed"] for row in rows))
    assert (len(rows), *totals) == (192, 4378, 2914)


def test_other_seed_gives_another_partner(partner):
    """The seed decides the customers' ids and the numbers."""
    other = Partner(1, 40, 60, TODAY)
    assert not {customer.id for customer in other.customers} & {customer.id for customer in partner.customers}


def test_a_larger_partner_has_the_same_first_customers(partner):
    """Asking for more customers adds some and changes none."""
    assert Partner(2026, 50, 60, TODAY).customers[:40] == partner.customers


@pytest.mark.parametrize("kind", ["deployment", "usage"])
def test_a_day_is_the_same_whenever_it_is_asked(partner, kind):
    """History is anchored on the date itself, not on the distance from today."""
    day = TODAY - timedelta(days=20)
    later = Partner(2026, 40, 60, TODAY + timedelta(days=31))
    assert partner.rows(kind, day)
    assert later.rows(kind, day) == partner.rows(kind, day)


@pytest.mark.parametrize("kind", ["deployment", "usage"])
@pytest.mark.parametrize("history_days", [60, 2], ids=["all services", "one service"])
def test_rows_of_one_customer_are_those_among_all(kind, history_days):
    """Asking for one customer gives the rows that are its own, in their order, of the services that have any."""
    partner = Partner(2026, 40, history_days, TODAY)
    for customer in partner.customers:
        own = [row for row in partner.rows(kind) if row["customerTenantId"] == customer.id.upper()]
        assert partner.customer_rows(kind, customer) == own


def test_each_service_has_its_own_newest_day(partner):
    """Office rows are a day old and Dynamics rows four, so the newest rows mix dates."""
    dates = {(row["serviceCode"], str(row["processedDateTime"])) for row in partner.rows("deployment")}
    assert dates == {("o365", "2026-02-28T00:00:00"), ("crm", "2026-02-25T00:00:00")}


def test_a_day_that_one_service_has_not_reached_has_only_the_other(partner):
    """Yesterday is processed for Office and not yet for Dynamics."""
    assert {row["serviceCode"] for row in partner.rows("deployment", TODAY - timedelta(days=1))} == {"o365"}


@pytest.mark.parametrize("days", [-1, 0, 61, 4000], ids=["tomorrow", "today", "just before the history", "long ago"])
def test_a_day_outside_the_history_has_no_rows(partner, days):
    """Nothing is processed for today yet, and the history has an end."""
    assert partner.rows("deployment", TODAY - timedelta(days=days)) == []


def test_first_day_of_the_history_has_rows(partner):
    """The history is as long as asked for."""
    assert partner.rows("deployment", TODAY - timedelta(days=60))


def test_a_customer_has_a_product_once(partner):
    """The natural keys of E and F are unique."""
    keys = Counter((row["customerTenantId"], row["productId"]) for row in partner.rows("deployment"))
    assert max(keys.values()) == 1
    keys = Counter((row["customerTenantId"], row["productId"], row["workloadCode"]) for row in partner.rows("usage"))
    assert max(keys.values()) == 1


def test_partner_has_every_kind_of_customer_a_report_must_bear(partner):
    """Some never deployed, some deployed more than they bought, some cancelled, most are somewhere between."""
    rows = partner.rows("deployment")
    assert any(row["licensesDeployed"] == 0 < row["licensesSold"] for row in rows)
    assert any(0 < row["licensesSold"] < row["licensesDeployed"] for row in rows)
    assert sum(0 < row["licensesDeployed"] <= row["licensesSold"] for row in rows) > len(rows) / 2


def test_cancelled_subscription_keeps_its_seats_for_a_while():
    """Rows with nothing sold and something deployed occur: whoever divides must be careful."""
    partner = Partner(2026, 200, 60, TODAY)
    assert any(row["licensesSold"] == 0 for row in partner.rows("deployment"))


def test_sold_seats_change_now_and_then(partner):
    """Within the history some subscriptions grow, some shrink, most stay."""
    first, last = ({_key(row): row["licensesSold"] for row in partner.rows("deployment", day)} for day in _ends())
    changes = [last[key] - first[key] for key in first.keys() & last.keys()]
    assert any(change > 0 for change in changes)
    assert any(change < 0 for change in changes)
    assert changes.count(0) > len(changes) / 2


def test_total_stays_believable_over_years():
    """The walk of the seats neither dies out nor runs away."""
    partner = Partner(2026, 40, 4000, TODAY)
    totals = [
        sum(row["licensesSold"] for row in partner.rows("deployment", date(year, 2, 1))) for year in range(2017, 2027)
    ]
    assert min(totals) > max(totals) / 2


def test_usage_counts_the_same_seats_as_deployment(partner):
    """``licensesQualified`` is the seats sold, for every workload of the product."""
    sold = {_key(row): row["licensesSold"] for row in partner.rows("deployment")}
    assert all(row["licensesQualified"] == sold[_key(row)] for row in partner.rows("usage"))


def test_setting_today_moves_the_newest_rows():
    """A test may let days go by."""
    partner = Partner(2026, 5, 60, TODAY)
    partner.today += timedelta(days=1)
    assert {str(row["processedDateTime"])[:10] for row in partner.rows("deployment")} == {"2026-03-01", "2026-02-26"}


def test_names_are_unique_and_some_are_awkward():
    """Ten thousand customers have ten thousand names; the first forty include all that a report must escape."""
    names = [customer_name(number) for number in range(10_000)]
    assert len(set(names)) == len(names)
    assert set(AWKWARD_NAMES) <= set(names[:40])


def test_customers_have_guids_of_their_own(partner):
    """No id occurs twice, and a customer is found under its id however it is written."""
    assert len({customer.id for customer in partner.customers}) == 40
    customer = partner.customers[7]
    assert partner.customer(customer.id.upper()) is customer
    assert partner.customer("00000000-0000-0000-0000-000000000000") is None


def test_a_large_partner_answers_in_reasonable_time():
    """5000 customers take seconds at first, and nothing after that."""
    partner = Partner(2026, 5000, 60, TODAY)
    started = time.monotonic()
    rows = partner.rows("deployment")
    first = time.monotonic() - started
    assert len(rows) > 20_000
    assert first < 10
    started = time.monotonic()
    assert partner.rows("deployment") == rows
    assert time.monotonic() - started < first / 5


def _key(row):
    """Return what a row is about."""
    return row["customerTenantId"], row["productId"]


def _ends():
    """Return the first and the last day that both services have."""
    return TODAY - timedelta(days=60), TODAY - timedelta(days=4)
