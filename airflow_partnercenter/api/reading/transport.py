"""One request to Partner Center: ids, token, deadline, retries; an answer or an error of ours.

Source: https://learn.microsoft.com/en-us/partner-center/developer/headers (read 2026-11-20)
"""

import logging
import re
from collections.abc import Callable, Mapping
from typing import TypeVar
from urllib.parse import urlsplit

import requests
import urllib3

from airflow_partnercenter import __version__
from airflow_partnercenter.api.entra.auth import TokenProvider
from airflow_partnercenter.api.pages.envelope import Body
from airflow_partnercenter.api.reading.call import Call, Gate, RequestIds
from airflow_partnercenter.api.wire.faults import Answer, error_for, heals_with_new_token
from airflow_partnercenter.api.wire.network import Network, transport_error
from airflow_partnercenter.api.wire.redaction import Redactor
from airflow_partnercenter.api.wire.retrying import Clock, RetryPolicy
from airflow_partnercenter.exceptions import ApiError, ConfigurationError, ThrottledError

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

        clock = Clock()

        def attempt() -> T:
            try:
                with pace.request(self._retry.total_seconds - clock.seconds()):
                    clock.start()
                    answer = self._attempt(url, call, ids, dict(headers or {}))
                # No longer in the way of the next request.
                result = decode(answer.body)
            except ApiError as error:
                pace.hold(error.retry_after_seconds or 0.0)
                if isinstance(error, ThrottledError):
                    pace.throttled()
                raise
            pace.answered()
            return result

        return self._retry.call(attempt, on_wait=call.progress.waits, sleep=pace.sleep, clock=clock)

    def sign_in(self) -> None:
        """Get an access token now, in this thread."""
        self._tokens.access_token()

    def _attempt(self, url: str, call: Call, ids: RequestIds, headers: dict[str, str]) -> Answer:
        """Return a 200, with one new access token on the way if that may help."""
        token = self._tokens.access_token()
        answer = self._send(url, call, ids, headers, token)
        if heals_with_new_token(answer):
            call.pace.check()
            logger.info(
                "Partner Center refused the access token; asking for a new one once [MS-CorrelationId %s]",
                ids.correlation_id,
            )
            answer = self._send(url, call, ids, headers, self._tokens.access_token(refused=token))
        if answer.status != _OK:
            raise error_for(answer, correlation_id=ids.correlation_id, app_only=self._tokens.app_only)
        return answer

    def _send(self, url: str, call: Call, ids: RequestIds, headers: dict[str, str], token: str) -> Answer:
        """Send once; the answer's own text comes back without secrets."""
        method_path = f"GET {urlsplit(url).path}"
        ours = {"MS-RequestId": ids.request_id, "MS-CorrelationId": ids.correlation_id}
        options = self._network.request_options | {"auth": _Bearer(token), "stream": True}
        every = headers | self._headers | ours
        call.progress.request_sent()
        try:
            with self._network.session.get(url, headers=every, **options) as response:
                ids.answered()
                body = self._network.read(response)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            who = f"Partner Center at {urlsplit(url).netloc} to {method_path}"
            raise transport_error(error, who, self._redactor) from error
        call.progress.body_read(len(body))
        logger.debug(
            "%s: %d, %d bytes [MS-RequestId %s, MS-CorrelationId %s]",
            method_path,
            response.status_code,
            len(body),
            ours["MS-RequestId"],
            ids.correlation_id,
        )
        if response.status_code != _OK:
            body = bytearray(self._redactor(body.decode("utf-8", "replace")).encode())
        reason = self._redactor(response.reason or "")
        return Answer(method_path, response.status_code, reason, response.headers, body)

    def __repr__(self) -> str:
        return f"<Transport to {self.base_url}>"


class _Bearer(requests.auth.AuthBase):
    """Sets the access token last, so that neither a netrc file nor a next link's header replaces it."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request
