"""Query arguments: every refusal, and the exact address that goes out."""

from datetime import UTC, date, datetime, timedelta, timezone
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_partnercenter.api.query import build_query
from airflow_partnercenter.exceptions import ConfigurationError

BASE = "https://api.partnercenter.microsoft.com"
GUID = "0112A436-B14E-4888-967B-CA4BB2CF1234"


def _url(resource: str, **query: object) -> str:
    checked = build_query(resource, **query)
    return checked.url(BASE, "/partner/v1", customer_id=next(iter(checked.customer_ids), None))


@pytest.mark.parametrize(
    ("resource", "query", "path"),
    [
        ("partner_licenses_deployment", {}, "/v1/analytics/licenses/deployment"),
        ("partner_licenses_usage", {}, "/v1/analytics/licenses/usage"),
        (
            "customer_licenses_deployment",
            {"customer_id": GUID},
            f"/v1/customers/{GUID}/analytics/licenses/deployment",
        ),
        ("customer_licenses_usage", {"customer_id": GUID}, f"/v1/customers/{GUID}/analytics/licenses/usage"),
        ("licenses_deployment", {}, "/partner/v1/analytics/commercial/deployment/license?top=10000"),
        ("licenses_usage", {}, "/partner/v1/analytics/commercial/usage/license?top=10000"),
    ],
    ids=lambda value: value if isinstance(value, str) and "/" not in value else "",
)
def test_address_is_the_documented_one(resource, query, path):
    """Without a query each resource is asked at its documented address."""
    assert _url(resource, **query) == BASE + path


def test_filter_is_encoded_as_in_the_documented_request_example():
    """Blanks become %20 and quotes %27, as printed on the page; never a plus sign."""
    url = _url("licenses_deployment", filter_expression=f"customerTenantId eq '{GUID}'")
    assert f"filter=customerTenantId%20eq%20%27{GUID}%27" in url.split("?")[1].split("&")
    assert "+" not in url


def test_all_parameters_go_out_by_microsofts_names():
    """Top, filter, groupby and processedDateTime, each once, with group_by joined by commas."""
    url = _url(
        "licenses_usage",
        filter_expression="serviceCode eq 'o365'",
        group_by=["serviceCode", "workloadName"],
        processed_date_time="2026-11-20",
        page_size=500,
    )
    assert sorted(parse_qsl(urlsplit(url).query)) == [
        ("filter", "serviceCode eq 'o365'"),
        ("groupby", "serviceCode,workloadName"),
        ("processedDateTime", "2026-11-20"),
        ("top", "500"),
    ]


@given(st.text(min_size=1).filter(lambda text: text.strip() == text))
def test_any_filter_survives_encoding(text):
    """Whatever the filter holds reaches the service as one parameter, unchanged."""
    url = _url("licenses_deployment", filter_expression=text)
    assert dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))["filter"] == text
    assert url.isascii()


@pytest.mark.parametrize("prefix", ["/v1", "/partner/v1", ""])
def test_prefix_of_the_superseding_resources_can_be_changed(prefix):
    """Microsoft's page has two prefixes; the other resources keep theirs."""
    assert build_query("licenses_usage").url(BASE, prefix).startswith(f"{BASE}{prefix}/analytics/commercial/usage")
    assert build_query("partner_licenses_usage").url(BASE, prefix) == f"{BASE}/v1/analytics/licenses/usage"


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("2026-11-20", "2026-11-20"),
        ("2026-11-20T10:00:00Z", "2026-11-20T10:00:00Z"),
        ("2026-11-20 00:00:00+00:00", "2026-11-20T00:00:00Z"),
        ("2026-11-20T10:00:00.123456+02:00", "2026-11-20T08:00:00.123456Z"),
        ("20261120", "2026-11-20"),
        ("2026-11-20T10:00", "2026-11-20T10:00:00Z"),
        (date(2026, 11, 20), "2026-11-20"),
        (datetime(2026, 11, 20, 10, tzinfo=UTC), "2026-11-20T10:00:00Z"),
        (datetime(2026, 11, 20, 10), "2026-11-20T10:00:00Z"),
        (datetime(2026, 11, 20, 10, tzinfo=timezone(timedelta(hours=2))), "2026-11-20T08:00:00Z"),
    ],
    ids=str,
)
def test_processed_date_time_is_sent_in_utc(value, sent):
    """Days and times are understood; a naive time is UTC, another offset is converted."""
    assert build_query("licenses_deployment", processed_date_time=value).parameters["processedDateTime"] == sent


@pytest.mark.parametrize("size", [1, 9_999, 10_000])
def test_page_size_is_sent_as_top(size):
    """Every size the service accepts can be asked for."""
    assert build_query("licenses_deployment", page_size=size).parameters["top"] == str(size)


def test_empty_strings_count_as_not_given():
    """Templates render a missing value as empty text; it asks for nothing."""
    plain = _url("licenses_deployment")
    assert plain == _url(
        "licenses_deployment", customer_id="", filter_expression="", group_by=[], processed_date_time=""
    )
    assert _url("partner_licenses_usage") == _url(
        "partner_licenses_usage", customer_id="", filter_expression="", group_by="", processed_date_time=""
    )


@pytest.mark.parametrize(
    "customer_id",
    [
        None,
        "",
        "42",
        "contoso.com",
        f"{GUID}/../../v1/customers",
        f"{GUID}\n",
        f" {GUID}",
        f"{{{GUID}}}",
        GUID.replace("-", ""),
        "..",
        7,
    ],
    ids=repr,
)
def test_customer_resources_want_a_guid(customer_id):
    """Only a GUID enters the path; anything else is refused by name."""
    with pytest.raises(ConfigurationError, match="customer_id"):
        build_query("customer_licenses_usage", customer_id=customer_id)


def test_list_without_customers_is_named():
    """What a task before it returned may be empty, which is another mistake than a forgotten argument."""
    with pytest.raises(ConfigurationError, match="empty list"):
        build_query("customer_licenses_usage", customer_id=[])
    with pytest.raises(ConfigurationError, match="needs customer_id"):
        build_query("customer_licenses_usage", customer_id="")


@pytest.mark.parametrize(
    ("resource", "instead"),
    [
        ("licenses_deployment", "filter_expression"),
        ("licenses_usage", "customerTenantId eq"),
        ("partner_licenses_deployment", "customer_licenses_deployment"),
        ("partner_licenses_usage", "customer_licenses_usage"),
    ],
)
def test_customer_id_elsewhere_is_refused_with_the_way_to_ask(resource, instead):
    """A customer_id that would be ignored is refused, and the sentence says how to ask for one customer."""
    with pytest.raises(ConfigurationError, match=instead):
        build_query(resource, customer_id=GUID)


@pytest.mark.parametrize("resource", ["partner_licenses_deployment", "customer_licenses_usage"])
@pytest.mark.parametrize(
    "query",
    [
        {"filter_expression": "serviceCode eq 'o365'"},
        {"group_by": ["serviceCode"]},
        {"processed_date_time": "2026-11-20"},
        {"page_size": 100},
    ],
    ids=lambda query: next(iter(query)),
)
def test_older_resources_refuse_a_query_they_would_ignore(resource, query):
    """No query parameter is documented for A to D; the sentence names the argument and the resource that takes it."""
    customer = {"customer_id": GUID} if resource.startswith("customer") else {}
    with pytest.raises(ConfigurationError) as caught:
        build_query(resource, **customer, **query)
    assert next(iter(query)) in str(caught.value)
    assert f"licenses_{resource.rsplit('_', 1)[1]} takes" in str(caught.value)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"page_size": 0}, ["page_size", "10,000"]),
        ({"page_size": 10_001}, ["page_size", "10,000"]),
        ({"page_size": -1}, ["page_size"]),
        ({"page_size": "100"}, ["page_size", "whole number"]),
        ({"page_size": 1.0}, ["page_size"]),
        ({"page_size": True}, ["page_size"]),
        ({"filter_expression": 5}, ["filter_expression", "text"]),
        ({"filter_expression": ["a"]}, ["filter_expression", "text"]),
        ({"group_by": "serviceCode"}, ["group_by", "list"]),
        ({"group_by": ["service_code"]}, ["group_by", "service_code", "serviceCode"]),
        ({"group_by": ["licensesSold"]}, ["group_by", "licensesSold"]),
        ({"group_by": ["workloadName"]}, ["group_by", "workloadName"]),
        ({"group_by": [None]}, ["group_by"]),
        ({"group_by": 5}, ["group_by", "list"]),
        ({"processed_date_time": "yesterday"}, ["processed_date_time", "ISO 8601"]),
        ({"processed_date_time": "20.11.2026"}, ["processed_date_time", "ISO 8601"]),
        ({"processed_date_time": 20261120}, ["processed_date_time", "ISO 8601"]),
    ],
    ids=lambda value: repr(value)[:40] if isinstance(value, dict) else "",
)
def test_wrong_argument_is_refused_by_name(query, words):
    """What cannot work is refused before anything is sent, naming the argument and what it must be."""
    with pytest.raises(ConfigurationError) as caught:
        build_query("licenses_deployment", **query)
    assert all(word in str(caught.value) for word in words)


def test_unknown_argument_is_refused():
    """A misspelt argument is never ignored."""
    with pytest.raises(TypeError):
        build_query("licenses_deployment", filter="serviceCode eq 'o365'")


def test_customers_keep_their_order_and_none_comes_twice():
    """A list of customers is read in its order; one named twice, in whatever case, would double its rows."""
    other = "aaaabbbb-0000-cccc-1111-dddd2222eeee"
    assert build_query("customer_licenses_usage", customer_id=[other, GUID]).customer_ids == (other, GUID)
    with pytest.raises(ConfigurationError, match="more than once"):
        build_query("customer_licenses_usage", customer_id=[other, GUID, other.upper()])
    with pytest.raises(ConfigurationError, match="not a GUID"):
        build_query("customer_licenses_usage", customer_id=[other, "nobody"])


@pytest.mark.parametrize("value", [0, -1, 65, 1.5, "4", True, None], ids=repr)
def test_parallel_requests_are_a_small_whole_number(value):
    """One to 64 requests at once."""
    with pytest.raises(ConfigurationError, match="max_parallel_requests"):
        build_query("licenses_usage", max_parallel_requests=value)


def test_customers_that_fail_are_failed_or_skipped():
    """There is no third way."""
    with pytest.raises(ConfigurationError, match="on_customer_error"):
        build_query("customer_licenses_usage", customer_id=GUID, on_customer_error="ignore")
