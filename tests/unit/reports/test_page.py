"""The page and the terminal table: escaping, markup, what is not known, and bytes."""

import itertools
import re
import sys
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_partnercenter.reports import LicenseReport, build_license_report
from airflow_partnercenter.reports.formats import MINUS, UNKNOWN, count, day, percent, signed
from tests.unit.reports.lake import (
    LAST_DAY,
    Lake,
    expected,
    license_frame,
    license_row,
    partner_frame,
    usage_frame,
    usage_rows,
)
from tests.unit.reports.markup import Page

EVIL = "<script>alert(1)</script> & \"quoted\" {{ 7 * 7 }} 'n' \x07漢字"


@pytest.fixture(scope="module")
def report(lake: Lake) -> LicenseReport:
    """Return the report of the made-up partner, usage included."""
    usage = {name: usage_frame(usage_rows(rows)) for name, rows in lake.rows.items()}
    return build_license_report(lake.licenses, lake.partner, usage)


@pytest.fixture(scope="module")
def html(report: LicenseReport) -> str:
    """Return its page."""
    return report.to_html(generated_at=datetime(2026, 11, 22, 17, 29, tzinfo=UTC), csv_names={"trend": "a b.csv"})


def test_the_terminal_table_prints_the_same_numbers(report: LicenseReport, lake: Lake) -> None:
    """The plain text has the services' numbers, in ASCII where names are, at most 100 columns wide."""
    text = report.to_text()
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 100
    for (service,), numbers in expected(lake.rows, "service_name").items():
        line = next(line for line in text.splitlines() if line.lower().startswith(service))
        sold, sold_change, deployed, deployed_change, unused, rate = line.split()[-6:]
        shown = [float(cell.replace(",", "")) for cell in (sold, deployed, unused, sold_change, deployed_change)]
        assert shown == numbers[:5]
        assert rate == f"{100 * numbers[1] / numbers[0]:.1f}%"


def test_the_page_is_complete_markup_and_fetches_nothing(html: str) -> None:
    """Tags nest, ids are unique, tables and pictures are named, and nothing points outside or runs."""
    page = Page(html)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    tags = [tag for tag, _ in page.tags]
    assert "script" not in tags
    for _, attributes in page.tags:
        reference = attributes.get("href") or attributes.get("src") or ""
        assert reference in {"", "data:,", "a%20b.csv"} or reference[1:] in ids
        for named in str(attributes.get("aria-labelledby", "")).split():
            assert named in ids
        assert not [name for name in attributes if name.startswith("on")]
    assert not re.search(r"https?://|@import|url\((?!#)", html)


def test_headings_go_down_one_level_at_a_time(html: str) -> None:
    """One h1, and no level is skipped: a screen reader's list of headings is the page's table of contents."""
    levels = [int(tag[1]) for tag, _ in Page(html).tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(level <= before + 1 for before, level in itertools.pairwise(levels))


def test_tables_say_what_their_cells_belong_to(html: str) -> None:
    """Each table has a caption and a head; each head cell a scope; each row a head."""
    for table in re.findall(r"<table.*?</table>", html, re.DOTALL):
        assert re.match(r"<table[^>]*>\s*<caption>[^<]+</caption>\s*<thead>", table)
        assert not re.search(r"<th(?! scope=)", table.replace("<thead", ""))
        for row in re.findall(r"<tr[^>]*>(.*?)</tr>", table.split("</thead>")[1], re.DOTALL):
            assert row.lstrip().startswith('<th scope="row">')


def test_pictures_are_told_to_those_who_do_not_see_them(html: str, lake: Lake) -> None:
    """Each chart has a title and a description with its first and last numbers; decoration is hidden."""
    everything = expected(lake.rows, "service_code")
    pictures = re.findall(r'<svg[^>]*role="img"[^>]*>\s*<title[^>]*>([^<]+)</title>\s*<desc[^>]*>([^<]+)</desc>', html)
    assert [title for title, _ in pictures] == [
        "Seats sold and deployed, Microsoft Dynamics",
        "Seats sold and deployed, Microsoft Office 365",
    ]
    for (_, description), service in zip(pictures, ("crm", "o365"), strict=True):
        sold, deployed = everything[service,][:2]
        assert description.endswith(f": {sold:,} sold, {deployed:,} deployed.")
    for tag in re.findall(r"<svg[^>]*>", html):
        assert 'role="img"' in tag or 'aria-hidden="true"' in tag or 'overflow="visible"' in tag


def test_names_are_escaped_everywhere() -> None:
    """A name with markup, quotes and a template is shown as it is, in tables, titles and pictures."""
    named = {"customer_name": EVIL, "product_name": EVIL, "service_name": EVIL, "service_code": EVIL, "channel": EVIL}
    rows = [license_row(**named)]
    files = {"a": license_frame(rows)}
    usage = usage_frame([row | {"workload_name": EVIL} for row in usage_rows(rows)[:1] or usage_rows(rows)])
    html = build_license_report(files, {EVIL: partner_frame([(EVIL, 1.0, 1, LAST_DAY)])}, {EVIL: usage}).to_html(
        title=EVIL, csv_names={"customers": EVIL}
    )
    assert "<script" not in html
    page = Page(html)
    assert "script" not in [tag for tag, _ in page.tags]
    assert page.text.count("<script>alert(1)</script>") >= 15
    assert page.text.count("{{ 7 * 7 }}") == page.text.count("<script>alert(1)</script>")
    assert "\x07" not in html


@pytest.mark.parametrize("snapshots", [{}, {"a": pd.DataFrame()}], ids=["no snapshot", "no rows"])
def test_empty_input_gives_a_page_that_says_so(snapshots: dict[str, pd.DataFrame]) -> None:
    """Without data there is a valid page with a sentence and the sources, no other table, no picture."""
    page = Page(build_license_report(snapshots, snapshots, snapshots, snapshots).to_html())
    assert "There are no licence data" in page.text
    assert "svg" not in {tag for tag, _ in page.tags}
    assert set(page.tables) == {"sources"}


def test_usage_alone_makes_a_page(lake: Lake) -> None:
    """Usage snapshots without any deployment are shown, with nothing deployed beside."""
    usage = {"a": usage_frame(usage_rows([license_row()]))}
    rows = Page(build_license_report({}, {}, usage).to_html()).cells("workloads")[2:]
    assert [row[1:5] for row in rows] == [["9", "4", "44.4%", UNKNOWN], ["9", "2", "22.2%", UNKNOWN]]


def test_a_missing_count_is_a_dash() -> None:
    """What is not known is printed as such, spoken as such, and told in the data quality."""
    rows = [license_row(licenses_sold=None, licenses_deployed=None)]
    html = build_license_report({"a": license_frame(rows)}).to_html()
    assert Page(html).cells("services")[2][1:5] == [UNKNOWN] * 4
    assert '<span aria-hidden="true">–</span><span class="spoken">not known</span>' in html  # noqa: RUF001 - printed so
    told = " ".join(Page(html).seen.split())
    assert "1 had no count of seats sold and 1 none of seats deployed" in told
    assert "1 customer without data (no row has both counts): TEST COMPANY." in told


def test_a_legacy_percent_is_printed_as_served_with_its_scale() -> None:
    """The older percents appear with every decimal served, not rescaled or clamped, and the page names the scale."""
    rows: list[Any] = [("o365", 143.21, 5, LAST_DAY), ("crm", 1.0, 2, LAST_DAY)]
    page = Page(build_license_report({}, {"a": partner_frame(rows)}).to_html())
    assert [row[3] for row in page.cells("partner")[1:]] == ["1.0%", "143.21%"]
    assert "They are percent points: 1.0 is one percent" in page.text


def test_equal_input_gives_equal_bytes(lake: Lake, report: LicenseReport) -> None:
    """The page depends on the snapshots and arguments alone, not on the clock or the order of the mapping."""
    usage = {name: usage_frame(usage_rows(rows)) for name, rows in lake.rows.items()}
    again = build_license_report(dict(reversed(lake.licenses.items())), lake.partner, usage).to_html()
    assert again == report.to_html()
    assert "Generated" not in again


def test_a_missing_extra_is_named(report: LicenseReport, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Jinja2 the page says what to install; tables, CSV and text do not need it."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "jinja2"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(ImportError, match=r"pip install 'airflow-provider-partnercenter\[reports\]'"):
        report.to_html()
    assert report.to_text()
    assert report.to_csv()


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (count(1234567), "1,234,567"),
        (count(-3), MINUS + "3"),
        (count(None), UNKNOWN),
        (percent(143.25), "143.2%"),
        (signed(1234), "+1,234"),
        (signed(-0.04, 1), "±0.0"),
        (signed(-2.25, 1), MINUS + "2.2"),
        (day("2026-11-02"), "2 Nov 2026"),
    ],
)
def test_numbers_are_written_for_reading(shown: Any, text: str) -> None:
    """Thousands are separated, signs are real ones, what rounds to nothing is no change."""
    assert shown == text


COUNTS = st.one_of(st.none(), st.integers(0, 12), st.integers(0, 10**12))
ROWS = st.lists(
    st.builds(
        license_row,
        service_code=st.sampled_from(["o365", "crm", ""]),
        customer_tenant_id=st.sampled_from(["A", "b", "C", ""]),
        customer_name=st.text(max_size=5),
        product_id=st.sampled_from(["P", "q"]),
        product_name=st.one_of(st.none(), st.text(max_size=5)),
        licenses_sold=COUNTS,
        licenses_deployed=COUNTS,
        processed_date_time=st.sampled_from(
            [None, *(datetime(2026, month, number, tzinfo=UTC) for month in (10, 11) for number in (18, 19))]
        ),
    ),
    max_size=8,
)


@given(st.lists(ROWS, max_size=3), st.floats(allow_nan=True, allow_infinity=True))
@settings(max_examples=8, deadline=None)
def test_no_lake_prints_a_number_that_is_none(files: list[Any], served: float) -> None:
    """Whatever is in the snapshots: no NaN, None or infinity on the page, and the totals are the sums of the parts."""
    deployment = {str(number): license_frame(rows) for number, rows in enumerate(files)}
    usage = {str(number): usage_frame(usage_rows(rows)) for number, rows in enumerate(files)}
    partner = {"a": partner_frame([("o365", served, 1, LAST_DAY)])}
    report = build_license_report(deployment, partner, usage)
    page = Page(report.to_html())
    for rows in page.tables.values():
        for row in rows:
            for cell in row[1:]:
                assert not re.search(r"nan|none|<na>|\binf|nat\b", cell, re.IGNORECASE), row
    summary = report.summary()
    assert sum(summary["customers_by_action"].values()) == len(report.by_customer)
    for column in ("licenses_sold", "licenses_deployed"):
        assert int(report.by_action[column].sum()) == (summary[column] or 0)
    spare = report.by_action["licenses_to_activate"].sum() - report.by_action["licenses_over_deployed"].sum()
    assert int(spare) == (summary["licenses_unused"] or 0)
