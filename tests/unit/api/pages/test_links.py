"""Next links: which addresses they become, and which are refused because the access token must not go there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_partnercenter.api.pages.links import NextLink, next_link_of
from airflow_partnercenter.exceptions import ResponseFormatError

BASE = "https://api.partnercenter.microsoft.com"
COMMERCIAL = f"{BASE}/partner/v1/analytics/commercial/deployment/license?top=2"
LEGACY = f"{BASE}/v1/customers?size=2"


@pytest.mark.parametrize(
    ("current", "link", "resolved"),
    [
        (COMMERCIAL, f"{BASE}/partner/v1/analytics/commercial/deployment/license?top=2&skip=2", None),
        (COMMERCIAL, f"{BASE}:443/partner/v1/a?skip=2", f"{BASE}/partner/v1/a?skip=2"),
        (COMMERCIAL, "HTTPS://API.PartnerCenter.Microsoft.COM/partner/v1/a?skip=2", f"{BASE}/partner/v1/a?skip=2"),
        (COMMERCIAL, "/partner/v1/analytics/commercial/deployment/license?top=2&skip=2", None),
        (COMMERCIAL, "/v1/analytics/commercial/deployment/license?skip=2", None),
        (COMMERCIAL, "/analytics/commercial/deployment/license?skip=2", f"{BASE}/partner/v1/analytics/commercial/"
         "deployment/license?skip=2"),
        (COMMERCIAL, "?top=2&skip=2", f"{BASE}/partner/v1/analytics/commercial/deployment/license?top=2&skip=2"),
        (COMMERCIAL, "license?skip=2", f"{BASE}/partner/v1/analytics/commercial/deployment/license?skip=2"),
        (COMMERCIAL, "partner/v1/analytics/commercial/deployment/license?skip=2", f"{BASE}/partner/v1/analytics/"
         "commercial/deployment/license?skip=2"),
        (COMMERCIAL, "analytics/commercial/deployment/license?skip=2", f"{BASE}/partner/v1/analytics/commercial/"
         "deployment/license?skip=2"),
        (COMMERCIAL, "license/?skip=2", f"{BASE}/partner/v1/analytics/commercial/deployment/license/?skip=2"),
        (LEGACY, "/customers?size=2&seekOperation=Next", f"{BASE}/v1/customers?size=2&seekOperation=Next"),
        (LEGACY, "/v1/customers?size=2&seekOperation=Next", None),
        (LEGACY, "//api.partnercenter.microsoft.com/v1/customers?skip=2", f"{BASE}/v1/customers?skip=2"),
        (COMMERCIAL, "?filter=customerName%20eq%20%27A%26B%27&skip=2", f"{BASE}/partner/v1/analytics/commercial/"
         "deployment/license?filter=customerName%20eq%20%27A%26B%27&skip=2"),
    ],
    ids=[
        "absolute", "default port", "upper case", "root relative", "other version", "without version", "query only",
        "file relative", "without slash", "without slash and version", "slash at the end",
        "documented continuation", "with version", "protocol relative", "encoded",
    ],
)  # fmt: skip
def test_link_to_the_configured_origin_is_resolved(current, link, resolved):
    """Absolute, relative and query-only links become an address of the configured origin, the query untouched."""
    found = next_link_of({"@nextLink": link})
    assert found is not None
    assert found.resolve(current, BASE) == (resolved or (link if "://" in link else BASE + link))


@pytest.mark.parametrize(
    "link",
    [
        "/v1/customers?skip=2", "/customers?skip=2", "/gateway/v1/customers?skip=2", "?skip=2",
        "https://gateway.example/gateway/v1/customers?skip=2",
    ],
)  # fmt: skip
def test_link_behind_a_gateway_keeps_its_path(link):
    """An address with a path of its own stays in front, whether the service knows of it or not."""
    base = "https://gateway.example/gateway"
    assert NextLink(link).resolve(f"{base}/v1/customers", base) == f"{base}/v1/customers?skip=2"


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("customers/1/analytics/licenses/usage?skip=2", "/v1/customers/1/analytics/licenses/usage?skip=2"),
        ("v1/customers?size=2", "/v1/customers?size=2"),
        ("?size=2&seekOperation=Next", "/v1/customers/1/analytics/licenses/usage?size=2&seekOperation=Next"),
    ],
)
def test_uri_of_a_link_object_is_relative_to_the_version(uri, path):
    """Microsoft's pages write ``uri`` with a slash before it or without; it is never relative to its page."""
    link = next_link_of({"links": {"next": {"uri": uri, "method": "GET", "headers": []}}})
    assert link is not None
    assert link.resolve(f"{BASE}/v1/customers/1/analytics/licenses/usage", BASE) == BASE + path


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/partner/v1/a?skip=2",
        "https://api.partnercenter.microsoft.com.evil.example/a",
        "https://evil.example#api.partnercenter.microsoft.com/",
        f"{BASE}:8443/a",
        "http://api.partnercenter.microsoft.com/a",
        "http://api.partnercenter.microsoft.com:443/a",
        "//evil.example/a",
        "///evil.example/a",
        "https:evil.example",
        "https://user@api.partnercenter.microsoft.com/a",
        "https://api.partnercenter.microsoft.com@evil.example/a",
        "https://api.partnercenter.microsoft.com:443@evil.example/a",
        "https://evil.example\\@api.partnercenter.microsoft.com/a",
        "\\\\evil.example/a",
        "/\\evil.example/a",
        "https://api.partnercenter.microsoft.com\t.evil.example/a",
        " https://evil.example/a",
        "/a b",
        "/a\r\nX-Header: 1",
        "https://api.partnercenter.microsoft.com:port/a",
        "https://[::1/a",
        "https://api.partnercenter.microsoft.com:99999/a",
        "ftp://api.partnercenter.microsoft.com/a",
        "javascript:alert(1)",
        "data:text/plain,a",
        "",
    ],
    ids=repr,
)
def test_link_elsewhere_is_refused(link):
    """A link to another host, port or scheme, with userinfo, or of doubtful spelling never gets the access token."""
    try:
        resolved = NextLink(link).resolve(COMMERCIAL, BASE)
    except ResponseFormatError as error:
        assert not error.retriable  # noqa: PT017 - two links may be resolved, harmlessly
    else:
        # "https:evil.example" and "///evil.example" are relative paths to a strict parser: harmless on our origin.
        assert resolved.startswith(f"{BASE}/")
        assert link in ("https:evil.example", "///evil.example/a")


def test_refusal_names_both_hosts():
    """The sentence says where the link leads and where it should."""
    with pytest.raises(ResponseFormatError, match=r"evil\.example") as caught:
        NextLink("https://evil.example/a?secret=1").resolve(COMMERCIAL, BASE)
    assert BASE in str(caught.value)
    assert "secret=1" not in str(caught.value)


@given(st.text())
def test_no_text_leads_to_another_origin(link):
    """Whatever the service writes as a next link, the address is on the configured origin or refused."""
    try:
        resolved = NextLink(link).resolve(COMMERCIAL, BASE)
    except ResponseFormatError:
        return
    assert resolved.startswith((f"{BASE}/", f"{BASE}?")) or resolved == BASE


@pytest.mark.parametrize(
    "envelope",
    [
        {"@nextLink": None},
        {"@nextLink": ""},
        {},
        {"links": None},
        {"links": {}},
        {"links": {"self": {"uri": "/customers", "method": "GET", "headers": []}}},
        {"links": {"next": None}},
    ],
    ids=repr,
)
def test_last_page_has_no_next_link(envelope):
    """Null, empty and absent all mean the end."""
    assert next_link_of(envelope) is None


def test_next_link_of_the_commercial_envelope_is_its_text():
    """``@nextLink`` is the address itself."""
    assert next_link_of({"@nextLink": "?skip=2"}) == NextLink("?skip=2")


def test_documented_continuation_is_read_with_its_headers():
    """``links.next`` as documented for billed line items: relative address and MS-ContinuationToken."""
    links = {
        "next": {
            "uri": "/invoices/T000001234/lineitems?provider=onetime&size=2000&seekOperation=Next",
            "method": "GET",
            "headers": [{"key": "MS-ContinuationToken", "value": "AQAAAA=="}],
        }
    }
    link = next_link_of({"links": links, "items": []})
    assert link.headers == {"MS-ContinuationToken": "AQAAAA=="}
    assert link.resolve(LEGACY, BASE) == (
        f"{BASE}/v1/invoices/T000001234/lineitems?provider=onetime&size=2000&seekOperation=Next"
    )


def test_header_without_a_value_is_left_out():
    """Null is not the word None."""
    headers = [{"key": "MS-ContinuationToken", "value": None}, {"key": None, "value": "x"}]
    link = next_link_of({"links": {"next": {"uri": "/a", "headers": headers}}})
    assert link is not None
    assert link.headers == {}


@pytest.mark.parametrize("name", ["Authorization", "authorization", "HOST", "Cookie", "Content-Length", "Connection"])
def test_link_cannot_set_headers_of_ours(name):
    """A next link's headers are data: none may replace the token, the host or the framing."""
    link = next_link_of({"links": {"next": {"uri": "/a", "headers": [{"key": name, "value": "x"}]}}})
    assert link.headers == {}


@pytest.mark.parametrize(
    "envelope",
    [
        {"@nextLink": 5},
        {"@nextLink": {"uri": "/a"}},
        {"links": {"next": "/a"}},
        {"links": {"next": {"uri": 5}}},
        {"links": {"next": {"uri": 5, "method": "GET"}}},
        {"links": {"next": {"uri": "/a", "method": "POST"}}},
    ],
    ids=repr,
)
def test_link_of_unknown_form_is_an_error(envelope):
    """A next link that is not understood is an error, never the end of the result."""
    with pytest.raises(ResponseFormatError):
        next_link_of(envelope)


def test_number_sign_in_a_filter_stays_in_the_query():
    """A customer may be called C#: what follows is no fragment."""
    link = NextLink("?filter=customerName eq 'C# Ltd'&skip=10")
    resolved = link.resolve("https://partner.example/v1/a", "https://partner.example")
    assert resolved == "https://partner.example/v1/a?filter=customerName%20eq%20'C%23%20Ltd'&skip=10"


@pytest.mark.parametrize(
    ("key", "value"), [("MS-Token", "a\r\nb"), ("MS-Token", "caf\u0119"), ("caf\u0119", "a"), ("a b", "c")]
)
def test_header_of_a_link_that_cannot_be_sent_is_refused(key, value):
    """It would fail in the middle of a request, or smuggle another header in."""
    link = {"uri": "/v1/a", "headers": [{"key": key, "value": value}]}
    with pytest.raises(ResponseFormatError, match="cannot be sent"):
        next_link_of({"links": {"next": link}})
