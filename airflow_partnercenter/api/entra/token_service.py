"""The HTTP client under MSAL: verified TLS, retries, and every failure as one of our errors."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3

from airflow_partnercenter.api.entra.refusals import SERVICE_TROUBLE, refusal
from airflow_partnercenter.api.wire.faults import retry_after_seconds
from airflow_partnercenter.api.wire.network import Network, transport_error
from airflow_partnercenter.api.wire.redaction import Redactor
from airflow_partnercenter.api.wire.retrying import RetryPolicy
from airflow_partnercenter.exceptions import TokenServiceError
from airflow_partnercenter.one_line import one_line

_OK = 200
_LONGEST_REASON = 200


@dataclass(frozen=True, slots=True)
class _TokenAnswer:
    """What MSAL reads of an HTTP answer."""

    status_code: int
    text: str
    headers: Mapping[str, str]


class NoMemory(dict[str, Any]):
    """Where MSAL may keep answers: nothing stays there. It would repeat a refusal for a minute without asking again."""

    def __setitem__(self, key: str, value: Any) -> None:
        """Forget it."""


class TokenServiceHttp:
    """The HTTP client under MSAL: verified TLS, retries below MSAL's own throttling, failures as our errors.

    MSAL repeats a 429 or 5xx from memory instead of asking again, so retries must happen here, and such an answer
    must not reach it. Nor must one that is not a JSON object, as MSAL would log its text, whatever that repeats.
    """

    def __init__(self, network: Network, retry: RetryPolicy, redactor: Redactor) -> None:
        self._network = network
        self._retry = retry
        self._redactor = redactor

    def get(self, url: str, params: Any = None, headers: Any = None, **_: Any) -> _TokenAnswer:
        """Fetch the tenant's discovery document; a tenant that has none is a refusal, which MSAL would hide."""
        response, body = self._send("GET", url, params=params, headers=headers)
        if response.status_code >= 400:
            said = f"{response.url} answered {response.status_code}: check `authority`, `tenant_id`"
            raise refusal(body if "error" in body else {"error": "invalid_authority", "error_description": said})
        if response.status_code != _OK or not {"token_endpoint", "authorization_endpoint"} <= body.keys():
            raise TokenServiceError(f"{response.url} is no token service's discovery document: check `authority`.")
        if not str(body["token_endpoint"]).startswith("https://"):
            raise TokenServiceError(f"{response.url} leads to a token endpoint without TLS: check `authority`.")
        return _TokenAnswer(response.status_code, json.dumps(body), response.headers)

    def post(self, url: str, params: Any = None, data: Any = None, headers: Any = None, **_: Any) -> _TokenAnswer:
        """Ask for a token, or a device code; a refusal is MSAL's to read."""
        response, body = self._send("POST", url, params=params, data=data, headers=headers)
        host = urlsplit(url).netloc
        if response.status_code == _OK and not {"access_token", "device_code", "error"} & body.keys():
            raise TokenServiceError(f"The token service at {host} answered 200 without a token.")
        if response.status_code != _OK and "error" not in body:
            said = f"{host} answered {response.status_code} without saying why; check `authority` and `tenant_id`"
            body = {"error": "no_token", "error_description": said}
        if (data or {}).get("grant_type") == "refresh_token":
            # Nobody needs it, and MSAL before 1.38 refuses one by the worker's clock, or by the case of the client ID.
            body.pop("id_token", None)
        return _TokenAnswer(response.status_code, json.dumps(body), response.headers)

    def close(self) -> None:
        """Close the connections; called by MSAL."""
        self._network.close()

    def _send(self, method: str, url: str, **request: Any) -> tuple[requests.Response, dict[str, Any]]:
        host = urlsplit(url).netloc

        def attempt() -> tuple[requests.Response, dict[str, Any]]:
            options = self._network.request_options | {"stream": True}
            try:
                with self._network.session.request(method, url, **request, **options) as response:
                    content = self._network.read(response)
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                raise transport_error(error, f"the token service at {host}", self._redactor) from error
            body = self._json_object(response.status_code, content)
            trouble = body.get("error") in SERVICE_TROUBLE
            if trouble or response.status_code == 429 or response.status_code >= 500:
                raise TokenServiceError(
                    f"Microsoft Entra ID at {host} answered {response.status_code} "
                    f"{one_line(self._redactor(response.reason), _LONGEST_REASON)}.",
                    retry_after_seconds=retry_after_seconds(response.headers),
                )
            return response, body

        return self._retry.call(attempt)

    def _json_object(self, status: int, content: bytes | bytearray) -> dict[str, Any]:
        """Return the body, in an error without our secrets; empty if it is not a JSON object."""
        try:
            body = json.loads(content)
        except (ValueError, RecursionError):
            return {}
        if not isinstance(body, dict):
            return {}
        if status == _OK and "access_token" in body:
            return _without_unreadable_identity(body)
        return {key: self._redactor(value) if isinstance(value, str) else value for key, value in body.items()}


def _without_unreadable_identity(body: dict[str, Any]) -> dict[str, Any]:
    """Leave out an ``id_token`` or ``client_info`` that MSAL could not decode: neither is needed for a request."""
    parts = {"id_token": str(body.get("id_token", "")).split("."), "client_info": ["", str(body.get("client_info"))]}
    unreadable = {name for name, encoded in parts.items() if not _is_encoded_object(encoded[1:2])}
    return {name: value for name, value in body.items() if name not in unreadable}


def _is_encoded_object(encoded: list[str]) -> bool:
    try:
        return isinstance(json.loads(base64.urlsafe_b64decode(encoded[0] + "==")), dict)
    except (IndexError, ValueError, RecursionError):
        return False
