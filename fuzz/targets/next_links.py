"""A next link: leads to the configured origin with headers that can be sent, or is a typed error."""

import json
from collections.abc import Iterator
from urllib.parse import urlsplit

from requests.utils import check_header_validity

from airflow_partnercenter.api.pages.envelope import decode_records
from airflow_partnercenter.api.pages.links import Links
from airflow_partnercenter.exceptions import PartnerCenterError
from fuzz.promises import result_or_error

_BASE = "https://api.partnercenter.microsoft.com"
_CURRENT = (
    f"{_BASE}/partner/v1/analytics/commercial/deployment/license?top=10000",
    f"{_BASE}/v1/customers",
)
_OURS = {"authorization", "host", "cookie", "content-length", "transfer-encoding", "connection"}


def seeds() -> Iterator[bytes]:
    """Yield both envelopes with links of every known form."""
    for link in (
        None,
        "",
        f"{_CURRENT[0]}&skip=10000",
        "/v1/customers?size=2",
        "?top=10000&skip=10000",
        "https://evil.example/",
        f"{_BASE}@evil.example/",
        "//evil.example/v1",
        "https:/\\evil.example",
        f"{_BASE}:443/v1/x?filter=customerName eq 'C#'",
    ):
        yield b"\x00" + json.dumps({"Value": [], "@nextLink": link, "TotalCount": 0}).encode()
    for uri, key in (("/customers?size=2", "MS-ContinuationToken"), ("customers", "Authorization")):
        following = {"uri": uri, "method": "GET", "headers": [{"key": key, "value": "AAA="}]}
        yield b"\x01" + json.dumps({"items": [], "totalCount": 0, "links": {"next": following}}).encode()


def check(data: bytes) -> None:
    """Follow the link of an envelope twice: it must end or stay."""
    current, body = _CURRENT[data[0] % len(_CURRENT)] if data else _CURRENT[0], data[1:]
    page = result_or_error(lambda: decode_records(body))
    if isinstance(page, PartnerCenterError):
        return
    links = Links(current, _BASE)
    step = result_or_error(lambda: links.add(page.next_link))
    if isinstance(step, PartnerCenterError) or step is None:
        return
    url, headers = step
    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc) == ("https", "api.partnercenter.microsoft.com"), url
    assert url == _BASE or url.startswith((f"{_BASE}/", f"{_BASE}?")), url
    assert not any(sign.isspace() for sign in url), url
    for header in headers.items():
        check_header_validity(header)
        assert header[0].lower() not in _OURS, header
    assert isinstance(result_or_error(lambda: links.add(page.next_link)), PartnerCenterError | tuple)
