"""The outermost layer of the server: every request is recorded, and a scripted answer given where there is one."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

from airflow_partnercenter.emulator.scripts import Answer, Request, Scripts

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

HANG_UP_SECONDS = 1
DRIPS = 10
#: closing the socket then sends a TCP reset
LINGER_NOT = struct.pack("ii", 1, 0)


class Wire:
    """Records each request and gives scripted answers.

    ``app`` answers normally; it is set when the server starts, while scripts may be written before.
    """

    app: App
    expire_tokens: Callable[[], None]

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.scripts = Scripts()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        body = await _body(receive)
        request = _request(scope, body)
        self.requests.append(request)
        scripted = self.scripts.answer_for(request)
        if scripted is None:
            await self.app(scope, _replay(body), send)
            return
        if scripted.delay_seconds and await _has_left(receive, scripted.delay_seconds):
            return
        if scripted.close:
            await _hang_up(scope, receive, reset=scripted.reset)
            return
        if scripted.expire_tokens:
            self.expire_tokens()
        status, headers, content = await self._composed(scripted, scope, body)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        if scripted.truncate is None or scripted.truncate >= len(content):
            await _send_body(content, receive, send, scripted.drip_seconds)
            return
        await send({"type": "http.response.body", "body": content[: scripted.truncate], "more_body": True})
        await _hang_up(scope, receive, reset=scripted.reset)

    async def _composed(self, scripted: Answer, scope: Scope, body: bytes) -> tuple[int, Headers, bytes]:
        """Return status, headers and body of a scripted answer."""
        more = {name.lower().encode(): value.encode() for name, value in scripted.headers.items()}
        if scripted.is_normal:
            scope["state"]["rows"] = scripted.rows
            status, headers, content = await self._normal(scope, body)
            if scripted.rewrite and status == 200:
                content = scripted.rewrite(content)
                more[b"content-length"] = str(len(content)).encode()
        else:
            status, content = scripted.status or 200, scripted.content()
            is_json = isinstance(scripted.body, (Mapping, list))
            headers = [(b"content-type", b"application/json; charset=utf-8")] if is_json else []
            headers.append((b"content-length", str(len(content)).encode()))
        return status, [(name, value) for name, value in headers if name not in more] + list(more.items()), content

    async def _normal(self, scope: Scope, body: bytes) -> tuple[int, Headers, bytes]:
        """Return what the application would have answered."""
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await self.app(scope, _replay(body), keep)
        content = b"".join(message.get("body", b"") for message in messages[1:])
        return messages[0]["status"], list(messages[0]["headers"]), content


def _request(scope: Scope, body: bytes) -> Request:
    """Return the record of a request."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    raw_query = scope["query_string"].decode("latin-1")
    is_form = headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    form = dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True)) if is_form else {}
    query = dict(parse_qsl(raw_query, keep_blank_values=True))
    return Request(scope["method"], scope["path"], query, raw_query, headers, form)


async def _body(receive: Receive) -> bytes:
    """Return the whole body of a request."""
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _replay(body: bytes) -> Receive:
    """Return a channel that says the body once more."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _send_body(content: bytes, receive: Receive, send: Send, drip_seconds: float) -> None:
    """Send a body, at once or in ten slow parts; who leaves meanwhile misses the rest."""
    size = -(-len(content) // DRIPS) if drip_seconds else 0
    while size and len(content) > size:
        if await _has_left(receive, drip_seconds):
            return
        await send({"type": "http.response.body", "body": content[:size], "more_body": True})
        content = content[size:]
    await send({"type": "http.response.body", "body": content})


async def _hang_up(scope: Scope, receive: Receive, *, reset: bool) -> None:
    """Close the connection in the middle of everything."""
    transport = scope["state"]["transport"]
    if reset:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
        transport.abort()
        await _has_left(receive, HANG_UP_SECONDS)
        return
    transport.close()
    # the server reports an application that ends without an answer, unless the connection is known to be gone
    if not await _has_left(receive, HANG_UP_SECONDS):
        transport.abort()
        await _has_left(receive, HANG_UP_SECONDS)


async def _has_left(receive: Receive, seconds: float) -> bool:
    """Wait for some seconds, or until the connection is gone: then say so."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
            return True
    return False
