"""A TLS server on loopback that answers exact bytes: what no honest server sends, a test can send from here."""

import json
import shutil
import socket
import ssl
import struct
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import trustme

BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Received:
    """A request as it came; header names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """One answer.

    :param body: bytes and text as they are, anything else as JSON with a byte order mark.
    :param content_length: what the header says; None tells the truth, a negative number leaves it out.
    :param drip_seconds: pause before each byte of the body.
    :param head_drip_seconds: pause before each byte of status line and headers.
    :param delay_seconds: pause before anything.
    :param reset: break the connection instead of answering.
    :param raw: sent instead of all that, to the byte; then the connection ends.
    """

    status: int = 200
    body: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    content_length: int | None = None
    drip_seconds: float = 0
    head_drip_seconds: float = 0
    delay_seconds: float = 0
    reset: bool = False
    raw: bytes | None = None

    def content(self) -> bytes:
        """Return the bytes of the body."""
        if isinstance(self.body, bytes):
            return self.body
        return self.body.encode() if isinstance(self.body, str) else BOM + json.dumps(self.body).encode()


class Origin:
    """A server that gives its replies in order, the last one for ever; without any it answers 404.

    ``replies`` may hold functions of the request too.
    """

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.replies: list[Reply | Callable[[Received], Reply]] = []
        self._lock = threading.Lock()
        self._stopping = threading.Event()

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="origin-"))
        self.ca_bundle = str(self._folder / "ca.pem")
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.ca_bundle)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self, context))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._thread.join(5)
        self._server.server_close()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def port(self) -> int:
        """The port."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Address, without a slash at the end."""
        return f"https://127.0.0.1:{self.port}"

    def reset(self) -> None:
        """Forget everything."""
        with self._lock:
            self.requests = []
            self.replies = []

    def answer(self, *replies: Reply | Callable[[Received], Reply]) -> None:
        """Add replies."""
        self.replies += replies

    def next_reply(self, request: Received) -> Reply:
        """Note a request and return what to say."""
        with self._lock:
            self.requests.append(request)
            if not self.replies:
                return Reply(404)
            reply = self.replies[0] if len(self.replies) == 1 else self.replies.pop(0)
        return reply(request) if callable(reply) else reply

    def pause(self, seconds: float) -> None:
        """Wait, but not beyond the end of the server."""
        self._stopping.wait(seconds)


def _handler(origin: Origin, context: ssl.SSLContext) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 20

        def setup(self) -> None:
            # The handshake belongs into the connection's own thread.
            self.request = context.wrap_socket(self.request, server_side=True)
            super().setup()

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:
                self.close_connection = True

        def finish(self) -> None:
            try:
                super().finish()
                self.request.close()
            except OSError:
                self.close_connection = True

        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            received = Received(self.command, self.path, headers, self.rfile.read(length))
            _send(self, origin, origin.next_reply(received))

        do_POST = do_GET  # noqa: N815 - the base class calls it by this name

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


def _send(handler: BaseHTTPRequestHandler, origin: Origin, reply: Reply) -> None:
    origin.pause(reply.delay_seconds)
    if reply.reset:
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.close_connection = True
        handler.connection.close()
        return
    if reply.raw is not None:
        handler.close_connection = True
        handler.wfile.write(reply.raw)
        return
    body = reply.content()
    headers = {"Content-Type": "application/json; charset=utf-8", **reply.headers}
    if reply.content_length is None or reply.content_length >= 0:
        headers["Content-Length"] = str(len(body) if reply.content_length is None else reply.content_length)
    honest = reply.content_length in (None, len(body))
    if not honest:
        headers["Connection"] = "close"
    lines = [f"HTTP/1.1 {reply.status} {reply.reason}", *(f"{name}: {value}" for name, value in headers.items())]
    head = "".join(f"{line}\r\n" for line in [*lines, ""]).encode("latin-1")
    _write(handler, origin, head, reply.head_drip_seconds)
    _write(handler, origin, body, reply.drip_seconds)
    handler.close_connection = not honest


def _write(handler: BaseHTTPRequestHandler, origin: Origin, content: bytes, drip_seconds: float) -> None:
    if not drip_seconds:
        handler.wfile.write(content)
        return
    for byte in content:
        origin.pause(drip_seconds)
        handler.wfile.write(bytes([byte]))
        handler.wfile.flush()
