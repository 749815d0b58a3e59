"""docs/releases.md says of support, installation and release what is so."""

import re
import tomllib
from importlib.metadata import version

import pytest

from tests.support.artefacts import REPOSITORY
from tests.support.deployments import COMMON_COMPAT, PERIODS

PAGE = (REPOSITORY / "docs" / "releases.md").read_text()
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


def test_deployments_are_those_that_are_tried() -> None:
    """Airflow, day and what is changed there, as ``make test-package`` shows it."""
    rows = re.findall(r"^\| (\d\S+) \| (\S+) \| (none|`\S+`)", PAGE, re.MULTILINE)
    assert rows == [
        (period.airflow, period.day or "today", ", ".join(f"`{name}`" for name in sorted(period.lifted)) or "none")
        for period in PERIODS.values()
    ]


def test_floor_of_common_compat_is_the_one_asked_for() -> None:
    """Who lifts the pin reads to which version."""
    [requirement] = [line for line in PROJECT["dependencies"] if line.startswith(COMMON_COMPAT)]
    assert f"`{COMMON_COMPAT}` {requirement.removeprefix(f'{COMMON_COMPAT}>=')} or newer" in PAGE


def test_supported_versions_are_those_of_the_metadata() -> None:
    """Python as in the classifiers; Airflow from the floor to the one that the suite runs on."""
    pythons = [line.rsplit(" ", 1)[1] for line in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", line)]
    assert f"Python {pythons[0]} to {pythons[-1]}" in PAGE
    assert PROJECT["requires-python"] == f">={pythons[0]}"
    [airflow] = [line for line in PROJECT["dependencies"] if line.startswith("apache-airflow>")]
    assert f"Airflow {airflow.removeprefix('apache-airflow>=')} and 3.0 to " in PAGE


@pytest.mark.airflow(">=3.3")
def test_newest_supported_airflow_is_the_one_that_is_pinned() -> None:
    """The suite runs on it."""
    assert f"and 3.0 to {version('apache-airflow').rsplit('.', 1)[0]}," in PAGE


def test_commands_are_targets_of_the_makefile() -> None:
    """Nothing is printed that is not there."""
    makefile = (REPOSITORY / "Makefile").read_text()
    commands = set(re.findall(r"`make ([a-z-]+)", PAGE))
    assert commands == {"audit", "lint", "package", "release", "surface", "test", "test-compat", "test-package"}
    assert {command for command in commands if not re.search(rf"^{command}:", makefile, re.MULTILINE)} == set()
