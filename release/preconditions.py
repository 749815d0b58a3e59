"""What must hold before anything is released: all that does not is named at once."""

import json
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from release.changelog import UNRELEASED, section_of

#: What the wheel is made of, but for the texts that describe it.
_CODE = ("airflow_partnercenter", "dags", "pyproject.toml")


class ReleaseError(Exception):
    """The release cannot be made; the message says why, and what to do."""


def read_version(repository: Path) -> str:
    """Return the version that the package says it has."""
    source = (repository / "airflow_partnercenter" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "([^"]+)"$', source, re.MULTILINE)
    if not found:
        raise ReleaseError('airflow_partnercenter/__init__.py has no line __version__ = "…".')
    return found[1]


def check(repository: Path) -> str:
    """Return the version to release.

    :raises ReleaseError: something is missing; nothing was built.
    """
    version = read_version(repository)
    checks = (_tree(repository), _changelog(repository, version), _surface(repository, version), _tests(repository))
    if problems := [problem for check in checks for problem in check]:
        raise ReleaseError(f"{version} cannot be released:\n" + "\n".join(f"  - {problem}" for problem in problems))
    return version


def code_of(repository: Path) -> dict[str, str]:
    """Return git's ids of what the wheel is made of; of what has changes, there is none."""
    if not _is_repository(repository):
        return {}
    return {
        name: _git(repository, "rev-parse", f"HEAD:{name}")
        for name in _CODE
        if (repository / name).exists() and not _git(repository, "status", "--porcelain", name)
    }


def _tree(repository: Path) -> Iterator[str]:
    if not _is_repository(repository):
        yield "this is no git repository, so nobody could say later what was released: release from a clone."
        return
    if dirty := _git(repository, "status", "--porcelain").splitlines():
        files = ", ".join(line[3:] for line in dirty[:5]) + (", …" if len(dirty) > 5 else "")
        yield f"the tree is dirty ({files}): commit or remove that first."
    tag = f"v{read_version(repository)}"
    if _git(repository, "tag", "--list", tag) and _tree_of(repository, tag) != _tree_of(repository, "HEAD"):
        yield f"the tag {tag} exists and its content is another: raise __version__, or check {tag} out."
    tags = _git(repository, "tag", "--list", "v[0-9]*", "--points-at", "HEAD").split()
    if tags and tag not in tags:
        yield f"this commit is tagged {', '.join(tags)}, but __version__ is not that: tag it {tag}."


def _changelog(repository: Path, version: str) -> Iterator[str]:
    changelog = (repository / "CHANGELOG.md").read_text(encoding="utf-8")
    section, unreleased = section_of(changelog, version), section_of(changelog, UNRELEASED)
    if section is None:
        yield f"CHANGELOG.md has no section ## [{version}] - DATE, which __version__ asks for: write it."
    elif not section.date or not section.text:
        yield f"the section [{version}] of CHANGELOG.md needs a date and at least one entry."
    if section and unreleased and unreleased.text:
        yield f"CHANGELOG.md still has entries under [{UNRELEASED}], which the code has too: move them to [{version}]."


def _surface(repository: Path, version: str) -> Iterator[str]:
    folder = repository / "tests" / "unit"
    released = (folder / "public_surface_released.txt").read_text(encoding="utf-8").splitlines()
    current = (folder / "public_surface.txt").read_text(encoding="utf-8").splitlines()
    if released[0] != f"# {version}" or released[1:] != current[1:]:
        yield (
            f"tests/unit/public_surface_released.txt is not the surface of {version}: "
            f"run make surface RELEASED={version}, and commit it."
        )


def _tests(repository: Path) -> Iterator[str]:
    """Compare README's table with the code, and with what `make test-compat` runs on: each environment has a row."""
    file = repository / "docs" / "compatibility.json"
    results = {each["name"]: each for each in json.loads(file.read_text(encoding="utf-8"))} if file.exists() else {}
    environments = tomllib.loads((repository / "tests" / "compatibility" / "environments.toml").read_text("utf-8"))
    code = code_of(repository)
    of_row = {name: _untrue(results.get(name), code) for name in environments["environments"]}
    for problem in sorted({problem for problem in of_row.values() if problem}):
        names = ", ".join(name for name, found in of_row.items() if found == problem)
        yield (
            f"README's table of what was tested {problem} {names}: run make test-compat, record it "
            "by python -m tests.compatibility record, and commit that."
        )


def _untrue(result: dict[str, Any] | None, code: dict[str, str]) -> str:
    """Return what a row of the table lacks, or nothing."""
    if result is None:
        return "has no row for"
    if result["failed"] or result["exit_code"] or not result["passed"]:
        return "has failures, or no test that passed, for"
    return "is of other code for" if code and result["code"] != code else ""


def _is_repository(folder: Path) -> bool:
    """Return whether a folder is a repository itself, and does not merely lie in one."""
    try:
        return Path(_git(folder, "rev-parse", "--show-toplevel")) == folder.resolve()
    except subprocess.CalledProcessError:
        return False


def _tree_of(repository: Path, name: str) -> str:
    return _git(repository, "rev-parse", f"{name}^{{tree}}")


def _git(repository: Path, *arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True).stdout.rstrip()
