"""Files in S3, through moto's server and an Airflow connection: whole or not at all."""

import json
import os
import uuid

import boto3
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from moto.server import ThreadedMotoServer

from airflow_partnercenter.emulator import Answer
from airflow_partnercenter.exceptions import ConfigurationError
from airflow_partnercenter.operators.partner_center import PartnerCenterLicensesToObjectStorageOperator
from airflow_partnercenter.storage import read_snapshots, write_whole


@pytest.fixture(scope="module")
def s3_url():
    """Run an S3 in memory."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    yield f"http://127.0.0.1:{server.get_host_and_port()[1]}"
    server.stop()


@pytest.fixture
def bucket(s3_url, monkeypatch):
    """Return a bucket of this test's own, reachable by connection ``lake``."""
    extra = {"region_name": "us-east-1", "endpoint_url": s3_url}
    monkeypatch.setenv(
        "AIRFLOW_CONN_LAKE",
        json.dumps({"conn_type": "aws", "login": "test", "password": "testtest", "extra": extra}),
    )
    client = boto3.client(
        "s3",
        endpoint_url=s3_url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="testtest",
    )
    bucket = _Bucket(client, f"b-{uuid.uuid4().hex}")
    client.create_bucket(Bucket=bucket.name)
    return bucket


class _Bucket:
    def __init__(self, client, name: str) -> None:
        self._client = client
        self.name = name

    def put(self, key: str, content: bytes) -> None:
        self._client.put_object(Bucket=self.name, Key=key, Body=content)

    def get(self, key: str) -> bytes:
        return self._client.get_object(Bucket=self.name, Key=key)["Body"].read()

    def keys(self) -> list[str]:
        return [item["Key"] for item in self._client.list_objects_v2(Bucket=self.name).get("Contents", [])]

    def uploads(self) -> list:
        return self._client.list_multipart_uploads(Bucket=self.name).get("Uploads", [])


def _store(destination: str, **arguments):
    return PartnerCenterLicensesToObjectStorageOperator(
        task_id="t", resource="licenses_deployment", destination=destination, **arguments
    ).execute({})


@pytest.mark.parametrize("suffix", ["parquet", "csv", "json", "jsonl.gz"])
def test_object_is_whole(entra, connect, bucket, suffix):
    """The object has the bytes that the description states."""
    connect(entra)
    described = _store(f"s3://lake@{bucket.name}/a/licenses.{suffix}")
    assert bucket.keys() == [f"a/licenses.{suffix}"]
    assert len(bucket.get(f"a/licenses.{suffix}")) == described["byte_count"]
    assert described["uri"] == f"s3://lake@{bucket.name}/a/licenses.{suffix}"


@pytest.mark.parametrize("emulator", [{"max_page_size": 4}], indirect=True, ids=["pages of four"])
def test_failed_read_leaves_the_old_object(emulator, connect, bucket):
    """A read that fails on page 2 neither replaces the object nor leaves an upload behind."""
    connect(emulator)
    bucket.put("a.csv", b"earlier")
    emulator.answer_next(Answer(403, {"code": "2032"}), "/analytics/commercial/", skip=1)
    with pytest.raises(AirflowFailException):
        _store(f"s3://lake@{bucket.name}/a.csv")
    assert bucket.keys() == ["a.csv"]
    assert bucket.get("a.csv") == b"earlier"
    assert bucket.uploads() == []


def test_existing_object_is_up_to_if_exists(entra, connect, bucket):
    """Fail leaves it, replace replaces it."""
    connect(entra)
    bucket.put("a.csv", b"earlier")
    with pytest.raises(AirflowFailException, match="exists"):
        _store(f"s3://lake@{bucket.name}/a.csv", if_exists="fail")
    assert bucket.get("a.csv") == b"earlier"
    described = _store(f"s3://lake@{bucket.name}/a.csv")
    assert len(bucket.get("a.csv")) == described["byte_count"]


def test_missing_bucket_is_one_sentence(entra, connect, bucket):
    """A bucket that does not exist is named; nothing is retried."""
    connect(entra)
    with pytest.raises(AirflowFailException, match="no-such-bucket") as caught:
        _store("s3://lake@no-such-bucket/a.csv")
    assert isinstance(caught.value.__cause__, ConfigurationError)
    assert "create" in str(caught.value)
    assert bucket.keys() == []


def test_unknown_storage_connection_is_one_sentence_before_the_read(emulator, connect):
    """Without the check s3fs would go anonymously to the real service."""
    connect(emulator)
    with pytest.raises(AirflowFailException, match="no_such_lake") as caught:
        _store("s3://no_such_lake@bucket/a.csv")
    assert isinstance(caught.value.__cause__, ConfigurationError)
    assert emulator.requests == []


def test_store_that_is_down_is_one_sentence_and_retriable(entra, connect, bucket, monkeypatch):
    """A store that does not answer is no fault of the configuration."""
    from airflow_partnercenter.exceptions import TransportError

    extra = {
        "region_name": "us-east-1",
        "endpoint_url": "http://127.0.0.1:9",
        "config_kwargs": {"retries": {"max_attempts": 1}, "connect_timeout": 1},
    }
    monkeypatch.setenv(
        "AIRFLOW_CONN_DOWN",
        json.dumps({"conn_type": "aws", "login": "test", "password": "testtest", "extra": extra}),
    )
    connect(entra)
    with pytest.raises(TransportError, match="The store of s3://down@"):
        _store(f"s3://down@{bucket.name}/a.csv")


def test_snapshots_and_reports_live_in_the_same_store(entra, connect, bucket):
    """Snapshots written by the operator are read back as frames, and a report is written whole."""
    connect(entra)
    uri = f"s3://lake@{bucket.name}/snapshots"
    assert read_snapshots(uri) == {}
    described = _store(f"{uri}/{{processed_date}}.parquet")
    (frame,) = read_snapshots(uri).values()
    assert len(frame) == described["row_count"]
    write_whole(f"s3://lake@{bucket.name}/report.html", b"<html>")
    assert bucket.get("report.html") == b"<html>"


def test_spool_is_gone_after_the_upload(entra, connect, bucket, monkeypatch, tmp_path):
    """Nothing stays on the worker's disk."""
    connect(entra)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    _store(f"s3://lake@{bucket.name}/a.parquet")
    assert not [name for name in os.listdir(tmp_path) if name.startswith("partner-center-")]
