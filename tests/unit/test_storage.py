"""Destinations and files: what is refused before the read, and that a file appears whole or not at all."""

import gzip
import hashlib
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from airflow_partnercenter.api.pages.decoding import RowDecoder
from airflow_partnercenter.api.resources import RESOURCES
from airflow_partnercenter.exceptions import ConfigurationError, PartnerCenterError, TransportError
from airflow_partnercenter.rows import to_rows
from airflow_partnercenter.storage import Destination, SpooledFile, open_path, read_snapshots, write_whole
from airflow_partnercenter.storage.spool import _put
from airflow_partnercenter.storage.targets import target_of

RECORDS = [
    {"customerName": 'Ö, "quoted"\nline', "licensesSold": 2**53 + 1, "processedDateTime": "2018-10-14T00:00:00.1"},
    {"customerName": "", "licensesSold": None, "new": {"a": 1}},
    {"customerName": None, "licensesSold": 0},
]
DECODER = RowDecoder(RESOURCES["licenses_deployment"])


def _write(uri: str, *pages: list[dict]) -> tuple[int, str]:
    destination = Destination.parse(uri)
    with SpooledFile(destination, DECODER.schema) as spool:
        for page in pages:
            spool.write(DECODER.to_batch(page))
        described = spool.close()
        spool.publish(destination)
    return described


FAILED_READ = """
from airflow_partnercenter.api.pages.decoding import RowDecoder
from airflow_partnercenter.api.resources import RESOURCES
from airflow_partnercenter.storage import Destination, SpooledFile

decoder = RowDecoder(RESOURCES["licenses_deployment"])
with SpooledFile(Destination.parse("DESTINATION"), decoder.schema) as spool:
    spool.write(decoder.to_batch([{"licensesSold": 1}]))
    raise SystemExit(7)
"""


@pytest.mark.parametrize("suffix", ["parquet", "csv", "csv.gz", "json.gz", "jsonl.gz"])
def test_failed_read_leaves_nothing_that_complains(tmp_path, suffix):
    """No half-written stream is left to the garbage collector, whose words would end up in the task's log."""
    probe = FAILED_READ.replace("DESTINATION", f"file://{tmp_path}/rows.{suffix}")
    done = subprocess.run([sys.executable, "-X", "dev", "-W", "ignore", "-c", probe], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (7, "", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("uri", "file_format", "compressed"),
    [
        ("s3://conn@bucket/a/licenses.parquet", "parquet", False),
        ("file:///tmp/a.csv", "csv", False),
        ("file:///tmp/a.CSV.GZ", "csv", True),
        ("gs://bucket/a.json.gz", "json", True),
        ("abfs://conn@container/a.b.jsonl", "jsonl", False),
        ("abfs://conn@container/dt={processed_date}/a.jsonl.gz", "jsonl", True),
    ],
)
def test_format_comes_from_the_suffix(uri, file_format, compressed):
    """The four formats, text ones also gzipped, whatever the case."""
    destination = Destination.parse(uri)
    assert (destination.file_format, destination.compressed) == (file_format, compressed)


@pytest.mark.parametrize("file_format", ["parquet", "csv", "json", "jsonl"])
def test_format_may_be_given_where_the_suffix_is_none(file_format):
    """A file without a known suffix needs file_format; empty text, as templates render it, is none."""
    assert Destination.parse("file:///tmp/a.data", file_format).file_format == file_format
    assert Destination.parse(f"file:///tmp/a.{file_format}", "").file_format == file_format
    with pytest.raises(ConfigurationError, match="file_format"):
        Destination.parse("file:///tmp/a.data")


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("", ["destination", "empty"]),
        ("  ", ["destination", "empty"]),
        (None, ["destination", "empty"]),
        (5, ["destination", "text, not int"]),
        ("/data/a.csv", ["scheme", "file:///data/a.csv"]),
        ("reports/a.csv", ["scheme", "file://"]),
        ("file://tmp/a.csv", ["three slashes", "file:///tmp/a.csv"]),
        ("s3://bucket", ["file name"]),
        ("s3://bucket/", ["file name"]),
        ("s3://bucket/folder/", ["file name"]),
        ("s3:///a.csv", ["bucket"]),
        ("s3://conn@/a.csv", ["bucket"]),
        ("file:///", ["file name"]),
        ("file:///tmp/a.txt", [".parquet", "file_format"]),
        ("file:///tmp/a", [".parquet", "file_format"]),
        ("file:///tmp/a.parquet.gz", [".gz"]),
        ("abfs://reports@account.dfs.core.windows.net/a.csv", ["abfs://", "@reports/a.csv", "account"]),
        ("file:///lake/../../etc/a.csv", ["'..'"]),
        ("s3://bucket/lake/../a.csv", ["'..'"]),
        ("s3://bucket/a\nINFO - well.csv", ["control character"]),
        ("file:///lake/a\x00.csv", ["control character"]),
        ("s3://bucket/\x1b[2Ja.csv", ["control character"]),
    ],
    ids=repr,
)
def test_destination_that_cannot_work_is_refused_with_the_way_to_write_it(uri, words):
    """Each mistake gets one sentence with the right form."""
    with pytest.raises(ConfigurationError) as caught:
        Destination.parse(uri)
    assert all(word in str(caught.value) for word in words)
    assert "\n" not in str(caught.value)


_WITH_KEYS = [
    "s3://AKIAKEY:SuperSecret123@bucket/a.parquet",
    "s3://AKIAKEY:Super/Secret/123@bucket/a.parquet",
    "S3://AKIAKEY:Super/Secret123@bucket",
    "s3://AKIAKEY%3ASuperSecret123@bucket/a.csv",
    "s3://:SuperSecret123@bucket/a.txt",
    "abfs://account:SuperSecret123==@reports@account.dfs.core.windows.net/a.csv",
    "sftp://me:Super@Secret123@host/a.csv",
    "file://me:SuperSecret123@host/a.csv",
    "s3:/AKIAKEY:SuperSecret123@bucket/a.csv",
    "AKIAKEY:SuperSecret123@bucket/a.csv",
]


@pytest.mark.parametrize(
    "use",
    [Destination.parse, lambda uri: write_whole(uri, b"x"), read_snapshots, open_path],
    ids=["destination", "write_whole", "read_snapshots", "open_path"],
)
@pytest.mark.parametrize("uri", _WITH_KEYS)
def test_keys_in_a_uri_are_refused_and_not_repeated(uri, use):
    """The error goes to the task's log, where many read it; it says where keys belong."""
    with pytest.raises(ConfigurationError, match="Airflow connection") as caught:
        use(uri)
    assert not any(part in str(caught.value) for part in ("AKIA", "Super", "Secret", "123"))


@pytest.mark.parametrize(
    "uri",
    [
        "s3://conn@bucket/a@b:c.parquet",
        "s3://bucket/run=manual__2026-11-25T00:00:00+00:00/me@example.com.parquet",
        "s3://conn@arn:aws:s3:eu-west-1:123456789012:accesspoint/lake/me@example.com.parquet",
        "s3://arn:aws:s3:eu-west-1:123456789012:accesspoint/lake/me@example.com.parquet",
        "hdfs://namenode:8020/a.parquet",
        "file:///data/me:you@home/a.parquet",
    ],
)
def test_colon_and_at_sign_in_a_key_are_no_secret(uri):
    """An honest destination is taken as it is."""
    assert Destination.parse(uri).uri == uri


def test_suffix_and_format_must_agree():
    """A .csv that holds Parquet would fool every reader."""
    with pytest.raises(ConfigurationError, match="parquet"):
        Destination.parse("file:///tmp/a.csv", "parquet")
    with pytest.raises(ConfigurationError, match="jsonl"):
        Destination.parse("file:///tmp/a", "xml")


def test_processed_date_is_filled_in_everywhere():
    """The placeholder may stand in folder and name; without rows there is no date to take, nor with rows of groups."""
    destination = Destination.parse("file:///tmp/{processed_date}/a-{processed_date}.csv")
    assert not destination.is_final
    assert destination.at("2026-11-20").uri == "file:///tmp/2026-11-20/a-2026-11-20.csv"
    with pytest.raises(ConfigurationError, match=r"on_empty .*group_by"):
        destination.at(None)
    final = Destination.parse("file:///tmp/a.csv")
    assert final.is_final
    assert final.at(None) == final


def _read_back(path: Path) -> list[dict]:
    """Return the rows of a file as the list operator has them."""
    content = path.read_bytes()
    name = path.name.removesuffix(".gz")
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    if name.endswith(".json"):
        return json.loads(content)
    if name.endswith(".jsonl"):
        return [json.loads(line) for line in content.splitlines()]
    if name.endswith(".parquet"):
        return [row for batch in pa.parquet.read_table(path).to_batches() for row in to_rows(batch)]
    types = {field.name: pa.string() if pa.types.is_timestamp(field.type) else field.type for field in DECODER.schema}
    table = pa.csv.read_csv(
        pa.BufferReader(content),
        parse_options=pa.csv.ParseOptions(newlines_in_values=True),
        convert_options=pa.csv.ConvertOptions(
            column_types=types, strings_can_be_null=True, quoted_strings_can_be_null=False
        ),
    )
    rows = table.to_pylist()
    for row in rows:
        if row["additional_fields"] is None:
            del row["additional_fields"]
    return rows


@pytest.mark.parametrize("suffix", ["parquet", "csv", "csv.gz", "json", "json.gz", "jsonl", "jsonl.gz"])
@pytest.mark.parametrize(
    "pages", [[RECORDS], [RECORDS[:1], [], RECORDS[1:]], [[]], []], ids=["one", "three", "empty", "none"]
)
def test_every_format_reads_back_equal(tmp_path, suffix, pages):
    """Nulls, empty text, quotes, line breaks, large counts and additional fields survive; so does an empty result."""
    path = tmp_path / f"a.{suffix}"
    size, sha256 = _write(f"file://{path}", *pages)
    expected = [row for page in pages for row in to_rows(DECODER.to_batch(page))]
    assert _read_back(path) == expected
    assert (size, sha256) == (path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())


@pytest.mark.parametrize("suffix", ["parquet", "csv", "csv.gz", "json", "json.gz", "jsonl", "jsonl.gz"])
def test_same_rows_give_the_same_bytes(tmp_path, suffix):
    """Neither time nor file name is in the bytes, so that a checksum says whether data changed."""
    first = _write(f"file://{tmp_path}/a.{suffix}", RECORDS)
    second = _write(f"file://{tmp_path}/another-name.{suffix}", RECORDS)
    assert first == second


def test_parquet_is_typed(tmp_path):
    """Types of the schema are in the file: times UTC in microseconds, counts int64."""
    _write(f"file://{tmp_path}/a.parquet", RECORDS)
    assert pa.parquet.read_schema(tmp_path / "a.parquet").remove_metadata() == DECODER.schema


def test_csv_header_is_the_columns_and_null_differs_from_empty(tmp_path):
    """A null is bare, an empty text quoted; the header has every column, also without rows."""
    _write(f"file://{tmp_path}/a.csv", [RECORDS[1]], [RECORDS[2]])
    header, *rows = (tmp_path / "a.csv").read_text().splitlines()
    assert header.replace('"', "").split(",") == DECODER.schema.names
    place = DECODER.schema.names.index("customer_name")
    assert [row.split(",")[place] for row in rows] == ['""', ""]


@pytest.mark.parametrize("name", ["a b.csv", "a%20b.csv", "a#b.csv", "a?b.csv", "ä.csv", "a+b.csv", "[a].csv"])
def test_local_file_is_called_as_the_destination_says(tmp_path, name):
    """No character of a local path means anything but itself."""
    _write(f"file://{tmp_path}/{name}", RECORDS)
    assert os.listdir(tmp_path) == [name]


def test_folders_are_made_and_nothing_else_is_left(tmp_path):
    """Missing folders are made; the only thing in them is the file."""
    _write(f"file://{tmp_path}/a/b/c.parquet", RECORDS)
    assert [path.name for path in tmp_path.rglob("*")] == ["a", "b", "c.parquet"]


def test_unpublished_spool_leaves_nothing(tmp_path, monkeypatch):
    """A failure while writing touches neither the destination nor the temporary folder."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temp"))
    (tmp_path / "temp").mkdir()
    target = tmp_path / "out" / "a.csv.gz"
    spool = SpooledFile(Destination.parse(f"file://{target}"), DECODER.schema)
    with suppress(RuntimeError), spool:
        spool.write(DECODER.to_batch(RECORDS))
        assert os.listdir(tmp_path / "temp")
        raise RuntimeError
    assert not target.exists()
    assert os.listdir(tmp_path / "temp") == []


def test_replaced_file_is_never_seen_in_part(tmp_path):
    """The file is put in place by a rename: an open reader keeps the old one, a new one sees the new one."""
    path = tmp_path / "a.jsonl"
    path.write_text("old\n")
    with path.open() as reader:
        _write(f"file://{path}", RECORDS)
        assert reader.read() == "old\n"
    assert len(_read_back(path)) == len(RECORDS)


def test_file_that_appears_meanwhile_is_not_replaced(tmp_path):
    """Without ``replace`` the name is taken by a link, which fails if it is taken; nothing is left beside it."""
    destination = Destination.parse(f"file://{tmp_path}/a.csv")
    with SpooledFile(destination, DECODER.schema) as spool:
        spool.write(DECODER.to_batch(RECORDS))
        spool.close()
        target = target_of(destination.uri)
        assert target.put(spool.path, replace=False) is True
        (tmp_path / "a.csv").write_text("another run's")
        assert target.put(spool.path, replace=False) is False
        assert spool.publish(destination, replace=False) is False
        assert (tmp_path / "a.csv").read_text() == "another run's"
        assert spool.publish(destination, replace=True) is True
    assert os.listdir(tmp_path) == ["a.csv"]
    assert len(_read_back(tmp_path / "a.csv")) == len(RECORDS)


class _LosesBytes:
    """A place that says it took the file, and holds a part of it."""

    def __init__(self):
        self._held = None

    def size(self):
        return self._held

    def put(self, spool, *, replace):
        self._held = spool.stat().st_size - 1
        return True

    def give_up(self):
        pass


@pytest.mark.parametrize("replace", [True, False])
def test_upload_that_lost_bytes_is_retriable_only_if_a_retry_replaces_it(tmp_path, replace):
    """Otherwise the next attempt would take the damaged file for a whole one of another run, and skip."""
    spool = tmp_path / "spool"
    spool.write_bytes(b"four")
    with pytest.raises(PartnerCenterError, match="holds 3 bytes after an upload of 4") as caught:
        _put(spool, "s3://bucket/a.csv", _LosesBytes(), replace=replace)
    assert caught.value.retriable is replace
    assert ("remove it by hand" in str(caught.value)) is not replace


def test_two_writers_of_one_file_leave_one_whole_file(tmp_path):
    """The last rename wins; a reader never sees a mixture."""
    contents = [bytes([number]) * (5 << 20) for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        for outcome in [pool.submit(write_whole, f"file://{tmp_path}/a.bin", content) for content in contents]:
            with suppress(TransportError):  # the size that is checked may be that of another's
                outcome.result()
    assert (tmp_path / "a.bin").read_bytes() in contents
    assert os.listdir(tmp_path) == ["a.bin"]


def test_killed_copy_leaves_the_old_file_and_nothing_else(tmp_path):
    """A large file takes a while to copy to its place; a task that is killed then leaves no part of it."""
    spool = tmp_path / "spool"
    spool.write_bytes(b"x" * (3 << 20))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.csv").write_text("old")
    target = target_of(f"file://{tmp_path}/out/a.csv")
    target.give_up()
    with pytest.raises(TransportError, match="was ended"):
        target.put(spool, replace=True)
    assert os.listdir(tmp_path / "out") == ["a.csv"]
    assert (tmp_path / "out" / "a.csv").read_text() == "old"


def test_upper_case_scheme_is_local_too(tmp_path):
    """A scheme has no case: the file is put in place as safely, or the destination refused."""
    path = tmp_path / "a.jsonl"
    path.write_text("old\n")
    with path.open() as reader:
        try:
            _write(f"FILE://{path}", RECORDS)
        except PartnerCenterError:
            assert path.read_text() == "old\n"
        assert reader.read() == "old\n"


def test_destination_that_is_a_folder_is_one_sentence(tmp_path):
    """A folder by the file's name cannot be replaced; it stays, and nothing is left beside it."""
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(ConfigurationError, match="cannot be written"):
        _write(f"file://{tmp_path}/a.csv", RECORDS)
    with pytest.raises(ConfigurationError, match="cannot be written"):  # if_exists="skip" must not take it for a file
        Destination.parse(f"file://{tmp_path}/a.csv").exists()
    assert os.listdir(tmp_path) == ["a.csv"]


def test_folder_that_is_a_file_is_one_sentence(tmp_path):
    """A file where a folder should be is named."""
    (tmp_path / "a").write_text("x")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        _write(f"file://{tmp_path}/a/b.csv", RECORDS)


@pytest.mark.parametrize("name", ["a" * 251, "語" * 83], ids=["ASCII", "three bytes a character"])
def test_longest_name_of_the_file_system_is_written(tmp_path, name):
    """255 bytes, suffix included: the copy beside it needs no longer name."""
    _write(f"file://{tmp_path}/{name}.csv", RECORDS)
    assert os.listdir(tmp_path) == [f"{name}.csv"]


def test_name_that_is_too_long_is_not_tried_again(tmp_path):
    """No retry makes a file system take it, so it is the configuration's fault, and not the store's."""
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path in (f"{'a' * 300}.csv", f"{'a' * 300}/a.csv", "loop/a.csv"):
        with pytest.raises(ConfigurationError, match="cannot be written: "):
            _write(f"file://{tmp_path}/{path}", RECORDS)
    assert os.listdir(tmp_path) == ["loop"]


@pytest.mark.parametrize("uri", ["nosuchscheme://bucket/a.csv", "gs://bucket/a.csv"])
def test_scheme_without_its_library_is_one_sentence(uri):
    """An unknown scheme, or one whose library is not installed, is the configuration's fault."""
    with pytest.raises(ConfigurationError, match="cannot be opened"):
        _write(uri, RECORDS)


def test_unknown_storage_connection_is_one_sentence():
    """The filesystem layer swallows an unknown connection and would go anonymously to the real service."""
    with pytest.raises(ConfigurationError, match="no_such_connection"):
        _write("s3://no_such_connection@bucket/a.csv", RECORDS)


def test_small_file_is_written_whole(tmp_path):
    """A report replaces the one before in one step."""
    uri = f"file://{tmp_path}/reports/r.html"
    write_whole(uri, b"one")
    write_whole(uri, b"two")
    assert (tmp_path / "reports" / "r.html").read_bytes() == b"two"
    assert os.listdir(tmp_path / "reports") == ["r.html"]
    with pytest.raises(ConfigurationError):
        write_whole("r.html", b"x")


def test_snapshots_are_read_in_order_with_nullable_types(tmp_path):
    """The Parquet files of a folder by name, oldest name first; a missing count is NA, other files are left alone."""
    for day in ("2026-11-20", "2026-11-18", "2026-11-19"):
        _write(f"file://{tmp_path}/{day}.parquet", RECORDS)
    (tmp_path / "notes.txt").write_text("x")
    frames = read_snapshots(f"file://{tmp_path}")
    assert list(frames) == ["2026-11-18.parquet", "2026-11-19.parquet", "2026-11-20.parquet"]
    sold = frames["2026-11-18.parquet"]["licenses_sold"]
    assert sold.dtype == pd.Int64Dtype()
    assert sold.isna().tolist() == [False, True, False]
    assert read_snapshots(f"file://{tmp_path}/none") == {}
    with pytest.raises(ConfigurationError, match="has no scheme: write file:///path"):
        read_snapshots(str(tmp_path))


def test_snapshot_that_is_no_parquet_is_one_of_our_errors(tmp_path):
    """A damaged file is named."""
    (tmp_path / "a.parquet").write_bytes(b"no parquet")
    with pytest.raises(TransportError, match=str(tmp_path)):
        read_snapshots(f"file://{tmp_path}")


def test_small_batches_share_a_row_group(tmp_path):
    """A thousand customers of a few rows each do not become a thousand row groups."""
    destination = Destination.parse((tmp_path / "a.parquet").as_uri())
    with SpooledFile(destination, DECODER.schema) as spool:
        for _ in range(50):
            spool.write(DECODER.to_batch(RECORDS))
        spool.close()
        spool.publish(destination)
    written = pyarrow.parquet.ParquetFile(tmp_path / "a.parquet")
    assert written.metadata.num_rows == 50 * len(RECORDS)
    assert written.metadata.num_row_groups == 1
