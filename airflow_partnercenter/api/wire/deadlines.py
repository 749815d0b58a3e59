"""Bounds a whole answer in time, headers included; a time-out of requests bounds each packet only."""

import http.client
import io
import socket
import time
from typing import Any

import requests
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPSConnectionPool
from urllib3.poolmanager import PoolManager


class DeadlineAdapter(requests.adapters.HTTPAdapter):
    """Takes the read time-out of a request for the longest that its answer may take."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Have pools of ours."""
        super().init_poolmanager(*args, **kwargs)
        _bound(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> PoolManager:
        """Return the pools of a proxy, of ours too."""
        manager: PoolManager = super().proxy_manager_for(*args, **kwargs)
        _bound(manager)
        return manager


class _DeadlineStream(io.RawIOBase):
    """The bytes from a socket, until its time-out has passed since now."""

    def __init__(self, stream: io.RawIOBase, sock: socket.socket) -> None:
        self._stream = stream
        self._socket = sock
        self._seconds = sock.gettimeout()
        self._deadline = None if self._seconds is None else time.monotonic() + self._seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read what is there, waiting no longer than is left.

        :raises TimeoutError: nothing is left.
        """
        if self._deadline is not None and self._seconds is not None:
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("timed out")
            # Not before each of a body's thousands of packets, as it is a call to the operating system.
            if left < 0.9 * self._seconds:
                self._seconds = left
                self._socket.settimeout(left)
        # As the stream would; there are thousands of packets.
        return self._socket.recv_into(buffer)

    def close(self) -> None:
        self._stream.close()
        super().close()


class _DeadlineResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_DeadlineStream(self.fp.detach(), sock))


class _DeadlineConnection(HTTPSConnection):
    response_class = _DeadlineResponse


class _DeadlinePool(HTTPSConnectionPool):
    ConnectionCls = _DeadlineConnection


def _bound(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = {**manager.pool_classes_by_scheme, "https": _DeadlinePool}
