"""Links lead somewhere, in the repository and on the site; the site has every page."""

import re
import tomllib
from collections import Counter
from urllib.parse import urlsplit

import pytest

from tests.unit.docs.pages import REPOSITORY, Page, all_pages, page

PAGES = pytest.mark.parametrize("page", all_pages(), ids=lambda page: page.name)
SITE = (REPOSITORY / "mkdocs.yml").read_text()
#: Pages that include a whole file: their own text is elsewhere.
WHOLE = {"docs/index.md": "README.md", "docs/changelog.md": "CHANGELOG.md"}


def _nav() -> list[str]:
    nav = SITE.split("\nnav:\n", 1)[1].split("\n\n", 1)[0]
    return re.findall(r"([\w/-]+\.md)$", nav, re.MULTILINE)


def _anchors(of: Page) -> Counter[str]:
    whole = WHOLE.get(of.name)
    return of.anchors + (page(whole).anchors if whole else Counter())


@PAGES
def test_links_within_the_repository_lead_to_a_file_and_a_heading(page: Page) -> None:
    """As GitHub and an editor follow them; the site turns those that leave docs/."""
    for link in page.links:
        parts = urlsplit(link)
        target = (page.path.parent / parts.path).resolve() if parts.path else page.path
        assert target.exists(), link
        assert target.is_relative_to(REPOSITORY), link
        if parts.fragment:
            assert target.suffix == ".md", f"{link}: only pages have headings"
            assert _anchors(Page(target))[parts.fragment] == 1, f"{link}: no such heading, or more than one"


@PAGES
def test_addresses_elsewhere_are_https(page: Page) -> None:
    """Well formed, with a host; whether somebody answers there is not asked."""
    for address in page.addresses:
        parts = urlsplit(address)
        if parts.hostname in ("localhost", "127.0.0.1"):
            continue
        assert parts.scheme == "https", address
        assert re.fullmatch(r"[\w-]+(\.[\w-]+)+", parts.hostname or ""), address
        assert not re.search(r"[\s<>{}]", address), address


@PAGES
def test_every_link_is_closed(page: Page) -> None:
    """What looks like a link is one; a blank within the parentheses would be shown as text."""
    assert not re.findall(r"\]\([^)]*$", page.prose, re.MULTILINE)


def test_navigation_has_every_page_once() -> None:
    """No page is left out, and none is named that is not there."""
    there = [str(path.relative_to(REPOSITORY / "docs")) for path in (REPOSITORY / "docs").rglob("*.md")]
    assert sorted(_nav()) == sorted(there)


def test_index_lists_every_page() -> None:
    """Whoever reads docs/ in the repository finds from the index what the site's navigation has."""
    listed = [link for link in page("docs/index.md").links if not link.startswith("#")]
    own = [name for name in _nav() if not name.startswith("reference/") and name != "index.md"]
    assert sorted(listed) == sorted([*own, "reference/index.md"])


def test_site_asks_nobody_for_anything() -> None:
    """No font, script or style from elsewhere, and no made-up address of the project; `make docs` looks again."""
    assert "font: false" in SITE
    assert not re.search(r"^(site_url|repo_url|edit_uri):", SITE, re.MULTILINE)
    assert not re.search(r"https?://", SITE)
    styles = [*(REPOSITORY / "docs" / "assets").iterdir()]
    assert styles
    assert not any(re.search(r"https?://|@import", file.read_text()) for file in styles)


def test_broken_links_fail_the_build() -> None:
    """MkDocs warns of each kind of broken link, and the target makes that an error."""
    for kind in ("not_found", "anchors", "absolute_links", "unrecognized_links", "omitted_files"):
        assert f"{kind}: warn" in SITE
    # not with --quiet: warnings that are not shown are not counted
    assert "mkdocs build --strict\n" in (REPOSITORY / "Makefile").read_text()
    assert "check_paths: true" in SITE
    groups = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["dependency-groups"]
    assert any("mkdocstrings" in str(requirement) for requirement in groups["docs"])
