"""The table in docs/reliability.md: ``python -m tests.support.reliability`` writes it anew."""

from pathlib import Path

from airflow_partnercenter.emulator import Emulator
from tests.support.outcomes import EXPECTED, Expected

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- begin of the fault table -->\n", "<!-- end of the fault table -->\n"


def fault_table() -> str:
    """Return the faults and what comes out of each, as Markdown."""
    lines = [
        "| fault | what happens | once, on the third page | there at every attempt | at every request |",
        "|---|---|---|---|---|",
    ]
    for name, expected in EXPECTED.items():
        cells = [_cell(expected, case) for case in ("once", "always", "everywhere")]
        lines.append(f"| `{name}` | {Emulator.FAULTS[name].summary} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(expected: Expected, case: str) -> str:
    parallel, sequential = (expected.of(case, parallel=parallel).text for parallel in (True, False))
    return parallel if parallel == sequential else f"{parallel}; sequentially: {sequential}"


def with_table(text: str) -> str:
    """Return the page with the table of now."""
    before, _, rest = text.partition(BEGIN)
    return before + BEGIN + "\n" + fault_table() + "\n" + END + rest.partition(END)[2]


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text()))
