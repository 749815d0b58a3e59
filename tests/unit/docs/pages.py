"""The documentation as data: pages, code blocks, code in the text, tables, links and anchors."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]
_FENCE = re.compile(r"^( *)(```+|~~~+)(\w*)\n(.*?)^\1\2$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_ADDRESS = re.compile(r"\bhttps?://[^\s)>\]`\"'”]+")
_INCLUDE = re.compile(r'^( *)--8<-- "([^":]+)(?::(\w+))?"$', re.MULTILINE)


@dataclass(frozen=True)
class Table:
    """One table: the heading that it is under, its titles, and its cells."""

    section: str
    titles: list[str]
    rows: list[list[str]]


@dataclass(frozen=True)
class Page:
    """One page, as its file has it; what it includes from other files is put in for code blocks."""

    path: Path

    @property
    def name(self) -> str:
        """Path within the repository."""
        return str(self.path.relative_to(REPOSITORY))

    @cached_property
    def text(self) -> str:
        """All of it."""
        return self.path.read_text()

    @cached_property
    def blocks(self) -> list[tuple[str, str]]:
        """Language and code of each block, with what it includes."""
        return [(language, _included(code)) for _, _, language, code in _FENCE.findall(self.text)]

    @cached_property
    def includes(self) -> list[tuple[str, str]]:
        """File and section of each include."""
        return [(file, section) for _, file, section in _INCLUDE.findall(self.text)]

    @cached_property
    def prose(self) -> str:
        """The text without blocks and comments."""
        return re.sub(r"<!--.*?-->", "", _FENCE.sub("", self.text), flags=re.DOTALL)

    @cached_property
    def spans(self) -> list[str]:
        """What is set in code font within the text."""
        return [" ".join(span.split()) for _, span in _SPAN.findall(self.prose)]

    @cached_property
    def links(self) -> list[str]:
        """Where links lead, other than to addresses elsewhere."""
        return [link for link in _LINK.findall(_SPAN.sub("", self.prose)) if "://" not in link]

    @cached_property
    def addresses(self) -> list[str]:
        """Addresses elsewhere, linked to or not; those in code are examples."""
        return [address.rstrip(".,;:") for address in _ADDRESS.findall(_SPAN.sub("", self.prose))]

    @cached_property
    def anchors(self) -> Counter[str]:
        """Anchors of its headings, as GitHub and the site make them."""
        headings = re.findall(r"^#{1,6} (.*?)(?: \{#([\w-]+)\})?$", self.prose, re.MULTILINE)
        return Counter(given or _slug(heading) for heading, given in headings)

    @cached_property
    def tables(self) -> list[Table]:
        """Its tables, in their order."""
        return list(_tables(self.prose))

    def section(self, title: str) -> str:
        """Return the text under a heading of the second level."""
        return self.text.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def page(name: str) -> Page:
    """Return a page by its path within the repository."""
    return Page(REPOSITORY / name)


def all_pages() -> list[Page]:
    """Return README, changelog and whatever is in docs/."""
    return [page("README.md"), page("CHANGELOG.md"), *map(Page, sorted((REPOSITORY / "docs").rglob("*.md")))]


def section_of(file: str, name: str) -> str:
    """Return what stands between the marks of a section in a file, as the site takes it in."""
    found = re.search(
        rf"^ *# --8<-- \[start:{name}\]\n(.*?)^ *# --8<-- \[end:{name}\]",
        (REPOSITORY / file).read_text(),
        re.MULTILINE | re.DOTALL,
    )
    assert found, f"{file} has no section {name}"
    return found[1]


def _included(code: str) -> str:
    def text_of(match: re.Match[str]) -> str:
        _, file, section = match.groups()
        text = section_of(file, section) if section else (REPOSITORY / file).read_text()
        lines = text.rstrip("\n").split("\n")
        margin = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
        return "\n".join(line[margin:] for line in lines)

    return _INCLUDE.sub(text_of, code)


def _slug(heading: str) -> str:
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").replace("*", "")
    return re.sub(r"[^\w\- ]", "", text).strip().lower().replace(" ", "-")


def _tables(prose: str) -> Iterator[Table]:
    section, lines = "", prose.splitlines()
    for number, line in enumerate(lines):
        if line.startswith("#"):
            section = line.lstrip("# ")
        if re.fullmatch(r"\|[\s:|-]+\|", line.strip()):
            rows = []
            for row in lines[number + 1 :]:
                if not row.strip().startswith("|"):
                    break
                rows.append(_cells(row))
            yield Table(section, _cells(lines[number - 1]), rows)


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", row.strip().strip("|"))]
