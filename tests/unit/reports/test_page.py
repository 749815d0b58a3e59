"""The page and the terminal table: their printed numbers, escaping, markup and bytes."""

import re
import sys
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pandas as pd
import pytest

from airflow_partnercenter.reports import LicenseReport, build_license_report
from airflow_partnercenter.reports.charts import wrap
from airflow_partnercenter.reports.formats import MINUS, UNKNOWN, count, day, percent, signed
from tests.unit.reports.lake import LAST_DAY, Lake, expected, license_frame, license_row, partner_frame

VOID = {"meta", "link"}
EVIL = "<script>alert(1)</script> & \"quoted\" $x^2$ 'n' \x07漢字"


class Page(HTMLParser):
    """A page's tables as rows of texts, its ids and tags; fails on tags that do not nest."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.hidden = 0
        self.rows: list[list[str]] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember the tag; open a table, row or cell."""
        self.tags.append((tag, dict(attrs)))
        if tag in VOID:
            return
        self.open.append(tag)
        if tag == "table":
            self.rows = self.tables.setdefault(str(dict(attrs)["id"]), [])
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember the tag."""
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Close the innermost tag, which must be this one."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Add text to the page and to the open cell."""
        self.text += data
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data


def number(text: str) -> float:
    """Return the number a cell prints, the last word that holds one; 0 for nothing known."""
    found = re.findall(r"[+\u2212±]?[\d,]+(?:\.\d+)?", text)
    return float(found[-1].replace(",", "").replace(MINUS, "-").replace("±", "")) if found else 0.0


@pytest.fixture(scope="module")
def report(lake: Lake) -> LicenseReport:
    """Return the report of the made-up partner."""
    return build_license_report(lake.licenses, lake.partner)


@pytest.fixture(scope="module")
def html(report: LicenseReport) -> str:
    """Return its page."""
    return report.to_html(generated_at=datetime(2026, 11, 22, 17, 29, tzinfo=UTC))


def printed(rows: list[list[str]]) -> dict[str, list[float]]:
    """Return first word(s) -> sold, deployed, unused, their changes, and the rate of a table of the page."""
    return {
        re.sub(r"\s+", " ", row[0]).strip(): [number(row[place]) for place in (1, 3, 5, 2, 4, 6, 7)] for row in rows
    }


@pytest.mark.parametrize(
    ("table", "keys"),
    [("products", ("product_name", "service_code")), ("customers", ("customer_name",))],
)
def test_printed_numbers_are_those_of_the_rows(html: str, lake: Lake, table: str, keys: tuple[str, ...]) -> None:
    """Each number of a table on the page is what loops over the snapshots' rows count; the rows add up to the total."""
    counted = {" ".join(key): numbers for key, numbers in expected(lake.rows, *keys).items()}
    everything = expected(lake.rows)[()]
    found = printed(Page(html).tables[table][1:])
    total = found.pop("Total")
    assert total[:6] == everything
    assert total[6] == float(f"{100 * everything[1] / everything[0]:.1f}")
    assert [sum(column) for column in zip(*(numbers[:6] for numbers in found.values()), strict=True)] == everything
    others = found.pop("15 other customers", None)
    assert (others is None) == (len(found) == len(counted))
    for name, numbers in found.items():
        sold, deployed = numbers[:2]
        assert numbers[:6] == counted[name.lower()]
        assert numbers[6] == float(f"{100 * deployed / sold:.1f}")
    unused = [numbers[2] for numbers in found.values()]
    rest = [numbers[2] for name, numbers in counted.items() if name not in {key.lower() for key in found}]
    assert unused == sorted(unused, reverse=True)
    assert max(rest, default=0) <= unused[-1]


def test_the_headline_prints_the_totals(html: str, lake: Lake) -> None:
    """Seats sold, deployed and unused, and the rate, with their changes, stand in the headline."""
    sold, deployed, unused, *changes = expected(lake.rows)[()]
    cards = re.findall(r'<dd><span class="big">\s*([\d,.%]+)\s*</span>.*?class="delta">([^<]+)</span>', html, re.DOTALL)
    assert [text for text, _ in cards] == [f"{sold:,}", f"{deployed:,}", f"{unused:,}", f"{100 * deployed / sold:.1f}%"]
    assert [number(change) for _, change in cards[:3]] == changes


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
    assert tags.count("h1") == 1
    assert tags.count("caption") == tags.count("table") == tags.count("thead")
    for tag, attributes in page.tags:
        reference = attributes.get("href") or attributes.get("src") or ""
        assert reference in {"", "data:,"} or reference[1:] in ids
        for named in str(attributes.get("aria-labelledby", "")).split():
            assert named in ids
        if tag == "svg":
            assert attributes["role"] == "img"
            assert attributes["aria-labelledby"]
        if tag == "th":
            assert attributes["scope"] in {"row", "col"}
    assert not re.search(r"https?://|@import|url\((?!#)", html)


def test_names_are_escaped_everywhere() -> None:
    """A name with markup, quotes and dollars is shown as it is, in tables, title and pictures."""
    named = {"customer_name": EVIL, "product_name": EVIL, "service_name": EVIL, "service_code": EVIL, "channel": EVIL}
    files = {"a": license_frame([license_row(**named)])}
    report = build_license_report(files, {"a": partner_frame([(EVIL, 1.0, 1, LAST_DAY)])})
    html = report.to_html(title=EVIL)
    assert "<script" not in html
    page = Page(html)
    assert "script" not in [tag for tag, _ in page.tags]
    assert page.text.count("<script>alert(1)</script>") >= 10
    for svg in re.findall(r"<svg.*?</svg>", html, re.DOTALL):
        words = " ".join(re.findall(r"<text[^>]*>([^<]*)</text>", svg))
        assert "$x^2$" in words
        assert "\x07" not in svg


@pytest.mark.parametrize("snapshots", [{}, {"a": pd.DataFrame()}], ids=["no snapshot", "no rows"])
def test_empty_input_gives_a_page_that_says_so(snapshots: dict[str, pd.DataFrame]) -> None:
    """Without data there is a valid page with a sentence and the data quality, no table, no picture."""
    page = Page(build_license_report(snapshots, snapshots).to_html())
    assert "There are no licence data" in page.text
    assert not {"svg", "table"} & {tag for tag, _ in page.tags}


def test_a_missing_count_is_a_dash_and_breaks_the_line() -> None:
    """What is not known is printed as such, told in the data quality, and never drawn as 0."""
    known = {"licenses_sold": 50, "licenses_deployed": 40}
    rows = [license_row(processed_date_time=LAST_DAY.replace(day=number), **known) for number in range(15, 20)]
    rows[2] |= {"licenses_sold": None, "licenses_deployed": None}
    html = build_license_report({"a": license_frame(rows[:3])}).to_html()
    assert Page(html).tables["services"][1][1].strip() == UNKNOWN + "not known"
    assert "1 had no count of seats sold and 1 none of seats deployed" in re.sub(r"\s+", " ", html)
    chart = build_license_report({"a": license_frame(rows)}).to_html().split("<figcaption>")[0]
    paths = re.findall(r'<path d="([^"]*)"[^>]*stroke: var\(--sold\); stroke-width', chart)
    assert [path.count("M") for path in paths if "L" in path] == [2, 1, 2, 1]  # a broken line, the legend's, twice
    assert chart.count('style="fill: var(--sold); stroke: var(--sold)"') == 2 * (4 + 1)


def test_a_legacy_percent_above_100_is_printed_as_served() -> None:
    """The older percents appear with every decimal served, not rescaled."""
    html = build_license_report({}, {"a": partner_frame([("o365", 143.21, 5, LAST_DAY)])}).to_html()
    assert Page(html).tables["partner"][1][3].strip() == "143.21%"


def test_equal_input_gives_equal_bytes(lake: Lake, report: LicenseReport) -> None:
    """The page depends on the snapshots and arguments alone, not on the clock or the user's matplotlib settings."""
    import matplotlib as mpl

    with mpl.rc_context({"svg.hashsalt": "another", "font.size": 30, "text.parse_math": True}):
        again = build_license_report(dict(reversed(lake.licenses.items())), lake.partner).to_html()
        assert mpl.rcParams["font.size"] == 30
    assert again == report.to_html()
    assert "Generated" not in again


def test_a_missing_extra_is_named(report: LicenseReport, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without matplotlib the page says what to install; the tables need neither it nor Jinja2."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install 'airflow-provider-partnercenter\[reports\]'"):
        report.to_html()
    assert report.to_text()


def test_long_labels_wrap_and_lose_nothing() -> None:
    """Labels of charts are broken into lines, inside a word only if it is longer than a line."""
    text = "Microsoft Defender for Office 365 " + "x" * 60 + " 漢字" * 9
    lines = wrap(text, 20)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert max(map(len, lines)) < 40
    assert wrap("", 20) == [""]


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
