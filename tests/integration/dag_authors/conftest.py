"""Shared by what authors of DAGs do."""

from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_partnercenter.emulator import Emulator


@pytest.fixture
def partner(emulator: Emulator, connect: Callable[..., None]) -> Emulator:
    """Return the emulator that the default connection leads to."""
    connect(emulator)
    return emulator


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """Return the folder where files go."""
    folder = tmp_path / "lake"
    folder.mkdir()
    return folder
