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
#: What no target of the Makefile does, as nothing of the repository is run where it may write.
ANNOUNCE = (
    'gh release create "$GITHUB_REF_NAME" dist/* --repo "$GITHUB_REPOSITORY" --verify-tag '
    '--title "$GITHUB_REF_NAME" --notes-file dist/RELEASE_NOTES.md'
)
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
    for command in set(commands) - {ANNOUNCE}:
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
    """Whoever may write or ask for a token runs no code of this repository, and each of the two has one right alone."""
    workflow = _read(path)
    assert workflow["permissions"] in ({}, {"contents": "read"})
    for name, job in workflow["jobs"].items():
        granted = job.get("permissions", workflow["permissions"])
        if granted == {"contents": "read"}:
            continue
        assert [step for step in job["steps"] if "checkout" in step.get("uses", "")] == []
        commands = [step["run"] for step in job["steps"] if "run" in step]
        if granted == {"id-token": "write"}:
            assert commands == []
            assert job["environment"]
        else:
            assert (path.name, name, granted) == ("release.yml", "announce", {"contents": "write"})
            assert commands == [ANNOUNCE]


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
    values = {"github.ref", "github.token", "matrix.environment", "matrix.python"}
    assert set(re.findall(r"\$\{\{ (.*?) \}\}", text)) <= values
    assert [step["run"] for step in _steps(path) if "github.token" in str(step)] in ([], [ANNOUNCE])


@each_workflow
def test_no_package_index_is_named(path: Path) -> None:
    """Where packages come from and go to is a setting of the runner and of the action."""
    assert re.findall(r"[\w.-]+\.(?:org|io|com|net)\b|https?://", path.read_text()) == []


def test_every_environment_is_tested() -> None:
    """On the Python that its name says."""
    job = _read(REPOSITORY / ".github" / "workflows" / "ci.yml")["jobs"]["compatibility"]
    found = {each["environment"]: each["python"] for each in job["strategy"]["matrix"]["include"]}
    assert found == {each.name: each.python for each in ENVIRONMENTS}


def test_nothing_is_skipped_silently() -> None:
    """Where the suite runs, Chromium and npm are installed, and missing ones fail."""
    jobs = _read(REPOSITORY / ".github" / "workflows" / "ci.yml")["jobs"]
    for name, command in (("checks", "make ci"), ("compatibility", "make ci-compat")):
        assert jobs[name]["container"].startswith("python:${{ matrix.python }}-")
        assert [step["run"] for step in jobs[name]["steps"] if "run" in step] == [command]
    script = (REPOSITORY / ".ci" / "run").read_text()
    everywhere = script.split('exec make "$@"')[0]
    assert "export REQUIRE_CHROMIUM=1" in everywhere
    assert "export REQUIRE_AZURITE=1" in everywhere


def test_release_workflow_publishes_what_make_release_built() -> None:
    """Only the packages go to the index; all files, to the release. Both are of the one build, which runs no test."""
    jobs = _read(REPOSITORY / ".github" / "workflows" / "release.yml")["jobs"]
    assert {name: job.get("needs") for name, job in jobs.items()} == {
        "checks": None,
        "build": "checks",
        "publish": "build",
        "announce": "publish",
    }
    assert [step["run"] for step in jobs["build"]["steps"] if "run" in step] == ["make release"]
    uploads = [step["with"] for step in jobs["build"]["steps"] if "upload-artifact" in step.get("uses", "")]
    assert {each["name"]: each["path"].split() for each in uploads} == {
        "release": ["dist/"],
        "packages": ["dist/*.whl", "dist/*.tar.gz"],
    }
    assert jobs["publish"]["steps"][0]["with"] == {"name": "packages", "path": "dist"}
    assert jobs["announce"]["steps"][0]["with"] == {"name": "release", "path": "dist"}
