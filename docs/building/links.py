"""Links that leave ``docs/``: in the repository they lead to the file, on the site to a page that shows it.

MkDocs knows the pages only, and the site may be read without the repository. So each file that a page links to becomes
a page below ``source/``, and the links are turned to it. The README and the changelog are pages of their own. A link
that is called by the name of a page's file is called by the page's title on the site.
"""

import posixpath
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from markdown import Extension, Markdown
from markdown.treeprocessors import Treeprocessor
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

REPOSITORY = Path(__file__).parents[2]
#: Pages that show a whole file of the repository; its own links begin at the root.
SHOWN_WHOLE = {"README.md": "index.md", "CHANGELOG.md": "changelog.md"}
_LANGUAGES = {".py": "python", ".md": "markdown", ".toml": "toml", ".yml": "yaml"}
_LINK = re.compile(r"\]\(([^)\s]+)\)")


class Links(Extension):
    """Turns the links of the page that is being rendered."""

    def __init__(self) -> None:
        super().__init__()
        self.page = "index.md"
        #: by the pages' files in the repository
        self.titles: dict[str, str] = {}

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 - Markdown's own name
        """Turn them before MkDocs looks at them, which it does at priority 0."""
        md.treeprocessors.register(_Turn(self), "leaving_links", 5)


class _Turn(Treeprocessor):
    def __init__(self, links: Links) -> None:
        self._links = links

    def run(self, root: ET.Element) -> None:
        for element in root.iter():
            for attribute in {"a": ["href"], "img": ["src"]}.get(element.tag, []):
                link = element.get(attribute, "")
                element.set(attribute, turned(link, self._links.page))
                if element.text and element.text == urlsplit(link).path:
                    element.text = self._links.titles.get(_target(link, self._links.page) or "", element.text)


def turned(link: str, page: str) -> str:
    """Return where a link of a page leads on the site."""
    target = _target(link, page)
    if target is None:
        return link
    fragment = urlsplit(link).fragment
    site_path = posixpath.relpath(_page_of(target), posixpath.dirname(page) or ".")
    return f"{site_path}#{fragment}" if fragment else site_path


def _target(link: str, page: str) -> str | None:
    """Return the file of the repository that a link leads to; None if it is an address, or within the page."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc or not parts.path:
        return None
    beside = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), parts.path))
    from_root = posixpath.normpath(parts.path)
    if page in SHOWN_WHOLE.values() and not (REPOSITORY / beside).exists() and (REPOSITORY / from_root).exists():
        return from_root
    return beside


def _page_of(target: str) -> str:
    if target.startswith("docs/") and not target.startswith("docs/building/"):
        return target.removeprefix("docs/")
    return SHOWN_WHOLE.get(target, f"source/{target}.md")


_links = Links()


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Have the links of every page turned."""
    config.markdown_extensions.append(_links)  # type: ignore[arg-type]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each file that a page links to."""
    pages = {file.src_uri: file.content_string for file in files.documentation_pages()}
    for whole, page in SHOWN_WHOLE.items():
        pages[page] += (REPOSITORY / whole).read_text()
    _links.titles = {
        f"docs/{page}": text[2:].split("\n", 1)[0] for page, text in pages.items() if text.startswith("# ")
    }
    targets = {_target(link, page) for page, text in pages.items() for link in _LINK.findall(text)}
    for target in sorted(filter(None, targets)):
        path = REPOSITORY / target
        if path.exists() and _page_of(target).startswith("source/"):
            files.append(File.generated(config, _page_of(target), content=_shown(target, path)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Note which page is rendered next."""
    _links.page = page.file.src_uri
    return markdown


def _shown(target: str, path: Path) -> str:
    if path.is_dir():
        names = sorted(item.name for item in path.iterdir() if not item.name.startswith(("_", ".")))
        language, text = "text", "\n".join(names)
    else:
        language, text = _LANGUAGES.get(path.suffix, "text"), path.read_text().rstrip("\n")
    return f"---\nsearch:\n  exclude: true\n---\n# `{target}`\n\n~~~~~~{language}\n{text}\n~~~~~~\n"
