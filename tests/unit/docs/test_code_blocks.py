"""Code in blocks: it is what tests run, or at least it can be compiled, imported and called as it stands."""

import ast
import inspect
import json
import re
from collections.abc import Iterator
from functools import cache

import pytest
import yaml

from tests.unit.docs import public
from tests.unit.docs.pages import REPOSITORY, Page, all_pages, section_of

pytestmark = pytest.mark.airflow(">=3.3")  # examples use what the newest Airflow has
PAGES = pytest.mark.parametrize("page", all_pages(), ids=lambda page: page.name)


def _python(page: Page) -> list[str]:
    return [inspect.cleandoc(f"\n{code}") for language, code in page.blocks if language == "python"]


@cache
def _tests() -> dict[str, str]:
    return {str(file.relative_to(REPOSITORY)): file.read_text() for file in (REPOSITORY / "tests").rglob("*.py")}


@PAGES
def test_code_is_run_by_a_test(page: Page) -> None:
    """Python on a page is taken from files that tests run, or a test reads this page and runs it."""
    written_here = re.findall(r"^ *```python\n(?! *--8<--)", page.text, re.MULTILINE)
    if written_here:
        names = (page.name, f'"{page.path.name}"')
        tests = [text for text in _tests().values() if any(name in text for name in names)]
        assert any("exec(" in text or "getsource(" in text for text in tests), f"no test runs the code of {page.name}"


@PAGES
def test_includes_lead_to_a_section(page: Page) -> None:
    """The file is one that tests run, and the marks are there."""
    for file, section in page.includes:
        assert file.startswith(("dags/", "tests/", "airflow_partnercenter/")) or file in ("README.md", "CHANGELOG.md")
        assert not section or section_of(file, section).strip()


@PAGES
def test_python_compiles_and_imports_what_is_there(page: Page) -> None:
    """Each name that is imported from this package exists."""
    for code in _python(page):
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("airflow_partnercenter"):
                for alias in node.names:
                    assert public.resolve(f"{node.module}.{alias.name}") is not None


def _calls(code: str) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            owner, _, method = name.rpartition(".")
            kind = public.OBJECTS.get(owner)
            partial = method == "partial" and owner
            yield partial or (f"{kind.__name__}.{method}" if kind else method or name), node


@PAGES
def test_calls_have_arguments_that_exist(page: Page) -> None:
    """Each keyword that an example passes to something of ours is a parameter of it, or of Airflow's operators."""
    known = public.callables()
    for code in _python(page):
        for name, call in _calls(code):
            if name in known:
                possible = {*public.parameters(known[name]), *_inherited(name)}
                keywords = {keyword.arg for keyword in call.keywords if keyword.arg}
                variadic = any(p.kind is p.VAR_KEYWORD for p in inspect.signature(known[name]).parameters.values())
                if "." in name and variadic:
                    possible |= set(public.parameters(known["build_query"])) | public.connection_fields()
                assert keywords <= possible, f"{name} has no {keywords - possible}"


def _inherited(name: str) -> set[str]:
    if name.endswith(("Operator", "Sensor")):
        return {*public.airflows_parameters(), *public.parameters(public.callables()["PartnerCenterLicensesOperator"])}
    return set()


@PAGES
def test_json_and_yaml_can_be_read(page: Page) -> None:
    """As they stand."""
    for language, code in page.blocks:
        if language == "json":
            json.loads(code)
        elif language in ("yaml", "yml"):
            assert list(yaml.safe_load_all(code))


@PAGES
def test_blocks_say_their_language(page: Page) -> None:
    """So that they are highlighted; `text` is one."""
    allowed = {"bash", "dockerfile", "ini", "json", "python", "sh", "sql", "text", "toml", "yaml"}
    assert {language for language, _ in page.blocks} <= allowed
