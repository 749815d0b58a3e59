"""Keeps standard output for what the user asked for: Airflow logs there too, before and between."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import UnsupportedOperation
from typing import TextIO


@contextmanager
def result_stream() -> Iterator[TextIO]:
    """Yield the real standard output; until the end, whatever else is written there goes to standard error.

    The file descriptors are exchanged, as Airflow's loggers hold on to the stream they were set up with.
    """
    try:
        out, err = sys.stdout.fileno(), sys.stderr.fileno()
    except (UnsupportedOperation, ValueError):  # a test or a notebook put something else there
        with _only_for_the_result() as stream:
            yield stream
        return
    sys.stdout.flush()
    saved = os.dup(out)
    os.dup2(err, out)
    try:
        encoding = sys.stdout.encoding or "ascii"
        with os.fdopen(os.dup(saved), "w", encoding=encoding, errors=sys.stdout.errors) as stream:
            yield stream
    finally:
        sys.stdout.flush()
        os.dup2(saved, out)
        os.close(saved)


@contextmanager
def _only_for_the_result() -> Iterator[TextIO]:
    """Do the same without file descriptors: the loggers of Airflow 2 ask for the stream anew at each record."""
    given = sys.stdout
    with redirect_stdout(sys.stderr):
        yield given
