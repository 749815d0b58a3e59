"""What the README says was tested is what the results say, and every environment has its pins and its Airflow."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from tests.compatibility import table
from tests.compatibility.environments import ENVIRONMENTS, Environment, chosen, our_requirements

REPOSITORY = Path(__file__).parents[2]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


def test_table_of_the_readme_is_made_of_the_results() -> None:
    """Nobody writes it by hand; `python -m tests.compatibility record` does."""
    section = table.README.read_text().split(table.BEGIN)[1].split(table.END)[0]
    assert section.strip() == table.table(table.results()).strip()
    assert all(result["failed"] == 0 < result["passed"] for result in table.results())


def _pins(environment: Environment) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)(?:\[[\w,]*\])?==(\S+)", environment.pins.read_text(), re.MULTILINE))


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda each: each.name)
def test_pins_fit_what_the_package_requires(environment: Environment) -> None:
    """They are of this Airflow, have hashes, name no index, and meet each requirement of the wheel."""
    pins, text = _pins(environment), environment.pins.read_text()
    assert pins["apache-airflow"] == environment.airflow
    assert "://" not in text
    assert text.count("--hash=sha256:") >= len(pins)
    for requirement in map(Requirement, our_requirements()):
        assert pins[requirement.name] in requirement.specifier, requirement


def test_lowest_environment_has_each_requirement_at_its_floor() -> None:
    """Else the floors of pyproject.toml are guesses. A floor of two numbers is its first release, whatever its name."""
    [lowest] = [each for each in ENVIRONMENTS if each.lowest]
    pins = _pins(lowest)
    for requirement in map(Requirement, our_requirements()):
        [floor] = [each.version for each in requirement.specifier if each.operator == ">="]
        assert pins[requirement.name] in SpecifierSet(f"=={floor}.*"), requirement


def test_environments_cover_the_pythons_that_are_claimed() -> None:
    """Each Python of the classifiers is in one, and versions of Airflow can be chosen by number or name."""
    claimed = {name.rpartition(" ")[2] for name in PROJECT["classifiers"] if "Python :: 3." in name}
    assert claimed == {each.python for each in ENVIRONMENTS}
    assert {each.airflow for each in chosen(["2.11.2", "3.3.2"])} == {"2.11.2", "3.3.2"}
    with pytest.raises(SystemExit, match=r"9\.9\.9 is no Airflow version"):
        chosen(["9.9.9"])
