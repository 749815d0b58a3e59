"""Object stores on loopback, in memory: Azurite, moto's S3, and Google's where its libraries are installed."""

# ruff: noqa: D102 - the base class says what its methods do

import base64
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.support.patience import PATIENCE

REPOSITORY = Path(__file__).parents[2]
ACCOUNT = "local"
KEY = base64.b64encode(b"loopback only, not a secret").decode()
WRONG_KEY = base64.b64encode(b"the key of yesterday").decode()


class Store(ABC):
    """What tests need of a store beside our own code."""

    scheme: str
    port: int

    @abstractmethod
    def connection(self, port: int | None = None, *, wrong_key: bool = False, patient: bool = False) -> dict[str, Any]:
        """Return an Airflow connection, through another port if one is given."""

    @abstractmethod
    def make_container(self, name: str) -> None:
        """Make a bucket or container."""

    @abstractmethod
    def put(self, container: str, key: str, content: bytes) -> None:
        """Write an object."""

    @abstractmethod
    def get(self, container: str, key: str) -> bytes:
        """Read an object."""

    @abstractmethod
    def keys(self, container: str) -> list[str]:
        """List the objects."""

    @abstractmethod
    def unfinished(self, container: str) -> list[Any]:
        """List uploads that were begun and neither finished nor aborted."""


class AzureStore(Store):
    """Azurite's blob service."""

    scheme = "abfs"

    def __init__(self, port: int) -> None:
        from azure.storage.blob import BlobServiceClient

        self.port = port
        self._service = BlobServiceClient.from_connection_string(self._connection_string(port, KEY))

    @staticmethod
    def _connection_string(port: int, key: str) -> str:
        endpoint = f"http://127.0.0.1:{port}/{ACCOUNT}"
        return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={key};BlobEndpoint={endpoint};"

    def connection(self, port: int | None = None, *, wrong_key: bool = False, patient: bool = False) -> dict[str, Any]:
        text = self._connection_string(port or self.port, WRONG_KEY if wrong_key else KEY)
        return {"conn_type": "wasb", "extra": {"connection_string": text}}

    def make_container(self, name: str) -> None:
        self._service.create_container(name)

    def put(self, container: str, key: str, content: bytes) -> None:
        self._service.get_blob_client(container, key).upload_blob(content, overwrite=True)

    def get(self, container: str, key: str) -> bytes:
        return self._service.get_blob_client(container, key).download_blob().readall()

    def keys(self, container: str) -> list[str]:
        return [blob.name for blob in self._service.get_container_client(container).list_blobs()]

    def unfinished(self, container: str) -> list[Any]:
        # Blocks that no blob holds are not to be seen in Azure, and removed by it after a week.
        return []


class S3Store(Store):
    """moto's S3."""

    scheme = "s3"

    def __init__(self, port: int) -> None:
        import boto3

        self.port = port
        self._client = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{port}",
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="testtest",
        )

    def connection(self, port: int | None = None, *, wrong_key: bool = False, patient: bool = False) -> dict[str, Any]:
        extra: dict[str, Any] = {
            "region_name": "us-east-1",
            "endpoint_url": f"http://127.0.0.1:{port or self.port}",
        }
        if not patient:
            extra["config_kwargs"] = {"retries": {"max_attempts": 1}}
        login = "AKIAWRONG" if wrong_key else "test"
        return {"conn_type": "aws", "login": login, "password": "testtest", "extra": extra}

    def connection_that_may(self, *actions: str) -> dict[str, Any]:
        """Return a connection of a user who may do just this, once keys are checked."""
        import boto3

        iam = boto3.client(
            "iam",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="testtest",
        )
        name = f"u-{uuid.uuid4().hex[:12]}"
        iam.create_user(UserName=name)
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return self.connection() | {"login": key["AccessKeyId"], "password": key["SecretAccessKey"]}

    @contextmanager
    def checking_keys(self) -> Iterator[None]:
        """Have moto check access keys, which it does not by itself."""
        self._free_actions("0")
        try:
            yield
        finally:
            self._free_actions("inf")

    def _free_actions(self, count: str) -> None:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/moto-api/reset-auth",
            data=count.encode(),
            method="POST",
            headers={"Content-Type": "text/plain"},
        )
        urllib.request.urlopen(request).close()  # noqa: S310 - loopback

    def make_container(self, name: str) -> None:
        self._client.create_bucket(Bucket=name)

    def put(self, container: str, key: str, content: bytes) -> None:
        self._client.put_object(Bucket=container, Key=key, Body=content)

    def get(self, container: str, key: str) -> bytes:
        return self._client.get_object(Bucket=container, Key=key)["Body"].read()

    def keys(self, container: str) -> list[str]:
        return [item["Key"] for item in self._client.list_objects_v2(Bucket=container).get("Contents", [])]

    def unfinished(self, container: str) -> list[Any]:
        return self._client.list_multipart_uploads(Bucket=container).get("Uploads", [])


class GoogleStore(Store):
    """Google Cloud Storage, as gcp-storage-emulator has it."""

    scheme = "gs"

    def __init__(self, port: int) -> None:
        self.port = port

    def connection(self, port: int | None = None, *, wrong_key: bool = False, patient: bool = False) -> dict[str, Any]:
        extra = {"project": "p", "is_anonymous": True, "gcs.endpoint": f"http://127.0.0.1:{port or self.port}"}
        return {"conn_type": "google_cloud_platform", "extra": extra}

    def _ask(
        self, path: str, method: str = "GET", content: bytes | None = None, content_type: str = "application/json"
    ) -> bytes:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data=content,
            method=method,
            headers={"Content-Type": content_type},
        )
        with urllib.request.urlopen(request) as response:  # noqa: S310 - loopback
            return response.read()

    def make_container(self, name: str) -> None:
        self._ask("/storage/v1/b?project=p", "POST", json.dumps({"name": name}).encode())

    def put(self, container: str, key: str, content: bytes) -> None:
        self._ask(f"/upload/storage/v1/b/{container}/o?uploadType=media&name={key}", "POST", content, "text/csv")

    def get(self, container: str, key: str) -> bytes:
        return self._ask(f"/storage/v1/b/{container}/o/{key.replace('/', '%2F')}?alt=media")

    def keys(self, container: str) -> list[str]:
        return [item["name"] for item in json.loads(self._ask(f"/storage/v1/b/{container}/o")).get("items", [])]

    def unfinished(self, container: str) -> list[Any]:
        return []


class Place:
    """A container of one test's own, and an Airflow connection to it.

    :param store: where it is.
    """

    def __init__(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        self.store = store
        self.container = f"c-{uuid.uuid4().hex[:20]}"
        self._monkeypatch = monkeypatch
        store.make_container(self.container)
        self.conn_id = self.connect()

    def connect(self, port: int | None = None, *, wrong_key: bool = False, patient: bool = False) -> str:
        """Return the ID of a new connection: Airflow keeps the filesystem of one it has seen."""
        return self.add(self.store.connection(port, wrong_key=wrong_key, patient=patient))

    def add(self, connection: dict[str, Any]) -> str:
        """Return the ID under which Airflow knows a connection from now on."""
        conn_id = f"lake_{uuid.uuid4().hex[:12]}"
        self._monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))
        return conn_id

    def uri(self, key: str, *, conn_id: str | None = None, container: str | None = None) -> str:
        """Return the URI of an object."""
        return f"{self.store.scheme}://{conn_id or self.conn_id}@{container or self.container}/{key}"

    def put(self, key: str, content: bytes) -> None:
        """Write an object."""
        self.store.put(self.container, key, content)

    def get(self, key: str) -> bytes:
        """Read an object."""
        return self.store.get(self.container, key)

    def keys(self) -> list[str]:
        """List the objects."""
        return self.store.keys(self.container)

    def unfinished(self) -> list[Any]:
        """List uploads that were begun and neither finished nor aborted."""
        return self.store.unfinished(self.container)


@contextmanager
def azurite() -> Iterator[AzureStore]:
    """Run Azurite; skip the test where it is not installed, unless ``REQUIRE_AZURITE`` is set, as CI does."""
    local = REPOSITORY / "build" / "node" / "node_modules" / ".bin" / "azurite-blob"
    command = str(local) if local.exists() else shutil.which("azurite-blob")
    if not command:
        if os.environ.get("REQUIRE_AZURITE"):
            pytest.fail("Azurite is not installed: run `make build/node/azurite.installed`, which needs npm")
        pytest.skip("needs Azurite: `make test` installs it where there is npm")
    address = ["--blobHost", "127.0.0.1", "--blobPort", "0"]
    process = subprocess.Popen(
        [command, *address, "--inMemoryPersistence", "--disableTelemetry", "--skipApiVersionCheck", "--silent"],
        env=os.environ | {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield AzureStore(_port_told(process))
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _port_told(process: subprocess.Popen[str]) -> int:
    assert process.stdout
    for line in process.stdout:
        if told := re.search(r"successfully listens on http://127\.0\.0\.1:(\d+)", line):
            return int(told[1])
    raise RuntimeError(f"Azurite ended with exit code {process.wait()} before it listened")


@contextmanager
def moto() -> Iterator[S3Store]:
    """Run moto's S3 in threads of this process."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        yield S3Store(server.get_host_and_port()[1])
    finally:
        server.stop()


@contextmanager
def google() -> Iterator[GoogleStore]:
    """Run Google's store; skip the test where its libraries are not installed: they take 1.4 GB."""
    for library in ("gcsfs", "gcp_storage_emulator", "airflow.providers.google"):
        with suppress(ModuleNotFoundError):
            if find_spec(library):
                continue
        pytest.skip(f"needs {library}: pip install 'airflow-provider-partnercenter[gcs]' gcp-storage-emulator")
    # gcsfs would ask Google by gRPC first, for a minute
    os.environ["GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"] = "false"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "gcp_storage_emulator", "start", "--host=127.0.0.1", f"--port={port}"]
    process = subprocess.Popen([*command, "--in-memory"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert time.monotonic() < deadline, "the emulator of Google's store did not start"
            time.sleep(0.1)
        yield GoogleStore(port)
    finally:
        process.terminate()
        process.wait(PATIENCE)
