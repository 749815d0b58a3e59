"""Components end when they are told to, when they must, and when who started them ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from airflow_partnercenter.local_airflow.processes import Component, ComponentEndedError, stop

# Starts a child that leaves the process group, as Airflow's tasks do, and prints its id.
WITH_TASK = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], process_group=0)
print(child.pid, flush=True)
time.sleep(60)
"""
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
PARENT = """
import sys, time
from pathlib import Path
from airflow_partnercenter.local_airflow.processes import Component
component = Component("sleeper", [sys.executable, "-c", {code!r}], {{}}, Path({log!r}))
time.sleep(60)
"""


def component(tmp_path: Path, code: str) -> Component:
    """Run Python code as a component."""
    return Component("sample", [sys.executable, "-c", code], dict(os.environ), tmp_path / "sample.log")


def eventually(condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_component_that_ends_by_itself_is_named_with_its_last_words(tmp_path: Path) -> None:
    """Name, exit status, log file and its end are in the error."""
    ended = component(tmp_path, "print('one'); print('two'); raise SystemExit(3)")
    eventually(lambda: ended.status is not None)
    with pytest.raises(ComponentEndedError, match=r"sample has ended by itself \(exit status 3\)") as caught:
        ended.require_running()
    assert caught.value.log == tmp_path / "sample.log"
    assert caught.value.log_end == "one\ntwo"
    stop([ended])
    assert ended.processes() == []


def test_component_ends_with_its_tasks(tmp_path: Path) -> None:
    """A child in a process group of its own ends too."""
    running = component(tmp_path, WITH_TASK)
    eventually(lambda: running.log_end().strip())
    running.require_running()
    task = psutil.Process(int(running.log_end()))
    assert task.pid in running.processes()

    stop([running])

    assert not task.is_running() or task.status() == psutil.STATUS_ZOMBIE
    assert running.processes() == []


def test_deaf_component_is_ended_all_the_same(tmp_path: Path) -> None:
    """After a while, not before; one that listens does not wait for it."""
    deaf, listening = component(tmp_path, DEAF), component(tmp_path, "import time; time.sleep(60)")
    eventually(lambda: "deaf" in deaf.log_end())
    began = time.monotonic()

    stop([deaf, listening], seconds=1)

    assert 1 <= time.monotonic() - began < 10
    assert deaf.processes() == listening.processes() == []


def test_killed_parent_takes_its_components_with_it(tmp_path: Path) -> None:
    """Whoever started them had no chance to end them."""
    log = tmp_path / "sleeper.log"
    code = PARENT.format(code="import os, time; print(os.getpid(), flush=True); time.sleep(60)", log=str(log))
    with subprocess.Popen([sys.executable, "-c", code]) as parent:
        eventually(lambda: log.exists() and log.read_text().strip())
        sleeper = psutil.Process(int(log.read_text()))
        assert sleeper.is_running()
        parent.send_signal(signal.SIGKILL)
    eventually(lambda: not sleeper.is_running() or sleeper.status() == psutil.STATUS_ZOMBIE)
