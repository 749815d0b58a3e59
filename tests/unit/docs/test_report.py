"""The code of docs/report.md does what the page says of it."""

import io
import re
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from airflow_partnercenter.reports import build_license_report

TEXT = (Path(__file__).parents[3] / "docs" / "report.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def run(block: str) -> tuple[dict[str, Any], str]:
    """Run a block as it stands; return its names and what it printed."""
    names: dict[str, Any] = {}
    with redirect_stdout(io.StringIO()) as printed:
        exec(compile(block, "docs/report.md", "exec"), names)  # noqa: S102 - our own page
    return names, printed.getvalue()


def test_the_example_builds_a_report() -> None:
    """Text, action, change, fall, page and CSV come out of the frames of the example."""
    names, printed = run(BLOCKS[1])
    assert "DOMESTIC AND INTERNATIONAL CALLING PLAN" in printed
    assert "action needed" in printed
    assert printed.splitlines()[-3:] == [
        "-1",
        "Service Microsoft Office 365: seats deployed fell from 4 to 3 (\u221225.0%).",
        "Customer TEST COMPANY: seats deployed fell from 4 to 3 (\u221225.0%).",
    ]
    assert "<title>Licences of October</title>" in names["page"]
    assert '<a href="customers.csv">' in names["page"]
    assert names["files"]["customers"].startswith("\ufeffcustomer_tenant_id,".encode())


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(?:licenses_report|…)_([a-z_]+)\.csv`", TEXT))))
def test_named_csv_files_exist(name: str) -> None:
    """Each file that the page names is one that the report writes."""
    assert name in build_license_report({}).to_csv()


def test_all_csv_files_are_named() -> None:
    """And none is left out."""
    assert all(f"_{name}.csv" in TEXT for name in build_license_report({}).to_csv())
