"""The demo as a newcomer meets it: one command, in a process and a home of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from airflow_partnercenter.cli import main


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the demo keeps its files."""
    return tmp_path_factory.mktemp("demo") / ".demo"


def run_demo(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the demo's command for three days, on a machine where another Airflow has its settings in the environment.

    Its secrets backend cannot be loaded here; in a real one it would lead to the real Partner Center.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    environment["HOME"] = str(folder.parent)
    environment["AIRFLOW__SECRETS__BACKEND"] = "no.such.Backend"
    command = [
        str(Path(sys.executable).with_name("airflow-partnercenter")),
        "demo",
        "--days",
        "3",
        "--folder",
        str(folder),
    ]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)


def test_demo_without_a_day_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No report can be of it, and the one that is there stays."""
    report = tmp_path / "lake" / "licenses_report.html"
    report.parent.mkdir()
    report.write_text("x")
    assert main(["demo", "--days", "0", "--folder", str(tmp_path)]) == 1
    assert "--days is 0: at least 1 is needed" in capsys.readouterr().err
    assert report.read_text() == "x"


def test_demo_in_a_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is there stays."""
    taken = tmp_path / "file"
    taken.write_text("x")
    assert main(["demo", "--folder", str(taken)]) == 1
    assert f"The demo cannot run in --folder {taken}: File exists." in capsys.readouterr().err
    assert taken.read_text() == "x"


@pytest.mark.parametrize("which", ["first", "second"])
def test_demo_prints_the_table_and_the_path_of_the_report(demo_folder: Path, which: str) -> None:
    """It exits 0, the first time and again, and what it prints is what lies in the lake."""
    finished = run_demo(demo_folder)

    assert finished.returncode == 0, finished.stderr
    assert finished.stderr == ""
    report = demo_folder / "lake" / "licenses_report.html"
    assert finished.stdout.rstrip().endswith(str(report))
    snapshots = sorted((demo_folder / "lake" / "licenses_deployment").glob("*"))
    assert len(snapshots) == 3
    sold = pd.read_parquet(snapshots[-1])["licenses_sold"].sum()
    assert f"{sold:,}" in finished.stdout
    page = report.read_text()
    assert f"{sold:,}" in page
    assert "Usage beside deployment" in page
    assert "Prorated deployment percent" in page
    assert (demo_folder / "tokens.json").stat().st_mode & 0o777 == 0o600
    assert sorted(file.suffix for file in report.parent.glob("licenses_report*")) == [".csv"] * 7 + [".html"]
