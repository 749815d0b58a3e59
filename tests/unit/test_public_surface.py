"""What others build on changes only on purpose, and the CHANGELOG names what changed."""

import re
from collections.abc import Iterator

import pytest

from release.changelog import read_sections
from tests.support.public_names import PUBLIC
from tests.support.public_surface import RELEASED, REPOSITORY, SURFACE, Item, from_text, read_surface

CHANGELOG = (REPOSITORY / "CHANGELOG.md").read_text()


def released_version() -> str:
    """Return the version whose surface is kept; ``no release yet: …`` before the first."""
    return RELEASED.read_text().splitlines()[0].removeprefix("# ")


def unnamed_changes(before: set[Item], now: set[Item], sections: str) -> list[str]:
    """Return the changes that no code span of a text names.

    An item is named by its own name; those of a class that is new, or gone, by the class's; another default in the same
    entry as its name.
    """
    entries = [_words(entry) for entry in re.split(r"^- ", sections, flags=re.MULTILINE)]
    words = set().union(*entries)
    defaults = {(item.owner, item.name): _default_of(item) for item in before}

    def names(item: Item) -> Iterator[str]:
        yield item.name.strip("-=").split(".")[-1]
        if item.owner not in {each.owner for each in before} & {each.owner for each in now}:
            yield re.split(r"[ .\[\]]", item.owner.rstrip("]"))[-1]

    def is_named(item: Item) -> bool:
        default = _default_of(item)
        if item in now and default and defaults.get((item.owner, item.name), default) != default:
            return any(set(names(item)) & entry and _words(f"`{default}`") <= entry for entry in entries)
        return bool(words & set(names(item)))

    return [f"{item.owner} | {item.name}" for item in sorted(before ^ now) if not is_named(item)]


def _words(text: str) -> set[str]:
    """Return the words in the code spans of a text."""
    return {word.strip("-") for span in re.findall(r"`([^`\n]+)`", text) for word in re.findall(r"[\w-]+", span)}


def _default_of(item: Item) -> str:
    return item.detail.rpartition(" = ")[2] if " = " in item.detail else ""


@pytest.mark.airflow(">=3.3")
def test_surface_is_the_one_on_record() -> None:
    """A name, signature, default, field or option that comes, goes or changes is seen in the diff of a file."""
    on_record, now = set(from_text(SURFACE.read_text())), set(read_surface())
    gone, new = sorted(on_record - now), sorted(now - on_record)
    assert (gone, new) == ([], []), "If that is meant: run `make surface`, and name it in CHANGELOG.md."


def test_surface_and_reference_have_the_same_names() -> None:
    """What docs/reference documents is public, and what is public is documented there."""
    pages = "\n".join(page.read_text() for page in (REPOSITORY / "docs" / "reference").glob("*.md"))
    members = {name for listed in re.findall(r"members: \[(.*)\]", pages) for name in listed.split(", ")}
    documented = {path.split(".")[-1] for path in re.findall(r"^::: (\S+)", pages, re.MULTILINE)} | members
    items = [item for item in from_text(SURFACE.read_text()) if item.owner.startswith("airflow_partnercenter")]
    modules = {module.split(".")[-1] for module in PUBLIC}
    assert documented - modules - {item.name for item in items} == set()
    assert {name for names in PUBLIC.values() for name in names} - documented == set()


def test_every_change_since_the_release_is_named_in_the_changelog() -> None:
    """What differs from the newest release stands in a section above it, by its name, as code."""
    sections = read_sections(CHANGELOG)
    newer = (
        sections[: [section.version for section in sections].index(released_version())] if _is_released() else sections
    )
    before, now = (set(from_text(file.read_text())) for file in (RELEASED, SURFACE))
    assert unnamed_changes(before, now, "\n".join(section.text for section in newer)) == []


def test_kept_surface_is_that_of_the_newest_release() -> None:
    """A release takes the surface along: ``make surface RELEASED=VERSION``."""
    newest = [section.version for section in read_sections(CHANGELOG) if section.date][:1]
    assert [released_version()] == (newest or ["no release yet: the surface when it was first written down"])


def _is_released() -> bool:
    return not released_version().startswith("no release yet")


@pytest.mark.parametrize(
    ("before", "now", "text", "expected"),
    [
        ([("m.C", "a=", "int")], [("m.C", "a=", "str")], "- `b` is new.", ["m.C | a=", "m.C | a="]),
        ([("m.C", "a=", "int")], [("m.C", "a=", "str")], "- a is text.", ["m.C | a=", "m.C | a="]),
        ([("m.C", "a=", "int")], [("m.C", "a=", "str")], "- `a=1` is `'1'` now.", []),
        ([("m.C", "a=", "int = 4")], [("m.C", "a=", "int = 8")], "- `a` is new.\n- `b=8`.", ["m.C | a="]),
        ([("m.C", "a=", "int = 4")], [("m.C", "a=", "int = 8")], "- `b=8`.\n- `a` is `8` by default.", []),
        ([("m.C", "a=", "int")], [("m.C", "a=", "int"), ("m.C", "b", "()")], "- `C` does more.", ["m.C | b"]),
        ([], [("m.D", "D", "class"), ("m.D", "a=", "int")], "- `D` reads it.", []),
        ([("command x", "--ca-folder", "")], [], "- `command x --ca-folder` is gone.", []),
        ([("distribution d[azure]", "azure", "extra")], [], "- The extra `[azure]` is gone.", []),
    ],
    ids=[
        "unnamed",
        "not as code",
        "named",
        "default unnamed",
        "default named",
        "class alone",
        "new class",
        "option",
        "extra",
    ],
)
def test_change_must_be_named(
    before: list[tuple[str, str, str]], now: list[tuple[str, str, str]], text: str, expected: list[str]
) -> None:
    """The rule itself: by its own name, in a code span; a class's name stands for its parts only if it is new."""
    assert unnamed_changes({Item(*item) for item in before}, {Item(*item) for item in now}, text) == expected
