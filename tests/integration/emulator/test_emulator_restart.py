"""An emulator that is stopped and started again, while its clients stay."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from airflow_partnercenter.emulator import Emulator
from tests.conftest import client_of
from tests.support.patience import PATIENCE
from tests.support.ports import free_port


@pytest.fixture
def emulator(tmp_path: Path) -> Emulator:
    """Return an emulator that keeps its port and its certificate authority; not yet running."""
    return Emulator(customers=3, port=free_port(), ca_folder=tmp_path / "ca")


def test_client_goes_on_after_a_restart(emulator):
    """Same address, same trust; its tokens are unknown now, so it signs in as at first and reads the same rows."""
    with emulator:
        client = client_of(emulator)
        before = client.list_licenses("licenses_deployment")
    with emulator:
        assert client.list_licenses("licenses_deployment") == before
    assert emulator.token_requests[-1].form["refresh_token"] == emulator.refresh_token
    assert len(emulator.token_requests) > 1


def test_another_process_finds_the_same_authority(emulator, tmp_path):
    """The folder holds all that the next emulator needs; its key is for the owner's eyes."""
    with emulator:
        bundle = Path(emulator.ca_bundle).read_bytes()
    with Emulator(customers=3, ca_folder=tmp_path / "ca") as other:
        assert Path(other.ca_bundle).read_bytes() == bundle
        assert client_of(other).list_licenses("licenses_deployment")
    assert stat.S_IMODE((tmp_path / "ca" / "ca-key.pem").stat().st_mode) == 0o600


def test_connection_names_the_authority_by_its_whole_path(tmp_path, monkeypatch):
    """Whoever copies the connection may be in another folder than who started the emulator."""
    monkeypatch.chdir(tmp_path)
    with Emulator(customers=3, ca_folder=Path("ca")) as emulator:
        assert emulator.connection()["extra"]["ca_bundle"] == str(tmp_path / "ca" / "ca.pem")


def test_without_a_folder_each_start_has_an_authority_of_its_own():
    """And nothing of it stays behind."""
    bundles = []
    emulator = Emulator(customers=3)
    for _ in range(2):
        with emulator:
            path = Path(emulator.ca_bundle)
            bundles.append(path.read_bytes())
        assert not path.parent.exists()
    assert bundles[0] != bundles[1]


def test_command_that_is_started_again_is_trusted_as_before(tmp_path):
    """``--ca-folder`` with the same port: what a client was told of the first one is true of the second."""
    program = "import sys; from airflow_partnercenter.cli import main; sys.exit(main())"
    options = ["--port", str(free_port()), "--customers", "3", "--ca-folder", str(tmp_path / "ca")]
    told = []
    for _ in range(2):
        with subprocess.Popen(
            [sys.executable, "-c", program, "emulator", *options], stdout=subprocess.PIPE, text=True
        ) as process:
            try:
                told.append([process.stdout.readline() for _ in range(3)])
                url = told[0][0].split()[-1]
                bundle = str(tmp_path / "ca" / "ca.pem")
                assert requests.get(f"{url}/v1/customers", verify=bundle, timeout=PATIENCE).status_code == 401
            finally:
                process.terminate()
    assert told[0] == told[1]
