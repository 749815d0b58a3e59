"""docs/security.md says what is tested: every test that it names exists, and every defence names one."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

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


def test_figures_are_of_every_target() -> None:
    """A new target needs a run."""
    section = PAGE.split("\n## Fuzzing\n", 1)[1].split("\n## ", 1)[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == list(TARGETS)
