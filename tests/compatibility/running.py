"""Runs the suite on one environment: its packages, our wheel, and the tests in a folder without our source."""

import json
import os
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from release.preconditions import code_of
from tests.compatibility.environments import NEVER, REPOSITORY, SAME_EVERYWHERE, TEST_FOLDERS, Environment
from tests.compatibility.uv import uv

#: What the tests read beside themselves. Our package is not among it: they import the installed one.
_READ_BY_TESTS = ("tests", "docs", "requirements", "benchmarks", "release", ".ci")
#: Their versions are written down with the results.
_KEY_PACKAGES = (
    *("apache-airflow", "apache-airflow-providers-common-compat", "apache-airflow-providers-amazon"),
    *("apache-airflow-providers-microsoft-azure", "apache-airflow-providers-openlineage"),
    *("cryptography", "fastapi", "msal", "msgspec", "pandas", "pyarrow", "pydantic", "requests", "sqlalchemy"),
)


class NoPythonError(Exception):
    """This machine lacks the Python of an environment."""


def run(environment: Environment, *, quick: bool, options: list[str]) -> dict[str, Any]:
    """Run the suite and return the result, which is in ``result.json`` too; pytest's output is in ``pytest.log``.

    :param quick: leave out what meets no Airflow.
    :param options: further arguments of pytest; with any, the folders of tests are among them.
    :raises NoPythonError: there is no such Python.
    """
    started = time.monotonic()
    built_code()
    _install_packages(environment)
    installed = time.monotonic()
    _install_wheel(environment)
    tree = _lay_tests(environment)
    _check_that_the_wheel_is_tested(environment, tree)
    left_out = [*NEVER, *(SAME_EVERYWHERE if quick else [])]
    report = environment.folder / "junit.xml"
    report.unlink(missing_ok=True)
    with (environment.folder / "pytest.log").open("wb") as log:
        code = subprocess.run(
            [
                *(environment.executable, "-m", "pytest", "--durations=25", f"--junit-xml={report}"),
                *("--numprocesses=4", "--dist=loadfile", "--no-loadscope-reorder"),
                f"--basetemp={environment.folder / 'tmp'}",
                # pytest ignores nothing that it was told to begin at
                f"--override-ini=testpaths={' '.join(each for each in TEST_FOLDERS if each not in left_out)}",
                *(f"--ignore={path}" for path in left_out),
                *options,
            ],
            cwd=tree,
            env=_variables(environment),
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode
    result = _result(environment, report, code) | {
        "code": built_code(),
        "quick": quick,
        "partial": bool(options),
        "seconds_to_install": round(installed - started),
        "seconds": round(time.monotonic() - installed),
    }
    (environment.folder / "result.json").write_text(json.dumps(result, indent=2) + "\n")
    return result


def _variables(environment: Environment) -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")
    }
    return kept | {"PATH": f"{environment.executable.parent}{os.pathsep}{kept['PATH']}"}


def _install_packages(environment: Environment) -> None:
    """Make its virtual environment as the pins say; one that was made of the same pins stays."""
    stamp = environment.folder / "pins.installed"
    if stamp.exists() and stamp.read_text() == environment.pins.read_text():
        return
    stamp.unlink(missing_ok=True)
    environment.folder.mkdir(parents=True, exist_ok=True)
    uv("venv", "--clear", "--python", _python(environment.python), str(environment.executable.parents[1]))
    uv(
        *("pip", "sync", "--compile-bytecode", "--require-hashes", "--python", str(environment.executable)),
        str(environment.pins),
    )
    stamp.write_text(environment.pins.read_text())


def _python(version: str) -> str:
    """Return a Python of this version: on the path, or one of pyenv's, whose shims run only versions it was told."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    for candidate in (f"python{version}", *map(str, sorted(pyenv.glob(f"{version}.*/bin/python{version}")))):
        if (found := shutil.which(candidate)) and not subprocess.run([found, "-V"], capture_output=True).returncode:
            return found
    raise NoPythonError(f"there is no Python {version} here")


@cache
def built_code() -> dict[str, str]:
    """Return what the wheel is made of; as it was before the first run, which may take an hour."""
    return code_of(REPOSITORY)


@cache
def built_wheel() -> Path:
    """Build the wheel, once a run, and return it."""
    folder = REPOSITORY / "build" / "compat" / "wheel"
    shutil.rmtree(folder, ignore_errors=True)
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=REPOSITORY, capture_output=True, check=True)
    [wheel] = folder.glob("*.whl")
    return wheel


def _install_wheel(environment: Environment) -> None:
    uv(
        *("pip", "install", "--no-deps", "--reinstall", "--compile-bytecode"),
        *("--python", str(environment.executable), str(built_wheel())),
    )
    uv("pip", "check", "--python", str(environment.executable))


def _lay_tests(environment: Environment) -> Path:
    """Copy what the tests read into a folder of its own, with the sample DAGs of the wheel."""
    tree = environment.folder / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir()
    for name in _READ_BY_TESTS:
        shutil.copytree(REPOSITORY / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in REPOSITORY.iterdir():
        if path.is_file() and path.suffix in (".md", ".toml", "") and not path.name.startswith("."):
            shutil.copy(path, tree)
    (tree / "dags").symlink_to(_package(environment, tree) / "example_dags")
    (tree / "build").mkdir()
    (tree / "build" / "node").symlink_to(REPOSITORY / "build" / "node")
    return tree


def _check_that_the_wheel_is_tested(environment: Environment, tree: Path) -> None:
    package = _package(environment, tree)
    if not package.is_relative_to(environment.folder / "venv"):
        raise RuntimeError(f"{environment.name} would test {package}, not the wheel")


def _package(environment: Environment, tree: Path) -> Path:
    """Return the folder that tests in ``tree`` import as ``airflow_partnercenter``."""
    ask = "import airflow_partnercenter; print(airflow_partnercenter.__file__)"
    answer = subprocess.run(
        [environment.executable, "-c", ask],
        cwd=tree,
        env=_variables(environment),
        text=True,
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    return Path(answer.strip()).parent


def _result(environment: Environment, report: Path, code: int) -> dict[str, Any]:
    counts = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
    if report.exists():
        for suite in ET.parse(report).getroot().iter("testsuite"):  # noqa: S314 - pytest wrote it
            counts = {name: count + int(suite.get(name, 0)) for name, count in counts.items()}
    failed = counts["failures"] + counts["errors"]
    versions = dict(
        line.split("==")
        for line in uv("pip", "freeze", "--python", str(environment.executable)).splitlines()
        if "==" in line
    )
    return {
        "name": environment.name,
        "airflow": environment.airflow,
        "python": _version(environment),
        "packages_before": environment.packages_before,
        "lowest": environment.lowest,
        "tested_on": datetime.now(UTC).date().isoformat(),
        "passed": counts["tests"] - failed - counts["skipped"],
        "skipped": counts["skipped"],
        "failed": failed,
        "exit_code": code,
        "packages": {name: versions[name] for name in _KEY_PACKAGES if name in versions},
    }


def _version(environment: Environment) -> str:
    return subprocess.run([environment.executable, "-V"], text=True, stdout=subprocess.PIPE, check=True).stdout.split()[
        1
    ]
