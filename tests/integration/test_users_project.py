"""docs/testing.md: the project that it shows passes its tests, in a process and an Airflow of its own."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.patience import PATIENCE

REPOSITORY = Path(__file__).parents[2]
PROJECT = REPOSITORY / "tests" / "examples" / "your_dags"
PAGE = (REPOSITORY / "docs" / "testing.md").read_text()


def test_the_project_passes_its_own_tests(tmp_path):
    """As it stands, in a folder of its own, in an environment without this suite's Airflow."""
    folder = tmp_path / "project"
    shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns("__pycache__"))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."],
        cwd=folder,
        env=environment | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout[-4000:]
    tests = re.findall(r"^def (test_\w+)", (PROJECT / "test_daily_licenses.py").read_text(), re.MULTILINE)
    assert f"{len(tests)} passed" in ended.stdout


def test_the_page_shows_all_of_it():
    """Each section of the project is on the page, and each inclusion of the page is there."""
    sections = {
        f"{path.relative_to(REPOSITORY)}:{name}"
        for path in PROJECT.rglob("*.py")
        for name in re.findall(r"--8<-- \[start:(\w+)\]", path.read_text())
    }
    assert len(sections) > 8
    assert set(re.findall(r'^--8<-- "(.+)"$', PAGE, re.MULTILINE)) == sections
