"""What to do about customers, and who is told of a fall."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from airflow_partnercenter.reports import LicenseReport, build_license_report, describe_falls, find_falls
from tests.unit.reports.lake import license_frame, license_row

NOW = datetime(2026, 11, 20, tzinfo=UTC)
YESTERDAY = NOW - timedelta(days=1)


def build(*rows: dict[str, Any], **changes: Any) -> LicenseReport:
    """Build a report of one file of rows."""
    return build_license_report({"a": license_frame(list(rows))}, **changes)


def seats(sold: int | None, deployed: int | None, when: datetime = NOW, **values: Any) -> dict[str, Any]:
    """Return a row with these counts."""
    return license_row(licenses_sold=sold, licenses_deployed=deployed, processed_date_time=when, **values)


@pytest.mark.parametrize(
    ("rows", "action"),
    [
        ([seats(10, 4)], "activation opportunity"),
        ([seats(10, 10)], "no action"),
        ([seats(0, 0)], "no action"),
        ([seats(10, 11)], "action needed"),
        ([seats(0, 1)], "action needed"),
        ([seats(50, 10), seats(2, 3, product_id="other")], "action needed"),
        ([seats(10, None)], "not known"),
        ([seats(10, None), seats(5, 5, product_id="other")], "no action"),
        ([seats(10, 9, YESTERDAY), seats(10, 8)], "action needed"),
        ([seats(10, 10, YESTERDAY), seats(10, 9)], "activation opportunity"),
        ([seats(10, 4, YESTERDAY), seats(None, None)], "not known"),
        ([seats(10, 10, YESTERDAY), seats(8, 8)], "action needed"),
        ([seats(10, 4, YESTERDAY), seats(10, 10)], "no action"),
    ],
    ids=[
        "bought, not deployed",
        "all deployed",
        "nothing sold",
        "more deployed than sold",
        "deployed without being sold",
        "spare seats of one product do not make up for another",
        "no pair of counts",
        "a count missing beside a pair",
        "deployed fell by more than a tenth",
        "deployed fell by exactly a tenth",
        "counts went missing",
        "sold fell",
        "rose",
    ],
)
def test_each_customer_has_the_action_that_its_seats_ask_for(rows: list[dict[str, Any]], action: str) -> None:
    """Action needed, activation opportunity, no action, or not known."""
    assert build(*rows).by_customer["action"].tolist() == [action]


def test_the_threshold_of_falls_is_an_argument() -> None:
    """What falls by more than it needs action; 0 takes every fall, 100 none."""
    rows = [seats(10, 10, YESTERDAY), seats(10, 9)]
    found = [build(*rows, fall_percent=limit).by_customer["action"][0] for limit in (0, 9.9, 10, 100)]
    assert found == ["action needed"] * 2 + ["activation opportunity"] * 2


def test_changes_in_30_days_are_against_the_nearest_date() -> None:
    """The date nearest to 30 days back counts, the older of two as near; none within 23 to 37 days, no change."""
    files = {
        "near": [(0, 90), (28, 50), (33, 40), (60, 10)],
        "tie": [(0, 90), (29, 50), (31, 40)],
        "edge": [(0, 90), (37, 40), (38, 10)],
        "none": [(0, 90), (22, 50), (38, 10)],
    }
    found = {
        name: build(*(seats(count, 1, NOW - timedelta(days=age)) for age, count in dates)).summary()
        for name, dates in files.items()
    }
    changes = {name: summary["licenses_sold_change_30_days"] for name, summary in found.items()}
    assert changes == {"near": 40, "tie": 50, "edge": 50, "none": None}
    assert found["near"]["dates_30_days_ago"] == {"o365": "2026-10-23"}


def test_a_customer_gone_for_weeks_counts_in_the_30_days_only() -> None:
    """It left before the last snapshot: no change since then, minus its seats in 30 days."""
    month = NOW - timedelta(days=30)
    stays = [seats(5, 5, when, customer_tenant_id="stays") for when in (month, YESTERDAY, NOW)]
    report = build(*stays, seats(7, 7, month, customer_tenant_id="left"))
    row = report.by_customer.set_index("customer_tenant_id").loc["left"]
    assert row[["licenses_sold", "licenses_sold_change", "licenses_sold_change_30_days"]].tolist() == [0, 0, -7]
    assert row["action"] == "action needed"
    assert report.totals["licenses_sold_change_30_days"] == -7


def test_falls_are_told_with_their_numbers() -> None:
    """Services and customers, sold and deployed, the largest first; a name with a line break stays one line."""
    old = [seats(100, 80, YESTERDAY, customer_tenant_id="a", customer_name="A\nB"), seats(50, 50, YESTERDAY)]
    new = [seats(60, 60, NOW, customer_tenant_id="a", customer_name="A\nB"), seats(50, 50)]
    falls = find_falls(build(*old, *new), more_than_percent=20)
    assert falls[["kind", "id", "measure", "before", "now", "change"]].to_numpy().tolist() == [
        ["service", "o365", "licenses_sold", 150, 110, -40],
        ["customer", "a", "licenses_sold", 100, 60, -40],
        ["customer", "a", "licenses_deployed", 80, 60, -20],
    ]
    assert falls["change_percent"].tolist() == [pytest.approx(-80 / 3), -40.0, -25.0]
    assert describe_falls(falls)[1] == "Customer A B: seats sold fell from 100 to 60 (\u221240.0%)."


def test_name_of_a_customer_turns_no_sentence_and_fills_no_log() -> None:
    """A mark of direction in one would show "from 10 to 0" backwards; a long one would be all there is."""
    name = "A\u202eB\x1b[2J" + "x" * 5000
    old = seats(10, 10, YESTERDAY, customer_tenant_id="a", customer_name=name)
    gone = seats(0, 10, NOW, customer_tenant_id="a", customer_name=name)
    [_, told] = describe_falls(find_falls(build(old, gone)))
    assert told.startswith("Customer AB[2Jxxx")
    assert told.endswith("x…: seats sold fell from 10 to 0 (\u2212100.0%).")
    assert len(told) < 260


def test_small_falls_and_missing_counts_raise_no_alarm() -> None:
    """Fewer seats than the least, exactly the percent, a count that goes missing, a first snapshot: nothing."""
    old = [
        seats(4, 4, YESTERDAY, customer_tenant_id="a"),
        seats(10, 9, YESTERDAY),
        seats(100, 100, YESTERDAY, product_id="x"),
    ]
    new = [seats(3, 3, NOW, customer_tenant_id="a"), seats(10, None), seats(90, 90, product_id="x")]
    report = build(*old, *new)
    small = find_falls(report, more_than_percent=10)
    assert small.loc[small["kind"] == "customer", ["id", "change"]].to_numpy().tolist() == [["a", -1], ["a", -1]]
    enough = find_falls(report, more_than_percent=10, at_least_seats=2)
    assert enough["kind"].tolist() == ["service"]  # 10 and 1 of 104 together
    assert find_falls(build(*new)).empty
    assert find_falls(build_license_report({})).empty


def test_falls_since_30_days_and_nothing_else() -> None:
    """The slow slide shows in 30 days; another period is refused by name."""
    report = build(seats(100, 9, NOW - timedelta(days=30)), seats(81, 9, YESTERDAY), seats(80, 9))
    assert find_falls(report).empty
    assert find_falls(report, since="30_days")["change"].tolist() == [-20, -20]
    with pytest.raises(ValueError, match="since 'week' is not one of previous, 30_days"):
        find_falls(report, since="week")


def test_empty_falls_keep_their_columns() -> None:
    """Without a fall the frame has the same columns and types."""
    full = find_falls(build(seats(10, 9, YESTERDAY), seats(1, 1)))
    empty = find_falls(build_license_report({}))
    pd.testing.assert_series_equal(empty.dtypes, full.dtypes)
