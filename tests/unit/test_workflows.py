"""What runs at GitHub: targets of the Makefile, pinned actions, and no more rights than it takes."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.compatibility.environments import ENVIRONMENTS
from tests.support.artefacts import REPOSITORY

WORKFLOWS = sorted((REPOSITORY / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z-]+):.*## ", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
#: By whom: GitHub, and those who run the package index.
ACTIONS = {
    "actions/checkout",
    "actions/download-artifact",
    "actions/setup-python",
    "actions/upload-artifact",
    "pypa/gh-action-pypi-publish",
}
each_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)


def _read(path: Path) -> dict[Any, Any]:
    workflow: dict[Any, Any] = yaml.safe_load(path.read_text())
    return workflow


def _steps(path: Path) -> Iterator[dict[str, Any]]:
    for job in _read(path)["jobs"].values():
        yield from job["steps"]


def test_there_are_two() -> None:
    """One for each change, one for releases."""
    assert [path.name for path in WORKFLOWS] == ["ci.yml", "release.yml"]
    assert {"ci", "lint", "test-package", "release", "audit"} <= TARGETS


@each_workflow
def test_each_command_is_a_target_of_the_makefile(path: Path) -> None:
    """What GitHub runs, a developer can run."""
    commands = [step["run"] for step in _steps(path) if "run" in step]
    assert commands
    for command in commands:
        assert re.fullmatch(r"make [a-z-]+", command), command
        assert command.removeprefix("make ") in TARGETS


@each_workflow
def test_each_action_is_known_and_pinned_by_its_commit(path: Path) -> None:
    """A tag can be moved to other code; a commit cannot. The version beside it is for people."""
    used = re.findall(r"uses: (\S+)(.*)", path.read_text())
    assert len(used) == sum("uses" in step for step in _steps(path))
    for action, comment in used:
        name, _, commit = action.partition("@")
        assert name in ACTIONS
        assert re.fullmatch(r"[0-9a-f]{40}", commit), action
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), action


def test_one_action_has_one_commit() -> None:
    """Both workflows use the same code."""
    pins = {pin for path in WORKFLOWS for pin in re.findall(r"uses: (\S+)", path.read_text())}
    assert len(pins) == len({pin.split("@")[0] for pin in pins})


@each_workflow
def test_permissions_are_the_least(path: Path) -> None:
    """Nothing may write; who publishes may ask for a token, and runs no code of this repository."""
    workflow = _read(path)
    assert workflow["permissions"] in ({}, {"contents": "read"})
    for job in workflow["jobs"].values():
        granted = job.get("permissions", workflow["permissions"])
        assert granted in ({"contents": "read"}, {"id-token": "write"})
        if "id-token" in granted:
            assert [step for step in job["steps"] if "run" in step or "checkout" in step["uses"]] == []
            assert job["environment"]


@each_workflow
def test_nothing_is_left_open(path: Path) -> None:
    """No secret, no run of a stranger's code with our rights, no credentials left in the clone, no endless job."""
    text, workflow = path.read_text(), _read(path)
    assert "secrets." not in text
    assert "pull_request_target" not in text
    assert "workflow_run" not in text
    assert all("timeout-minutes" in job for job in workflow["jobs"].values())
    checkouts = [step for step in _steps(path) if "actions/checkout" in step.get("uses", "")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)
    # Only values that nobody outside can choose are put into the file's own fields.
    assert set(re.findall(r"\$\{\{ (.*?) \}\}", text)) <= {"github.ref", "matrix.environment", "matrix.python"}


@each_workflow
def test_no_package_index_is_named(path: Path) -> None:
    """Where packages come from and go to is a setting of the runner and of the action."""
    assert re.findall(r"[\w.-]+\.(?:org|io|com|net)\b|https?://", path.read_text()) == []


def test_every_environment_is_tested() -> None:
    """On the Python that its name says."""
    job = _read(REPOSITORY / ".github" / "workflows" / "ci.yml")["jobs"]["compatibility"]
    found = {each["environment"]: each["python"] for each in job["strategy"]["matrix"]["include"]}
    assert found == {each.name: each.python for each in ENVIRONMENTS}


def test_release_workflow_publishes_what_make_release_built() -> None:
    """Only the packages go to the index, from the one build."""
    jobs = _read(REPOSITORY / ".github" / "workflows" / "release.yml")["jobs"]
    assert jobs["publish"]["needs"] == "build"
    [packages] = [step["with"] for step in jobs["build"]["steps"] if step.get("with", {}).get("name") == "packages"]
    assert packages["path"].split() == ["dist/*.whl", "dist/*.tar.gz"]
    assert jobs["publish"]["steps"][0]["with"]["name"] == "packages"
