"""``python -m fuzz [--seconds N] [--record] [TARGET ...]``: fuzz each reader in turn; exit status 1 if one broke."""

import argparse
import re
import subprocess
import sys
import time
from pathlib import Path

from fuzz.figures import code_to_record, record
from fuzz.outcome import Outcome
from fuzz.targets import TARGETS

FOLDER = Path("build/fuzz")


def fuzz(target: str, seconds: int) -> Outcome:
    """Fuzz one target, in a process of its own: a parser in C may take it down."""
    command = [sys.executable, "-m", "fuzz.one_target", target, str(FOLDER), str(seconds)]
    log, started = FOLDER / f"{target}.log", time.monotonic()
    with log.open("wb") as file:
        ended = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False)  # noqa: S603 - our own
    text = log.read_text(errors="replace")
    if ended.returncode:
        print(f"{target} broke; {log} says how:\n{text[-3000:]}")
    return Outcome(
        target,
        seconds=round(time.monotonic() - started),
        executions=_last(r"stat::number_of_executed_units:\s+(\d+)", text),
        edges=_last(r"cov: (\d+)", text),
        peak_megabytes=_last(r"stat::peak_rss_mb:\s+(\d+)", text),
        broke=bool(ended.returncode),
    )


def _last(pattern: str, text: str) -> int:
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


def main() -> int:
    """Fuzz, and print a line for each target."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", choices=[*TARGETS, []], metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=int, default=60, help="for each target, default 60")
    parser.add_argument(
        "--record", action="store_true", help="write the figures into docs/fuzzing.json and security.md"
    )
    arguments = parser.parse_args()
    code = code_to_record() if arguments.record else ""
    FOLDER.mkdir(parents=True, exist_ok=True)
    outcomes = []
    print(f"{'target':14} {'inputs':>10} {'edges':>6} {'peak MB':>8}")
    for target in arguments.targets or TARGETS:
        outcomes.append(outcome := fuzz(target, arguments.seconds))
        verdict = "BROKE" if outcome.broke else ""
        print(
            f"{target:14} {outcome.executions:10,} {outcome.edges:6,} {outcome.peak_megabytes:8,} {verdict}", flush=True
        )
    if code:
        record(outcomes, code)
    return int(any(outcome.broke for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
