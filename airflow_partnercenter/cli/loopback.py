"""Receives one answer of the login page at http://localhost: listens on 127.0.0.1, takes one answer, and stops.

Source: https://www.rfc-editor.org/rfc/rfc8252#section-7.3
"""

import queue
import secrets
import threading
import time
from dataclasses import dataclass, field
from functools import partial
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from airflow_partnercenter.exceptions import AuthenticationError, ConfigurationError

HOST = "127.0.0.1"
_LARGEST_ANSWER = 1 << 16
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>body {{ font: 18px/1.5 system-ui, sans-serif; margin: 15vh auto; max-width: 30rem; padding: 0 1rem }}</style>
</head><body><h1>{title}</h1><p>{text}</p></body></html>
"""


@dataclass(frozen=True, slots=True)
class _Page:
    """What the browser is shown, and the answer that it brought if that one is taken."""

    status: int
    title: str
    text: str
    taken: dict[str, str] | None = field(default=None, repr=False)


class RedirectListener:
    """A listener for the redirect URI, open from ``with`` to its end.

    :param port: 0 takes any free one.
    :param path: of the redirect URI; empty or beginning with a slash.
    """

    def __init__(self, port: int = 0, path: str = "") -> None:
        self._port = port
        self._path = path
        self._answers: queue.Queue[dict[str, str]] = queue.Queue(maxsize=1)
        self._state = ""
        self._taken = threading.Lock()

    def __enter__(self) -> Self:
        """Start listening.

        :raises ConfigurationError: the port is taken.
        """
        try:
            self._server = _Server((HOST, self._port), partial(_Handler, self))
        except (OSError, OverflowError) as error:
            raise ConfigurationError(
                f"Port {self._port} of this machine cannot be used ({getattr(error, 'strerror', None) or error}): name "
                "another one by --port, or leave it out to take any free one."
            ) from None
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def redirect_uri(self) -> str:
        """Where the browser takes the answer. Entra ID ignores the port of http://localhost when it compares."""
        return f"http://localhost:{self._server.server_port}{self._path}"

    def expect(self, state: str) -> None:
        """Remember what a right answer repeats: decides which page the browser shows, and nothing else."""
        self._state = state

    def wait(self, seconds: float) -> dict[str, str]:
        """Return the parameters of the answer, right or wrong.

        :raises AuthenticationError: no answer came in time.
        """
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                # In short steps, as a wait on a lock lets no Ctrl-C through on every system.
                return self._answers.get(timeout=min(left, 0.5))
            except queue.Empty:
                continue
        raise AuthenticationError(
            f"Nobody signed in within {seconds:.0f} seconds: start again; --timeout gives more time, --device-code "
            "needs no browser on this machine."
        )

    def is_for(self, path: str) -> bool:
        """Return whether a request is for the redirect URI."""
        return path.rstrip("/") == self._path.rstrip("/")

    def judge(self, answer: dict[str, str]) -> _Page:
        """Return the page to show for an answer; only the first one is taken."""
        if "code" not in answer and "error" not in answer:
            return _Page(
                400,
                "This is no answer",
                "Microsoft Entra ID brings a code or an error here; this request has neither.",
            )
        if not self._taken.acquire(blocking=False):
            return _Page(410, "Too late", "An answer has arrived before. You may close this window.")
        if not secrets.compare_digest(answer.get("state", "").encode(), self._state.encode()):
            text = "You may close this window; see the terminal."
            return _Page(400, "This answer is for another sign-in", text, answer)
        if "error" in answer:
            text = "You may close this window; the terminal says what to do."
            return _Page(200, "You have not signed in", text, answer)
        return _Page(200, "You have signed in", "You may close this window and go back to the terminal.", answer)

    def hand_over(self, answer: dict[str, str]) -> None:
        """Let ``wait`` return an answer whose page the browser has."""
        self._answers.put(answer)


class _Server(ThreadingHTTPServer):
    """One thread a connection: a browser opens some that it never uses."""

    daemon_threads = True
    block_on_close = False
    # Another process of this machine must not be able to share the port.
    allow_reuse_port = False


class _Handler(BaseHTTPRequestHandler):
    """Answers the browser. Logs nothing, as the requests hold the authorization code."""

    server_version = "airflow-partnercenter"
    sys_version = ""
    timeout = 5

    def __init__(self, listener: RedirectListener, *args: object) -> None:
        self._listener = listener
        super().__init__(*args)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        """Take an answer in the address (``response_mode=query``)."""
        self._answer(urlsplit(self.path).query)

    def do_POST(self) -> None:
        """Take an answer in a form (``response_mode=form_post``)."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > _LARGEST_ANSWER:
            self._show(_Page(400, "This is no answer", "The form has no length, or is too large."))
            return
        self._answer(self.rfile.read(int(length)).decode("utf-8", "replace"))

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""

    def _answer(self, form: str) -> None:
        if not self._listener.is_for(urlsplit(self.path).path):
            self._show(_Page(404, "Not found", "Nothing is here."))
            return
        page = self._listener.judge(dict(parse_qsl(form)))
        try:
            self._show(page)
        finally:
            # Not before: whoever waits may end the process at once, and the person would see no page.
            if page.taken is not None:
                self._listener.hand_over(page.taken)

    def _show(self, page: _Page) -> None:
        body = _PAGE.format(title=escape(page.title), text=escape(page.text)).encode()
        self.send_response(page.status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True
