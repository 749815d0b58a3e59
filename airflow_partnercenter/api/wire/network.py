"""How requests leave: one session with pooled connections, verified TLS, an optional proxy, no stray credentials."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests

from airflow_partnercenter.api.wire.deadlines import DeadlineAdapter
from airflow_partnercenter.api.wire.redaction import Redactor
from airflow_partnercenter.exceptions import ResponseFormatError, TransportError
from airflow_partnercenter.one_line import one_line

_CONNECT_SECONDS = 10.0
_POOL_SIZE = 64
_CHUNK_BYTES = 1 << 16


class _Session(requests.Session):
    """Knows no redirects: to tell where one would lead, requests reads its whole body, whatever its size."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None: an answer is an answer."""


def _no_netrc(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Leave the request alone. Without any ``auth`` requests would put a netrc password into ``Authorization``."""
    return request


@dataclass(frozen=True, slots=True)
class PreparedGet:
    """A GET that is ready to leave, whenever it may, and as often as it must.

    :param settings: of ``Session.send``, with what the environment says about proxies.
    """

    session: requests.Session
    request: requests.PreparedRequest
    settings: dict[str, Any] = field(repr=False)

    @property
    def url(self) -> str:
        """Where it goes."""
        return str(self.request.url)

    def within(self, seconds: float) -> "PreparedGet":
        """Return it with no more time than this for its answer."""
        connect, read = self.settings["timeout"]
        return replace(self, settings=self.settings | {"timeout": (min(connect, seconds), min(read, seconds))})

    def send(self, headers: Mapping[str, str]) -> requests.Response:
        """Send it with these headers of the moment, which nothing replaces; the body is yet to be read."""
        self.request.headers.update(headers)
        return self.session.send(self.request, **self.settings)


@dataclass(frozen=True)
class Network:
    """Settings shared by the token service and Partner Center.

    :param ca_bundle: path of a PEM file with the certificate authorities to trust instead of the system's.
    :param proxy: URL of a proxy for https; None leaves it to the environment (``HTTPS_PROXY``).
    :param request_timeout_seconds: for one answer as a whole, from the request to the last byte.
    :param max_response_bytes: most of one answer, decompressed; a full page of 10 000 rows has 3 to 5 MB.
    """

    ca_bundle: str | None = None
    proxy: str | None = field(default=None, repr=False)
    request_timeout_seconds: float = 180.0
    max_response_bytes: int = 256 << 20

    @cached_property
    def session(self) -> requests.Session:
        """The session; built on first use. Its pool is larger than any sensible number of parallel requests."""
        session = _Session()
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        session.mount("https://", DeadlineAdapter(pool_maxsize=_POOL_SIZE))
        return session

    @property
    def request_options(self) -> dict[str, Any]:
        """What every request must carry.

        ``verify`` goes with the request, as REQUESTS_CA_BUNDLE in the environment beats the session's setting.
        """
        return {
            "verify": self.ca_bundle or True,
            "proxies": {"https": self.proxy} if self.proxy else None,
            "timeout": (min(_CONNECT_SECONDS, self.request_timeout_seconds), self.request_timeout_seconds),
            "allow_redirects": False,
            "auth": _no_netrc,
        }

    def read(self, response: requests.Response) -> bytes | bytearray:
        """Return the decompressed body, bounded in size; the time is the adapter's matter.

        :raises ResponseFormatError: the body is larger than any answer we ask for.
        """
        raw, body = response.raw, bytearray()
        if (announced := raw.length_remaining) and "Content-Encoding" not in response.headers:
            self._check_size(announced)
            # At once, into memory of its size: in pieces, a page would be copied twice and cost a third more time.
            whole: bytes = raw.read(announced)
            if len(whole) == announced:
                return whole
            # Cut off, which the next read will say.
            body += whole
        while chunk := raw.read1(_CHUNK_BYTES, decode_content=True):
            body += chunk
            self._check_size(len(body))
        return body

    def _check_size(self, byte_count: int) -> None:
        if byte_count > self.max_response_bytes:
            raise ResponseFormatError(f"The answer is larger than {self.max_response_bytes:,} bytes.")

    def close(self) -> None:
        """Close pooled connections."""
        self.session.close()


def prepared_get(network: Network, url: str, headers: Mapping[str, str]) -> PreparedGet:
    """Make a GET ready: what that takes is as much work as to send it."""
    session, options = network.session, network.request_options
    request = session.prepare_request(requests.Request("GET", url, headers=headers, auth=options.pop("auth")))
    of_environment = session.merge_environment_settings(
        request.url, options.pop("proxies") or {}, stream=True, verify=options.pop("verify"), cert=None
    )
    return PreparedGet(session, request, options | of_environment)


def transport_error(error: BaseException, who: str, redactor: Redactor) -> TransportError:
    """Return one sentence for whatever requests, urllib3 and the operating system nested into one another.

    :param who: whom we wanted to reach, with the host.
    """
    causes = _causes(error)
    _hide_secrets(causes, redactor)
    text = redactor(" ".join(f"{type(cause).__name__}: {cause}" for cause in causes))
    for sign, sentence in _SIGNS:
        if sign in text:
            return TransportError(f"No answer from {who}: {sentence}.")
    return TransportError(f"No complete answer from {who}: {redactor(_innermost(causes))}.")


_TOO_LONG = "it took too long; request_timeout_seconds may be raised, and for a further attempt retry_total_seconds"
_SIGNS = (
    (
        "CERTIFICATE_VERIFY_FAILED",
        "its TLS certificate is not trusted; if a private certificate authority issued it, set `ca_bundle`",
    ),
    ("NO_CERTIFICATE_OR_CRL_FOUND", "`ca_bundle` holds no certificate; it must be a PEM file"),
    ("invalid path", "`ca_bundle` names no file; it must be a PEM file"),
    ("WRONG_VERSION_NUMBER", "it does not speak TLS; check the scheme and port of `host` and `authority`"),
    ("ProxyError", "the proxy refused or could not be reached; check `proxy` and HTTPS_PROXY"),
    ("NameResolutionError", "the host name cannot be resolved; check it, and the worker's DNS"),
    ("Connection refused", "the connection was refused; check host and port"),
    ("ConnectTimeout", "the connection timed out; check host, port and the worker's firewall"),
    ("ReadTimeout", _TOO_LONG),
    ("timed out", _TOO_LONG),
)


def _causes(error: BaseException) -> list[BaseException]:
    """Return the error and what it wraps, by whatever route."""
    causes: list[BaseException] = []
    queue: list[object] = [error]
    while queue:
        cause = queue.pop()
        if isinstance(cause, BaseException) and cause not in causes:
            causes.append(cause)
            queue += [*cause.args, getattr(cause, "reason", None), cause.__cause__, cause.__context__]
    return causes


def _hide_secrets(causes: list[BaseException], redactor: Redactor) -> None:
    """Take secrets out of the errors themselves: tracebacks print them, and a proxy may repeat what it was sent."""
    for cause in causes:
        shown = tuple(redactor(part) if isinstance(part, str) else part for part in cause.args)
        if shown != cause.args:
            cause.args = shown


def _innermost(causes: list[BaseException]) -> str:
    last = causes[-1]
    return one_line(f"{type(last).__name__}: {last}", 200)
