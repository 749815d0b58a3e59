"""A CONNECT proxy on loopback that remembers what it was told."""

import contextlib
import select
import socket
import threading
from typing import Self

from tests.support.patience import PATIENCE


class ConnectProxy:
    """Opens tunnels; ``heads`` holds what came before each.

    :param refuse: answer 407 instead, with this reason.
    """

    def __init__(self, refuse: str | None = None) -> None:
        self.heads: list[str] = []
        self._refuse = refuse
        self._stopping = threading.Event()

    def __enter__(self) -> Self:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(0.1)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(5)
        self._socket.close()

    def refuse_from_now_on(self, reason: str) -> None:
        """Open no further tunnel: answer 407 with this reason."""
        self._refuse = reason

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._socket.getsockname()[1]}"

    def _accept(self) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                client, _ = self._socket.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            client.settimeout(PATIENCE)
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(4096)
            self.heads.append(head.decode("latin-1"))
            if self._refuse is not None:
                client.sendall(f"HTTP/1.1 407 {self._refuse}\r\nContent-Length: 0\r\n\r\n".encode())
                return
            host, port = head.split()[1].decode().rsplit(":", 1)
            with socket.create_connection((host, int(port)), 5) as server:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                self._relay(client, server)

    def _relay(self, client: socket.socket, server: socket.socket) -> None:
        while not self._stopping.is_set():
            for source in select.select([client, server], [], [], 0.1)[0]:
                if not (data := source.recv(65536)):
                    return
                (server if source is client else client).sendall(data)
