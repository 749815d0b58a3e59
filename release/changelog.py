"""CHANGELOG.md, section by section."""

import re
from dataclasses import dataclass

_HEADING = re.compile(r"^## \[(?P<version>[^\]]+)\](?: - (?P<date>\d{4}-\d{2}-\d{2}))?$", re.MULTILINE)
UNRELEASED = "Unreleased"


@dataclass(frozen=True, slots=True)
class Section:
    """What one version brought.

    :param version: its number, or ``Unreleased``.
    :param date: of the release, as in ``2026-11-25``; None where there is none.
    :param text: Markdown, without the heading.
    """

    version: str
    date: str | None
    text: str


def read_sections(changelog: str) -> list[Section]:
    """Return all sections, newest first, as they stand."""
    headings = list(_HEADING.finditer(changelog))
    ends = [*(heading.start() for heading in headings), len(changelog)][1:]
    return [
        Section(heading["version"], heading["date"], changelog[heading.end() : end].strip())
        for heading, end in zip(headings, ends, strict=False)
    ]


def section_of(changelog: str, version: str) -> Section | None:
    """Return the section of a version, or None."""
    return next((section for section in read_sections(changelog) if section.version == version), None)
