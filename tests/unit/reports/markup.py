"""A report page taken apart: its tables as a reader sees them, its tags and ids."""

from html.parser import HTMLParser

VOID = {"meta", "link"}
#: Spoken by screen readers only, or decoration that the text repeats.
UNSEEN = {"spoken", "since", "up", "down"}


class Page(HTMLParser):
    """A page's tables as rows of texts, its ids and tags; fails on tags that do not nest."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.seen = ""
        self.open: list[tuple[str, bool]] = []
        self.rows: list[list[str]] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember the tag; open a table, row or cell."""
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        if tag in VOID:
            return
        hidden = bool(UNSEEN & set((attributes.get("class") or "").split())) or tag in {"style", "title", "desc"}
        self.open.append((tag, hidden))
        self.seen += " " if tag not in {"b", "code", "strong"} else ""
        if tag == "table":
            self.rows = self.tables.setdefault(str(attributes["id"]), [])
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")
        if tag == "li" and {"td"} & {name for name, _ in self.open}:
            self.rows[-1][-1] += " "

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember the tag."""
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Close the innermost tag, which must be this one."""
        assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        """Add text to the page and, where it can be seen, to the open cell."""
        self.text += data
        if any(hidden for _, hidden in self.open):
            return
        self.seen += data
        if {"td", "th"} & {tag for tag, _ in self.open}:
            self.rows[-1][-1] += data

    def cells(self, table: str) -> list[list[str]]:
        """Return the rows of a table, white space as one space."""
        return [[" ".join(cell.split()) for cell in row] for row in self.tables[table]]
