"""A whole release, from a clone of this repository: ``make release`` and all the files that it makes."""

import hashlib
import json
import re
import subprocess
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

from release.preconditions import code_of
from tests.compatibility.environments import ENVIRONMENTS
from tests.support.artefacts import REPOSITORY, build

pytestmark = pytest.mark.package
VERSION = "0.1.0"
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This tree as a repository of its own, ready to be released."""
    built = build(REPOSITORY, tmp_path_factory.mktemp("built"))
    with tarfile.open(built.sdist) as opened:
        opened.extractall(folder := tmp_path_factory.mktemp("clone"), filter="data")
    [folder] = folder.iterdir()
    init = (folder / "airflow_partnercenter" / "__init__.py").read_text()
    assert f'__version__ = "{VERSION}"' in init, "Raise VERSION in this test along with __version__."
    changelog = (folder / "CHANGELOG.md").read_text()
    if f"## [{VERSION}]" not in changelog:
        changelog = changelog.replace("## [Unreleased]", f"## [Unreleased]\n\n## [{VERSION}] - 2026-11-25", 1)
        (folder / "CHANGELOG.md").write_text(changelog)
    surface = (folder / "tests" / "unit" / "public_surface.txt").read_text().split("\n", 1)[1]
    (folder / "tests" / "unit" / "public_surface_released.txt").write_text(f"# {VERSION}\n{surface}")
    _git(folder, "init", "--quiet")
    _git(folder, "add", "--all")
    _git(folder, "commit", "--quiet", "--message", "Release")
    row = {"code": code_of(folder), "passed": 3_000, "failed": 0, "exit_code": 0}
    tested = [{"name": environment.name} | row for environment in ENVIRONMENTS]
    (folder / "docs" / "compatibility.json").write_text(json.dumps(tested))
    _git(folder, "commit", "--quiet", "--all", "--message", "Record what was tested")
    return folder


@pytest.fixture(scope="module")
def dist(clone: Path) -> Path:
    """The folder that the release fills; something of an earlier one is in it."""
    (clone / "dist").mkdir()
    (clone / "dist" / "older.whl").write_text("")
    ended = _release(clone)
    assert ended.returncode == 0, ended.stderr
    assert f"git tag v{VERSION}" in ended.stdout
    return clone / "dist"


def _release(clone: Path) -> subprocess.CompletedProcess[str]:
    tools = REPOSITORY / "build" / "release" / "bin" / "python"
    return subprocess.run([tools, "-m", "release"], cwd=clone, capture_output=True, text=True, check=False)


def _git(folder: Path, *arguments: str) -> str:
    somebody = ["-c", "user.name=Somebody", "-c", "user.email=somebody@contoso.example", "-c", "commit.gpgsign=false"]
    command = ["git", *somebody, *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


def test_files_are_those_and_no_more(dist: Path) -> None:
    """Wheel, source archive, SBOM, notes and checksums; nothing is left of an earlier release."""
    name = f"airflow_provider_partnercenter-{VERSION}"
    assert {path.name for path in dist.iterdir()} == {
        f"{name}-py3-none-any.whl",
        f"{name}.tar.gz",
        f"{name}.cdx.json",
        "RELEASE_NOTES.md",
        "SHA256SUMS",
    }


def test_anybody_builds_the_same_wheel(dist: Path, tmp_path: Path) -> None:
    """From the repository, by hatchling alone and with no variable set, come the released bytes."""
    again = build(dist.parent, tmp_path)
    assert again.wheel.read_bytes() == (dist / again.wheel.name).read_bytes()
    assert again.sdist.read_bytes() == (dist / again.sdist.name).read_bytes()
    with zipfile.ZipFile(again.wheel) as opened:
        assert f'__version__ = "{VERSION}"' in opened.read("airflow_partnercenter/__init__.py").decode()


def test_checksums_are_right(dist: Path) -> None:
    """``sha256sum --check SHA256SUMS`` holds for every other file."""
    lines = dict(reversed(line.split("  ")) for line in (dist / "SHA256SUMS").read_text().splitlines())
    expected = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in dist.iterdir() if path.name != "SHA256SUMS"
    }
    assert lines == expected


def test_notes_are_the_section_of_the_changelog(dist: Path) -> None:
    """Users read what the CHANGELOG says of this version."""
    notes = (dist / "RELEASE_NOTES.md").read_text()
    assert notes.startswith(f"# airflow-provider-partnercenter {VERSION}\n")
    assert notes.split("\n\n", 1)[1].strip() in (dist.parent / "CHANGELOG.md").read_text()
    assert "PartnerCenterListLicensesOperator" in notes


def test_sbom_lists_what_the_wheel_pulls_in_as_pinned(dist: Path) -> None:
    """CycloneDX: the wheel by its hash, every direct dependency, and each component at the version that is tested."""
    [file] = dist.glob("*.cdx.json")
    bill = json.loads(file.read_text())
    [wheel] = dist.glob("*.whl")
    subject = bill["metadata"]["component"]
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert (subject["name"], subject["version"]) == ("airflow-provider-partnercenter", VERSION)
    assert subject["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(wheel.read_bytes()).hexdigest()}]
    pinned = re.findall(r"^([\w.-]+)==([^\s;]+)", (REPOSITORY / "requirements" / "demo.txt").read_text(), re.M)
    pins = {(_canonical(name), version) for name, version in pinned}
    found = {_canonical(component["name"]): component["version"] for component in bill["components"]}
    assert {_canonical(re.match(r"[\w.-]+", line)[0]) for line in PROJECT["dependencies"]} <= found.keys()  # type: ignore[index]
    assert found.items() - pins == set()
    [edges] = [each["dependsOn"] for each in bill["dependencies"] if each["ref"] == subject["bom-ref"]]
    assert any(edge.startswith("msal") for edge in edges)
    assert str(dist.parent) not in file.read_text()


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_second_release_from_something_else_is_refused(clone: Path, dist: Path) -> None:
    """With the tag set and the tree changed since, nothing is built, and what is in dist/ stays."""
    before = {path.name: path.read_bytes() for path in dist.iterdir()}
    _git(clone, "tag", f"v{VERSION}")
    (clone / "README.md").write_text("# Another\n")
    _git(clone, "commit", "--quiet", "--all", "--message", "Change")
    ended = _release(clone)
    assert ended.returncode == 1
    assert f"the tag v{VERSION} exists and its content is another" in ended.stderr
    assert {path.name: path.read_bytes() for path in dist.iterdir()} == before


def test_release_that_is_not_ready_says_why(clone: Path, dist: Path) -> None:
    """It ends with one sentence a problem, not with a traceback, and all of them at once."""
    (clone / "left_over.py").touch()
    ended = _release(clone)
    assert ended.returncode == 1
    assert f"{VERSION} cannot be released:\n  - the tree is dirty (left_over.py)" in ended.stderr
    assert ended.stderr.count("\n  - ") > 1
    assert "Traceback" not in ended.stderr
