"""docs/releases.md says of support, installation and release what is so."""

import re
import tomllib
from importlib.metadata import version

import pytest

from tests.support.artefacts import REPOSITORY
from tests.support.deployments import COMMON_COMPAT, COMMON_COMPAT_DAY, FAB, OLD_SHARED, PERIODS, SHARED

PAGE = (REPOSITORY / "docs" / "releases.md").read_text()
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


def test_deployments_are_those_that_are_tried() -> None:
    """Airflow, day and what is changed there, as ``make test-package`` shows it."""
    rows = re.findall(r"^\| (\d\S+) \| (\S+) \| (.*) \| (none|`\S+`) \|$", PAGE, re.MULTILINE)
    assert [(airflow, day, changed) for airflow, day, _, changed in rows] == [
        (period.airflow, period.day or "today", ", ".join(f"`{name}`" for name in sorted(period.lifted)) or "none")
        for period in PERIODS.values()
    ]
    for (_, _, beside, _), period in zip(rows, PERIODS.values(), strict=True):
        assert ("FAB" in beside) is (FAB in period.beside)
        assert ("at their oldest" in beside) is (set(OLD_SHARED) <= set(period.beside))
        assert "shared libraries" in beside
        assert set(SHARED) <= set(period.beside) or set(OLD_SHARED) <= set(period.beside)
        assert re.findall(r"`\[(.*)\]`", beside) == ([",".join(period.extras)] if period.extras else [])


def test_pin_is_in_the_way_of_older_constraints_alone() -> None:
    """What is lifted is lifted since the deployment is older than the release that we need."""
    assert f"made since\n{COMMON_COMPAT_DAY}, the day it came out" in PAGE
    for period in PERIODS.values():
        assert (COMMON_COMPAT in period.lifted) is bool(period.day and period.day < COMMON_COMPAT_DAY)


def test_every_library_that_we_share_is_there_before_us() -> None:
    """Each requirement of ours, but Airflow and what lies beside it anyway, is pinned when we come."""
    ours = {re.split(r"[>\[]", line)[0] for line in PROJECT["dependencies"]} - {"apache-airflow", COMMON_COMPAT}
    assert ours <= set(SHARED)


def test_floor_of_common_compat_is_the_one_asked_for() -> None:
    """Who lifts the pin reads to which version."""
    [requirement] = [line for line in PROJECT["dependencies"] if line.startswith(COMMON_COMPAT)]
    assert f"`{COMMON_COMPAT}` is {requirement.removeprefix(f'{COMMON_COMPAT}>=')} or newer" in PAGE


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
