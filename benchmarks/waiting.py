"""``python -m benchmarks.waiting``: what a thousand waiting sensors cost a triggerer and Partner Center.

Each scenario runs in a fresh process (:mod:`benchmarks.triggerer`), the emulator in another one. Prints a Markdown
table, as in ``docs/waiting.md``.
"""

import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
from datetime import date, timedelta
from multiprocessing.connection import Connection

TODAY = date(2026, 11, 20)

SCENARIOS = {
    "idle": "1 000 triggers that only sleep: Airflow itself",
    "partner": "1 000 sensors on `partner_licenses_deployment`",
    "licenses": "1 000 sensors on `licenses_deployment`",
    "different": "1 000 sensors on `licenses_deployment`, ten for each of 100 filters",
}
COLUMNS = {
    "requests per interval": ("requests", ".1f"),
    "CPU, s per minute": ("cpu", ".2f"),
    "CPU to start them, s": ("starting_cpu", ".1f"),
    "memory each, KiB": ("kibibytes", ".1f"),
    "block by the first one, s": ("first_block", ".3f"),
    "longest block, s": ("longest_block", ".3f"),
    "of it CPU, s": ("longest_block_cpu", ".3f"),
    "Airflow's warnings, first + later": ("warnings", "s"),
}


def serve(channel: Connection) -> None:
    """Run the emulator in this process, and answer questions about it."""
    from airflow_partnercenter.emulator import Emulator

    with Emulator(customers=40, today=TODAY) as emulator:
        channel.send(json.dumps(emulator.connection()))
        while (question := channel.recv()) != "stop":
            if question == "move":
                emulator.today = TODAY + timedelta(days=1)
            channel.send(len(emulator.api_requests))


def measure(scenario: str) -> dict[str, float]:
    """Measure a scenario in a process of its own; the questions it prints go to the emulator."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    emulator = context.Process(target=serve, args=(there,))
    emulator.start()
    with tempfile.TemporaryDirectory() as home:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")} | {
            "AIRFLOW_HOME": home,
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
            "AIRFLOW_CONN_PARTNER_CENTER_DEFAULT": here.recv(),
            "PYTHONWARNINGS": "ignore",
        }
        command = [sys.executable, "-m", "benchmarks.triggerer", scenario]
        process = subprocess.Popen(  # noqa: S603 - our own
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        try:
            for line in process.stdout or ():
                if line.startswith("{"):
                    result: dict[str, float] = json.loads(line)
                    return result
                if line.strip() in ("count", "move"):
                    here.send(line.strip())
                    print(here.recv(), file=process.stdin, flush=True)
            raise RuntimeError(f"{scenario} ended without a result.")
        finally:
            process.wait()
            here.send("stop")
            emulator.join()


def main() -> None:
    """Measure all scenarios and print the table."""
    print(f"| | {' | '.join(COLUMNS)} |\n|---|{'--:|' * len(COLUMNS)}")
    for scenario in sys.argv[1:] or SCENARIOS:
        result = measure(scenario)
        both = {"warnings": f"{result['first_warnings']} + {result['warnings']}"}
        cells = [format((result | both)[name], form) for name, form in COLUMNS.values()]
        print(f"| {SCENARIOS[scenario]} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
