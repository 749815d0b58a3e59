"""docs/reference/ shows what there is, and all of it."""

import re

import pytest

from docs.building import command_line
from docs.building.markdown_text import to_markdown
from docs.building.offline import loaded_from_elsewhere
from tests.unit.docs import public
from tests.unit.docs.pages import REPOSITORY, page

PAGES = sorted((REPOSITORY / "docs" / "reference").glob("*.md"))
SHOWN = [name for path in PAGES for name in re.findall(r"^::: ([\w.]+)$", path.read_text(), re.MULTILINE)]
pytestmark = pytest.mark.airflow(">=3.3")  # which has all that is shown


@pytest.mark.parametrize("name", SHOWN)
def test_what_is_shown_is_there_and_documented(name: str) -> None:
    """A docstring that begins with a sentence."""
    assert re.match(r"[A-Z`].*[.:]", public.resolve(name).__doc__)


def test_every_public_name_is_shown() -> None:
    """Classes and functions by themselves, errors with their module."""
    shown = {name.rpartition(".")[2] for name in SHOWN}
    members = {
        name
        for path in PAGES
        for row in re.findall(r"members: \[(.*)\]", path.read_text())
        for name in re.findall(r"\w+", row)
    }
    wanted = {name for name in public.callables() if "." not in name}
    assert wanted <= shown | members
    assert "airflow_partnercenter.exceptions" in SHOWN


def test_first_page_names_what_the_others_show() -> None:
    """Name by name, under the page that has it."""
    listed = dict(
        re.findall(r"^\| \[[\w ]+\]\(([\w-]+\.md)\) \| (.*) \|$", page("docs/reference/index.md").text, re.MULTILINE)
    )
    assert set(listed) == {path.name for path in PAGES} - {"index.md"}
    for name, names in listed.items():
        text = page(f"docs/reference/{name}").text
        for listed_name in re.findall(r"`(\w+)`", names):
            assert re.search(rf"\b{listed_name}\b", text) or (listed_name in public.ERRORS and "exceptions" in text)


def test_command_line_is_that_of_the_parser() -> None:
    """`python -m docs.building.command_line` would write the same."""
    assert command_line.PAGE.read_text() == command_line.write()


def test_sphinx_becomes_markdown() -> None:
    """Roles, blocks and sources, which Markdown does not know."""
    text = "See :class:`~a.b.C` and :meth:`d`.\n\nFor instance::\n\n    code\n\n:raises E: e.\n\nSource: https://x.y"
    assert to_markdown(text) == (
        'See <autoref optional identifier="a.b.C"><code>C</code></autoref> and <code>d</code>.\n\n'
        "For instance:\n\n    code\n\nSource: https://x.y\n\n:raises E: e.\n\n"
    )


def test_pages_that_load_from_elsewhere_are_found() -> None:
    """Scripts, styles, pictures and frames; a link for people is none."""
    page_of_ours = (
        '<a href="https://x.y">z</a><script src="a.js"></script><img src="//x.y/z.png"><link href="https://s">'
    )
    assert loaded_from_elsewhere(page_of_ours) == ["//x.y/z.png", "https://s"]
