"""The link from a task to its object, with a store that speaks S3 under Amazon's name."""

import json
import socket
from datetime import UTC, datetime
from types import SimpleNamespace

import boto3
import pytest
from airflow.providers.common.compat.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization
from moto.server import ThreadedMotoServer

from airflow_partnercenter.links.partner_center import FILE_ADDRESS_KEY, FileLink
from airflow_partnercenter.operators.partner_center import PartnerCenterLicensesToObjectStorageOperator


@pytest.fixture
def amazon(monkeypatch):
    """Run an S3 that is reached as amazonaws.com, and return a connection to it with a bucket ``licences``."""
    real = socket.getaddrinfo

    def resolve(host, *arguments, **options):
        name = host.decode() if isinstance(host, bytes) else host
        return real("127.0.0.1" if str(name).endswith("amazonaws.com") else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setenv("NO_PROXY", "*")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    endpoint = f"http://s3.eu-west-1.amazonaws.com:{server.get_host_and_port()[1]}"
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="test",
                          aws_secret_access_key="testtest")  # fmt: skip
    client.create_bucket(Bucket="licences")
    extra = {"region_name": "us-east-1", "endpoint_url": endpoint}
    connection = {"conn_type": "aws", "login": "test", "password": "testtest", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_AMAZON", json.dumps(connection))
    yield
    server.stop()


class _TaskInstance(SimpleNamespace):
    def xcom_push(self, key, value):
        self.pushed[key] = value


def test_link_leads_to_the_object_in_amazons_console(entra, connect, amazon):
    """The operator that ran knows the address, and leaves it in XCom for the webserver of Airflow 2."""
    connect(entra)
    task = PartnerCenterLicensesToObjectStorageOperator(
        task_id="t", resource="licenses_deployment", destination="s3://amazon@licences/a b/{processed_date}.csv"
    )
    ti = _TaskInstance(pushed={})
    described = task.execute({"ti": ti})
    key = described["uri"].removeprefix("s3://amazon@licences/").replace(" ", "%20")
    address = f"https://console.aws.amazon.com/s3/object/licences?prefix={key}"
    assert FileLink().get_link(task, ti_key=None) == address
    assert ti.pushed == {FILE_ADDRESS_KEY: address}


def test_links_survive_the_database():
    """Airflow's UI, which knows a DAG from the database only, offers the links of both operators."""
    with DAG("d", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        PartnerCenterLicensesToObjectStorageOperator(
            task_id="t",
            resource="licenses_usage",
            destination="file:///a.csv",
            expectations={"fail": {"row_count_at_least": 1}, "warn": {"no_null_keys": True}},
        )
    stored = json.loads(json.dumps(DagSerialization.to_dict(dag)))
    task = DagSerialization.from_dict(stored).get_task("t")
    assert task.extra_links == ["File", "Microsoft's documentation", "Partner Center"]
    assert task.expectations == {"fail": {"row_count_at_least": 1}, "warn": {"no_null_keys": True}}
