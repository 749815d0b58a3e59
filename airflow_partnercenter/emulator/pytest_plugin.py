"""A pytest fixture that runs an emulator.

Name this module in the ``conftest.py`` at the root of your tests, or import the fixture where it is wanted::

    pytest_plugins = ["airflow_partnercenter.emulator.pytest_plugin"]

    def test_licenses(partner_center_emulator, monkeypatch):
        monkeypatch.setenv("AIRFLOW_CONN_PARTNER_CENTER_DEFAULT", json.dumps(partner_center_emulator.connection()))

Arguments of the emulator come by indirect parametrisation::

    @pytest.mark.parametrize("partner_center_emulator", [{"customers": 3, "max_page_size": 2}], indirect=True)
    def test_pages(partner_center_emulator): ...
"""

from collections.abc import Iterator

import pytest

from airflow_partnercenter.emulator.server import Emulator


@pytest.fixture
def partner_center_emulator(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    """Run an emulator, and stop it after the test."""
    with Emulator(**getattr(request, "param", {})) as emulator:
        yield emulator
