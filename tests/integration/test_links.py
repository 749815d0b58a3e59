"""The link from a task to its object, with a store that speaks S3 under Amazon's name."""

import json
import socket
import traceback
import uuid
from datetime import UTC, datetime
from types import SimpleNamespace

import boto3
import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, Asset, BaseHook
from moto.server import ThreadedMotoServer

from airflow_partnercenter.exceptions import ConfigurationError, TransportError
from airflow_partnercenter.links.partner_center import FILE_ADDRESS_KEY, FileLink
from airflow_partnercenter.operators.partner_center import PartnerCenterLicensesToObjectStorageOperator


@pytest.fixture
def amazon(monkeypatch):
    """Run an S3 that is reached as amazonaws.com, and return a connection to it with a bucket ``licences``.

    By a name of its own, as Airflow keeps the filesystem of a connection for the next test.
    """
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
    conn_id = f"amazon_{uuid.uuid4().hex[:8]}"
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))
    yield conn_id
    server.stop()


class _TaskInstance(SimpleNamespace):
    def xcom_push(self, key, value):
        self.pushed[key] = value


def test_link_leads_to_the_object_in_amazons_console(entra, connect, amazon):
    """The operator that ran knows the address, and leaves it in XCom for the webserver of Airflow 2."""
    connect(entra)
    task = PartnerCenterLicensesToObjectStorageOperator(
        task_id="t", resource="licenses_deployment", destination=f"s3://{amazon}@licences/a b/{{processed_date}}.csv"
    )
    ti = _TaskInstance(pushed={})
    described = task.execute({"ti": ti})
    key = described["uri"].removeprefix(f"s3://{amazon}@licences/").replace(" ", "%20")
    address = f"https://console.aws.amazon.com/s3/object/licences?prefix={key}"
    assert FileLink().get_link(task, ti_key=None) == address
    assert ti.pushed == {FILE_ADDRESS_KEY: address}


def test_finished_task_does_not_fail_for_its_link(entra, connect, amazon, logs):
    """The object is there: an XCom that cannot be pushed costs the link of Airflow 2, and a warning."""
    connect(entra)

    canary = "canary-of-no-masker"

    class Refusing:
        def xcom_push(self, key, value):
            raise ConnectionError(canary)

    task = PartnerCenterLicensesToObjectStorageOperator(
        task_id="t", resource="licenses_deployment", destination=f"s3://{amazon}@licences/a.csv"
    )
    assert task.execute({"ti": Refusing()})["uri"] == f"s3://{amazon}@licences/a.csv"
    assert "is written, but not in links or lineage: Telling of the file was ended by an unexpected Conn" in logs.text
    assert "in xcom_push" in logs.text
    assert canary not in logs.text
    assert FileLink().get_link(task, ti_key=None).endswith("/licences?prefix=a.csv")


def test_connection_is_not_read_again_when_the_object_is_there(entra, connect, amazon, monkeypatch):
    """A secrets backend that goes away then does no harm."""
    connect(entra)
    endpoint = BaseHook.get_connection(amazon).extra_dejson["endpoint_url"]
    bucket = boto3.resource("s3", endpoint_url=endpoint, aws_access_key_id="test", aws_secret_access_key="testtest",
                            region_name="us-east-1").Bucket("licences")  # fmt: skip
    real = BaseHook.get_connection

    def get_connection(conn_id):
        if conn_id == amazon and list(bucket.objects.filter(Prefix=amazon)):
            raise ConnectionError("the secrets backend is away")
        return real(conn_id)

    monkeypatch.setattr(BaseHook, "get_connection", staticmethod(get_connection))
    task = PartnerCenterLicensesToObjectStorageOperator(
        task_id="t",
        resource="licenses_deployment",
        destination=f"s3://{amazon}@licences/{amazon}/{{processed_date}}.csv",
    )
    assert task.execute({})["uri"].startswith(f"s3://{amazon}@licences/{amazon}/20")
    with pytest.raises(ConnectionError):
        BaseHook.get_connection(amazon)


def test_lost_asset_event_fails_the_task_until_one_is_sent(entra, connect, tmp_path, logs):
    """DAGs wait for it: to go on without would stop them in silence. The error's text may hold a secret."""
    connect(entra)

    canary = "canary-of-no-masker"

    class Refusing:
        def __getitem__(self, outlet):
            raise ConnectionError(canary)

    def store(if_exists, name):
        PartnerCenterLicensesToObjectStorageOperator(
            task_id="t",
            resource="licenses_deployment",
            destination=f"file://{tmp_path}/{name}",
            if_exists=if_exists,
            outlets=[Asset("a")],
        ).execute({"outlet_events": Refusing()})

    with pytest.raises(TransportError, match=r"a.csv is written, but its asset events failed: run the task") as retried:
        store("replace", "a.csv")
    # A retry would find the file and skip, without an event again.
    with pytest.raises(AirflowFailException, match=r"events failed: remove the file") as failed:
        store("skip", "b.csv")
    assert "in __getitem__" in logs.text
    shown = [*traceback.format_exception(retried.value), *traceback.format_exception(failed.value), logs.text]
    assert "unexpected ConnectionError" in shown[-2]
    assert not [text for text in shown if canary in text]


def test_asset_event_that_no_retry_heals_fails_at_once(entra, connect, tmp_path):
    """Our own error stays what it is: it says what to change, and Airflow does not try again."""
    connect(entra)

    class Refusing:
        def __getitem__(self, outlet):
            raise ConfigurationError("leave it out of outlets")

    task = PartnerCenterLicensesToObjectStorageOperator(
        task_id="t", resource="licenses_deployment", destination=f"file://{tmp_path}/a.csv", outlets=[Asset("a")]
    )
    with pytest.raises(AirflowFailException, match="leave it out of outlets") as failed:
        task.execute({"outlet_events": Refusing()})
    assert not isinstance(failed.value.__cause__ or failed.value, TransportError)


def test_links_survive_the_database(monkeypatch):
    """Airflow's UI, which knows a DAG from the database only, offers the links of both operators."""
    with DAG("d", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        PartnerCenterLicensesToObjectStorageOperator(
            task_id="t",
            resource="licenses_usage",
            destination="file:///a.csv",
            expectations={"fail": {"row_count_at_least": 1}, "warn": {"no_null_keys": True}},
        )
    try:
        from airflow.serialization.serialized_objects import DagSerialization
    except ImportError:  # before Airflow 3.2
        from airflow.serialization.serialized_objects import SerializedDAG as DagSerialization
    # A scheduler, for which the flag was put down in this process perhaps, needs no links.
    monkeypatch.setattr(DagSerialization, "_load_operator_extra_links", True)
    stored = json.loads(json.dumps(DagSerialization.to_dict(dag)))
    task = DagSerialization.from_dict(stored).get_task("t")
    assert task.extra_links == ["File", "Microsoft's documentation", "Partner Center"]
    assert task.expectations == {"fail": {"row_count_at_least": 1}, "warn": {"no_null_keys": True}}
