"""``airflow partner-center …``: the same commands under Airflow's own, from 3.2 on. Imported at every start of that."""

import argparse
import sys
from collections.abc import Callable

from airflow.cli.cli_config import ActionCommand, Arg, GroupCommand

from airflow_partnercenter.cli import check, login
from airflow_partnercenter.cli.command import Command


def get_partner_center_commands() -> list[GroupCommand]:
    """Return the group ``partner-center``; named in the provider's metadata under ``cli``."""
    return [
        GroupCommand(
            name="partner-center",
            help="Sign in to Microsoft Partner Center, and check a connection",
            subcommands=[_action(command) for command in (login.COMMAND, check.COMMAND)],
        )
    ]


def _action(command: Command) -> ActionCommand:
    return ActionCommand(
        name=command.name,
        help=command.help,
        description=command.description or command.help,
        func=_ending_with_status(command.run),
        args=[Arg(each.flags, **each.settings) for each in command.options],  # type: ignore[no-untyped-call]
    )


def _ending_with_status(run: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace], None]:
    """Return the command as Airflow wants it: Airflow ignores what a command returns."""

    def command(arguments: argparse.Namespace) -> None:
        sys.exit(run(arguments))

    return command
