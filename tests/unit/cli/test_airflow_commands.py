"""The commands as Airflow 3 gets them: the same ones, and nothing that slows its own command line down."""

import argparse
import json
import subprocess
import sys

import pytest

from airflow_partnercenter.cli import check, login
from airflow_partnercenter.cli.airflow_commands import get_partner_center_commands
from airflow_partnercenter.get_provider_info import get_provider_info
from tests.support.patience import PATIENCE

HEAVY = {"pandas", "pyarrow", "msal", "requests", "msgspec", "matplotlib", "fastapi", "rich"}


def test_metadata_names_the_function():
    """Airflow finds the commands by this path."""
    (path,) = get_provider_info()["cli"]
    assert path == f"{get_partner_center_commands.__module__}.{get_partner_center_commands.__qualname__}"


def test_both_command_lines_have_the_same_options():
    """Whoever knows one knows the other."""
    (group,) = get_partner_center_commands()
    assert group.name == "partner-center"
    for command, ours in zip(group.subcommands, (login.COMMAND, check.COMMAND), strict=True):
        parser = argparse.ArgumentParser()
        for argument in command.args:
            argument.add_to_parser(parser)
        assert command.name == ours.name
        known = {flag for each in ours.options for flag in each.flags}
        assert {flag for action in parser._actions for flag in action.option_strings or [action.dest]} == known | {
            "-h",
            "--help",
        }


def test_exit_status_reaches_the_shell(monkeypatch):
    """Airflow ignores what a command returns, so it must end the process."""
    (group,) = get_partner_center_commands()
    command = next(each for each in group.subcommands if each.name == "check")
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "")
    monkeypatch.setenv("AIRFLOW_CONN_WRONG", json.dumps({"conn_type": "http"}))
    with pytest.raises(SystemExit) as ended:
        command.func(argparse.Namespace(conn_id="wrong", json=True))
    assert ended.value.code == 1


def test_start_of_airflows_command_line_loads_nothing_heavy():
    """It asks each provider for its commands whenever it starts, whatever it is started for."""
    code = """
import json, sys
import airflow.cli.cli_config
before = set(sys.modules)
from airflow_partnercenter.cli.airflow_commands import get_partner_center_commands
get_partner_center_commands()
print(json.dumps(sorted(set(sys.modules) - before)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=True)
    added = json.loads(done.stdout.splitlines()[-1])
    assert {name.split(".")[0] for name in added} & HEAVY == set()
    assert not any(name.startswith(("airflow_partnercenter.api", "airflow_partnercenter.hooks")) for name in added)
