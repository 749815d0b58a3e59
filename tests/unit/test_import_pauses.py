"""Imports without the garbage collector between them: a pause that always ends, and only ours."""

import gc
from collections.abc import Iterator

import pytest

from airflow_partnercenter.imports import uninterrupted


@pytest.fixture(autouse=True)
def collecting() -> Iterator[None]:
    """Leave the collector as it was."""
    yield
    gc.enable()


def test_collector_pauses_and_goes_on():
    """It is off inside and on again after."""
    with uninterrupted():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_collector_goes_on_after_a_failed_import():
    """A library that is missing leaves no process without a collector."""
    with pytest.raises(ImportError), uninterrupted():
        raise ImportError("no such library")
    assert gc.isenabled()


def test_collector_that_somebody_turned_off_stays_off():
    """Whoever runs without it keeps running without it."""
    gc.disable()
    with uninterrupted():
        pass
    assert not gc.isenabled()
