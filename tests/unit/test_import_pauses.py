"""Imports without the garbage collector between them and without spinning threads: while they take, no longer."""

import gc
import os
import subprocess
import sys
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


def told_to_openblas(before: str, spinning: str | None = None) -> list[str]:
    """Return what OpenBLAS would read during imports and after them, in a process of its own.

    :param before: Python statements that the process starts with.
    :param spinning: what the deployment says already.
    """
    probe = (
        f"import os, threading\nfrom airflow_partnercenter.imports import uninterrupted\n{before}\n"
        "told = lambda: print(os.environ.get('OPENBLAS_THREAD_TIMEOUT'))\n"
        "try:\n    with uninterrupted():\n        told()\n        import no_such_library\n"
        "except ImportError:\n    told()\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_THREAD_TIMEOUT"}
    if spinning:
        environment["OPENBLAS_THREAD_TIMEOUT"] = spinning
    done = subprocess.run([sys.executable, "-c", probe], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_threads_of_openblas_do_not_spin():
    """It reads the shortest time as it is loaded; what the task itself starts later sees none of it."""
    assert told_to_openblas("") == ["4", "None"]


def test_deployment_says_how_long_openblas_spins():
    """What it has set stays, during the imports and after them."""
    assert told_to_openblas("", spinning="20") == ["20", "20"]


def test_environment_is_left_alone_beside_other_threads():
    """One of them may be reading it, in C, at this moment."""
    waiting = "threading.Thread(target=threading.Event().wait, daemon=True).start()"
    assert told_to_openblas(waiting) == ["None", "None"]
