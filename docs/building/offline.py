"""``python -m docs.building.offline FOLDER``: fail if a page of the site would load anything from elsewhere."""

import sys
from html.parser import HTMLParser
from pathlib import Path

#: what a browser loads by itself; links for people are not among them
_LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
_ELSEWHERE = ("http:", "https:", "//")


class _Loads(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.elsewhere: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        address = dict(attrs).get(_LOADED.get(tag, ""))
        if address and address.startswith(_ELSEWHERE):
            self.elsewhere.append(address)


def loaded_from_elsewhere(page: str) -> list[str]:
    """Return the addresses that a page would have a browser ask."""
    loads = _Loads()
    loads.feed(page)
    return loads.elsewhere


def main(folder: Path) -> int:
    """Print each such address with its page; return how many there are."""
    pages = sorted(folder.rglob("*.html"))
    found = [(page, address) for page in pages for address in loaded_from_elsewhere(page.read_text())]
    styles = [path for path in folder.rglob("*.css") if any(f"url({start}" in path.read_text() for start in _ELSEWHERE)]
    for page, address in [*found, *((style, "url(...)") for style in styles)]:
        sys.stderr.write(f"{page} loads {address}\n")
    if not pages:
        sys.stderr.write(f"{folder} has no pages\n")
    return int(not pages) or len(found) + len(styles)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])) and 1)
