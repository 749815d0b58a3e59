"""An answer of the token service, through MSAL: a token that a header can carry, or an error without our secrets."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from airflow_partnercenter.api.entra.auth import AppOnlyCredentials, AppUserCredentials, TokenProvider
from airflow_partnercenter.api.entra.claims import objections, read_claims
from airflow_partnercenter.api.wire.redaction import Redactor
from airflow_partnercenter.api.wire.retrying import RetryPolicy
from airflow_partnercenter.exceptions import PartnerCenterError
from fuzz.promises import SECRET, require_printable, result_or_error

_AUTHORITY = "https://login.microsoftonline.com"
_DISCOVERY = {
    "authorization_endpoint": f"{_AUTHORITY}/t/oauth2/v2.0/authorize",
    "token_endpoint": f"{_AUTHORITY}/t/oauth2/v2.0/token",
    "issuer": f"{_AUTHORITY}/t/v2.0",
}
_STATUS = (200, 400, 401, 429, 500, 200, 302, 200)
#: What MSAL caches a token by: {"uid": "a", "utid": "b"}, and an unsigned id_token.
_CLIENT_INFO = "eyJ1aWQiOiJhIiwidXRpZCI6ImIifQ"
_ID_TOKEN = (
    "e30.eyJzdWIiOiJhIiwiYXVkIjoiYSIsImlzcyI6ImkiLCJpYXQiOjEsImV4cCI6OTk5OTk5OTk5OSwib2lkIjoiYSIsInRpZCI6ImIifQ."  # noqa: S105 - made up
)


def seeds() -> Iterator[bytes]:
    """Yield answers to the request for a token, and to that for the discovery document."""
    token = {"token_type": "Bearer", "expires_in": 3600, "access_token": "e30.e30.e30", "refresh_token": "0.B"}
    refusal = {
        "error": "invalid_grant",
        "error_description": "AADSTS700082: The refresh token has expired. Trace ID: a\r\nCorrelation ID: b",
        "error_codes": [700082],
        "correlation_id": "b",
    }
    for number, answer in enumerate(
        (
            token | {"id_token": _ID_TOKEN, "client_info": _CLIENT_INFO, "scope": "openid", "expires_in": "3600"},
            token,
            refusal,
            {"error": "invalid_client", "error_description": f"AADSTS7000215: {SECRET}"},
            {"error": "temporarily_unavailable"},
            {},
        )
    ):
        for kind in (0, 1, 8):
            yield bytes([kind + number % 2]) + json.dumps(answer).encode()
    nested = base64.urlsafe_b64encode(b"[" * 2_000).decode().rstrip("=")
    yield b"\x00" + json.dumps(token | {"id_token": f"e30.{nested}.", "client_info": nested}).encode()
    yield b"\x10" + json.dumps(_DISCOVERY).encode()


@dataclass(frozen=True)
class _Network:
    """Answers without a network: discovery well, and the token request with the body given, or the other way round."""

    status: int
    body: bytes
    in_discovery: bool
    request_options: dict[str, Any] = field(default_factory=dict)

    @property
    def session(self) -> "_Network":
        return self

    def request(self, method: str, url: str, **_: Any) -> Any:
        """Return an answer, to be opened."""
        given = (method == "GET") == self.in_discovery
        return _Opened(url, *(self.status, self.body) if given else (200, json.dumps(_DISCOVERY).encode()))

    def read(self, answer: Any) -> bytearray:
        """Return the body."""
        return bytearray(answer.body)

    def close(self) -> None:
        """Close nothing."""


class _Opened(SimpleNamespace):
    def __init__(self, url: str, status: int, body: bytes) -> None:
        super().__init__(url=url, status_code=status, body=body, reason="\x1b[31mno", headers={"Retry-After": "1"})

    def __enter__(self) -> "_Opened":
        return self

    def __exit__(self, *_: object) -> None:
        """Close nothing."""


def check(data: bytes) -> None:
    """Sign in twice, as the second time finds what MSAL has kept of the first."""
    kind, body = data[0] if data else 0, data[1:]
    network = _Network(_STATUS[kind % 8], body, in_discovery=bool(kind & 16))
    who = ("t", "client", SECRET)
    tokens = TokenProvider(
        AppOnlyCredentials(*who) if kind & 8 else AppUserCredentials(*who, f"{SECRET}r"),
        authority=_AUTHORITY,
        audience="https://api.partnercenter.microsoft.com",
        network=network,  # type: ignore[arg-type]
        retry=RetryPolicy(attempts=1),
        redactor=Redactor(),
    )
    for _ in range(2):
        token = result_or_error(tokens.access_token)
        if isinstance(token, PartnerCenterError):
            continue
        assert token.isascii()
        assert token.isprintable()
        if SECRET not in token:
            claims = read_claims(token)
            for sentence in objections(claims, audience="https://api.partnercenter.microsoft.com", tenant_id="t"):
                require_printable(sentence)
