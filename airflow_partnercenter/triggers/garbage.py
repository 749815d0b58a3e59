"""Keeps Python's garbage collector from stopping a triggerer to look through all that Airflow has loaded."""

import gc
from functools import cache


@cache
def spare_what_is_loaded() -> None:
    """Leave what is in memory by now to reference counting alone; once per process, in a hundredth of a second.

    As triggers come and go, Python now and then looks for cycles through every object that there is, and all threads
    stand still. With Airflow's 200 000 objects, modules above all, that takes longer than the tenth of a second by
    which Airflow warns of a blocked event loop, whoever's triggers they are; without them, a fraction of it. A cycle
    that is there now and is dropped later stays in memory; what is made from now on is collected as ever.

    Source: https://docs.python.org/3/library/gc.html#gc.freeze (read 2026-11-25)
    """
    # The young objects alone: few, and the ones most likely to be in a cycle that nobody holds any more.
    gc.collect(1)
    gc.freeze()
