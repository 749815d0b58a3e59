"""Reads ``environments.toml``: which Airflow on which Python, with packages of which days."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
_TABLE = tomllib.loads(Path(__file__).with_name("environments.toml").read_text())
_PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())

NEVER: list[str] = _TABLE["tests"]["never"]
SAME_EVERYWHERE: list[str] = _TABLE["tests"]["same_everywhere"]
TEST_FOLDERS: list[str] = _PROJECT["tool"]["pytest"]["ini_options"]["testpaths"]


@dataclass(frozen=True, kw_only=True)
class Environment:
    """An Airflow, a Python and the days from which the other packages are.

    :param newer: packages that must be newer than the rest, with their own day.
    :param lowest: our requirements at their lowest versions, not their highest.
    :param held: versions of packages that are not ours to ask for.
    """

    name: str
    airflow: str
    python: str
    packages_before: str
    newer: dict[str, str] = field(default_factory=dict)
    lowest: bool = False
    held: list[str] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        """All that is made to run the suite here."""
        return REPOSITORY / "build" / "compat" / self.name

    @property
    def executable(self) -> Path:
        """Its Python."""
        return self.folder / "venv" / "bin" / "python"

    @property
    def pins(self) -> Path:
        """The committed versions and hashes."""
        return REPOSITORY / "requirements" / "compat" / f"{self.name}.txt"


ENVIRONMENTS = tuple(Environment(name=name, **fields) for name, fields in _TABLE["environments"].items())


def chosen(words: list[str]) -> list[Environment]:
    """Return the environments of these Airflow versions, or with these names; without words, all.

    :raises SystemExit: a word chooses nothing.
    """
    if not words:
        return list(ENVIRONMENTS)
    for word in words:
        if not any(word in (each.airflow, each.name) for each in ENVIRONMENTS):
            known = " ".join(each.name for each in ENVIRONMENTS)
            raise SystemExit(
                f"{word} is no Airflow version of tests/compatibility/environments.toml; there are: {known}"
            )
    return [each for each in ENVIRONMENTS if each.airflow in words or each.name in words]


def our_requirements() -> list[str]:
    """Return what the wheel requires, with the extras that the tests use."""
    extras: dict[str, list[str]] = _PROJECT["project"]["optional-dependencies"]
    return [
        *_PROJECT["project"]["dependencies"],
        *(each for extra in _TABLE["requirements"]["extras"] for each in extras[extra]),
    ]


def tools_of_tests() -> list[str]:
    """Return what the tests need beside that: the group ``dev`` without the groups that it includes."""
    from packaging.requirements import Requirement

    group: list[Any] = _PROJECT["dependency-groups"]["dev"]
    names = set(_TABLE["requirements"]["not_of_dev"])
    return [
        "apache-airflow-providers-standard",
        *(each for each in group if isinstance(each, str) and Requirement(each).name not in names),
    ]
