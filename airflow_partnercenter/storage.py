"""Arrow batches become one complete file at any ObjectStoragePath: whole or not at all.

The file is spooled to the worker's disk first and put in place in one step, since closing an object-store stream
commits what was written so far, also when an exception is the reason for closing it.
"""

import gzip
import hashlib
import io
import os
import re
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self, cast

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook, ObjectStoragePath

from airflow_partnercenter.exceptions import ConfigurationError, PartnerCenterError, TransportError
from airflow_partnercenter.file_formats import WRITERS

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

#: In a destination, stands for the newest day in the file: known only when the rows have been read.
PROCESSED_DATE = "{processed_date}"

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)")
_AZURE_HOST = re.compile(r"(?P<container>[^@/]+)@(?P<account>[^./]+)\.(dfs|blob)\.core\.[^/]+/(?P<key>.*)")
_LOCAL_SCHEMES = ("file://", "local://")


@dataclass(frozen=True)
class Destination:
    """A checked place and format for one file. Checking it reads and writes nothing.

    :param uri: as given, placeholder included.
    :param file_format: one of :data:`~airflow_partnercenter.file_formats.WRITERS`.
    :param compressed: whether a text format is gzipped.
    """

    uri: str
    file_format: str
    compressed: bool

    @classmethod
    def parse(cls, uri: str, file_format: str | None = None) -> Self:
        """Check a URI and find out the format by its suffix.

        :param uri: ``scheme://[connection@]bucket/key`` or ``file:///path``.
        :param file_format: needed only if the suffix is none of ``.parquet .csv .json .jsonl``, text ones also ``.gz``.
        :raises ConfigurationError: the URI or the format cannot work; the message says how to write it.
        """
        uri = _checked(uri)
        by_suffix, compressed = _format_of(uri)
        if file_format and file_format not in WRITERS:
            raise ConfigurationError(f"file_format {file_format!r} is not one of {', '.join(WRITERS)}.")
        if file_format and by_suffix and file_format != by_suffix:
            raise ConfigurationError(f"destination {uri} ends like {by_suffix}, but file_format is {file_format}.")
        chosen = file_format or by_suffix
        if not chosen:
            raise ConfigurationError(
                f"destination {uri} does not end in .parquet, .csv, .json or .jsonl (text ones also .gz): "
                "change it or give file_format."
            )
        if compressed and chosen == "parquet":
            raise ConfigurationError(f"destination {uri}: Parquet compresses by itself; leave .gz away.")
        return cls(uri, chosen, compressed)

    @property
    def is_final(self) -> bool:
        """Whether the URI is known before the rows are."""
        return PROCESSED_DATE not in self.uri

    def at(self, processed_date: str | None) -> Self:
        """Return the destination with the placeholder filled in.

        :raises ConfigurationError: there is a placeholder, but no row to take a date from.
        """
        if self.is_final:
            return self
        if not processed_date:
            raise ConfigurationError(
                f"destination {self.uri} needs a processed date, but the result has none: set on_empty to skip or fail."
            )
        return type(self)(self.uri.replace(PROCESSED_DATE, processed_date), self.file_format, self.compressed)

    def exists(self) -> bool:
        """Return whether there is something at the destination."""
        with _storage_errors(self.uri):
            return bool(open_path(self.uri).exists())


class SpooledFile:
    """One file being written on the worker's disk; nobody else sees it before :meth:`publish`.

    Use it as a context manager: leaving it removes whatever was not published.

    :param destination: where it will go.
    :param schema: Arrow schema of the batches.
    """

    def __init__(self, destination: Destination, schema: "pa.Schema") -> None:
        self._destination = destination
        self._schema = schema
        self._stack = ExitStack()
        self.row_count = 0

    def __enter__(self) -> Self:
        with _disk_errors(), ExitStack() as stack:
            self._open(stack)
            self._stack = stack.pop_all()
        return self

    def _open(self, stack: ExitStack) -> None:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="partner-center-"))
        self.path = Path(folder, "spool")
        self._file: IO[bytes] = stack.enter_context(self.path.open("wb"))
        # No name and no time in the header: the same rows give the same bytes.
        self._stream = self._file
        if self._destination.compressed:
            self._stream = cast("IO[bytes]", gzip.GzipFile(filename="", mode="wb", fileobj=self._file, mtime=0))
        self._writer = WRITERS[self._destination.file_format](self._stream, self._schema)

    def __exit__(self, *_: object) -> None:
        # After a failure the writer is still open and would complain when it is collected.
        with suppress(Exception):
            self._writer.close()
        # What a full disk did not take is still buffered, and would fail again under another name.
        with suppress(OSError):
            self._stack.close()

    def write(self, batch: "pa.RecordBatch") -> None:
        """Add rows.

        :raises TransportError: the worker's disk is full.
        """
        with _disk_errors():
            self._writer.write(batch)
        self.row_count += batch.num_rows

    def close(self) -> tuple[int, str]:
        """Finish the file; return its size in bytes and its SHA-256."""
        with _disk_errors():
            self._writer.close()
            self._stream.close()
            self._file.close()
        with self.path.open("rb") as file:
            return self.path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()

    def discard(self) -> None:
        """Remove the spool now, while another frame still writes it: for a task that is being killed."""
        shutil.rmtree(self.path.parent, ignore_errors=True)

    def publish(self, destination: Destination) -> None:
        """Put the finished file in place in one step, replacing what is there.

        :raises ConfigurationError: the bucket or container does not exist, or writing is not allowed.
        :raises TransportError: the store failed.
        """
        _put(self.path, destination.uri)


def write_whole(uri: str, content: bytes) -> None:
    """Write a small file, such as a report, whole or not at all; replaces what is there.

    :param uri: ``scheme://[connection@]bucket/key`` or ``file:///path``.
    :raises ConfigurationError: the URI cannot work, or the bucket or container does not exist.
    :raises TransportError: the store failed.
    """
    uri = _checked(uri)
    with tempfile.TemporaryDirectory(prefix="partner-center-") as folder:
        spool = Path(folder, "spool")
        spool.write_bytes(content)
        _put(spool, uri)


def read_snapshots(folder_uri: str) -> "dict[str, pd.DataFrame]":
    """Return the Parquet files of a folder by name, oldest name first; empty if there is no such folder.

    :return: frames with nullable dtypes: a missing count is ``<NA>``.
    """
    import pandas as pd

    folder = open_path(f"{folder_uri.rstrip('/')}/")
    with _storage_errors(folder_uri):
        files = sorted(folder.glob("*.parquet"), key=lambda file: file.name) if folder.exists() else []
        frames = {}
        for file in files:
            with file.open("rb") as stream:  # type: ignore[no-untyped-call]
                frames[file.name] = pd.read_parquet(stream, dtype_backend="numpy_nullable")
    return frames


def open_path(uri: str) -> ObjectStoragePath:
    """Return the path of a URI, its connection checked first: the filesystem layer swallows an unknown one.

    :raises ConfigurationError: the connection, the scheme or the library for it is not there.
    """
    conn_id = _connection_id(uri)
    try:
        if conn_id:
            BaseHook.get_connection(conn_id)
        path = ObjectStoragePath(uri)
        path.fs  # noqa: B018 - attaches the filesystem, which is where a missing library shows
    except AirflowNotFoundException:
        raise ConfigurationError(
            f"{uri} names connection {conn_id!r}, which does not exist: create it, or write "
            "scheme://connection@bucket/key with one that does."
        ) from None
    except (ImportError, ValueError) as error:
        raise ConfigurationError(
            f"{uri} cannot be opened ({error}): check the scheme, and install what it needs, such as "
            "'airflow-provider-partnercenter[s3]', [azure] or [gcs]."
        ) from error
    return path


def _put(spool: Path, uri: str) -> None:
    target = open_path(uri)
    with _storage_errors(uri):
        if uri.startswith(_LOCAL_SCHEMES):
            _put_local(spool, Path(target.path))
        else:
            _put_remote(spool, target)
            _check_size(spool, target, uri)


def _put_local(spool: Path, target: Path) -> None:
    """Copy beside the target, then rename: readers see the old file or the new one, never a part."""
    target.parent.mkdir(parents=True, exist_ok=True)
    sibling = target.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")
    try:
        with spool.open("rb") as source, sibling.open("xb") as copy:
            while chunk := source.read(io.DEFAULT_BUFFER_SIZE << 7):
                copy.write(chunk)
            copy.flush()
            os.fsync(copy.fileno())
        sibling.replace(target)
    finally:
        sibling.unlink(missing_ok=True)


def _put_remote(spool: Path, target: ObjectStoragePath) -> None:
    target.fs.put_file(str(spool), target.path)


def _check_size(spool: Path, target: ObjectStoragePath, uri: str) -> None:
    """Compare what arrived with what was sent.

    :raises TransportError: the sizes differ.
    """
    target.fs.invalidate_cache()
    size = target.fs.info(target.path)["size"]
    if size != spool.stat().st_size:
        raise TransportError(f"{uri} holds {size} bytes after an upload of {spool.stat().st_size}: write it again.")


@contextmanager
def _storage_errors(uri: str) -> Iterator[None]:
    """Turn what the many stores raise into one sentence of ours."""
    try:
        yield
    except PartnerCenterError:
        raise
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"destination {uri}: the bucket, container or folder does not exist: create it."
        ) from error
    except (PermissionError, IsADirectoryError, NotADirectoryError, FileExistsError) as error:
        raise ConfigurationError(f"destination {uri} cannot be written: {error.strerror or error}.") from error
    except Exception as error:  # every store has its own
        raise TransportError(f"The store of {uri} failed ({type(error).__name__}: {str(error)[:200]}).") from error


@contextmanager
def _disk_errors() -> Iterator[None]:
    """Say which disk is full; the destination's is another one."""
    try:
        yield
    except OSError as error:
        raise TransportError(
            f"The worker could not spool the file in {tempfile.gettempdir()} ({error.strerror or error}): free space "
            "there, or point TMPDIR elsewhere."
        ) from error


def _checked(uri: str) -> str:
    """Return a URI that names a file, its scheme in lower case.

    :raises ConfigurationError: it does not; the message says how to write it.
    """
    if not isinstance(uri, str) or not uri.strip():
        raise ConfigurationError("destination is empty: give a URI such as s3://connection@bucket/key.parquet.")
    matched = _SCHEME.fullmatch(uri)
    if not matched:
        absolute = uri if uri.startswith("/") else f"/{uri}"
        raise ConfigurationError(
            f"destination {uri!r} has no scheme: write file://{absolute} or s3://bucket{absolute}."
        )
    scheme, rest = matched[1].lower(), matched[2]
    local = scheme in ("file", "local")
    if local and not rest.startswith("/"):
        raise ConfigurationError(f"destination {uri} has no absolute path: write three slashes, {scheme}:///{rest}.")
    if azure := _AZURE_HOST.fullmatch(rest):
        raise ConfigurationError(
            f"destination {uri} would be read as connection {azure['container']!r}; write "
            f"{scheme}://<connection>@{azure['container']}/{azure['key']} with a connection to account "
            f"{azure['account']}."
        )
    if rest.endswith("/") or "/" not in rest:
        raise ConfigurationError(f"destination {uri} names no file: end it in a file name such as licenses.parquet.")
    if not local and re.match(r"([^/]*@)?/", rest):
        raise ConfigurationError(f"destination {uri} names no bucket: write {scheme}://[connection@]bucket/key.")
    return f"{scheme}://{rest}"


def _format_of(uri: str) -> tuple[str | None, bool]:
    name = uri.rsplit("/", 1)[-1].lower()
    compressed = name.endswith(".gz")
    suffix = name.removesuffix(".gz").rsplit(".", 1)[-1] if "." in name else ""
    return (suffix if suffix in WRITERS else None), compressed


def _connection_id(uri: str) -> str | None:
    authority = uri.split("://", 1)[1].split("/", 1)[0]
    return authority.rsplit("@", 1)[0] if "@" in authority else None
