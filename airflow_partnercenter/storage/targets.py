"""The three kinds of place for a file: this machine, an object store, and Azure, whose uploads need care of our own."""

import errno
import inspect
import io
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from airflow_partnercenter.exceptions import ConfigurationError, TransportError
from airflow_partnercenter.storage.azure_blob import AzureBlob
from airflow_partnercenter.storage.calls import CALL_SECONDS, SECONDS_PER_BYTE, StoreCalls
from airflow_partnercenter.storage.paths import is_local, open_path
from airflow_partnercenter.storage.store_errors import AlreadyThereError, store_errors

#: Large enough for 80 GB in S3's 10 000 parts, small enough that four at a time are no burden on a worker.
_PART_BYTES = 8 * 2**20
_PARALLEL_PARTS = 4
#: Characters of a file's name in that of its copy: at most 160 of the 255 bytes that file systems have for a name.
_SHOWN = 40


class Target(Protocol):
    """A place for one file."""

    def size(self) -> int | None:
        """Return the size of what is there, in bytes; None if there is nothing."""

    def put(self, spool: Path, *, replace: bool) -> bool:
        """Put the file in place in one step; return False if there is one already that must not be replaced."""

    def give_up(self) -> None:
        """End what is under way; may be called from a signal handler."""


def target_of(uri: str) -> Target:
    """Return the place that a checked URI names.

    :raises ConfigurationError: its connection or library is not there.
    """
    path = open_path(uri)
    if is_local(uri):
        return LocalFile(uri, Path(path.path))
    protocols = (path.fs.protocol,) if isinstance(path.fs.protocol, str) else path.fs.protocol
    return (AzureBlob if "abfs" in protocols else StoredObject)(uri, path.fs, path.path)


class LocalFile:
    """A file on this machine, or on what is mounted there.

    :param uri: for messages.
    :param path: where it is.
    """

    def __init__(self, uri: str, path: Path) -> None:
        self._uri = uri
        self._path = path
        self._given_up = False

    def size(self) -> int | None:
        """Return the size of what is there, in bytes; None if there is nothing."""
        with store_errors(self._uri):
            if self._path.is_dir():
                # No file that is there already: nobody must take it for one and skip.
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            return self._path.stat().st_size if self._path.exists() else None

    def put(self, spool: Path, *, replace: bool) -> bool:
        """Copy beside the target, then rename: readers see the old file or the new one, never a part.

        Missing folders are made. Without ``replace``, a link takes the name, as that fails if it is taken.
        """
        with store_errors(self._uri):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # A part of the name is enough to see whose it is: with all of it, a long one would be too long.
            sibling = self._path.with_name(f".{self._path.name[:_SHOWN]}.{uuid.uuid4().hex}.tmp")
            try:
                self._copy(spool, sibling)
                if replace:
                    sibling.replace(self._path)
                    return True
                return _link(sibling, self._path)
            finally:
                sibling.unlink(missing_ok=True)

    def give_up(self) -> None:
        """End the copy; what there is of it is removed."""
        self._given_up = True

    def _copy(self, spool: Path, sibling: Path) -> None:
        with spool.open("rb") as source, sibling.open("xb") as copy:
            while chunk := source.read(io.DEFAULT_BUFFER_SIZE << 7):
                if self._given_up:
                    raise TransportError(f"The task was ended while it wrote {self._uri}.")
                copy.write(chunk)
            copy.flush()
            os.fsync(copy.fileno())


class StoredObject:
    """An object in S3, Google Cloud Storage or another store that fsspec knows.

    :param uri: for messages.
    :param fs: an fsspec filesystem with its credentials.
    :param path: bucket and key.
    """

    def __init__(self, uri: str, fs: Any, path: str) -> None:
        self._uri = uri
        self._fs = fs
        self._path = path
        self._calls = StoreCalls(fs)

    def size(self) -> int | None:
        """Return the size of what is there, in bytes; None if there is nothing."""
        with store_errors(self._uri):
            self._fs.invalidate_cache()
            try:
                found = self._calls.call("info", self._path)
            except FileNotFoundError:
                return None
            # keys that begin with this one and a slash make no object
            return None if found["type"] == "directory" else int(found["size"])

    def put(self, spool: Path, *, replace: bool) -> bool:
        """Upload the file; it appears when the upload is complete."""
        options: dict[str, Any] = {"chunksize": _PART_BYTES, "max_concurrency": _PARALLEL_PARTS}
        options |= {} if replace else {"mode": "create"}
        seconds = CALL_SECONDS + spool.stat().st_size * SECONDS_PER_BYTE
        try:
            with store_errors(self._uri), self._no_unfinished_upload():
                self._upload(spool, seconds, self._understood(options))
        except AlreadyThereError:
            return False
        return True

    def give_up(self) -> None:
        """End the upload; what was sent of it is removed."""
        self._calls.give_up()

    def _upload(self, spool: Path, seconds: float, options: dict[str, Any]) -> None:
        try:
            self._calls.call("put_file", str(spool), self._path, seconds=seconds, **options)
        except FileExistsError as error:
            raise AlreadyThereError from error

    def _understood(self, options: dict[str, Any]) -> dict[str, Any]:
        """Leave out what older versions of the library do not know."""
        known = inspect.signature(getattr(self._fs, "_put_file", self._fs.put_file)).parameters
        return {name: value for name, value in options.items() if name in known}

    @contextmanager
    def _no_unfinished_upload(self) -> Iterator[None]:
        """Abort what an upload in parts has begun in S3, if it does not end well: s3fs does so after some errors only.

        Whether it worked cannot be known if the store is down; a lifecycle rule of the bucket removes the rest.
        """
        if not hasattr(type(self._fs), "s3"):
            yield
            return
        self._connect()
        events = self._fs.s3.meta.events
        bucket, key, _ = self._fs.split_path(self._path)
        begun: list[str] = []

        def remember(parsed: dict[str, Any], **_: Any) -> None:
            if (parsed.get("Bucket"), parsed.get("Key")) == (bucket, key):
                begun.append(parsed["UploadId"])

        events.register("after-call.s3.CreateMultipartUpload", remember)
        try:
            yield
        except BaseException:
            for upload_id in begun:
                upload = {"Bucket": bucket, "Key": key, "UploadId": upload_id}
                with suppress(Exception):
                    self._calls.clean("call_s3", "abort_multipart_upload", **upload)
            raise
        finally:
            events.unregister("after-call.s3.CreateMultipartUpload", remember)

    def _connect(self) -> None:
        """Ask for the object, so that there is a client that has been used.

        One that has not, s3fs 2026.2 makes anew at the next call, and then without the connection's keys.
        """
        if getattr(self._fs, "_s3", None) is None:
            with suppress(ConfigurationError):  # whoever may not read may write
                self.size()


def _link(sibling: Path, target: Path) -> bool:
    """Give the file its name unless that is taken; where the disk knows no links, look first."""
    try:
        target.hardlink_to(sibling)
    except FileExistsError:
        return False
    except OSError:
        if target.exists():
            return False
        sibling.replace(target)
    return True
