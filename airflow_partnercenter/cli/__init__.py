"""The command ``airflow-partnercenter``: sign in, check a connection, run the emulator, the demo, the UI."""

import argparse
from collections.abc import Sequence

from airflow_partnercenter.cli import check, demo, emulator, login, ui


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    :param argv: the arguments, by default those of the process.
    """
    arguments = _parser().parse_args(argv)
    status: int = arguments.run(arguments)
    return status


def _parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; each has a module of its own, which imports what it needs when it runs."""
    parser = argparse.ArgumentParser(prog="airflow-partnercenter", description=__doc__, allow_abbrev=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (login, check, emulator, demo, ui):
        command.COMMAND.add_to(commands)
    return parser
