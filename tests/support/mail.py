"""A mail server on loopback that keeps what it is given."""

import email
import email.policy
import socketserver
import threading
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from email.message import EmailMessage


class _Session(socketserver.StreamRequestHandler):
    """One SMTP session: says yes to everything, which is as much as RFC 5321 asks of a server that trusts everybody."""

    server: "MailServer"

    def handle(self) -> None:
        """Answer commands until QUIT or the end of the connection."""
        self._say("220 mail.example")
        while line := self.rfile.readline():
            command = line.split(maxsplit=1)[0].upper()
            if command == b"DATA":
                self._say("354 go on")
                self._keep()
            self._say("221 bye" if command == b"QUIT" else "250 ok")
            if command == b"QUIT":
                return

    def _keep(self) -> None:
        """Read a mail up to the line with a lone dot."""
        lines = []
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        message: Any = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
        self.server.mails.append(message)

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


class MailServer(socketserver.ThreadingTCPServer):
    """Runs while its context is open; ``mails`` are the messages it was given, ``port`` where it listens."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.mails: list[EmailMessage] = []
        self.port = self.server_address[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()
