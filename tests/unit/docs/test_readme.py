"""Every code block of the README does what it says."""

import json
import re
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from airflow_partnercenter import cli
from airflow_partnercenter.emulator import Emulator
from airflow_partnercenter.hooks.partner_center import PartnerCenterHook
from tests.unit.docs.pages import REPOSITORY, page, section_of

BLOCKS = page("README.md").blocks


def block(language: str, containing: str) -> str:
    """Return the one block of a language that contains a text."""
    [found] = [code for name, code in BLOCKS if name == language and containing in code]
    return found


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    """The partner whose numbers the README prints."""
    with Emulator(today=date(2026, 11, 22)) as running:
        yield running


@pytest.fixture
def hook(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> PartnerCenterHook:
    """The default connection leads to that partner."""
    monkeypatch.setenv("AIRFLOW_CONN_PARTNER_CENTER_DEFAULT", json.dumps(emulator.connection()))
    return PartnerCenterHook()


def test_no_block_is_left_out() -> None:
    """A block added to the README needs a test here."""
    assert Counter(name for name, _ in BLOCKS) == {"json": 1, "python": 3, "sh": 4, "text": 1}


@pytest.mark.parametrize("page", ["README.md", "docs/connection.md"])
def test_commands_have_the_options_that_are_printed(page: str) -> None:
    """Each line of ours is understood by the command line; tests/integration/cli runs the commands."""
    text = (REPOSITORY / page).read_text()
    lines = re.findall(r"^airflow-partnercenter (.*)$", text, re.MULTILINE)
    assert {line.split()[0] for line in lines} == {"login", "check"}
    for line in lines:
        assert cli._parser().parse_args(line.split()).run


@pytest.mark.parametrize("command", ["make demo", "make test", "make ui"])
def test_make_commands_exist(command: str) -> None:
    """The printed commands are targets of the Makefile; tests/system runs what is behind demo and UI."""
    block("sh", command)
    finished = subprocess.run(
        [*command.split(), "--dry-run"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    behind = {"make demo": "airflow-partnercenter demo", "make test": "pytest", "make ui": "airflow-partnercenter ui"}
    assert behind[command] in finished.stdout


def test_wheel_carries_the_printed_name_and_all_it_needs(tmp_path: Path) -> None:
    """The name that the README has pip install is the wheel's, and the wheel holds DAGs, template and bodies."""
    name = block("sh", "pip install").split()[-1]
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=REPOSITORY, capture_output=True, check=True)

    [wheel] = tmp_path.glob("*.whl")
    assert wheel.name.startswith(name.replace("-", "_") + "-")
    inside = zipfile.ZipFile(wheel).namelist()
    for needed in (
        "py.typed",
        "example_dags/partner_center_licenses_report.py",
        "reports/templates/licenses.html.jinja",
        "ui/plugins/lake.py",
        "emulator/documented/partner_licenses_deployment.wire.bin",
    ):
        assert f"airflow_partnercenter/{needed}" in inside
    assert {path.split("/")[0] for path in inside if ".dist-info/" not in path} == {"airflow_partnercenter"}


def test_dag_is_the_sample_dag() -> None:
    """The printed DAG is the one in dags/, which tests/dags runs."""
    assert block("python", "with DAG(") == section_of("dags/partner_center_licenses_to_xcom.py", "readme")


def test_printed_rows_are_the_rows(hook: PartnerCenterHook) -> None:
    """The JSON below the DAG is what its first task returns."""
    assert json.loads(block("json", "licenses_sold")) == hook.list_licenses("partner_licenses_deployment")


def test_storage_operator_as_printed_writes_the_printed_rows(hook: PartnerCenterHook, tmp_path: Path) -> None:
    """The second example runs, and the rows printed below it are the first five of its file."""
    import pandas as pd

    code = block("python", "ToObjectStorageOperator(").replace("file:///tmp/partner_center", tmp_path.as_uri())
    names: dict[str, object] = {}
    exec(code.replace("\nPartnerCenter", "\noperator = PartnerCenter", 1), names)  # noqa: S102 - our own README
    returned = names["operator"].execute({})  # type: ignore[attr-defined]

    assert returned["uri"] == f"{tmp_path.as_uri()}/licenses_deployment/2026-11-21.parquet"
    frame = pd.read_parquet(tmp_path / "licenses_deployment" / "2026-11-21.parquet")
    columns = ["customer_name", "product_name", "licenses_sold", "licenses_deployed", "processed_date_time"]
    assert block("text", "customer_name").rstrip("\n") == frame[columns].head().to_string(index=False)


def test_printed_test_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The example test of a user's own DAG passes."""
    names: dict[str, object] = {}
    exec(block("python", "def test_my_dag"), names)  # noqa: S102 - our own README
    names["test_my_dag_reads_licenses"](monkeypatch)  # type: ignore[operator]
