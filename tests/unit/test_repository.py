"""What stands around the package: the archive of its source, and the command that CI runs."""

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


def test_source_archive_has_what_tests_and_make_read(tmp_path: Path) -> None:
    """Whoever packages from it can run the tests and each target of the Makefile."""
    build = [sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=REPOSITORY, capture_output=True, check=True)
    [archive] = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        inside = {name.split("/", 1)[1] for name in opened.getnames()}
    folders = {path.name for path in REPOSITORY.iterdir() if path.is_dir()} & {
        *("airflow_partnercenter", "dags", "docs", "tests", "benchmarks", "fuzz", "requirements", "release", ".ci"),
        ".github",
    }
    assert len(folders) == 10
    for folder in folders:
        files = (
            path for path in (REPOSITORY / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts
        )
        assert {str(path.relative_to(REPOSITORY)) for path in files} <= inside
    assert {
        "Makefile",
        "README.md",
        "CHANGELOG.md",
        "LICENSE",
        "hatch_build.py",
        "mkdocs.yml",
        "pyproject.toml",
    } <= inside


@pytest.mark.parametrize("user", ["0", "1000"])
def test_ci_says_what_it_needs_where_it_cannot_install_it(tmp_path: Path, user: str) -> None:
    """Without apt-get, or without the right to use it, one sentence names command and packages."""
    for command in ("bash", "dirname"):
        (tmp_path / command).symlink_to(str(shutil.which(command)))
    (tmp_path / "id").write_text(f"#!{shutil.which('bash')}\necho {user}\n")
    if user != "0":
        (tmp_path / "apt-get").write_text(f"#!{shutil.which('bash')}\nexit 100\n")
    for made in ("id", "apt-get"):
        if (tmp_path / made).exists():
            (tmp_path / made).chmod(0o755)
    ended = subprocess.run(
        [tmp_path / "bash", ".ci/run"], cwd=REPOSITORY, env={"PATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert ended.returncode == 1
    assert "chromium is missing" in ended.stderr
    assert "sudo apt-get install chromium fonts-dejavu-core" in ended.stderr
