"""``airflow-partnercenter login`` with a real browser: the login page, the way back, and the page that says so."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_partnercenter.emulator import Emulator
from tests.support.chromium import browser_page, needs_chromium
from tests.support.patience import PATIENCE

pytestmark = needs_chromium
COMMAND = str(Path(sys.executable).with_name("airflow-partnercenter"))


@pytest.mark.parametrize(
    ("outcome", "title", "status"), [("consent", "You have signed in", 0), ("declined", "You have not signed in", 1)]
)
def test_person_signs_in_with_a_browser(tmp_path, outcome, title, status):
    """Chromium follows the form from TLS to http://localhost, shows the result, and the terminal says the same."""
    target = tmp_path / "connection.json"
    with Emulator(customers=3) as emulator:
        options = {
            "--tenant": emulator.tenant_domain,
            "--client-id": emulator.client_id,
            "--authority": emulator.authority,
            "--ca-bundle": emulator.ca_bundle,
            "--output": "json",
            "--file": str(target),
            "--timeout": "60",
        }
        arguments = [part for pair in options.items() for part in pair]
        with subprocess.Popen(
            [COMMAND, "login", "--no-browser", "--client-secret-stdin", *arguments],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                process.stdin.write(emulator.client_secret + "\n")
                process.stdin.close()
                address = ""
                while "/authorize?" not in address:
                    address = process.stderr.readline()
                    assert address, "no address was printed"
                with browser_page(tmp_path / "profile", ignore_https_errors=True) as page:
                    page.goto(address.strip())
                    page.get_by_label("User").select_option("sales.agent@contoso.example")
                    page.get_by_label("Outcome").select_option(outcome)
                    assert page.get_by_label("MFA").is_checked()
                    page.get_by_role("button", name="Sign in").click()
                    page.get_by_role("heading", name=title, exact=True).wait_for()
                    assert "You may close this window" in page.inner_text("body")
                    assert page.url.startswith("http://localhost:")
                    assert "code=" not in page.url
                said = process.stderr.read()
                assert process.wait(PATIENCE) == status, said
            finally:
                process.kill()
    assert target.exists() is (status == 0)
    if status == 0:
        assert "Signed in as sales.agent@contoso.example" in said
        assert json.loads(target.read_text())["extra"]["refresh_token"]
