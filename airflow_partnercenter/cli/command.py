"""A command as data, so that ``airflow-partnercenter X`` and ``airflow partner-center X`` are the same command."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Option:
    """One argument: its flags, and what ``ArgumentParser.add_argument`` wants to know of it."""

    flags: tuple[str, ...]
    settings: dict[str, Any]


def option(*flags: str, **settings: Any) -> Option:
    """Return an argument, written as for ``ArgumentParser.add_argument``."""
    return Option(flags, settings)


@dataclass(frozen=True, slots=True)
class Command:
    """One command.

    :param run: takes the parsed arguments and returns the exit status; imports what it needs.
    """

    name: str
    help: str
    options: tuple[Option, ...]
    run: Callable[[argparse.Namespace], int]
    description: str = ""

    def add_to(self, commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
        """Add this command to a parser's commands."""
        parser = commands.add_parser(
            self.name, help=self.help, description=self.description or self.help, allow_abbrev=False
        )
        for each in self.options:
            parser.add_argument(*each.flags, **each.settings)
        parser.set_defaults(run=self.run)
