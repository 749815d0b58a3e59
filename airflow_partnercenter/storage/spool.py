"""A file grows on the worker's disk, where nobody else sees it, and is put in place when it is whole."""

import gzip
import hashlib
import logging
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self, cast

from airflow_partnercenter.exceptions import ConfigurationError, PartnerCenterError, TransportError
from airflow_partnercenter.file_formats import WRITERS
from airflow_partnercenter.storage.destinations import Destination, checked_uri
from airflow_partnercenter.storage.targets import Target, target_of

if TYPE_CHECKING:
    import pyarrow as pa

logger = logging.getLogger(__name__)


class SpooledFile:
    """One file being written on the worker's disk; nobody else sees it before :meth:`publish`.

    Use it as a context manager: leaving it removes whatever was not published.

    :param destination: where it will go.
    :param schema: Arrow schema of the batches.
    :param description: what the file says of itself, where its format has a place for that: Parquet.
    """

    def __init__(
        self, destination: Destination, schema: "pa.Schema", description: Mapping[str, str] | None = None
    ) -> None:
        self._destination = destination
        self._schema = schema
        self._description = description or {}
        self._stack = ExitStack()
        self._target: Target | None = None
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
            # Closed before the file is, also after a failure: it has an end to write.
            archive = stack.enter_context(gzip.GzipFile(filename="", mode="wb", fileobj=self._file, mtime=0))
            self._stream = cast("IO[bytes]", archive)
        self._writer = WRITERS[self._destination.file_format](self._stream, self._schema, self._description)

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
        """Finish the file; return its size in bytes and its SHA-256.

        :raises TransportError: the worker's disk is full.
        """
        with _disk_errors():
            self._writer.close()
            self._stream.close()
            self._file.close()
        with self.path.open("rb") as file:
            return self.path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()

    def discard(self) -> None:
        """Remove the spool and end an upload now, while another frame is at it: for a task that is being killed."""
        shutil.rmtree(self.path.parent, ignore_errors=True)
        if self._target:
            self._target.give_up()

    def publish(self, destination: Destination, *, replace: bool = True) -> bool:
        """Put the finished file in place in one step.

        :param replace: whether an earlier file is replaced.
        :return: False if there is an earlier file that must not be replaced; it is as it was.
        :raises ConfigurationError: the bucket or container does not exist, or writing is not allowed.
        :raises TransportError: the store failed.
        :raises PartnerCenterError: what arrived is not what was sent, and must be removed by hand.
        """
        self._target = target_of(destination.uri)
        return _put(self.path, destination.uri, self._target, replace=replace)


def write_whole(uri: str, content: bytes) -> None:
    """Write a small file, such as a report, whole or not at all; replaces what is there.

    :param uri: ``scheme://[connection@]bucket/key`` or ``file:///path``.
    :raises ConfigurationError: the URI cannot work, or the bucket or container does not exist.
    :raises TransportError: the store failed.
    """
    uri = checked_uri(uri)
    with tempfile.TemporaryDirectory(prefix="partner-center-") as folder:
        spool = Path(folder, "spool")
        with _disk_errors():
            spool.write_bytes(content)
        _put(spool, uri, target_of(uri), replace=True)


def _put(spool: Path, uri: str, target: Target, *, replace: bool) -> bool:
    """Put the file in place, and compare what arrived with what was sent.

    :return: False if there is an earlier file that must not be replaced.
    :raises ConfigurationError: there is one that the store does not let be replaced.
    :raises TransportError: the sizes differ; the next attempt replaces the file.
    :raises PartnerCenterError: they differ, and no attempt may replace the file.
    """
    sent = spool.stat().st_size
    if not replace and target.size() is not None:
        return False
    if not target.put(spool, replace=replace):
        if replace:
            raise ConfigurationError(
                f"The store of {uri} refuses to replace what is there: look at the bucket's policy."
            )
        return False
    try:
        arrived = target.size()
    except (ConfigurationError, TransportError) as error:
        # The store acknowledged the upload. To fail now would let the next attempt find this file, and take it for
        # another's: skipped or failed, though all is there.
        refused = isinstance(error, ConfigurationError)
        reason = "the connection may not read there" if refused else "the store failed just after it took the file"
        logger.warning("%s was written, but its size could not be checked: %s.", uri, reason)
        return True
    if arrived != sent:
        sentence = f"{uri} holds {arrived or 0} bytes after an upload of {sent}"
        raise _mismatch(sentence, retry_replaces=replace or arrived is None)
    return True


def _mismatch(sentence: str, *, retry_replaces: bool) -> PartnerCenterError:
    if retry_replaces:
        return TransportError(f"{sentence}: run the task again.")
    return PartnerCenterError(
        f"{sentence}: remove it by hand and run the task again. No retry is made, as it would find that file and leave "
        "it as it is."
    )


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
