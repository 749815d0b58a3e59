"""Where people find files in a browser, as Airflow's configuration says."""

import json

import pytest

from airflow_partnercenter.exceptions import ConfigurationError
from airflow_partnercenter.links.partner_center import ReportLink
from airflow_partnercenter.storage import file_web_address

ADDRESSES = {
    "s3://bucket/lake": "https://reports.example/",
    "s3://bucket/lake/private/": "https://private.example/p",
    "s3://conn@other": "https://other.example",
    "file:///data/lake": "http://127.0.0.1:8080/lake",
}


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some folders have an address."""
    monkeypatch.setenv("AIRFLOW__PARTNER_CENTER__FILE_WEB_ADDRESSES", json.dumps(ADDRESSES))


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("s3://bucket/lake/a b.html", "https://reports.example/a%20b.html"),
        ("s3://any_connection@bucket/lake/x/a.html", "https://reports.example/x/a.html"),
        ("s3a://bucket/lake/a.html", "https://reports.example/a.html"),
        ("s3://bucket/lake/private/a.html", "https://private.example/p/a.html"),
        ("s3://bucket/lake/50% of a?b#c.html", "https://reports.example/50%25%20of%20a%3Fb%23c.html"),
        ("s3://other/a.html", "https://other.example/a.html"),
        ("file:///data/lake/a.html", "http://127.0.0.1:8080/lake/a.html"),
        ("file:///data/lake_of_others/a.html", None),
        ("file:///elsewhere/a.html", None),
    ],
)
def test_folder_with_an_address_gives_its_files_theirs(uri: str, address: str | None) -> None:
    """Of nested folders the inner one counts, connections do not, and a name that only begins alike is another one."""
    assert file_web_address(uri) == address


def test_what_is_no_uri_is_told_so() -> None:
    """A plain path has no scheme."""
    with pytest.raises(ConfigurationError, match=r"'/data/lake/a\.html' has no scheme: write file:///path"):
        file_web_address("/data/lake/a.html")


def test_without_configuration_the_console_of_the_cloud_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Local files have none."""
    monkeypatch.delenv("AIRFLOW__PARTNER_CENTER__FILE_WEB_ADDRESSES", raising=False)
    assert file_web_address("file:///data/lake/a.html") is None
    assert file_web_address("gs://bucket/a.html", object()) == (
        "https://console.cloud.google.com/storage/browser/_details/bucket/a.html"
    )


@pytest.mark.parametrize(
    "option",
    ["https://reports.example", "[]", '{"s3://bucket": 1}', '{"bucket": "https://x"}', '{"s3://b": "javascript:"}'],
)
def test_option_that_is_no_such_object_is_named(monkeypatch: pytest.MonkeyPatch, option: str) -> None:
    """The message has one that would do."""
    monkeypatch.setenv("AIRFLOW__PARTNER_CENTER__FILE_WEB_ADDRESSES", option)
    with pytest.raises(ConfigurationError, match=r'file_web_addresses .* like {"s3://bucket/folder": "https'):
        file_web_address("file:///data/lake/a.html")


@pytest.mark.parametrize(
    ("returned", "address"),
    [
        ({"uri": "s3://b/a", "web_address": "https://reports.example/a"}, "https://reports.example/a"),
        ({"uri": "file:///a", "web_address": None}, ""),
        ({"uri": "file:///a"}, ""),
        (["rows"], ""),
        (None, ""),
    ],
    ids=["address", "none", "no key", "other value", "failed task"],
)
def test_report_link_is_the_address_that_the_task_returned(
    monkeypatch: pytest.MonkeyPatch, returned: object, address: str
) -> None:
    """Empty text, which shows no link, where it returned none or has failed."""
    from airflow.providers.common.compat.sdk import XCom

    monkeypatch.setattr(XCom, "get_value", lambda *, ti_key, key: {("ti", "return_value"): returned}[ti_key, key])
    assert ReportLink().get_link(None, ti_key="ti") == address
