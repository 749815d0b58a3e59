"""``airflow-partnercenter check``: step by step, whether a connection works, and who must act where it does not."""

import argparse
import json
import sys
from typing import TYPE_CHECKING, TextIO

from airflow_partnercenter.cli.command import Command, option
from airflow_partnercenter.cli.streams import result_stream

if TYPE_CHECKING:
    from airflow_partnercenter.cli.checking import Step

_INTERRUPTED = 130
_MARKS = {True: "✓", False: "✗", None: "·"}
_ASCII_MARKS = {True: "[ ok ]", False: "[FAIL]", None: "[ -- ]"}


def run(arguments: argparse.Namespace) -> int:
    """Check a connection; 0 if all of it works, else 1."""
    from airflow_partnercenter.cli.checking import check_connection

    steps: list[Step] = []
    with result_stream() as out:
        try:
            for step in check_connection(arguments.conn_id):
                steps.append(step)
                if not arguments.json:
                    _print_step(step, out)
        except KeyboardInterrupt:
            print("\nStopped.", file=sys.stderr)
            return _INTERRUPTED
        ok = all(step.ok for step in steps)
        if arguments.json:
            every = [step.to_json() for step in steps]
            print(json.dumps({"connection_id": arguments.conn_id, "ok": ok, "steps": every}), file=out)
    return 0 if ok else 1


def _print_step(step: "Step", out: TextIO) -> None:
    marks = _MARKS if _can_print("".join(_MARKS.values()), out) else _ASCII_MARKS
    indent = " " * (len(marks[True]) + 1)
    lines = [f"{marks[step.ok]} {step.title}: {step.message}"]
    if step.who:
        lines.append(f"{indent}Who must act: {step.who}.")
    for line in lines:
        print(line if _can_print(line, out) else _in_ascii(line), file=out, flush=True)


def _can_print(text: str, out: TextIO) -> bool:
    """Return whether a stream can show a text; a plain terminal or the C locale may not."""
    try:
        text.encode(out.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _in_ascii(text: str) -> str:
    return text.encode("ascii", "replace").decode()


COMMAND = Command(
    "check",
    "check a connection step by step, and say who must act",
    (
        option(
            "conn_id",
            nargs="?",
            default="partner_center_default",
            metavar="CONN_ID",
            help="connection to check; default: partner_center_default",
        ),
        option("--json", action="store_true", help="print one JSON object for machines"),
    ),
    run,
    "Check a connection step by step: read it, sign in, reach Partner Center, read one licence row. Changes nothing, "
    "shows no secret, and works where `[core] test_connection` is off. Exit status 0 if all is well, else 1.",
)
