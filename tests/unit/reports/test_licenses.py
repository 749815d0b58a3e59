"""The tables of the licence report, recomputed row by row in plain Python."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_partnercenter.reports import LicenseReport, build_license_report
from tests.unit.reports.lake import LAST_DAY, Lake, Rows, chosen, expected, license_frame, license_row, partner_frame

DAYS = [datetime(2026, 11, day, 3, 25, tzinfo=UTC) for day in (18, 19, 20)]
PARTS = ("by_service", "by_product", "by_customer")
MEASURES = ("licenses_sold", "licenses_deployed", "licenses_unused")


def build(*files: Rows) -> LicenseReport:
    """Build a report of files of rows, the oldest first."""
    return build_license_report({f"{number:02}.parquet": license_frame(rows) for number, rows in enumerate(files)})


def actual(table: pd.DataFrame, *keys: str) -> dict[tuple[str, ...], list[int]]:
    """Return the same of a report's table."""
    columns = [*MEASURES, *(f"{name}_change" for name in MEASURES)]
    return {
        tuple(row[key].lower() for key in keys): [0 if pd.isna(row[name]) else row[name] for name in columns]
        for row in table.to_dict("records")
    }


KEYS = {
    "by_service": ("service_code",),
    "by_product": ("service_code", "product_id"),
    "by_customer": ("customer_tenant_id",),
}


@pytest.mark.parametrize("part", PARTS)
def test_a_month_of_snapshots_sums_as_plain_loops_do(lake: Lake, part: str) -> None:
    """Sums and changes per service, product and customer equal those counted row by row."""
    report = build_license_report(lake.licenses)
    assert actual(getattr(report, part), *KEYS[part]) == expected(lake.rows, *KEYS[part])


def test_the_trend_holds_each_date_once(lake: Lake) -> None:
    """A crm date that three files repeat is one point of the trend, with the seats of one file."""
    rows = chosen(lake.rows)
    table = build_license_report(lake.licenses).trend
    assert [(row.service_code, row.processed_date.date()) for row in table.itertuples()] == sorted(rows)
    for row in table.itertuples():
        counted = rows[row.service_code, row.processed_date.date()]
        sold, deployed = (sum(line[name] for line in counted) for name in ("licenses_sold", "licenses_deployed"))
        assert (row.licenses_sold, row.licenses_deployed) == (sold, deployed)
        assert row.deployment_percent == pytest.approx(100 * deployed / sold)


def test_services_are_compared_on_their_own_dates() -> None:
    """Each service's change is between its own two latest dates, even where the newest file lacks the service."""
    crm = {"service_code": "crm"}
    report = build(
        [license_row(**crm, licenses_sold=10, processed_date_time=DAYS[0])],
        [license_row(**crm, licenses_sold=13, processed_date_time=DAYS[1])],
        [license_row(licenses_sold=7, processed_date_time=DAYS[1])],
        [license_row(licenses_sold=5, processed_date_time=DAYS[2])],
    )
    assert report.summary()["processed_dates"] == {"crm": "2026-11-19", "o365": "2026-11-20"}
    assert report.by_service["licenses_sold_change"].tolist() == [3, -2]
    assert (report.totals["licenses_sold"], report.totals["licenses_sold_change"]) == (18, 1)


def test_the_newest_file_wins_a_date_as_a_whole() -> None:
    """A date served again with other rows is taken from the newer file only, whatever the order of the mapping."""
    old = license_frame([license_row(licenses_sold=1), license_row(licenses_sold=2, product_id="other")])
    new = license_frame([license_row(licenses_sold=30)])
    report = build_license_report({"2026-11-21.parquet": new, "2026-11-20.parquet": old})
    source = report.quality.source("licenses_deployment")
    assert (report.totals["licenses_sold"], source["rows_repeated"]) == (30, 2)


def test_equal_rows_in_one_file_are_summed() -> None:
    """Rows carry no subscription id: two equal ones are two subscriptions."""
    assert build([license_row(), license_row()]).totals["licenses_sold"] == 18


def test_guids_compare_without_case() -> None:
    """A customer written in upper and in lower case is one customer, and does not come and go."""
    tenant = "0112A436-B14E-4888-967B-CA4BB2CF1234"
    report = build(
        [license_row(customer_tenant_id=tenant, processed_date_time=DAYS[0])],
        [license_row(customer_tenant_id=tenant.lower(), processed_date_time=DAYS[1])],
    )
    assert report.by_customer["licenses_sold_change"].tolist() == [0]


def test_a_missing_count_is_na_not_zero() -> None:
    """Sums and rate leave out what is not known; only a group without any count has none."""
    known = {"licenses_sold": 10, "licenses_deployed": 8}
    report = build(
        [
            license_row(**known),
            license_row(licenses_sold=5, licenses_deployed=None),
            license_row(product_id="none", licenses_sold=None, licenses_deployed=None),
        ]
    )
    totals = report.totals
    assert [totals[name] for name in MEASURES] == [15, 8, 2]
    assert totals["deployment_percent"] == 80.0
    assert totals["rows_without_counts"] == 2
    assert (report.quality.rows_without_sold, report.quality.rows_without_deployed) == (1, 2)
    unknown = report.by_product.set_index("product_id").loc["none"]
    assert unknown[[*MEASURES, "deployment_percent"]].isna().all()


def test_a_count_that_goes_missing_is_no_fall() -> None:
    """Where a count is known on one of the two dates only, there is no change to tell."""
    report = build(
        [license_row(licenses_sold=10, processed_date_time=DAYS[0])],
        [license_row(licenses_sold=None, processed_date_time=DAYS[1])],
    )
    assert report.totals["licenses_sold_change"] is None
    assert report.totals["licenses_deployed_change"] == 0


def test_no_rate_where_nothing_is_sold() -> None:
    """Nothing is divided by zero; more deployed than sold is kept and exceeds 100 %."""
    rows = [license_row(licenses_sold=0, licenses_deployed=3), license_row(product_id="b", licenses_sold=2)]
    table = build(rows).by_product.set_index("product_id")
    assert table["deployment_percent"].isna().tolist() == [False, True]
    assert table.loc["b", ["licenses_unused", "deployment_percent"]].tolist() == [-2, 200.0]


def test_what_is_gone_counts_zero_and_what_is_new_its_whole_number() -> None:
    """A customer that left is listed with 0 seats and minus its seats, a new one with plus its seats."""
    report = build(
        [license_row(customer_tenant_id="left", licenses_sold=9, processed_date_time=DAYS[0])],
        [license_row(customer_tenant_id="came", licenses_sold=4, processed_date_time=DAYS[1])],
    )
    table = report.by_customer.set_index("customer_tenant_id")[["licenses_sold", "licenses_sold_change"]]
    assert table.to_dict("index") == {
        "left": {"licenses_sold": 0, "licenses_sold_change": -9},
        "came": {"licenses_sold": 4, "licenses_sold_change": 4},
    }
    assert report.totals["licenses_sold_change"] == -5
    assert report.summary()["customer_count"] == 1


def test_one_snapshot_has_no_changes() -> None:
    """Without an earlier date every change is <NA>, in the summary None."""
    report = build([license_row()])
    for part in PARTS:
        assert getattr(report, part).filter(like="_change").isna().all(axis=None)
    summary = report.summary()
    assert {summary[name] for name in summary if name.endswith("_change")} == {None}
    assert summary["previous_dates"] == {"o365": None}


def test_gaps_and_late_channels_are_named() -> None:
    """A pause longer than usual, and a channel that the newest date lacks, are told."""
    days = [LAST_DAY - timedelta(days=back) for back in (6, 5, 4, 1, 0)]
    files = [[license_row(processed_date_time=day)] for day in days]
    files[2].append(license_row(channel="direct", processed_date_time=days[2]))
    quality = build(*files).quality
    assert quality.gaps[["service_code", "days"]].to_numpy().tolist() == [["o365", 3]]
    assert quality.late_channels["channel"].tolist() == ["direct"]


def test_a_service_left_behind_is_told() -> None:
    """Where a service is no longer processed, its old numbers still count, and the page says of what day they are."""
    crm = {"service_code": "crm", "service_name": "Microsoft Dynamics"}
    files = {
        days: build(
            [license_row(**crm, processed_date_time=LAST_DAY - timedelta(days=days))],
            [license_row(processed_date_time=LAST_DAY)],
        )
        for days in (10, 11)
    }
    assert files[11].quality.dates["days_behind"].tolist() == [11, 0]
    told = "was last processed 11 days before the newest service: its numbers are those of 10 Nov 2026."
    assert told in files[11].to_html()
    assert "before the newest service" not in files[10].to_html()


def test_legacy_percents_stay_as_served() -> None:
    """Percents are neither rescaled nor clamped; the newest file's date counts, the change is to the date before."""
    report = build_license_report(
        {},
        {
            "1": partner_frame([("o365", 1.0, 5, DAYS[0]), ("crm", 99.99, 1, DAYS[0])]),
            "2": partner_frame([("o365", 143.21, 6, DAYS[1]), ("crm", 99.99, 1, DAYS[0])]),
        },
    )
    table = report.partner.set_index("service_name")
    assert table["prorated_deployment_percent"].to_dict() == {"crm": 99.99, "o365": 143.21}
    assert table["prorated_deployment_percent_change"]["o365"] == pytest.approx(142.21)
    assert pd.isna(table["prorated_deployment_percent_change"]["crm"])


@pytest.mark.parametrize(
    "snapshots",
    [{}, {"a": pd.DataFrame()}, {"a": license_frame([])}],
    ids=["no snapshot", "no columns", "no rows"],
)
def test_empty_input_keeps_columns_and_types(snapshots: dict[str, pd.DataFrame]) -> None:
    """Without rows the tables are empty but typed as ever, and the totals unknown."""
    empty, full = build_license_report(snapshots, snapshots), build([license_row()])
    for part in PARTS:
        assert getattr(empty, part).dtypes.to_dict() == getattr(full, part).dtypes.to_dict()
        assert len(getattr(empty, part)) == 0
    assert empty.totals == dict.fromkeys(full.totals)
    assert empty.to_text().startswith("No licence data")


ROWS = st.lists(
    st.builds(
        license_row,
        service_code=st.sampled_from(["o365", "crm"]),
        channel=st.sampled_from(["reseller", "direct"]),
        customer_tenant_id=st.sampled_from(["A", "a", "B", "C"]),
        product_id=st.sampled_from(["P", "p", "q"]),
        licenses_sold=st.integers(0, 9),
        licenses_deployed=st.integers(0, 12),
        processed_date_time=st.sampled_from(DAYS),
    ),
    max_size=6,
)


@given(st.lists(ROWS, max_size=4))
@settings(max_examples=8, deadline=None)
def test_overlapping_files_never_count_twice(files: list[Rows]) -> None:
    """However files repeat one another's dates, the tables equal loops over the newest rows of each date."""
    report = build(*files)
    rows = {f"{number:02}": part for number, part in enumerate(files)}
    for part in PARTS:
        assert actual(getattr(report, part), *KEYS[part]) == expected(rows, *KEYS[part])


@given(
    st.lists(ROWS.map(lambda rows: [row | {"licenses_sold": row["licenses_sold"] or None} for row in rows]), max_size=4)
)
@settings(max_examples=8, deadline=None)
def test_sums_and_changes_of_the_parts_make_the_whole(files: list[Rows]) -> None:
    """Services, products and customers each add up to the totals, with missing counts too."""
    report = build(*files)
    for part in PARTS:
        table = getattr(report, part)
        for name in (*MEASURES, *(f"{name}_change" for name in MEASURES), "row_count", "rows_without_counts"):
            known = [int(value) for value in table[name] if not pd.isna(value)]
            # None: no row of now has this count; parts that are gone have 0 all the same
            assert sum(known) == (report.totals[name] or 0), (part, name)
