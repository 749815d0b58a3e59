"""Imports of whole libraries, without what makes them dear: the garbage collector, and threads that spin."""

import gc
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

#: How long OpenBLAS's threads spin before they sleep, as a power of two of clock cycles; 28 if unset, 4 at least.
_SPINNING = "OPENBLAS_THREAD_TIMEOUT"


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Import many modules at once, and collect garbage afterwards.

    What a module defines stays, so the collector finds nothing, but looks again and again through all that Airflow has
    loaded: a tenth of the CPU of a read of 300,000 rows.

    NumPy brings OpenBLAS, which starts a thread for every core, and each spins for a tenth of a second before it
    sleeps. They have no work here. Source: https://github.com/OpenMathLib/OpenBLAS/issues/5171 (read 2026-11-26)
    """
    collects = gc.isenabled()
    gc.disable()
    # Beside other threads the environment cannot be changed safely.
    calms = _SPINNING not in os.environ and threading.active_count() == 1
    if calms:
        os.environ[_SPINNING] = "4"
    try:
        yield
    finally:
        if calms:
            os.environ.pop(_SPINNING, None)
        if collects:
            gc.enable()
