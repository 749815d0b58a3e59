"""docs/security.md says what is tested: every test that it names exists, and every defence names one."""

import ast
import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from fuzz import figures
from fuzz.outcome import Outcome
from fuzz.targets import TARGETS

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs" / "security.md").read_text()
PROOFS = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))
#: Rows that say "nothing": of Airflow, of the operating system.
UNDEFENDED = {"metadata database, secrets backend", "environment of a worker", "memory of a worker or triggerer"}


@cache
def _tests_of(path: str) -> set[str]:
    tree = ast.parse((REPOSITORY / path).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize(("path", "test"), PROOFS, ids=lambda value: value.rpartition("/")[2])
def test_proof_exists(path: str, test: str) -> None:
    """Who renames a test renames it here."""
    assert test in _tests_of(path)


def test_every_defence_has_a_proof() -> None:
    """A row of a table whose last column is for proofs has one, but for those that Airflow or nobody defends."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for table in re.findall(r"^\|.* proved by \|\n\|[-|]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
        for line in table.splitlines()
    ]
    assert len(rows) > 25
    without = {row[0] for row in rows if "::test_" not in row[-1]}
    assert {name.split(" (")[0].split(", core")[0] for name in without} == UNDEFENDED


def test_figures_of_fuzzing_are_the_recorded_ones() -> None:
    """Nobody writes them by hand; ``make fuzz RECORD=1`` does."""
    section = PAGE.split(figures.BEGIN)[1].split(figures.END)[0]
    assert section.strip() == figures.table(figures.figures()).strip()


def test_figures_are_of_every_target_and_without_findings() -> None:
    """A new target needs a run; a finding is mended, and the target run again."""
    assert [each["target"] for each in figures.figures()] == list(TARGETS)
    assert [each["target"] for each in figures.figures() if each["findings"] or not each["inputs"]] == []


def test_recording_keeps_what_other_targets_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One target is run again without the others; what stands around the table stays."""
    page = f"# A page\n\n{figures.BEGIN}old\n{figures.END}\nThe end.\n"
    (tmp_path / "security.md").write_text(page)
    monkeypatch.setattr(figures, "FIGURES", tmp_path / "fuzzing.json")
    monkeypatch.setattr(figures, "PAGE", tmp_path / "security.md")
    first, second = (Outcome(name, 60, 1_000, 90, 50, broke=False) for name in ("faults", "pages"))
    figures.record([first], "a" * 40)
    figures.record([second], "b" * 40)
    figures.record([replace(second, broke=True)], "c" * 40)
    recorded = figures.figures()
    assert [(each["target"], each["code"][0], each["findings"]) for each in recorded] == [
        ("pages", "c", 1),
        ("faults", "a", 0),
    ]
    written = (tmp_path / "security.md").read_text()
    assert written.startswith(f"# A page\n\n{figures.BEGIN}")
    assert written.endswith(f"{figures.END}\nThe end.\n")
    assert "2,000 inputs in 120 s; findings: 1." in written
