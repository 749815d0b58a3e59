"""docs/sample-dags.md has every sample DAG, and says nothing of them that is not so."""

import ast
import re

import pytest

from tests.unit.docs.pages import REPOSITORY, page

PAGE = page("docs/sample-dags.md")
DAGS = {file.stem: ast.parse(file.read_text()) for file in sorted((REPOSITORY / "dags").glob("*.py"))}


def _section(dag: str) -> str:
    [title] = re.findall(rf"^## ([^\n]+)\n\n\[`dags/{dag}\.py`\]\(\.\./dags/{dag}\.py\)", PAGE.text, re.MULTILINE)
    return PAGE.section(title)


def test_each_has_a_row_that_leads_to_its_section() -> None:
    """Whoever adds a DAG explains it."""
    rows = re.findall(r"^\| \[`(\w+)`\]\(#([\w-]+)\) \|", PAGE.text, re.MULTILINE)
    assert sorted(name for name, _ in rows) == sorted(DAGS)
    for name, anchor in rows:
        title = PAGE.text.split(f"[`dags/{name}.py`]", 1)[0].rsplit("\n## ", 1)[1].splitlines()[0]
        assert anchor == re.sub(r"[^\w -]", "", title).lower().replace(" ", "-")
    assert PAGE.text.split("\n", 3)[2].startswith({6: "Six"}[len(DAGS)])


@pytest.mark.parametrize("dag", DAGS)
def test_each_shows_code_of_its_own_file(dag: str) -> None:
    """Nothing is copied: all code is taken in from the file."""
    section = _section(dag)
    assert re.findall(r'--8<-- "dags/(\w+)\.py:\w+"', section)
    assert set(re.findall(r'--8<-- "dags/(\w+)\.py', section)) == {dag}
    assert section.count("```python\n--8<--") == section.count("```python")


@pytest.mark.parametrize("dag", DAGS)
def test_tasks_and_parameters_that_are_named_are_there(dag: str) -> None:
    """What a section names in code font is in the file, or a resource, or a page's own word."""
    words = set(re.findall(r"\w+", (REPOSITORY / "dags" / f"{dag}.py").read_text())) | {"make", "demo", "store_"}
    text = re.sub(r"```.*?```", "", _section(dag), flags=re.DOTALL)
    for span in re.findall(r"`([^`]+)`", text):
        if not span.endswith((".py", "*")):
            assert set(re.findall(r"\w+", span)) <= words, span


@pytest.mark.parametrize("dag", DAGS)
def test_start_is_the_schedule(dag: str) -> None:
    """Every day, by hand, or when an asset is updated."""
    [row] = re.findall(rf"^\| \[`{dag}`\]\([^)]*\) \| ([^|]*) \|", PAGE.text, re.MULTILINE)
    calls = [node for node in ast.walk(DAGS[dag]) if isinstance(node, ast.Call) and ast.unparse(node.func) == "DAG"]
    [schedule] = [ast.unparse(k.value) for call in calls for k in call.keywords if k.arg == "schedule"]
    assert row.startswith({"'@daily'": "every day", "None": "by hand"}.get(schedule, "when "))
