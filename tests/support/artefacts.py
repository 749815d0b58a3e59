"""The wheel and the source archive, built as the release builds them, and environments to install them into."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Artefacts:
    """What one build made."""

    wheel: Path
    sdist: Path


def build(source: Path, folder: Path) -> Artefacts:
    """Build both from a source tree, under another umask than most."""
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder)]
    subprocess.run(command, cwd=source, capture_output=True, check=True, umask=0o077)
    [wheel], [sdist] = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return Artefacts(wheel, sdist)


class Environment:
    """A virtual environment of its own, filled by uv.

    :param folder: where to make it.
    :param python: its interpreter; by default this one.
    """

    def __init__(self, folder: Path, python: str = sys.executable) -> None:
        self._folder = folder
        self.python = folder / "bin" / "python"
        _run(Path(sys.executable).with_name("uv"), "venv", "--quiet", "--python", python, folder)

    def uv_pip(self, verb: str, *arguments: str | Path) -> str:
        """Run ``uv pip``, and return what it prints."""
        return _run(Path(sys.executable).with_name("uv"), "pip", verb, "--python", self.python, *arguments)

    def run(self, program: str, *arguments: str | Path, **environment: str) -> str:
        """Run a program of the environment in an empty home, and return its output."""
        home = self._folder.parent / f"{self._folder.name}-home"
        home.mkdir(exist_ok=True)
        return _run(self.python.with_name(program), *arguments, HOME=str(home), AIRFLOW_HOME=str(home), **environment)

    def packages(self) -> dict[str, str]:
        """Return the version of each distribution."""
        lines = self.uv_pip("freeze").splitlines()
        return dict(line.replace(" @ ", "==").split("==", 1) for line in lines)

    def files(self) -> set[str]:
        """Return all files, bytecode too, but the lock that uv leaves."""
        files = {str(path.relative_to(self._folder)) for path in self._folder.rglob("*") if path.is_file()}
        return files - {".lock"}


def _run(program: Path, *arguments: str | Path, **environment: str) -> str:
    """Run a program without the settings of this test run.

    :raises AssertionError: it failed; with what it said.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHON", "UV_"))}
    command = [str(program), *map(str, arguments)]
    variables = kept | {"UV_NO_CONFIG": "1"} | environment
    # elsewhere than in the checkout, which Python would import from
    ended = subprocess.run(command, env=variables, cwd=variables["HOME"], capture_output=True, text=True, check=False)
    if ended.returncode:
        raise AssertionError(f"{' '.join(command)} ended with {ended.returncode}:\n{ended.stdout}\n{ended.stderr}")
    return ended.stdout
