"""Components end when they are told to, when they must, and when who started them ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from airflow_partnercenter.local_airflow.processes import Component, ComponentEndedError, stop
from tests.support.patience import AT_ONCE, at_once, eventually

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
from airflow_partnercenter.local_airflow.processes import Component, stop
component = Component("sleeper", [sys.executable, "-c", {code!r}], {{}}, Path({log!r}))
{then}
"""

# Says when it is told to end, and does not.
RESISTING = """
import os, signal, time
signal.signal(signal.SIGTERM, lambda *_: print("told", flush=True))
print(os.getpid(), flush=True)
while True:
    time.sleep(60)
"""


def component(tmp_path: Path, code: str) -> Component:
    """Run Python code as a component."""
    return Component("sample", [sys.executable, "-c", code], dict(os.environ), tmp_path / "sample.log")


def parent(code: str, log: Path, then: str) -> "subprocess.Popen[bytes]":
    """Start what runs Python code as a component, and then does something else."""
    return subprocess.Popen([sys.executable, "-c", PARENT.format(code=code, log=str(log), then=then)])


def has_ended(process: psutil.Process) -> bool:
    """Return whether a process is no more, be it buried or not."""
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


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

    assert 1 <= time.monotonic() - began < AT_ONCE
    assert deaf.processes() == listening.processes() == []


def test_killed_parent_takes_its_components_with_it(tmp_path: Path) -> None:
    """Whoever started them had no chance to end them."""
    log = tmp_path / "sleeper.log"
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    with parent(code, log, "time.sleep(60)") as started:
        eventually(lambda: log.exists() and log.read_text().strip())
        sleeper = psutil.Process(int(log.read_text()))
        assert sleeper.is_running()
        started.send_signal(signal.SIGKILL)
    eventually(lambda: has_ended(sleeper))


def test_parent_killed_while_it_stops_its_components_takes_the_deaf_one_with_it(tmp_path: Path) -> None:
    """It had told the component to end, and had no chance to make it."""
    log = tmp_path / "sleeper.log"
    then = f"while not Path({str(log)!r}).read_text().strip(): time.sleep(0.05)\nstop([component], seconds=60)"
    with parent(RESISTING, log, then) as started:
        eventually(lambda: log.exists() and "told" in log.read_text())
        resisting = psutil.Process(int(log.read_text().split()[0]))
        started.send_signal(signal.SIGKILL)
    assert not has_ended(resisting)
    eventually(lambda: has_ended(resisting))


def test_stopped_components_leave_nothing_behind(tmp_path: Path) -> None:
    """What waits for the end of the parent ends too, at once."""
    before = psutil.Process().children(recursive=True)
    running = component(tmp_path, "import time; print('up', flush=True); time.sleep(60)")
    eventually(lambda: "up" in running.log_end())

    def beside() -> list[psutil.Process]:
        new = set(psutil.Process().children(recursive=True)) - set(before)
        return [each for each in new if each.pid not in running.processes()]

    eventually(lambda: [each.name() for each in beside()] == ["sh"])
    waiting = beside()

    stop([running])

    with at_once(4):  # a guard that had not been sent away would go on for five seconds
        eventually(lambda: all(has_ended(each) for each in waiting))
