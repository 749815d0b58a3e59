"""What can go wrong with a store. After each: the old object whole or the new one, nothing else, and one sentence."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_partnercenter.exceptions import ConfigurationError, TransportError
from airflow_partnercenter.storage import write_whole
from airflow_partnercenter.storage.targets import target_of
from tests.support.patience import PATIENCE, at_once

OLD = b"earlier"
LARGE = os.urandom(1 << 20) * 40


def _one_sentence(error: BaseException, *words: str) -> None:
    text = str(error)
    assert "\n" not in text
    assert all(word in text for word in words), text


@pytest.fixture
def old(place):
    """Have an earlier object; afterwards it is that or another whole one, and nothing else is there."""
    place.put("a.csv", OLD)
    yield place
    assert place.keys() == ["a.csv"]
    assert place.unfinished() == []


@pytest.mark.parametrize("place", ["azure", "s3", "google"], indirect=True)
def test_missing_container_is_the_configurations_fault(entra, connect, old, store_licenses, temp):
    """It is named, with what to do, and no retry is made."""
    connect(entra)
    with pytest.raises(AirflowFailException) as caught:
        store_licenses(old.uri("a.csv", container="no-such-container"))
    assert isinstance(caught.value.__cause__, ConfigurationError)
    _one_sentence(caught.value, "no-such-container", "does not exist", "create it")
    assert old.get("a.csv") == OLD


@pytest.mark.parametrize("if_exists", ["replace", "skip"])
def test_wrong_key_is_the_configurations_fault(entra, connect, old, store_licenses, temp, if_exists, request):
    """It is told apart from a missing container and from a store that is down; no secret is in the sentence."""
    connect(entra)
    conn_id = old.connect(wrong_key=True)
    if old.store.scheme == "s3":
        checking = old.store.checking_keys()
        checking.__enter__()
        request.addfinalizer(lambda: checking.__exit__(None, None, None))
    with at_once(15), pytest.raises(AirflowFailException) as caught:
        store_licenses(old.uri("a.csv", conn_id=conn_id), if_exists=if_exists)
    if old.store.scheme == "s3":
        checking.__exit__(None, None, None)
    assert isinstance(caught.value.__cause__, ConfigurationError)
    _one_sentence(caught.value, f"refused the keys of connection {conn_id!r}", "403", "correct them")
    connection = json.loads(os.environ[f"AIRFLOW_CONN_{conn_id.upper()}"])
    assert connection.get("password", "no-password") not in str(caught.value)
    assert "AccountKey" not in str(caught.value)
    assert old.get("a.csv") == OLD


@pytest.mark.parametrize("place", ["s3"], indirect=True)
def test_key_that_may_only_read_is_the_configurations_fault(entra, connect, old, store_licenses, temp):
    """The store's own word for it is in the sentence."""
    connect(entra)
    conn_id = old.add(old.store.connection_that_may("s3:GetObject", "s3:ListBucket"))
    with old.store.checking_keys(), pytest.raises(AirflowFailException) as caught:
        store_licenses(old.uri("a.csv", conn_id=conn_id))
    _one_sentence(caught.value, "403 AccessDenied", f"refused the keys of connection {conn_id!r}", "let them write")
    assert old.get("a.csv") == OLD


@pytest.mark.parametrize("place", ["s3"], indirect=True)
def test_key_that_may_only_write_is_enough(entra, connect, old, store_licenses, temp, logs):
    """The store confirmed the upload; that its size could not be compared is a warning."""
    connect(entra)
    conn_id = old.add(old.store.connection_that_may("s3:PutObject"))
    with old.store.checking_keys():
        described = store_licenses(old.uri("a.csv", conn_id=conn_id))
    assert hashlib.sha256(old.get("a.csv")).hexdigest() == described["sha256"]
    assert "its size could not be checked" in logs.text


def test_unknown_connection_is_found_before_the_read(emulator, connect, place, store_licenses):
    """Without the check the filesystem would go anonymously to the real service."""
    connect(emulator)
    with pytest.raises(AirflowFailException) as caught:
        store_licenses(place.uri("a.csv", conn_id="no_such_lake"))
    assert isinstance(caught.value.__cause__, ConfigurationError)
    _one_sentence(caught.value, "'no_such_lake'", "does not exist")
    assert emulator.requests == []


def test_connection_that_its_library_cannot_use_is_found_before_the_read(
    emulator, connect, monkeypatch, store_licenses
):
    """A connection string that is none is the configuration's fault."""
    connect(emulator)
    broken = {"conn_type": "wasb", "extra": {"connection_string": "no connection string"}}
    monkeypatch.setenv("AIRFLOW_CONN_BROKEN_LAKE", json.dumps(broken))
    with pytest.raises(AirflowFailException) as caught:
        store_licenses("abfs://broken_lake@reports/a.csv")
    _one_sentence(caught.value, "cannot be opened", "connection")
    assert emulator.requests == []


def test_store_that_is_down_before_is_retriable(entra, connect, old, proxy, store_licenses, temp, impatient):
    """Nobody needs to change anything: Airflow may try again."""
    connect(entra)
    uri = old.uri("a.csv", conn_id=old.connect(proxy.port))
    proxy.down()
    with pytest.raises(TransportError) as caught:
        store_licenses(uri)
    _one_sentence(caught.value, f"The store of {uri} failed or is out of reach", "again later")
    assert old.get("a.csv") == OLD
    proxy.up()
    described = store_licenses(uri)
    assert hashlib.sha256(old.get("a.csv")).hexdigest() == described["sha256"]


def test_store_that_goes_down_during_the_upload_is_retriable(place, proxy, temp, impatient):
    """The old object stays, and once the store is back, the same write works."""
    place.put("a.bin", OLD)
    uri = place.uri("a.bin", conn_id=place.connect(proxy.port))
    proxy.down_after(12 << 20)
    with pytest.raises(TransportError) as caught:
        write_whole(uri, LARGE)
    assert proxy.triggered.is_set()
    _one_sentence(caught.value, "The store of", "again later")
    assert place.get("a.bin") == OLD
    assert place.keys() == ["a.bin"]
    proxy.up()
    write_whole(uri, LARGE)
    assert place.get("a.bin") == LARGE


@pytest.mark.parametrize("if_exists", ["replace", "skip", "fail"])
def test_store_that_goes_down_after_the_upload_has_the_new_object(
    entra, connect, place, proxy, store_licenses, temp, impatient, logs, if_exists
):
    """The store acknowledged it. A failure would make Airflow's next attempt find its own object, and skip or fail."""
    connect(entra)
    proxy.down_at(b"HEAD /", after=b"PUT /")  # the check of the size
    described = store_licenses(place.uri("a.csv", conn_id=place.connect(proxy.port)), if_exists=if_exists)
    assert proxy.triggered.is_set()
    assert "its size could not be checked" in logs.text
    assert hashlib.sha256(place.get("a.csv")).hexdigest() == described["sha256"]
    assert place.keys() == ["a.csv"]


def test_blip_during_the_upload_heals(place, proxy, temp):
    """A second without a store costs a second or two, and no retry of the task."""
    uri = place.uri("a.bin", conn_id=place.connect(proxy.port, patient=True))
    proxy.down_after(12 << 20)
    back = threading.Thread(target=lambda: (proxy.triggered.wait(PATIENCE), time.sleep(0.3), proxy.up()))
    back.start()
    with at_once(60):
        write_whole(uri, LARGE)
    back.join()
    assert place.get("a.bin") == LARGE
    assert place.unfinished() == []


def test_silent_store_does_not_hold_the_worker(place, proxy, temp, monkeypatch):
    """A store that takes a connection and then says nothing is given up; what was begun is aborted."""
    monkeypatch.setattr("airflow_partnercenter.storage.targets.CALL_SECONDS", 3.0)
    monkeypatch.setattr("airflow_partnercenter.storage.azure_blob.CALL_SECONDS", 3.0)
    monkeypatch.setattr("airflow_partnercenter.storage.targets.SECONDS_PER_BYTE", 0.0)
    monkeypatch.setattr("airflow_partnercenter.storage.azure_blob.SECONDS_PER_BYTE", 0.0)
    place.put("a.bin", OLD)
    uri = place.uri("a.bin", conn_id=place.connect(proxy.port))
    proxy.silent_after(12 << 20)
    with at_once(15), pytest.raises(TransportError) as caught:
        write_whole(uri, LARGE)
    _one_sentence(caught.value, "did not finish within 3 seconds")
    assert place.get("a.bin") == OLD
    assert place.keys() == ["a.bin"]


def test_killed_upload_leaves_the_old_object_and_nothing_else(place, proxy, temp):
    """``on_kill`` arrives while parts are on their way: the upload ends at once and is aborted."""
    place.put("a.bin", OLD)
    uri = place.uri("a.bin", conn_id=place.connect(proxy.port))
    target = target_of(uri)
    spool = temp / "large"
    spool.write_bytes(LARGE)
    before = _slow(proxy)
    failed: list[BaseException] = []

    def put() -> None:
        try:
            target.put(spool, replace=True)
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=put)
    thread.start()
    assert before.wait(PATIENCE)
    with at_once(5):  # Airflow kills the process after that
        target.give_up()
        thread.join(PATIENCE)
    spool.unlink()
    _one_sentence(failed[0], "ended while it wrote")
    assert place.get("a.bin") == OLD
    assert place.keys() == ["a.bin"]
    assert place.unfinished() == []


def _slow(proxy) -> threading.Event:
    """Have the proxy say when the upload is well under way."""
    started = threading.Event()
    forward = proxy._breaks_at

    def counted(data: bytes) -> bool:
        counted.seen += len(data)
        if counted.seen > 12 << 20:
            started.set()
            time.sleep(0.05)
        return forward(data)

    counted.seen = 0
    proxy._breaks_at = counted
    return started


def test_sigterm_during_the_upload_leaves_the_old_object(emulator, place, proxy, tmp_path):
    """The whole way in a process of its own, which gets the signal as Airflow's task runner passes it on."""
    place.put("a.csv", OLD)
    spools = tmp_path / "spools"
    spools.mkdir()
    conn_id = place.connect(proxy.port)
    script = f"""
import signal, sys
from airflow_partnercenter.operators.partner_center import PartnerCenterLicensesToObjectStorageOperator as Store
operator = Store(task_id="t", resource="licenses_deployment", destination="{place.uri("a.csv", conn_id=conn_id)}")
signal.signal(signal.SIGTERM, lambda *_: operator.on_kill())
try:
    operator.execute({{}})
except Exception as error:
    print(type(error).__name__, error)
"""
    environment = os.environ | {
        "AIRFLOW_CONN_PARTNER_CENTER_DEFAULT": json.dumps(emulator.connection()),
        "TMPDIR": str(spools),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "CRITICAL",
    }
    proxy.silent_after(0)
    process = subprocess.Popen([sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, text=True)
    assert proxy.triggered.wait(PATIENCE)
    with at_once(8):
        process.send_signal(signal.SIGTERM)
        told, _ = process.communicate(timeout=PATIENCE)
    assert "TransportError The task was ended" in told
    assert list(spools.iterdir()) == []
    assert place.get("a.csv") == OLD
    assert place.unfinished() == []


@pytest.mark.parametrize("megabytes", [1, 20])
def test_two_runs_at_once_leave_one_whole_object(place, megabytes):
    """Each write is whole: the last one wins, or the other fails with a sentence; never a mixture of both."""
    contents = [bytes([number]) * (megabytes << 20) for number in range(4)]
    uri = place.uri("a.bin", conn_id=place.connect(patient=True))  # moto answers 500 to some writes at the same time
    for _ in range(3):
        with ThreadPoolExecutor(len(contents)) as pool:
            outcomes = [pool.submit(write_whole, uri, content) for content in contents]
        errors = [error for outcome in outcomes if (error := outcome.exception())]
        assert len(errors) < len(contents)
        for error in errors:
            assert isinstance(error, TransportError)
            _one_sentence(error, "un the task again")
        assert place.get("a.bin") in contents
        assert place.keys() == ["a.bin"]
        assert place.unfinished() == []


# Not in Google's store: gcsfs asks for it (ifGenerationMatch), but its emulator takes no notice.
@pytest.mark.parametrize("megabytes", [1, 20])
def test_object_that_appears_meanwhile_is_not_replaced(place, temp, megabytes):
    """With skip and fail the write itself is conditional: looking first would leave a gap."""
    spool = temp / "spool"
    spool.write_bytes(b"n" * (megabytes << 20))
    target = target_of(place.uri("a.bin"))
    place.put("a.bin", OLD)
    assert target.put(spool, replace=False) is False
    assert place.get("a.bin") == OLD
    assert place.unfinished() == []
    assert target.put(spool, replace=True) is True
    assert target_of(place.uri("b.bin")).put(spool, replace=False) is True
    assert place.get("a.bin") == place.get("b.bin") == spool.read_bytes()
    spool.unlink()
