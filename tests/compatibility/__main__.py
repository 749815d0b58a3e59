"""The command behind `make test-compat`."""

import argparse
from collections.abc import Callable
from typing import Any

from tests.compatibility.compiling import compile_pins
from tests.compatibility.environments import Environment, chosen
from tests.compatibility.running import NoPythonError, built_wheel, run
from tests.compatibility.table import record


def main() -> int:
    """Run what the command line says; return 1 if a test failed or an Airflow was not tested."""
    parser = argparse.ArgumentParser(prog="python -m tests.compatibility", description=__doc__)
    parser.add_argument("what", choices=["run", "compile", "record"])
    parser.add_argument("versions", nargs="*", help="Airflow versions, or names of environments")
    parser.add_argument("--quick", action="store_true", help="leave out what meets no Airflow")
    parser.add_argument("--only", action="append", default=[], help="a file or folder of tests; may be repeated")
    arguments, options = parser.parse_known_args()  # what pytest shall get comes last
    environments = chosen(arguments.versions)
    if arguments.what == "compile":
        return _each(environments, lambda each: compile_pins(each) or True)
    if arguments.what == "record":
        record(environments)
        return 0
    built_wheel()
    return _each(environments, lambda each: _tested(each, quick=arguments.quick, options=[*arguments.only, *options]))


def _each(environments: list[Environment], do: Callable[[Environment], bool]) -> int:
    done = [do(each) for each in environments]
    return 0 if all(done) else 1


def _tested(environment: Environment, *, quick: bool, options: list[str]) -> bool:
    """Run one environment, say how it went, and return whether all is well."""
    try:
        result = run(environment, quick=quick, options=options)
    except NoPythonError as missing:
        print(f"{environment.name}: not tested, {missing}", flush=True)
        return False
    if result["exit_code"]:
        print((environment.folder / "pytest.log").read_text(errors="replace"), flush=True)
    print(_line(result), flush=True)
    return not result["exit_code"]


def _line(result: dict[str, Any]) -> str:
    return "{name}: {passed} passed, {failed} failed, {skipped} skipped in {seconds} s".format(**result)


if __name__ == "__main__":
    raise SystemExit(main())
