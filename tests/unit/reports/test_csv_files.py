"""The CSV files: exact, complete, and harmless to whoever opens them in a spreadsheet."""

import csv
import io
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_partnercenter.reports import build_license_report
from airflow_partnercenter.reports.csv_files import to_csv
from tests.unit.reports.lake import Lake, license_frame, license_row

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def cells(content: bytes) -> list[list[str]]:
    """Read a CSV as a spreadsheet does."""
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_no_text_cell_is_a_formula(start: str) -> None:
    """A name that a spreadsheet would run gets an apostrophe in front, and loses nothing."""
    name = f'{start}HYPERLINK("x";"y")'
    names = dict.fromkeys(("customer_name", "product_name", "service_name", "customer_tenant_id"), name)
    report = build_license_report({"a": license_frame([license_row(**names)])})
    for table, column in (("customers", "customer_name"), ("products", "product_name"), ("services", "service_name")):
        head, row = cells(report.to_csv()[table])
        assert row[head.index(column)] == f"'{name}"


@given(st.text(min_size=1))
@settings(max_examples=50, deadline=None)
def test_texts_come_back_as_they_were(text: str) -> None:
    """Commas, quotes, line breaks and any letters survive; only the apostrophe before a formula is added."""
    [[_], [cell]] = cells(to_csv(pd.DataFrame({"name": [text]}, dtype="string")))
    assert cell.removeprefix("'") == text.removeprefix("'") or cell == text.encode(errors="replace").decode()


def test_numbers_are_exact_and_minus_stays_a_number() -> None:
    """A negative count is no formula, a rate has all its digits, what is not known is empty, a day is ISO."""
    rows = [license_row(licenses_sold=3, licenses_deployed=7), license_row(customer_tenant_id="b", licenses_sold=None)]
    report = build_license_report({"a": license_frame(rows)})
    head, *lines = cells(report.to_csv()["customers"])
    found = {line[0][:1]: dict(zip(head, line, strict=True)) for line in lines}
    assert (found["0"]["licenses_unused"], float(found["0"]["deployment_percent"])) == ("-4", 100 * 7 / 3)
    assert (found["b"]["licenses_sold"], found["b"]["deployment_percent"]) == ("", "")
    head, line = cells(report.to_csv()["services"])
    assert line[head.index("processed_date")] == "2026-11-20"
    assert line[head.index("previous_date")] == ""


def test_every_row_of_every_table_is_there(lake: Lake) -> None:
    """The files hold all rows, not only those that the page shows, and add up to the totals."""
    report = build_license_report(lake.licenses, lake.partner)
    files = report.to_csv()
    tables = {"services": report.by_service, "products": report.by_product, "customers": report.by_customer}
    for name, table in (tables | {"trend": report.trend, "partner": report.partner}).items():
        head, *lines = cells(files[name])
        assert (head, len(lines)) == (list(table.columns), len(table))
        if name in tables:
            assert sum(int(line[head.index("licenses_sold")]) for line in lines) == report.totals["licenses_sold"]
    assert len(cells(files["customers"])) == 41


def test_pandas_reads_the_files_back(lake: Lake) -> None:
    """The byte order mark that spreadsheets need does not end up in the first column's name."""
    report = build_license_report(lake.licenses)
    # pandas before 3.1 rounds the last digit, unless it is told not to; later ones do not want to be told
    told = tuple(map(int, pd.__version__.split(".")[:2])) < (3, 1)
    exactly: dict[str, Any] = {"float_precision": "round_trip"} if told else {}
    read = pd.read_csv(io.BytesIO(report.to_csv()["customers"]), **exactly)
    assert read["licenses_deployed"].tolist() == report.by_customer["licenses_deployed"].tolist()
    assert read["deployment_percent"].tolist() == report.by_customer["deployment_percent"].tolist()


def test_empty_tables_keep_their_heads() -> None:
    """Without data each file is its head alone."""
    full = build_license_report({"a": license_frame([license_row()])}).to_csv()
    for name, content in build_license_report({}).to_csv().items():
        assert cells(content) == cells(full[name])[:1]
