"""What ``make release`` refuses, and what it says then; tests/package makes a whole release."""

import json
import subprocess
from pathlib import Path

import pytest

from release.changelog import read_sections, section_of
from release.preconditions import ReleaseError, check, code_of
from tests.support.artefacts import REPOSITORY

READY = {
    "airflow_partnercenter/__init__.py": '"""A package."""\n\n__version__ = "1.2.0"\n',
    "CHANGELOG.md": (
        "# Changelog\n\n## [Unreleased]\n\n## [1.2.0] - 2026-11-25\n\n- `x` is new.\n\n## [1.1.0] - 2026-10-01\n"
    ),
    "tests/compatibility/environments.toml": '[environments."airflow-2"]\n[environments."airflow-3"]\n',
    "tests/unit/public_surface.txt": "# What others may build on.\nm | x | int\n",
    "tests/unit/public_surface_released.txt": "# 1.2.0\nm | x | int\n",
}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository whose version 1.2.0 is ready."""
    git(tmp_path, "init", "--quiet")
    for name, text in READY.items():
        write(tmp_path, name, text)
    commit(tmp_path)
    record_tests(tmp_path)
    return tmp_path


def record_tests(repository: Path, **different: object) -> None:
    """Note that the code as committed was tested; of the second environment, something else."""
    row = {"code": code_of(repository), "passed": 3_000, "failed": 0, "exit_code": 0}
    rows = [{"name": "airflow-2"} | row, {"name": "airflow-3"} | row | different]
    write(repository, "docs/compatibility.json", json.dumps(rows))
    commit(repository)


def write(repository: Path, name: str, text: str) -> None:
    """Write a file, and the folders it is in."""
    (repository / name).parent.mkdir(parents=True, exist_ok=True)
    (repository / name).write_text(text)


def commit(repository: Path) -> None:
    """Commit all there is."""
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", "Change")


def git(repository: Path, *arguments: str) -> None:
    """Run git as somebody, whoever runs the test, without that person's settings."""
    somebody = ["-c", "user.name=Somebody", "-c", "user.email=somebody@contoso.example", "-c", "commit.gpgsign=false"]
    command = ["git", *somebody, *arguments]
    subprocess.run(command, cwd=repository, check=True, capture_output=True)


def test_ready_version_is_returned(repository: Path) -> None:
    """Nothing is in the way, and a tag of the same content is not either."""
    assert check(repository) == "1.2.0"
    git(repository, "tag", "v1.2.0")
    git(repository, "commit", "--quiet", "--allow-empty", "--message", "Say something")
    assert check(repository) == "1.2.0"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        (
            "airflow_partnercenter/__init__.py",
            '__version__ = "1.3.0"\n',
            "no section ## [1.3.0] - DATE, which __version__ asks for",
        ),
        ("airflow_partnercenter/__init__.py", "", "no line __version__"),
        ("CHANGELOG.md", "## [1.2.0]\n\n- `x` is new.\n", "needs a date"),
        ("CHANGELOG.md", "## [1.2.0] - 2026-11-25\n", "at least one entry"),
        (
            "CHANGELOG.md",
            "## [Unreleased]\n\n- `y` is new.\n\n## [1.2.0] - 2026-11-25\n\n- `x` is new.\n",
            "still has entries under [Unreleased]",
        ),
        ("tests/unit/public_surface_released.txt", "# 1.1.0\nm | x | int\n", "run make surface RELEASED=1.2.0"),
        ("tests/unit/public_surface_released.txt", "# 1.2.0\nm | x | str\n", "run make surface RELEASED=1.2.0"),
    ],
    ids=["no section", "no version", "no date", "no entry", "left over", "surface of another", "other surface"],
)
def test_what_is_missing_is_named(repository: Path, name: str, text: str, expected: str) -> None:
    """One sentence says what is wrong and what to do."""
    write(repository, name, text)
    commit(repository)
    with pytest.raises(ReleaseError) as refused:
        check(repository)
    assert expected in str(refused.value)


def test_code_that_nobody_tested_is_refused(repository: Path) -> None:
    """What README says was tested is what is released; documents may change after it."""
    write(repository, "README.md", "Another sentence.\n")
    commit(repository)
    assert check(repository) == "1.2.0"
    write(repository, "airflow_partnercenter/new.py", "")
    commit(repository)
    with pytest.raises(ReleaseError, match=r"is of other code for airflow-2, airflow-3: run make test-compat"):
        check(repository)
    record_tests(repository)
    assert check(repository) == "1.2.0"


@pytest.mark.parametrize(
    "different",
    [{"failed": 1}, {"exit_code": 1}, {"passed": 0}],
    ids=["a failure", "a run that broke off", "nothing was run"],
)
def test_environment_that_failed_is_refused(repository: Path, different: dict[str, int]) -> None:
    """A row of the right code is no proof by itself."""
    record_tests(repository, **different)
    with pytest.raises(
        ReleaseError, match=r"has failures, or no test that passed, for airflow-3: run make test-compat"
    ):
        check(repository)


@pytest.mark.parametrize("text", [None, "[]"], ids=["no file", "no row"])
def test_table_of_nothing_is_refused(repository: Path, text: str | None) -> None:
    """Every environment of ``make test-compat`` has to be in it."""
    (repository / "docs" / "compatibility.json").unlink()
    if text:
        write(repository, "docs/compatibility.json", text)
    commit(repository)
    with pytest.raises(ReleaseError, match=r"has no row for airflow-2, airflow-3: run make test-compat"):
        check(repository)


def test_environment_that_is_missing_is_refused(repository: Path) -> None:
    """A new one has to be run before the release; one that is gone is not asked for."""
    write(
        repository, "tests/compatibility/environments.toml", '[environments."airflow-2"]\n[environments."airflow-4"]\n'
    )
    commit(repository)
    with pytest.raises(ReleaseError, match=r"has no row for airflow-4: run make test-compat"):
        check(repository)


def test_dirty_tree_is_refused(repository: Path) -> None:
    """What is not committed is not what the tag will say: neither a change nor a new file."""
    write(repository, "new.py", "")
    with pytest.raises(ReleaseError, match=r"the tree is dirty \(new\.py\): commit or remove"):
        check(repository)


def test_tag_of_other_content_is_refused(repository: Path) -> None:
    """A version that is out is never made again from something else."""
    git(repository, "tag", "--annotate", "--message", "1.2.0", "v1.2.0")
    write(repository, "new.py", "")
    commit(repository)
    with pytest.raises(ReleaseError, match=r"the tag v1\.2\.0 exists and its content is another"):
        check(repository)


def test_tag_of_another_version_is_refused(repository: Path) -> None:
    """A tag v1.3.0 does not make 1.3.0 of a package that says 1.2.0."""
    git(repository, "tag", "v1.3.0")
    with pytest.raises(ReleaseError, match=r"this commit is tagged v1\.3\.0, but __version__ is not that"):
        check(repository)


def test_all_that_is_missing_is_named_at_once(repository: Path) -> None:
    """Nobody fixes one thing to hear of the next."""
    write(repository, "CHANGELOG.md", "# Changelog\n")
    with pytest.raises(ReleaseError) as refused:
        check(repository)
    assert "the tree is dirty" in str(refused.value)
    assert "no section ## [1.2.0]" in str(refused.value)


def test_unpacked_archive_is_refused(repository: Path) -> None:
    """Without git nobody can say what was released."""
    (repository / ".git").rename(repository / "no-git")
    with pytest.raises(ReleaseError, match="no git repository"):
        check(repository)


def test_changelog_of_this_repository_is_read() -> None:
    """Its newest section is Unreleased, also right after a release; sections and dates are in order."""
    sections = read_sections((REPOSITORY / "CHANGELOG.md").read_text())
    assert sections[0].version == "Unreleased"
    assert all(section.date for section in sections[1:])
    assert [section.date for section in sections[1:]] == sorted((str(each.date) for each in sections[1:]), reverse=True)


def test_notes_are_one_section_as_it_stands() -> None:
    """The heading is left out, and so is the next version."""
    section = section_of(READY["CHANGELOG.md"], "1.2.0")
    assert section is not None
    assert (section.date, section.text) == ("2026-11-25", "- `x` is new.")
    assert section_of(READY["CHANGELOG.md"], "9.9.9") is None
