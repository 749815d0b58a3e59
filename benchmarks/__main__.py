"""``python -m benchmarks [--quick]``: measure everything side by side, then write ``docs/performance.md``."""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.measuring import Measurement, Server, clear, measure, serving
from benchmarks.reporting import Results, report
from benchmarks.same_rows import fingerprint

FOLDER = Path("build/benchmarks")
REPORT = Path("docs/performance.md")
WAITS_MS = (300, 0)
OURS = ("ours_parquet", "ours_csv", "limit")
SLOW = ("requests_pandas", "http_operator", "dlt")


@dataclass(frozen=True)
class Plan:
    """What is measured, how often.

    :param small: rows of the smaller table.
    :param large: rows of the larger one.
    :param rounds: of everything but the slow contenders on the larger table, which have one.
    """

    small: int
    large: int
    rounds: int

    def runs(self) -> Iterator[tuple[str, int, int]]:
        """Yield contender, rows and wait, so that what is compared is run in turn."""
        for number in range(self.rounds):
            for wait_ms in WAITS_MS:
                small = (*OURS, *SLOW, "ours_sequential")
                yield from ((name, self.small, wait_ms) for name in small[number:] + small[:number])
                large = (*OURS, *SLOW) if number == 0 else OURS
                yield from ((name, self.large, wait_ms) for name in large)
            yield "ours_customers", self.small, 0
            yield "ours_profiled", self.small, 0


QUICK = Plan(small=30_000, large=60_000, rounds=1)
FULL = Plan(small=300_000, large=3_000_000, rounds=3)


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small tables, one round: checks that it works")
    parser.add_argument("--report", type=Path, help="where to write the report, default docs/performance.md")
    parser.add_argument("--again", action="store_true", help="write the report of the last run once more")
    arguments = parser.parse_args()
    plan = QUICK if arguments.quick else FULL
    folder = (FOLDER / ("quick" if arguments.quick else "full")).absolute()
    saved = folder / "results.json"
    if not arguments.again:
        with serving(folder, plan.large) as server:
            _measure_all(plan, server, folder, saved)
    text = report(Results.load(saved))
    target = arguments.report or (folder / REPORT.name if arguments.quick else REPORT)
    target.write_text(text)
    print(f"\n{text}\nWritten to {target}")


def _measure_all(plan: Plan, server: Server, folder: Path, saved: Path) -> None:
    began = time.monotonic()
    measurements: list[Measurement] = []
    profiles: list[dict[str, float]] = []
    prints: dict[str, dict[str, int]] = {}
    for name in (*OURS, *SLOW):  # the first of each writes bytecode and fills the file cache
        measure(name, 10_000, 0, server, folder)
        prints[name] = fingerprint(folder / name)
    _compare(prints)
    for name, rows, wait_ms in plan.runs():
        measured = measure(name, rows, wait_ms, server, folder)
        if name == "ours_profiled":
            profiles.append(json.loads((folder / name / "profile.json").read_text()))
        else:
            measurements.append(measured)
        clear(folder, name)
        saved.write_text(
            json.dumps(
                {
                    "plan": asdict(plan),
                    "measurements": [asdict(measurement) for measurement in measurements],
                    "profiles": profiles,
                    "minutes": (time.monotonic() - began) / 60,
                }
            )
        )
        print(
            f"{time.monotonic() - began:6.0f} s  {name:16s} {rows:9,} rows {wait_ms:3} ms:"
            f" {measured.wall:6.2f} s wall, {measured.cpu:6.2f} s CPU, {measured.memory / 1e6:6.0f} MB",
            flush=True,
        )


def _compare(prints: dict[str, dict[str, int]]) -> None:
    """Make sure that all contenders did the same work."""
    wanted = prints["ours_parquet"]
    if different := [name for name, found in prints.items() if found and found != wanted]:
        raise RuntimeError(f"not the same rows: {', '.join(different)}: {prints}")


if __name__ == "__main__":
    main()
