"""``airflow-partnercenter demo``."""

import argparse
import sys
from pathlib import Path

from airflow_partnercenter.cli.command import Command, option


def run(arguments: argparse.Namespace) -> int:
    """Run the demo."""
    from airflow_partnercenter.demo import run_demo

    try:
        return run_demo(arguments.folder, days=arguments.days)
    except ImportError as error:
        print(error, file=sys.stderr)
        return 1


COMMAND = Command(
    "demo",
    "run the report DAG on the emulator, without any account",
    (
        option("--folder", type=Path, default=Path(".demo"), help="where the demo keeps its files"),
        option("--days", type=int, default=30, help="how many daily runs to make up"),
    ),
    run,
)
