"""``python -m docs.building.command_line``: docs/reference/command-line.md, from the command line's own parser."""

import argparse
from collections.abc import Iterator
from pathlib import Path

from airflow_partnercenter import cli

PAGE = Path(__file__).parents[1] / "reference" / "command-line.md"
_BEGINNING = """# Command line

`airflow-partnercenter COMMAND`; from Airflow 3.2 on `login` and `check` are commands of `airflow partner-center` too.
Each ends with status 0 if all went well. How to use them: [The connection](../connection.md#sign-in-login) and
[Testing your own DAGs](../testing.md).

This page is what `--help` says (`python -m docs.building.command_line` writes it).
"""


def write() -> str:
    """Return the page."""
    [commands] = [action for action in cli._parser()._actions if isinstance(action, argparse._SubParsersAction)]
    sections = (_section(name, parser) for name, parser in commands.choices.items())
    return "\n".join([_BEGINNING, *sections])


def _section(name: str, parser: argparse.ArgumentParser) -> str:
    shown = [action for action in parser._actions if action.dest != "help" and action.help != argparse.SUPPRESS]
    return "\n".join(
        [
            f"## {name}\n",
            f"{_sentence(parser.description or '')}\n",
            "| option | default | |",
            "|---|---|---|",
            *(f"| {' '.join(_names(action))} | {_default(action)} | {_help(action)} |" for action in shown),
            "",
        ]
    )


def _names(action: argparse.Action) -> Iterator[str]:
    for flag in action.option_strings or [action.dest.upper()]:
        yield f"`{flag}`"


def _default(action: argparse.Action) -> str:
    return "" if action.default in (None, False, "", []) else f"`{action.default}`"


def _help(action: argparse.Action) -> str:
    choices = f" ({', '.join(f'`{choice}`' for choice in action.choices)})" if action.choices else ""
    return f"{(action.help or '').replace('|', chr(92) + '|')}{choices}"


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


if __name__ == "__main__":
    PAGE.write_text(write())
