"""Shared fixtures. Airflow reads its home at its first import, so the environment is set before anything else."""

import atexit
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

_HOME = tempfile.mkdtemp(prefix="airflow-test-")
Path(_HOME, "dags").mkdir()
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
os.environ.update(
    AIRFLOW_HOME=_HOME,
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__UNIT_TEST_MODE="True",
    AIRFLOW__CORE__DAGS_FOLDER=f"{_HOME}/dags",
    AIRFLOW__LOGGING__LOGGING_LEVEL="WARNING",
    AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{_HOME}/airflow.db",
)
if version("apache-airflow").startswith("2."):
    # the default of its tests, LocalExecutor, refuses SQLite
    os.environ["AIRFLOW__CORE__EXECUTOR"] = "SequentialExecutor"

import pytest  # noqa: E402

from airflow_partnercenter.api.client import PartnerCenterClient  # noqa: E402
from airflow_partnercenter.api.entra.auth import AppUserCredentials  # noqa: E402
from airflow_partnercenter.api.wire.network import Network  # noqa: E402
from airflow_partnercenter.api.wire.retrying import RetryPolicy  # noqa: E402
from airflow_partnercenter.emulator import Emulator  # noqa: E402
from tests.support.airflow_dags import forget_secrets  # noqa: E402
from tests.support.airflow_versions import skip_what_this_airflow_lacks  # noqa: E402
from tests.support.emulators import EmulatorPool  # noqa: E402
from tests.support.logs import LogRecords  # noqa: E402
from tests.support.origin import Origin  # noqa: E402

TODAY = date(2026, 11, 20)
#: Enough to meet one or two failures, and over soon when all requests fail.
IMPATIENT = RetryPolicy(attempts=3, total_seconds=8)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Heed the marker ``airflow``."""
    skip_what_this_airflow_lacks(items)


@pytest.fixture(scope="session")
def entra() -> Iterator[Emulator]:
    """Run an emulator for tests that want valid tokens of it, or only read; nobody scripts this one."""
    with Emulator(customers=3, today=TODAY) as emulator:
        yield emulator


@pytest.fixture(scope="session")
def documented() -> Iterator[Emulator]:
    """Run an emulator that serves the examples of Microsoft's pages byte for byte; nobody scripts this one."""
    with Emulator("documented") as emulator:
        yield emulator


@pytest.fixture(scope="session")
def _emulators() -> Iterator[EmulatorPool]:
    with EmulatorPool() as pool:
        yield pool


@pytest.fixture
def emulator(request: pytest.FixtureRequest, _emulators: EmulatorPool) -> Emulator:
    """Return an emulator that this test may script; its arguments come by indirect parametrisation."""
    return _emulators.get(**{"customers": 3, "today": TODAY} | getattr(request, "param", {}))


@pytest.fixture(scope="session")
def _origin() -> Iterator[Origin]:
    with Origin() as origin:
        yield origin


@pytest.fixture
def origin(_origin: Origin) -> Origin:
    """Return a Partner Center that answers exact bytes, one reply a request, and remembers what it was sent."""
    _origin.reset()
    return _origin


@pytest.fixture
def other_origin() -> Iterator[Origin]:
    """Run a host that no token must ever reach."""
    with Origin() as origin:
        yield origin


@pytest.fixture(scope="session")
def both_ca(entra: Emulator, _origin: Origin, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a PEM file that trusts the emulator's certificate and that of ``origin``."""
    bundle = tmp_path_factory.mktemp("ca") / "both.pem"
    bundle.write_bytes(Path(entra.ca_bundle).read_bytes() + Path(_origin.ca_bundle).read_bytes())
    return str(bundle)


def client_of(emulator: Emulator, **changes: Any) -> PartnerCenterClient:
    """Return a client of an emulator; ``changes`` are arguments of the client, its network or its credentials."""
    credentials = {
        "tenant_id": emulator.tenant_id,
        "client_id": emulator.client_id,
        "client_secret": emulator.client_secret,
        "refresh_token": emulator.refresh_token,
    }
    network = {"ca_bundle": emulator.ca_bundle, "request_timeout_seconds": 5}
    for place in (credentials, network):
        place.update({name: changes.pop(name) for name in place.keys() & changes.keys()})
    network |= {name: changes.pop(name) for name in {"proxy", "max_response_bytes"} & changes.keys()}
    arguments = {"base_url": emulator.base_url, "authority": emulator.authority, "retry": IMPATIENT} | changes
    arguments.setdefault("credentials", AppUserCredentials(**credentials))
    return PartnerCenterClient(network=Network(**network), **arguments)


@pytest.fixture
def make_client(emulator: Emulator) -> Callable[..., PartnerCenterClient]:
    """Return a function that makes a client of this test's emulator."""
    return lambda **changes: client_of(emulator, **changes)


@pytest.fixture
def origin_client(entra: Emulator, origin: Origin, both_ca: str) -> Callable[..., PartnerCenterClient]:
    """Return a function that makes a client with tokens of the emulator and ``origin`` as its Partner Center."""
    return lambda **changes: client_of(entra, **{"base_url": origin.url, "ca_bundle": both_ca} | changes)


@pytest.fixture
def logs() -> Iterator[LogRecords]:
    """Collect what every logger says, from DEBUG on."""
    root = logging.getLogger()
    records, level, disabled = LogRecords(), root.level, logging.root.manager.disable
    levels = {
        name: logger.level
        for name, logger in logging.root.manager.loggerDict.items()
        if isinstance(logger, logging.Logger) and logger.level != logging.NOTSET
    }
    root.addHandler(records)
    root.setLevel(logging.DEBUG)
    logging.disable(logging.NOTSET)
    ours = {
        name: logging.getLogger(name)
        for name in ("airflow_partnercenter", "msal", "msal.oauth2cli", "urllib3", "requests")
    }
    before = {name: (logger.level, logger.propagate) for name, logger in ours.items()}
    for logger in ours.values():
        logger.setLevel(logging.DEBUG)
        logger.propagate = True
    yield records
    for name, (old, propagates) in before.items():
        ours[name].setLevel(old)
        ours[name].propagate = propagates
    for name, old in levels.items():
        logging.getLogger(name).setLevel(old)
    root.removeHandler(records)
    root.setLevel(level)
    logging.disable(disabled)


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Return a function that makes an emulator the default connection; ``changes`` as ``Emulator.connection`` takes."""

    def connect(emulator: Emulator, conn_id: str = "partner_center_default", **changes: Any) -> None:
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(emulator.connection(**changes)))

    yield connect
    forget_secrets()
