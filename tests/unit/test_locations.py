"""The names of one file, for Airflow's assets, for OpenLineage and for a browser."""

import json
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import Asset
from openlineage.client.naming import dataset as naming

from airflow_partnercenter.locations import FileLocation
from airflow_partnercenter.storage import open_path

AZURE = SimpleNamespace(account_name="acc", connection_string=None)


@pytest.mark.parametrize(
    ("destination", "asset"),
    [
        ("s3://conn@bucket/a/b.parquet", "s3://bucket/a/b.parquet"),
        ("s3a://bucket/a.parquet", "s3://bucket/a.parquet"),
        ("S3://bucket/a@b.parquet", "s3://bucket/a@b.parquet"),
        ("gs://conn@bucket/a.csv", "gs://bucket/a.csv"),
        ("gcs://bucket/a.csv", "gs://bucket/a.csv"),
        ("abfs://conn@container/a.csv", "abfs://container/a.csv"),
        ("abfss://conn@container/a.csv", "abfs://container/a.csv"),
        ("adl://conn@container/a.csv", "abfs://container/a.csv"),
        ("file:///lake/a b.csv", "file:///lake/a b.csv"),
        ("local:///lake/a.csv", "file:///lake/a.csv"),
        ("s3://bucket/a#b?c=2&b=1.csv", "s3://bucket/a%23b%3Fc=2&b=1.csv"),
        ("webdav://conn@host/a.csv", "webdav://host/a.csv"),
    ],
)
def test_asset_uri_is_that_of_the_file_whatever_leads_there(destination, asset):
    """No connection in it, one spelling of the scheme; and Airflow changes nothing of it, so that a DAG can name it."""
    uri = FileLocation.of(destination).asset_uri
    assert uri == asset
    known = Asset(uri=uri)
    assert (known.uri, getattr(known, "name", known.uri)) == (asset, asset)  # on Airflow 2 its URI is all it has


@pytest.mark.parametrize(
    ("destination", "filesystem", "expected"),
    [
        ("s3://conn@bucket/a/b.csv", None, naming.S3("bucket", "a/b.csv")),
        ("gs://bucket/a/b.csv", None, naming.GCS("bucket", "a/b.csv")),
        ("abfs://conn@container/a/b.csv", AZURE, naming.ABFSS("container", "acc", "a/b.csv")),
        ("file:///lake/b.csv", None, naming.LocalFileSystem("/lake/b.csv")),
    ],
)
def test_dataset_has_the_name_that_openlineage_gives_it(destination, filesystem, expected):
    """Namespace and name are those of the OpenLineage client's own naming classes."""
    name = FileLocation.of(destination).openlineage_name(filesystem)
    assert name == (expected.get_namespace(), expected.get_name())


def _s3(region: str | None = None, endpoint: str | None = None) -> SimpleNamespace:
    session = SimpleNamespace(get_config_variable={"region": region}.get)
    return SimpleNamespace(endpoint_url=endpoint, session=session)


def _azure(connection_string: str) -> SimpleNamespace:
    return SimpleNamespace(account_name=None, connection_string=connection_string)


@pytest.mark.parametrize(
    ("destination", "filesystem", "address"),
    [
        ("s3://c@b/a b.csv", _s3(), "https://console.aws.amazon.com/s3/object/b?prefix=a%20b.csv"),
        ("s3://b/a.csv", _s3("eu-west-1", "https://s3.eu-west-1.amazonaws.com"),
         "https://console.aws.amazon.com/s3/object/b?prefix=a.csv"),
        ("s3://b/a.csv", _s3("cn-north-1"), "https://console.amazonaws.cn/s3/object/b?prefix=a.csv"),
        ("s3://b/a.csv", _s3("us-gov-west-1"), "https://console.amazonaws-us-gov.com/s3/object/b?prefix=a.csv"),
        ("s3://b/a.csv", _s3(endpoint="http://127.0.0.1:9000"), None),
        ("s3://b/a.csv", _s3(endpoint="https://notamazonaws.com"), None),
        ("gs://c@b/x/a#1.csv", SimpleNamespace(_endpoint=None),
         "https://console.cloud.google.com/storage/browser/_details/b/x/a%231.csv"),
        ("gs://b/a.csv", SimpleNamespace(_endpoint="http://127.0.0.1:9023"), None),
        ("abfs://c@b/a.csv", AZURE, "https://acc.blob.core.windows.net/b/a.csv"),
        ("abfs://c@b/a.csv", SimpleNamespace(account_name="acc", account_host="acc.private.example"),
         "https://acc.private.example/b/a.csv"),
        ("abfs://c@b/a.csv", _azure("AccountName=acc;AccountKey=key==;EndpointSuffix=core.chinacloudapi.cn"),
         "https://acc.blob.core.chinacloudapi.cn/b/a.csv"),
        ("abfs://c@b/a.csv", _azure("BlobEndpoint=http://127.0.0.1:10000/acc;SharedAccessSignature=sig"), None),
        ("abfs://c@b/a.csv", _azure("BlobEndpoint=https://acc.blob.core.windows.net/;SharedAccessSignature=sig"),
         "https://acc.blob.core.windows.net/b/a.csv"),
        ("abfs://b/a.csv", SimpleNamespace(account_name=None), None),
        ("file:///lake/a.csv", None, None),
        ("webdav://host/a.csv", None, None),
    ],
)  # fmt: skip
def test_web_address_is_that_of_the_clouds_console(destination, filesystem, address):
    """A page where a person finds the file; none for local files and for stores of one's own, and no key in it."""
    assert FileLocation.of(destination).web_address(filesystem) == address


@pytest.mark.parametrize(
    ("destination", "connection", "dataset", "address"),
    [
        (
            "s3://lake_in_china@b/a.csv",
            {"conn_type": "aws", "login": "test", "password": "test-secret", "extra": {"region_name": "cn-north-1"}},
            ("s3://b", "a.csv"),
            "https://console.amazonaws.cn/s3/object/b?prefix=a.csv",
        ),
        (
            "s3://lake_of_ones_own@b/a.csv",
            {"conn_type": "aws", "extra": {"region_name": "us-east-1", "endpoint_url": "http://127.0.0.1:9"}},
            ("s3://b", "a.csv"),
            None,
        ),
        (
            "abfs://lake_by_key@c/a.csv",
            {
                "conn_type": "wasb",
                "extra": {
                    "connection_string": "DefaultEndpointsProtocol=https;AccountName=acc;AccountKey=a2V5LXNlY3JldA==;"
                    "EndpointSuffix=core.usgovcloudapi.net"
                },
            },
            ("abfss://c@acc.dfs.core.windows.net", "a.csv"),
            "https://acc.blob.core.usgovcloudapi.net/c/a.csv",
        ),
        (
            "abfs://lake_by_sas@c/a.csv",
            {"conn_type": "wasb", "extra": {"account_name": "acc", "sas_token": "sig=secret"}},
            ("abfss://c@acc.dfs.core.windows.net", "a.csv"),
            "https://acc.blob.core.windows.net/c/a.csv",
        ),
    ],
    ids=["s3 in China", "s3 of one's own", "abfs by key", "abfs by SAS"],
)
def test_names_come_from_the_real_filesystems(monkeypatch, destination, connection, dataset, address):
    """The libraries behind Airflow's connections know region, endpoint and account; no secret of theirs shows."""
    conn_id = destination.split("//")[1].split("@")[0]  # Airflow keeps one filesystem for each connection id
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))
    filesystem = open_path(destination).fs
    location = FileLocation.of(destination)
    assert location.openlineage_name(filesystem) == dataset
    assert location.web_address(filesystem) == address
