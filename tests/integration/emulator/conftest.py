"""A plain HTTP client for an emulator, as a user without any client library would write it."""

from __future__ import annotations

import base64
import json
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
import requests

from airflow_partnercenter.emulator import Emulator
from airflow_partnercenter.emulator.pytest_plugin import partner_center_emulator
from tests.support.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["partner_center_emulator"]

SCOPE = "https://api.partnercenter.microsoft.com/.default offline_access openid profile"


class Caller:
    """Asks one emulator."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator

    def ask_token(self, path: str | None = None, **form: str | None) -> requests.Response:
        """Send a complete request for a token; keywords change or, as None, remove parameters."""
        complete: dict[str, str | None] = {
            "grant_type": "refresh_token",
            "client_id": self.emulator.client_id,
            "client_secret": self.emulator.client_secret,
            "refresh_token": self.emulator.refresh_token,
            "scope": SCOPE,
        }
        sent = {name: value for name, value in (complete | form).items() if value is not None}
        url = f"{self.emulator.authority}{path or f'/{self.emulator.tenant_id}/oauth2/v2.0/token'}"
        return requests.post(url, data=sent, verify=self.emulator.ca_bundle, timeout=PATIENCE)

    def token(self, **form: str | None) -> str:
        """Return an access token."""
        answer = self.ask_token(**form)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def app_only_token(self) -> str:
        """Return an access token of the application itself."""
        scope = "https://api.partnercenter.microsoft.com/.default"
        return self.token(grant_type="client_credentials", refresh_token=None, scope=scope)

    def get(self, path: str, token: str | None = "", **options: Any) -> requests.Response:
        """Ask Partner Center; without a token of the caller's with a new one, with None without any."""
        headers = dict(options.pop("headers", {}))
        if token is not None:
            headers["Authorization"] = f"Bearer {token or self.token()}"
        url = path if path.startswith("https:") else self.emulator.base_url + path
        timeout = options.pop("timeout", 10)
        return requests.get(url, headers=headers, verify=self.emulator.ca_bundle, timeout=timeout, **options)

    def json(self, path: str, **parameters: object) -> Any:
        """Return the JSON of a successful answer, which must begin with a byte order mark."""
        answer = self.get(path, params=parameters)
        assert answer.status_code == 200, answer.text
        assert answer.content.startswith(b"\xef\xbb\xbf")
        return json.loads(answer.content)

    def fault(self, path: str, token: str | None = "", **options: Any) -> tuple[int, str | int, str]:
        """Return status, code and description of a refusal."""
        answer = self.get(path, token, **options)
        body = json.loads(answer.content)
        assert set(body) == {"code", "description", "data", "source"}
        return answer.status_code, body["code"], body["description"]


def claims_of(token: str) -> dict[str, Any]:
    """Return the claims of a token."""
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


@pytest.fixture
def claims() -> Any:
    """Return the function that reads a token's claims."""
    return claims_of


@pytest.fixture
def caller(partner_center_emulator: Emulator) -> Caller:
    """Return a client of a new emulator."""
    return Caller(partner_center_emulator)


@pytest.fixture(scope="module")
def shared() -> Iterator[Caller]:
    """Return a client of an emulator that tests of one file share; they must leave it as it is."""
    # a fixed day: one that begins while the tests run would move the data under them
    with Emulator(today=date(2026, 3, 1)) as emulator:
        yield Caller(emulator)


@pytest.fixture(scope="module")
def documented() -> Iterator[Caller]:
    """Return a client of an emulator with the documentation's examples, shared by one file."""
    with Emulator("documented") as emulator:
        yield Caller(emulator)
