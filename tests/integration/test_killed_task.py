"""What a killed task and a full disk leave behind: the old file, nothing else, and one sentence."""

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from airflow_partnercenter.emulator import Answer
from airflow_partnercenter.operators.partner_center import PartnerCenterLicensesToObjectStorageOperator
from tests.support.patience import PATIENCE, at_once


def test_killed_task_leaves_the_old_file_and_no_spool(emulator, connect, tmp_path, monkeypatch):
    """``on_kill`` arrives while pages are read: waits end, the spool goes, the file of yesterday stays."""
    spools, old = tmp_path / "spools", tmp_path / "licenses.csv"
    spools.mkdir()
    old.write_text("yesterday's")
    monkeypatch.setattr(tempfile, "tempdir", str(spools))
    connect(emulator)
    emulator.answer_next(Answer(503, headers={"Retry-After": "30"}), "commercial")
    operator = PartnerCenterLicensesToObjectStorageOperator(
        task_id="store", resource="licenses_deployment", destination=f"file://{old}"
    )
    seen: list[list[Path]] = []

    def kill() -> None:
        deadline = time.monotonic() + PATIENCE
        while not emulator.api_requests and time.monotonic() < deadline:
            time.sleep(0.02)
        seen.append(list(spools.iterdir()))
        operator.on_kill()
        seen.append(list(spools.iterdir()))

    # Airflow 2 lets an operator be executed in the main thread alone.
    killer = threading.Thread(target=kill)
    killer.start()

    with at_once(), pytest.raises(Exception):  # noqa: B017, PT011 - how it ends is nobody's business any more
        operator.execute({})
    killer.join()

    [spool], left = seen
    assert spool.name.startswith("partner-center-")
    assert left == []
    assert old.read_text() == "yesterday's"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["licenses.csv", "spools"]


@pytest.mark.parametrize("suffix", ["parquet", "csv", "json.gz"])
def test_full_disk_of_the_worker_is_one_sentence(emulator, tmp_path, suffix):
    """A spool that outgrows the disk fails the task, names the folder, and leaves the old file as it was."""
    old = tmp_path / f"licenses.{suffix}"
    old.write_bytes(b"yesterday's")
    script = f"""
import resource
from airflow_partnercenter.operators.partner_center import PartnerCenterLicensesToObjectStorageOperator as Store
operator = Store(task_id="t", resource="licenses_deployment", destination="file://{old}")
operator.hook.get_conn()
resource.setrlimit(resource.RLIMIT_FSIZE, (64, {resource.RLIM_INFINITY}))
try:
    operator.execute({{}})
except Exception as error:
    print(type(error).__name__, error)
"""
    environment = os.environ | {
        "AIRFLOW_CONN_PARTNER_CENTER_DEFAULT": json.dumps(emulator.connection()),
        "TMPDIR": str(tmp_path / "spools"),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "CRITICAL",
    }
    Path(environment["TMPDIR"]).mkdir()
    finished = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    assert f"TransportError The worker could not spool the file in {tmp_path / 'spools'}" in finished.stdout
    assert old.read_bytes() == b"yesterday's"
    assert list((tmp_path / "spools").iterdir()) == []
