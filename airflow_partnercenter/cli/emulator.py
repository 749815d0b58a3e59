"""``airflow-partnercenter emulator``."""

import argparse
import json
import shlex
import signal
import sys
import threading
from datetime import date
from pathlib import Path

from airflow_partnercenter.cli.command import Command, option


def run(arguments: argparse.Namespace) -> int:
    """Run the emulator until somebody ends it."""
    from airflow_partnercenter.emulator import Emulator

    if arguments.list_faults:
        width = max(map(len, Emulator.FAULTS))
        for name, fault in Emulator.FAULTS.items():
            print(f"{name:{width}}  {fault.summary}")
        return 0
    emulator = Emulator(
        arguments.data,
        seed=arguments.seed,
        customers=arguments.customers,
        history_days=arguments.history_days,
        today=arguments.today,
        port=arguments.port,
        ca_folder=arguments.ca_folder,
        max_page_size=arguments.max_page_size,
    )
    for name, times, skip in arguments.fault:
        emulator.inject(name, times=times, skip=skip)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        emulator.start()
    except ImportError as error:
        print(error, file=sys.stderr)
        return 1
    except (OSError, OverflowError) as error:
        print(f"The emulator cannot start on port {arguments.port}: {error}", file=sys.stderr)
        return 1
    connection = shlex.quote(json.dumps(emulator.connection()))
    print(f"Partner Center and Entra ID are emulated at {emulator.base_url}")
    print(f"Certificate to trust: {emulator.ca_bundle}")
    print(f"export AIRFLOW_CONN_PARTNER_CENTER_DEFAULT={connection}")
    print("Ctrl-C ends the emulator.", flush=True)
    stopped.wait()
    emulator.stop()
    return 0


def _fault(text: str) -> tuple[str, int | None, int]:
    """Return name, times and skip of a fault, written ``NAME[:TIMES[:SKIP]]``; None leaves the times to the fault.

    :raises argparse.ArgumentTypeError: there is no such fault, or a number is none.
    """
    from airflow_partnercenter.emulator import Emulator

    name, times, skip = [*text.split(":"), "", ""][:3]
    if name not in Emulator.FAULTS or text.count(":") > 2:
        raise argparse.ArgumentTypeError(f"{text!r} is no fault; --list-faults prints their names")
    if not all(number == "" or (number.isdecimal() and number.isascii()) for number in (times, skip)):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME[:TIMES[:SKIP]] with whole numbers")
    return name, int(times) if times else None, int(skip or 0)


#: The defaults are those of ``Emulator``, but for the port.
COMMAND = Command(
    "emulator",
    "run a local Partner Center and Entra ID until Ctrl-C",
    (
        option("--port", type=int, default=8443, help="port on 127.0.0.1; 0 takes any free one"),
        option("--ca-folder", type=Path, help="where to keep the certificate authority, for the next start"),
        option("--data", choices=("generated", "documented"), default="generated", help="what to serve"),
        option("--seed", type=int, default=2026, help="what the generated partner is made up from"),
        option("--customers", type=int, default=40, help="customers of the generated partner"),
        option("--history-days", type=int, default=60, help="days before today that can be asked"),
        option("--today", type=date.fromisoformat, metavar="YYYY-MM-DD", help="date to pretend"),
        option("--max-page-size", type=int, default=10_000, help="rows on a page at most"),
        option(
            "--fault",
            action="append",
            default=[],
            type=_fault,
            metavar="NAME[:TIMES[:SKIP]]",
            help="let TIMES requests meet a fault, after SKIP others; may be repeated, --list-faults has the names",
        ),
        option("--list-faults", action="store_true", help="print the faults, a line each, and end"),
    ),
    run,
)
