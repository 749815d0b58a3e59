"""How far a long command is, on a terminal and elsewhere."""

import os
import pty
import subprocess
import sys

from tests.support.patience import PATIENCE

CODE = """
import os, sys
from airflow_partnercenter.progress import progress
with progress(3) as advance:
    saved = os.dup(1)
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    for name in ("one", "two", "three"):
        print("noise", flush=True)
        advance(name)
    os.dup2(saved, 1)
print("done")
"""


def test_terminal_gets_a_bar_that_fills():
    """The bar is drawn while standard output goes elsewhere, and the noise is not."""
    ours, theirs = pty.openpty()
    with subprocess.Popen([sys.executable, "-c", CODE], stdout=theirs, env=os.environ | {"TERM": "xterm"}) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                shown += os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
        assert process.wait(PATIENCE) == 0
    os.close(ours)
    text = shown.decode()
    assert "\u2501" in text
    assert "3/3" in text
    assert "three" in text
    assert "noise" not in text
    assert text.rstrip().endswith("done")


def _lines(code: str) -> list[str]:
    """Run code and return what it prints to a pipe."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=True)
    return done.stdout.splitlines()


def test_pipe_gets_a_line_at_the_beginning_and_the_end():
    """No control characters in a log."""
    code = CODE.replace("os.dup2(quiet, 1)", "pass").replace("os.dup2(saved, 1)", "pass")
    lines = [line for line in _lines(code) if line != "noise"]
    assert lines == ["    one  1/3", "    three  3/3", "done"]


def test_pipe_gets_a_line_after_five_steps_of_silence():
    """Thirty quick steps are no thirty lines, and no long silence either."""
    lines = _lines("""
from airflow_partnercenter.progress import progress
with progress(13) as advance:
    for name in range(13):
        advance(str(name))
""")
    assert [line.split()[1] for line in lines] == ["1/13", "6/13", "11/13", "13/13"]


def test_pipe_gets_a_line_after_ten_seconds_of_silence():
    """Slow steps are told sooner; the count of five begins anew. The clock is a pretended one."""
    lines = _lines("""
import time
now = 0.0
time.monotonic = lambda: now
from airflow_partnercenter.progress import progress
with progress(20) as advance:
    for name in range(20):
        now += 11 if name == 2 else 1
        advance(str(name))
""")
    assert [line.split()[1] for line in lines] == ["1/20", "3/20", "8/20", "13/20", "18/20", "20/20"]
