"""Files in object stores, through real servers and Airflow connections: whole or not at all."""

import hashlib
import json
import os

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException

from airflow_partnercenter.emulator import Answer
from airflow_partnercenter.storage import read_snapshots, write_whole

ALL = pytest.mark.parametrize("place", ["azure", "s3", "google"], indirect=True)
EMPTY = Answer(200, {"Value": [], "@nextLink": None, "TotalCount": 0})
LARGE = os.urandom(1 << 20) * 25


@ALL
@pytest.mark.parametrize("suffix", ["parquet", "csv", "json", "jsonl.gz"])
def test_object_is_whole(entra, connect, place, store_licenses, temp, suffix):
    """The object has the bytes that the description states, and nothing stays on the worker's disk."""
    connect(entra)
    described = store_licenses(place.uri(f"a/licenses.{suffix}"))
    assert place.keys() == [f"a/licenses.{suffix}"]
    content = place.get(f"a/licenses.{suffix}")
    assert (len(content), hashlib.sha256(content).hexdigest()) == (described["byte_count"], described["sha256"])
    assert described["uri"] == place.uri(f"a/licenses.{suffix}")
    assert json.loads(json.dumps(described)) == described


@ALL
def test_object_of_many_parts_is_whole(place):
    """What is uploaded in several parts arrives in order."""
    write_whole(place.uri("a/b.bin"), LARGE)
    assert place.get("a/b.bin") == LARGE
    assert place.unfinished() == []


@pytest.mark.parametrize("emulator", [{"max_page_size": 4}], indirect=True, ids=["pages of four"])
def test_failed_read_leaves_the_old_object(emulator, connect, place, store_licenses, temp):
    """A read that fails on page 2 neither replaces the object nor leaves an upload behind."""
    connect(emulator)
    place.put("a.csv", b"earlier")
    emulator.answer_next(Answer(403, {"code": "2032"}), "/analytics/commercial/", skip=1)
    with pytest.raises(AirflowFailException):
        store_licenses(place.uri("a.csv"))
    assert place.keys() == ["a.csv"]
    assert place.get("a.csv") == b"earlier"
    assert place.unfinished() == []


@ALL
def test_existing_object_is_up_to_if_exists(entra, connect, place, store_licenses, temp):
    """Skip skips, fail fails, both leave it; replace replaces it; all three write where there is nothing."""
    connect(entra)
    place.put("a.csv", b"earlier")
    with pytest.raises(AirflowSkipException):
        store_licenses(place.uri("a.csv"), if_exists="skip")
    with pytest.raises(AirflowFailException, match="exists"):
        store_licenses(place.uri("a.csv"), if_exists="fail")
    assert place.get("a.csv") == b"earlier"
    described = store_licenses(place.uri("a.csv"))
    assert len(place.get("a.csv")) == described["byte_count"]
    store_licenses(place.uri("b.csv"), if_exists="skip")
    store_licenses(place.uri("c.csv"), if_exists="fail")
    assert place.get("a.csv") == place.get("b.csv") == place.get("c.csv")


def test_existing_object_with_the_processed_date_is_up_to_if_exists(entra, connect, place, store_licenses, temp):
    """Where the name is known only after the read, the object is still looked for before the upload."""
    connect(entra)
    described = store_licenses(place.uri("{processed_date}.csv"))
    assert place.keys() == [described["uri"].rsplit("/", 1)[-1]]
    with pytest.raises(AirflowSkipException):
        store_licenses(place.uri("{processed_date}.csv"), if_exists="skip")
    with pytest.raises(AirflowFailException, match="exists"):
        store_licenses(place.uri("{processed_date}.csv"), if_exists="fail")
    assert len(place.keys()) == 1


def test_key_is_no_folder(entra, connect, place, store_licenses):
    """Objects whose keys begin with this one and a slash are other objects: the destination does not exist yet."""
    connect(entra)
    place.put("a.csv/b.csv", b"another")
    store_licenses(place.uri("a.csv"), if_exists="fail")
    assert place.keys() == ["a.csv", "a.csv/b.csv"]


def test_empty_result_is_up_to_on_empty(emulator, connect, place, store_licenses, temp):
    """Skip and fail leave the earlier object; allow writes a file of columns without rows."""
    connect(emulator)
    emulator.answer_next(EMPTY, "/analytics/commercial/", times=3)
    place.put("a.csv", b"earlier")
    with pytest.raises(AirflowSkipException):
        store_licenses(place.uri("a.csv"), on_empty="skip")
    with pytest.raises(AirflowFailException, match="no rows"):
        store_licenses(place.uri("a.csv"), on_empty="fail")
    assert place.get("a.csv") == b"earlier"
    assert store_licenses(place.uri("a.csv"), on_empty="allow")["row_count"] == 0
    assert place.get("a.csv").startswith(b'"service_code",')


@ALL
def test_snapshots_and_reports_live_in_the_same_store(entra, connect, place, store_licenses):
    """Snapshots written by the operator are read back as frames, and a report is written whole."""
    connect(entra)
    uri = place.uri("snapshots")
    assert read_snapshots(uri) == {}
    described = store_licenses(f"{uri}/{{processed_date}}.parquet")
    (frame,) = read_snapshots(uri).values()
    assert len(frame) == described["row_count"]
    write_whole(place.uri("report.html"), b"<html>")
    assert place.get("report.html") == b"<html>"


@ALL
@pytest.mark.parametrize("key", ["a b.csv", "ä.csv", "a+b.csv", "a=b/c.csv"])
def test_object_is_called_as_the_destination_says(place, key):
    """No character of a key means anything but itself."""
    write_whole(place.uri(key), b"x")
    assert place.keys() == [key]
