"""Next links: where they lead, and the rule that they lead nowhere but to the configured origin."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

from airflow_partnercenter.exceptions import IncompleteResultError, ResponseFormatError
from airflow_partnercenter.one_line import one_line

_DEFAULT_PORTS = {"https": 443, "http": 80}
_FORBIDDEN_HEADERS = {"authorization", "connection", "content-length", "cookie", "host", "transfer-encoding"}
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"([!-~]([ -~]*[!-~])?)?")
_SEVERAL_SEGMENTS = re.compile(r"[A-Za-z0-9_~-]+/[^?]")
_VERSION_SEGMENT = re.compile(r"/(partner/)?v\d+(/|$)")


@dataclass(frozen=True, slots=True)
class NextLink:
    """Where the next page is.

    :param uri: absolute or relative, as served.
    :param headers: to send along, such as ``MS-ContinuationToken``.
    """

    uri: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def resolve(self, current_url: str, base_url: str) -> str:
        """Return the address to fetch, which always starts with the configured origin.

        ``links.next`` of Partner Center is relative and without its version prefix ("/customers?…"); the version of
        the current address is put in front then, and the path of the configured address, if it has one. The form of a
        commercial ``@nextLink`` was never documented: absolute, relative to the root, with a slash or without, and
        query-only are all understood.

        :raises ResponseFormatError: the link leaves the configured origin or is not an address.
        """
        # A filter in the link may hold plain blanks, and a name such as C#; any other oddity is refused.
        head, mark, query = self.uri.partition("?")
        uri = head + mark + query.replace(" ", "%20").replace("#", "%23")
        # Blanks, backslashes and control characters are where two URL parsers can disagree about the host.
        if not uri or re.search(r"[\s\\\x00-\x1f\x7f]", uri):
            raise ResponseFormatError("The next link of Partner Center's answer is not an address.")
        try:
            target = urlsplit(urljoin(current_url, uri))
            same = _origin(target) == _origin(urlsplit(base_url)) and "@" not in target.netloc
        except ValueError:
            raise ResponseFormatError("The next link of Partner Center's answer is not an address.") from None
        if not same:
            raise ResponseFormatError(
                f"The next link of Partner Center's answer leads to "
                f"{one_line(f'{target.scheme}://{target.hostname}', 200)}, not to "
                f"{base_url}; it was not followed, as the access token must not go there."
            )
        origin = urlsplit(base_url)
        path = _from_root(target.path, urlsplit(current_url).path, origin.path) if uri.startswith("/") else target.path
        return f"{origin.scheme}://{origin.netloc}{path}" + (f"?{target.query}" if target.query else "")


def commercial_link(text: str) -> NextLink:
    """Return an ``@nextLink``."""
    # A path of several segments without a slash before it is not one below the current page's.
    return NextLink(f"/{text}" if _SEVERAL_SEGMENTS.match(text) else text)


def next_link_of(envelope: Mapping[str, Any]) -> NextLink | None:
    """Return the next link of either envelope, or None on the last page.

    :raises ResponseFormatError: there is one, but not of a known form.
    """
    for name in ("@nextLink", "nextLink", "@odata.nextLink"):
        link = envelope.get(name)
        if link is not None and not isinstance(link, str):
            raise ResponseFormatError(f"{name} of Partner Center's answer is neither text nor null.")
        if link:
            return commercial_link(link)
    links = envelope.get("links")
    link = links.get("next") if isinstance(links, dict) else None
    if not link or (isinstance(link, dict) and link.get("uri") in (None, "")):
        return None
    method = str(link.get("method") or "GET").upper() if isinstance(link, dict) else ""
    if not isinstance(link, dict) or not isinstance(link["uri"], str) or method != "GET":
        raise ResponseFormatError("links.next of Partner Center's answer is not a GET with a uri.")
    headers = {
        str(header["key"]): str(header["value"])
        for header in link.get("headers") or ()
        if isinstance(header, dict) and header.get("key") is not None and header.get("value") is not None
    }
    if not all(_HEADER_NAME.fullmatch(name) and _HEADER_VALUE.fullmatch(value) for name, value in headers.items()):
        raise ResponseFormatError("links.next of Partner Center's answer has a header that cannot be sent.")
    # Relative to the version, with a slash before it ("/customers?…") or without ("customers/…/utilizations/azure?…").
    below_version = not re.match(r"[/?\s\\]|[A-Za-z][A-Za-z0-9+.-]*:", link["uri"])
    return NextLink(
        f"/{link['uri']}" if below_version else link["uri"],
        {name: value for name, value in headers.items() if name.lower() not in _FORBIDDEN_HEADERS},
    )


class Links:
    """The next links of one read: each leads to the configured origin, and none twice to the same page.

    :param first_url: where the read begins.
    :param base_url: the configured origin.
    """

    def __init__(self, first_url: str, base_url: str) -> None:
        self._base_url = base_url
        self._current_url = first_url
        self._seen: set[tuple[str, tuple[tuple[str, str], ...]]] = {(first_url, ())}

    def add(self, link: NextLink | None) -> tuple[str, dict[str, str]] | None:
        """Return address and headers of the page that a page links to, or None after the last.

        :raises ResponseFormatError: the link leaves the configured origin.
        :raises IncompleteResultError: the link leads to a page that was read already.
        """
        if link is None:
            return None
        url = link.resolve(self._current_url, self._base_url)
        headers = dict(link.headers)
        step = (url, tuple(sorted(headers.items())))
        if step in self._seen:
            raise IncompleteResultError(
                f"Partner Center's next link leads back to a page already read, after {len(self._seen)} pages."
            )
        self._seen.add(step)
        self._current_url = url
        return url, headers


def _from_root(path: str, current_path: str, base_path: str) -> str:
    """Return a path that began with a slash, below that of the configured address, with the version it may lack."""
    base = base_path.rstrip("/")
    below, current = (each.removeprefix(base) if each.startswith(f"{base}/") else each for each in (path, current_path))
    version = None if _VERSION_SEGMENT.match(below) else _VERSION_SEGMENT.match(current)
    return base + (version[0].rstrip("/") if version else "") + below


def _origin(parts: Any) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme)
