"""A TLS server for an application, in a thread of this process: certificates, uvicorn, start and stop."""

import asyncio
import shutil
import socket
import ssl
import tempfile
import threading
import time
from pathlib import Path

import trustme
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from airflow_partnercenter.emulator.wire import App

HOST = "127.0.0.1"
START_SECONDS = 10
STOP_SECONDS = 5


class _Protocol(H11Protocol):
    """uvicorn's HTTP, with the connection in reach of the application, which has to break it now and then."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}

    def shutdown(self) -> None:
        # A polite end waits for each client's good-bye, which TLS wants and an idle client never says. Not both: after
        # two calls of close() asyncio's TLS transport forgets its connection, and abort() does nothing.
        self.transport.abort()


class Listener:
    """A listening socket with its certificate; ``serve`` puts an application behind it.

    :param port: 0 takes any free one.
    :param ca_folder: keeps the certificate authority, so that the next one is the same; None makes one up each time.
    :raises OSError: the port is taken.
    """

    def __init__(self, port: int, ca_folder: Path | None = None) -> None:
        # the protocol is named so that asyncio turns off Nagle's algorithm, which costs 40 ms an answer
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind((HOST, port))
            self._socket.listen(512)
        except OSError:
            self._socket.close()
            raise
        self.port: int = self._socket.getsockname()[1]
        # not a TemporaryDirectory: one of those would vanish as soon as any forked child of this process ends
        folder = ca_folder or Path(tempfile.mkdtemp(prefix="partner-center-emulator-"))
        self._temporary = None if ca_folder else folder
        self.ca_bundle = folder / "ca.pem"
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._authority = _kept_authority(ca_folder) if ca_folder else trustme.CA()
        self._authority.cert_pem.write_to_path(str(self.ca_bundle))

    def serve(self, app: App) -> None:
        """Answer requests from now on, in a thread."""
        # no signal handlers: uvicorn installs them in the main thread only
        config = uvicorn.Config(
            app,
            http=_Protocol,
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        config.load()
        config.ssl = self._tls()
        self._server = server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=server.run, args=([self._socket],), name="partner-center-emulator", daemon=True
        )
        self._thread.start()
        for _ in range(START_SECONDS * 200):
            if server.started:
                return
            time.sleep(0.005)
        self.close()
        raise RuntimeError(f"The emulator did not start within {START_SECONDS} seconds.")

    def close(self) -> None:
        """Stop answering, give the port back and remove the certificate, unless it is to be kept."""
        if self._server is not None:
            self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)
        self._socket.close()
        if self._temporary:
            shutil.rmtree(self._temporary, ignore_errors=True)

    def _tls(self) -> ssl.SSLContext:
        """Return the server's side of TLS."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(HOST, "localhost").configure_cert(context)
        return context


def _kept_authority(folder: Path) -> trustme.CA:
    """Return the certificate authority of a folder, made up if there is none yet."""
    folder.mkdir(parents=True, exist_ok=True)
    certificate, key = folder / "ca.pem", folder / "ca-key.pem"
    if certificate.exists() and key.exists():
        return trustme.CA.from_pem(certificate.read_bytes(), key.read_bytes())
    authority = trustme.CA()
    key.touch(mode=0o600)
    authority.private_key_pem.write_to_path(str(key))
    return authority
