"""What a test says about requests: how one looked, and what is to be answered next."""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Request:
    """A request as it arrived; header names are in lower case, of repeated parameters the last one counts."""

    method: str
    path: str
    query: dict[str, str]
    raw_query: str
    headers: dict[str, str]
    form: dict[str, str]

    @property
    def target(self) -> str:
        """Path and query, as sent."""
        return f"{self.path}?{self.raw_query}" if self.raw_query else self.path


@dataclass(frozen=True)
class Answer:
    """An answer to give instead of the normal one.

    Without ``status`` and ``body`` the normal answer is given: late, cut short, rewritten, of other rows, or with more
    headers.

    :param status: HTTP status; 200 if there is only a body.
    :param body: bytes and text go out as they are, the rest as JSON.
    :param headers: to send as well.
    :param bom: whether JSON starts with a byte order mark.
    :param close: close the connection and answer nothing.
    :param truncate: send this many bytes of the body under the full ``Content-Length``, then close the connection.
    :param delay_seconds: wait before anything else.
    :param reset: what breaks the connection is a TCP reset, not a polite end.
    :param drip_seconds: wait before each tenth of the body.
    :param rows: makes the rows that licence endpoints serve from those they would serve, before they cut pages.
    :param rewrite: makes the body's bytes from those of the normal answer.
    :param expire_tokens: let every access token handed out so far expire before the request is looked at.
    """

    status: int | None = None
    body: bytes | str | Mapping[str, Any] | list[Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    bom: bool = False
    close: bool = False
    truncate: int | None = None
    delay_seconds: float = 0
    reset: bool = False
    drip_seconds: float = 0
    rows: Callable[[list[Any]], list[Any]] | None = None
    rewrite: Callable[[bytes], bytes] | None = None
    expire_tokens: bool = False

    @property
    def is_normal(self) -> bool:
        """Whether the normal answer is the one to give."""
        return self.status is None and self.body is None

    def content(self) -> bytes:
        """Return the body's bytes."""
        if isinstance(self.body, bytes):
            return self.body
        if isinstance(self.body, str):
            return self.body.encode()
        if self.body is None:
            return b""
        return (b"\xef\xbb\xbf" if self.bom else b"") + json.dumps(self.body).encode()


#: An answer, or a function that makes it when the request is there: for what depends on its address or on the clock.
AnswerSource = Answer | Callable[[Request], Answer]


@dataclass
class _Script:
    """A scripted answer with the requests it still waits for."""

    answer: AnswerSource
    path: str
    skip: int
    times: int


class Scripts:
    """The scripted answers that are still to be given; tests write them while the server reads."""

    def __init__(self) -> None:
        self._scripts: list[_Script] = []
        self._lock = threading.Lock()

    def add(self, answer: AnswerSource, path: str, *, skip: int, times: int) -> None:
        """Give an answer to ``times`` requests whose path and query contain ``path``, after ``skip`` such requests."""
        with self._lock:
            self._scripts.append(_Script(answer, path, skip, times))

    def clear(self) -> None:
        """Forget the answers that were not given."""
        with self._lock:
            self._scripts.clear()

    def answer_for(self, request: Request) -> Answer | None:
        """Return the scripted answer for a request; the oldest script for its path decides."""
        source = self._next_for(request.target)
        return source if source is None or isinstance(source, Answer) else source(request)

    def _next_for(self, target: str) -> AnswerSource | None:
        with self._lock:
            script = next((script for script in self._scripts if script.path in target), None)
            if script is None:
                return None
            if script.skip:
                script.skip -= 1
                return None
            script.times -= 1
            if script.times <= 0:
                self._scripts.remove(script)
            return script.answer
