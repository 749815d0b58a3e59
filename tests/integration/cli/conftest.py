"""The command line in this process, with a person who reads the terminal and drives a browser."""

import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from airflow_partnercenter import cli
from airflow_partnercenter.emulator import Emulator
from tests.support.browsers import HttpBrowser, Terminal


@dataclass
class Outcome:
    """What a command left.

    :param pages: what the person's browser showed at the end.
    """

    status: int
    out: str
    err: str
    pages: list[requests.Response] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Everything that a terminal showed."""
        return self.out + self.err


@pytest.fixture
def run(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """Return a function that runs a command; ``person`` holds the choices on the login page."""
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)

    def run(
        *arguments: str, stdin: str = "", act: Callable[[str, str], Any] | None = None, **person: str | None
    ) -> Outcome:
        pages: list[requests.Response] = []
        browser = HttpBrowser(emulator.ca_bundle)

        def sign_in(address: str, user_code: str) -> None:
            code = {"user_code": user_code} if user_code else {}
            pages.append(browser.sign_in(address, **code | person))

        terminal, out = Terminal(act or sign_in), io.StringIO()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stderr", terminal)
            patch.setattr(sys, "stdout", out)
            patch.setattr(sys, "stdin", io.StringIO(stdin))
            try:
                status = cli.main(arguments)
            except SystemExit as error:
                status = int(error.code or 0)
            terminal.wait_for_person()
        return Outcome(status, out.getvalue(), terminal.getvalue(), pages)

    return run


@pytest.fixture
def app(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the options that name the emulator's tenant and application, secret included."""
    monkeypatch.setenv("PARTNER_CENTER_SECRET", emulator.client_secret)
    return [*place(emulator), "--client-id", emulator.client_id, "--client-secret-env", "PARTNER_CENTER_SECRET"]


@pytest.fixture
def public_app(emulator: Emulator) -> list[str]:
    """Return the options that name the emulator's application without a secret."""
    return [*place(emulator), "--client-id", emulator.public_client_id, "--public-client"]


def place(emulator: Emulator) -> list[str]:
    """Return the options that lead to an emulator instead of Microsoft's cloud."""
    return ["--tenant", emulator.tenant_id, "--authority", emulator.authority, "--ca-bundle", emulator.ca_bundle]


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Return a file that is not there yet."""
    return tmp_path / "connection.json"


@pytest.fixture
def as_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the commands declare this process a server, and take it back after the test."""
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "")


@pytest.fixture
def database(as_server: None) -> Iterator[None]:
    """Prepare Airflow's metadata database, and leave it without connections."""
    from airflow.models import Connection
    from airflow.utils.db import initdb
    from airflow.utils.session import create_session
    from sqlalchemy import delete

    initdb()
    yield
    with create_session() as session:
        session.execute(delete(Connection))
