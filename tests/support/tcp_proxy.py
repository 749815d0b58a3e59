"""A TCP proxy on loopback that a test can break: down, cut, silent, and up again."""

import contextlib
import select
import socket
import threading
from typing import Self

from tests.support.patience import PATIENCE


class TcpProxy:
    """Forwards to a port of this machine; down means that connections are refused.

    :param port: where to forward to.
    """

    def __init__(self, port: int) -> None:
        self._backend = port
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._connections: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        self._trigger: bytes | None = None
        self._before_trigger = b""
        self._after_bytes: int | None = None
        self._silently = False
        #: Set when what a test asked for has happened.
        self.triggered = threading.Event()
        self.port = 0

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self.down()

    def up(self) -> None:
        """Take connections, on the same port as before, and forward all that comes."""
        self._trigger = self._after_bytes = None
        self._silently = False
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(64)
        self.port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def down(self) -> None:
        """Refuse connections and cut those that there are."""
        with self._lock:
            listener, self._listener = self._listener, None
            connections = list(self._connections)
        if listener:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def down_at(self, words: bytes, *, after: bytes = b"") -> None:
        """Go down when a client sends this; the request does not arrive.

        :param after: must have been sent before, in another request.
        """
        self._trigger, self._before_trigger = words, after

    def down_after(self, byte_count: int) -> None:
        """Go down when clients have sent this much more."""
        self._after_bytes = byte_count

    def silent_after(self, byte_count: int) -> None:
        """Forward nothing more, and cut nothing, when clients have sent this much more."""
        self._after_bytes = byte_count
        self._silently = True

    def _accept(self, listener: socket.socket) -> None:
        while not self._stopping.is_set():
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client, socket.create_connection(("127.0.0.1", self._backend)) as server:
            with self._lock:
                self._connections |= {client, server}
            try:
                self._relay(client, server)
            finally:
                with self._lock:
                    self._connections -= {client, server}

    def _relay(self, client: socket.socket, server: socket.socket) -> None:
        while not self._stopping.is_set():
            for source in select.select([client, server], [], [], 0.2)[0]:
                if not (data := source.recv(1 << 16)):
                    return
                if source is client and self._breaks_at(data):
                    return
                (server if source is client else client).sendall(data)

    def _breaks_at(self, data: bytes) -> bool:
        with self._lock:
            if self._after_bytes is not None:
                self._after_bytes -= len(data)
            reached = not self._before_trigger and self._trigger is not None and self._trigger in data
            if self._before_trigger in data:
                self._before_trigger = b""
            due = reached or (self._after_bytes is not None and self._after_bytes < 0)
            if due and not self._silently:
                # Once: another connection that is as far must not take it down after it is up again.
                self._trigger = self._after_bytes = None
        if not due:
            return False
        self.triggered.set()
        if self._silently:
            self._stopping.wait(PATIENCE)
        else:
            self.down()
        return True
