"""One request to Partner Center: ids, token, deadline, retries; an answer or an error of ours.

Source: https://learn.microsoft.com/en-us/partner-center/developer/headers (read 2026-11-20)
"""

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar
from urllib.parse import urlsplit

import requests
import urllib3
from requests.structures import CaseInsensitiveDict

from airflow_partnercenter import __version__
from airflow_partnercenter.api.entra.auth import TokenProvider
from airflow_partnercenter.api.pages.envelope import Body
from airflow_partnercenter.api.reading.call import Call, Gate, Pace, RequestIds
from airflow_partnercenter.api.wire.faults import Answer, error_for, heals_with_new_token, id_of, refused_for_good
from airflow_partnercenter.api.wire.network import Network, PreparedGet, prepared_get, transport_error
from airflow_partnercenter.api.wire.redaction import Redactor
from airflow_partnercenter.api.wire.retrying import Clock, RetryPolicy
from airflow_partnercenter.exceptions import (
    AccessTokenRefusedError,
    ApiError,
    ConfigurationError,
    ThrottledError,
    TransportError,
)

logger = logging.getLogger(__name__)
T = TypeVar("T")

_OK = 200


class Transport:
    """Sends GET requests to one origin and to no other.

    :param base_url: of the Partner Center REST API, with scheme, without a trailing slash.
    :param tokens: asked for an access token before each request.
    :param locale: for ``X-Locale``.
    :param application_name: for ``MS-PartnerCenter-Application``; None leaves the header out.
    """

    def __init__(
        self,
        base_url: str,
        tokens: TokenProvider,
        *,
        network: Network,
        retry: RetryPolicy,
        redactor: Redactor,
        locale: str = "en-US",
        application_name: str | None = None,
    ) -> None:
        self.base_url = base_url
        self._tokens = tokens
        self._network = network
        self._retry = retry
        self._redactor = redactor
        self.gate = Gate()
        self._headers = {
            "Accept": "application/json",
            "User-Agent": f"airflow-provider-partnercenter/{__version__}",
            # Said to be required, not enforced.
            "MS-Contract-Version": "v1",
            "X-Locale": locale,
        }
        if application_name:
            self._headers["MS-PartnerCenter-Application"] = application_name
        for name, value in self._headers.items():
            if not re.fullmatch(r"[\x20-\x7e]+", value):
                raise ConfigurationError(f"{name} cannot be sent: locale and application_name must be plain ASCII.")

    def get(
        self,
        url: str,
        decode: Callable[[Body], T],
        *,
        call: Call,
        headers: Mapping[str, str] | None = None,
    ) -> T:
        """Return the decoded body of a GET. May be called from several threads of one call.

        :param url: on the configured origin.
        :param decode: makes the result of the body; a body that is not JSON is asked for again.
        :param call: what the request belongs to.
        :param headers: more headers, such as those of a next link.
        :raises PartnerCenterError: of the kind that the answer, or its absence, stands for.
        """
        ids, pace = call.new_request(), call.pace
        with self._naming_errors(url):
            # Before its turn: while it is made, another one can be under way.
            request = prepared_get(self._network, url, {**(headers or {}), **self._headers})
        clock = Clock()

        def left() -> float:
            return self._retry.total_seconds - clock.seconds()

        has_left = False

        def send(token: str) -> Answer:
            nonlocal has_left
            # While a token was fetched, another request may have been told to wait.
            pace.wait_for_gate(left())
            # Again only in what is left of the total, or in the second that any answer needs.
            bounded = request.within(max(1.0, left())) if has_left else request
            has_left = True
            return self._send(bounded, call, ids, token)

        def attempt() -> T:
            with pace.request(left()):
                clock.start()
                try:
                    answer = self._attempt(send, pace, ids)
                except ApiError as error:
                    # Before the place is free, as whoever waits for it must not send now.
                    pace.hold(error.retry_after_seconds or 0.0)
                    if isinstance(error, ThrottledError):
                        pace.throttled()
                    raise
            # No longer in the way of the next request.
            result = decode(answer.body)
            pace.answered()
            return result

        return self._retry.call(attempt, on_wait=call.progress.waits, sleep=pace.sleep, clock=clock)

    def sign_in(self) -> None:
        """Get an access token now, in this thread."""
        self._tokens.access_token()

    def _attempt(self, send: Callable[[str], Answer], pace: Pace, ids: RequestIds) -> Answer:
        """Return a 200, with one new access token on the way if that may help."""
        token = self._tokens.access_token()
        answer = send(token)
        if heals_with_new_token(answer):
            pace.check()
            logger.info(
                "Partner Center refused the access token; asking for a new one once [MS-CorrelationId %s]",
                ids.correlation_id,
            )
            try:
                token = self._tokens.access_token(refused=token)
            except AccessTokenRefusedError as error:
                raise refused_for_good(answer, error, app_only=self._tokens.app_only) from None
            answer = send(token)
        if answer.status != _OK:
            raise error_for(answer, correlation_id=ids.correlation_id, app_only=self._tokens.app_only)
        return answer

    def _send(self, request: PreparedGet, call: Call, ids: RequestIds, token: str) -> Answer:
        """Send once; the answer's own text comes back without secrets."""
        method_path, request_id = _method_path(request.url), ids.request_id
        now = {
            "Authorization": f"Bearer {token}",
            "MS-RequestId": request_id,
            "MS-CorrelationId": ids.correlation_id,
        }
        call.progress.request_sent()
        with self._naming_errors(request.url, request_id), request.send(now) as response:
            body = self._network.read(response)
        ids.answered()
        call.progress.body_read(len(body))
        status = response.status_code
        headers = CaseInsensitiveDict((name, self._redactor(value)) for name, value in response.headers.items())
        if status != _OK:
            body = bytearray(self._redactor(body.decode("utf-8", "replace")).encode())
        logger.log(
            logging.DEBUG if status == _OK else logging.INFO,
            "%s: %d, %d bytes [MS-RequestId %s, MS-CorrelationId %s, MS-CV %s, Date %s]",
            method_path,
            status,
            len(body),
            request_id,
            ids.correlation_id,
            id_of(headers, "MS-CV"),
            id_of(headers, "Date"),
        )
        return Answer(method_path, status, self._redactor(response.reason or ""), headers, body, request_id)

    @contextmanager
    def _naming_errors(self, url: str, request_id: str | None = None) -> Iterator[None]:
        """Say in one sentence who gave no answer, and why."""
        try:
            yield
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            who = f"Partner Center at {urlsplit(url).netloc} to {_method_path(url)}"
            told: TransportError = transport_error(error, who, self._redactor)
            told.request_id = request_id
            raise told from error

    def __repr__(self) -> str:
        return f"<Transport to {self.base_url}>"


def _method_path(url: str) -> str:
    return f"GET {urlsplit(url).path}"
