"""Object stores for these tests: one of each for the whole run, a container of its own for each test."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_partnercenter.operators.partner_center import PartnerCenterLicensesToObjectStorageOperator
from tests.support.stores import AzureStore, Place, S3Store, Store, azurite, google, moto
from tests.support.tcp_proxy import TcpProxy


@pytest.fixture(scope="session")
def azure_store() -> Iterator[AzureStore]:
    """Run Azurite."""
    with azurite() as store:
        yield store


@pytest.fixture(scope="session")
def s3_store() -> Iterator[S3Store]:
    """Run moto's S3."""
    with moto() as store:
        yield store


@pytest.fixture(scope="session")
def google_store() -> Iterator[Store]:
    """Run Google's store."""
    with google() as store:
        yield store


@pytest.fixture(params=["azure", "s3"])
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Return a container of this test's own; in the two stores that every run has, unless the test names others."""
    return Place(request.getfixturevalue(f"{request.param}_store"), monkeypatch)


@pytest.fixture
def proxy(place: Place) -> Iterator[TcpProxy]:
    """Return a proxy before the store of ``place``."""
    with TcpProxy(place.store.port) as proxy:
        yield proxy


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a store that is down be given up after some seconds, not most of a minute."""
    monkeypatch.setattr("airflow_partnercenter.storage.azure_blob.RETRY_SECONDS", 3.0)


@pytest.fixture
def store_licenses() -> Callable[..., dict[str, Any]]:
    """Return a function that runs the operator."""

    def store(destination: str, **arguments: Any) -> dict[str, Any]:
        return PartnerCenterLicensesToObjectStorageOperator(
            task_id="t", resource="licenses_deployment", destination=destination, **arguments
        ).execute({})

    return store


@pytest.fixture
def temp(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Return a temporary folder of this test's own, which must be empty in the end."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    yield tmp_path
    assert [path.name for path in tmp_path.iterdir()] == []
