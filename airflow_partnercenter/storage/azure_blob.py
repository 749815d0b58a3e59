"""An Azure blob, uploaded in blocks of our own naming.

Azure's library names the blocks of an upload by their offset (azure-storage-blob before 12.30): two runs that write the
same blob at the same time would commit each other's blocks, and the blob would be a mixture of both.
"""

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_partnercenter.storage.calls import CALL_SECONDS, SECONDS_PER_BYTE, StoreCalls
from airflow_partnercenter.storage.store_errors import AlreadyThereError, may_heal, store_errors

if TYPE_CHECKING:
    from tenacity import RetryCallState

T = TypeVar("T")

logger = logging.getLogger(__name__)
#: Azure's library would log thirteen lines for each request.
_request_logger = logging.getLogger(f"{__name__}.requests")
_request_logger.setLevel(logging.WARNING)

_BLOCK_BYTES = 8 * 2**20
#: Azure's limit is 50 000.
_MOST_BLOCKS = 10_000
_PARALLEL_BLOCKS = 4
#: How long one request is tried again. Azure's library would wait 15 seconds before its second attempt, and 80 in all.
RETRY_SECONDS = 40.0
_LONGEST_WAIT_SECONDS = 8.0
#: Of each request; its own retries are off, as ours are around it.
_REQUEST: dict[str, Any] = {
    "retry_total": 0,
    "connection_timeout": 10,
    "read_timeout": 60,
    "logger": _request_logger,
}


class AzureBlob:
    """A blob in Azure Blob Storage or Data Lake Storage Gen2.

    :param uri: for messages.
    :param fs: an ``adlfs.AzureBlobFileSystem`` with its credentials.
    :param path: container and name.
    """

    def __init__(self, uri: str, fs: Any, path: str) -> None:
        self._uri = uri
        self._fs = fs
        self._container, self._name, _ = fs.split_path(path)
        self._calls = StoreCalls(fs)

    def size(self) -> int | None:
        """Return the size of what is there, in bytes; None if there is nothing."""
        from azure.core.exceptions import ResourceNotFoundError

        with store_errors(self._uri):
            try:
                return self._calls.wait_for(self._size())
            except ResourceNotFoundError:
                return None

    def put(self, spool: Path, *, replace: bool) -> bool:
        """Upload the file; it appears when the upload is complete."""
        seconds = CALL_SECONDS + spool.stat().st_size * SECONDS_PER_BYTE
        try:
            with store_errors(self._uri):
                self._calls.wait_for(self._put(spool, replace=replace), seconds)
        except AlreadyThereError:
            return False
        self._fs.invalidate_cache()
        return True

    def give_up(self) -> None:
        """End the upload; blocks that no blob holds are invisible, and Azure removes them after a week."""
        self._calls.give_up()

    async def _size(self) -> int:
        async with self._client() as blob:
            properties = await _patiently(lambda: blob.get_blob_properties(**_REQUEST))
        return int(properties.size)

    async def _put(self, spool: Path, *, replace: bool) -> None:
        async with self._client() as blob:
            if spool.stat().st_size <= _BLOCK_BYTES:
                content = spool.read_bytes()
                await _patiently(lambda: blob.upload_blob(content, overwrite=replace, **_REQUEST))
            else:
                await self._put_blocks(blob, spool, replace=replace)

    async def _put_blocks(self, blob: Any, spool: Path, *, replace: bool) -> None:
        from azure.core import MatchConditions
        from azure.storage.blob import BlobBlock

        total = spool.stat().st_size
        length = max(_BLOCK_BYTES, -(-total // _MOST_BLOCKS))
        free = asyncio.Semaphore(_PARALLEL_BLOCKS)

        async def stage(offset: int) -> BlobBlock:
            block_id = uuid.uuid4().hex
            async with free:
                content = _read(spool, offset, length)
                await _patiently(lambda: blob.stage_block(block_id, content, **_REQUEST))
            return BlobBlock(block_id)

        staging = [asyncio.ensure_future(stage(offset)) for offset in range(0, total, length)]
        try:
            blocks = await asyncio.gather(*staging)
        finally:
            for each in staging:
                each.cancel()
        condition = {} if replace else {"match_condition": MatchConditions.IfMissing}
        await _patiently(lambda: blob.commit_block_list(blocks, **condition, **_REQUEST))

    def _client(self) -> Any:
        return self._fs.service_client.get_blob_client(self._container, self._name)


async def _patiently(request: Callable[[], Awaitable[T]]) -> T:
    """Return what a request returns, tried again while its failure is one that passes."""
    from tenacity import AsyncRetrying, retry_if_exception, stop_before_delay, wait_exponential

    retrying = AsyncRetrying(
        retry=retry_if_exception(may_heal),
        wait=wait_exponential(multiplier=0.5, max=_LONGEST_WAIT_SECONDS),
        stop=stop_before_delay(RETRY_SECONDS),
        before_sleep=_tell,
        reraise=True,
    )

    async def attempt() -> T:  # tenacity would not wait for what a lambda returns
        return await request()

    return await retrying(attempt)


def _tell(state: "RetryCallState") -> None:
    error = state.outcome.exception() if state.outcome else None
    seconds = state.next_action.sleep if state.next_action else 0
    logger.info("Azure's storage failed (%s); trying again in %.1f s", type(error).__name__, seconds)


def _read(spool: Path, offset: int, length: int) -> bytes:
    with spool.open("rb") as file:
        file.seek(offset)
        return file.read(length)
