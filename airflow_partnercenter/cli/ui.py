"""``airflow-partnercenter ui``."""

import argparse
from pathlib import Path

from airflow_partnercenter.cli.command import Command, option


def run(arguments: argparse.Namespace) -> int:
    """Run Airflow with its UI until somebody ends it."""
    from airflow_partnercenter.ui import run_ui

    return run_ui(arguments.folder, port=arguments.port, days=arguments.days)


COMMAND = Command(
    "ui",
    "run Airflow and its UI with the sample DAGs on the emulator until Ctrl-C",
    (
        option("--folder", type=Path, default=Path(".ui"), help="where it keeps its files; emptied at each start"),
        option("--port", type=int, help="port on 127.0.0.1; by default 8080, or another one if that is taken"),
        option("--days", type=int, default=60, help="days of history to make up"),
    ),
    run,
)
