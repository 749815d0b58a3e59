"""Finds the packages of each environment's days, and writes them down with their hashes."""

from pathlib import Path

from tests.compatibility.environments import Environment, our_requirements, tools_of_tests
from tests.compatibility.uv import uv


def compile_pins(environment: Environment) -> None:
    """Write ``requirements/compat/NAME.txt`` anew."""
    wanted = [*our_requirements(), *tools_of_tests(), f"apache-airflow=={environment.airflow}", *environment.held]
    constraints = environment.folder / "lowest.txt"
    constraints.parent.mkdir(parents=True, exist_ok=True)
    constraints.write_text(_lowest(environment) if environment.lowest else "")
    environment.pins.parent.mkdir(exist_ok=True)
    _compile(environment, wanted, "--generate-hashes", "--constraint", str(constraints), to=environment.pins)


def _lowest(environment: Environment) -> str:
    """Return pins of what the wheel requires, at its lowest; the tests' own tools are not held down."""
    return _compile(environment, [*our_requirements(), *environment.held], "--resolution", "lowest-direct")


def _compile(environment: Environment, wanted: list[str], *options: str, to: Path | None = None) -> str:
    newer = (f"--exclude-newer-package={name}={day}" for name, day in environment.newer.items())
    return uv(
        *("pip", "compile", "-", "--no-header", "--no-annotate", "--python-platform", "linux"),
        *("--python-version", environment.python, "--exclude-newer", environment.packages_before, *newer),
        *options,
        *(("--output-file", str(to), "--upgrade") if to else ()),
        given="\n".join(wanted),
    )
