"""What came out of ``make fuzz``, for docs/security.md: a table made of the recorded figures."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fuzz.outcome import Outcome
from fuzz.targets import TARGETS
from release.preconditions import code_of

REPOSITORY = Path(__file__).parents[1]
FIGURES = REPOSITORY / "docs" / "fuzzing.json"
PAGE = REPOSITORY / "docs" / "security.md"
BEGIN, END = "<!-- what fuzzing found -->\n", "<!-- end of what fuzzing found -->\n"
_PACKAGE = "airflow_partnercenter"


def figures() -> list[dict[str, Any]]:
    """Return the committed figures, in the order of the targets."""
    found = {each["target"]: each for each in json.loads(FIGURES.read_text())} if FIGURES.exists() else {}
    return [found[target] for target in TARGETS if target in found]


def code_to_record() -> str:
    """Return git's id of the package as committed, ``git rev-parse HEAD:airflow_partnercenter``.

    :raises SystemExit: it has changes, so that nobody could say later what was fuzzed.
    """
    code = code_of(REPOSITORY).get(_PACKAGE)
    if code is None:
        raise SystemExit(f"{_PACKAGE}/ has changes, or this is no git repository: commit first, then --record.")
    return code


def record(outcomes: Iterable[Outcome], code: str) -> None:
    """Take figures into docs/fuzzing.json, those of other targets staying as they are, and write the page's table."""
    known = {each["target"]: each for each in figures()}
    for outcome in outcomes:
        known[outcome.target] = {
            "target": outcome.target,
            "seconds": outcome.seconds,
            "inputs": outcome.executions,
            "edges": outcome.edges,
            "peak_megabytes": outcome.peak_megabytes,
            "findings": int(outcome.broke),
            "on": datetime.now(UTC).date().isoformat(),
            "code": code,
        }
    FIGURES.write_text(json.dumps([known[target] for target in TARGETS if target in known], indent=2) + "\n")
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{table(figures())}\n{END}{rest.partition(END)[2]}")


def table(found: list[dict[str, Any]]) -> str:
    """Return a sentence on all figures, and a row on each target."""
    inputs, seconds, findings = (sum(each[what] for each in found) for what in ("inputs", "seconds", "findings"))
    lines = [
        f"{inputs:,} inputs in {seconds:,} s; findings: {findings or 'none'}. *Code* is what",
        f"`git rev-parse HEAD:{_PACKAGE}` begins with.",
        "",
        "| target | what it is fed | seconds | inputs | findings | edges reached | peak memory | on | code |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    return "\n".join([*lines, *map(_row, found)]) + "\n"


def _row(each: dict[str, Any]) -> str:
    target, memory = each["target"], f"{each['peak_megabytes']:,} MB"
    return (
        f"| `{target}` | {TARGETS[target]} | {each['seconds']:,} | {each['inputs']:,} | {each['findings']} "
        f"| {each['edges']:,} | {memory} | {each['on']} | {each['code'][:10]} |"
    )
