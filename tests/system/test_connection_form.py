"""The connection form and its Test button in a real Airflow 3, as a person sees them in a browser."""

import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, expect

from airflow_partnercenter.connection.fields import CONNECTION_FIELDS
from airflow_partnercenter.emulator import Emulator
from airflow_partnercenter.get_provider_info import HTTPS_PORT, port_is_needed_for_test
from tests.support.airflow_server import AirflowServer
from tests.support.airflow_versions import AIRFLOW
from tests.support.browsers import HttpBrowser
from tests.support.certificates import CERTIFICATE_PEM, KEY_PEM
from tests.support.chromium import browser_page, needs_chromium
from tests.support.connection_form import (
    fill_in,
    open_form,
    open_list,
    press_test,
    row_of,
    save,
    show_connections,
    unfold,
)
from tests.support.patience import PATIENCE

# The form is made of the metadata since 3.2.
pytestmark = [needs_chromium, pytest.mark.airflow(">=3.2")]
#: Before, Airflow masks what is saved, but not what is typed.
TYPED_SECRETS_ARE_HIDDEN = AIRFLOW.release >= (3, 3)
NEEDS_PORT = port_is_needed_for_test()


@pytest.fixture(scope="module")
def partner() -> Iterator[Emulator]:
    """Run what the connections lead to."""
    with Emulator(customers=3) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowServer]:
    """Run Airflow's API server, which serves the UI and tests connections itself."""
    home = tmp_path_factory.mktemp("airflow") / "home"
    with AirflowServer(home, AIRFLOW__CORE__SENSITIVE_VAR_CONN_NAMES="certificate") as server:
        yield server


@pytest.fixture(scope="module")
def page(airflow: AirflowServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """Open a browser."""
    profile = tmp_path_factory.mktemp("browser") / "profile"
    with browser_page(profile, viewport={"width": 1500, "height": 1400}) as page:
        yield page


@pytest.fixture
def connections(page: Page, airflow: AirflowServer) -> Page:
    """Show the list of connections."""
    show_connections(page, airflow.url)
    return page


@pytest.fixture(scope="module")
def api(airflow: AirflowServer) -> Callable[..., Any]:
    """Return a function that asks Airflow's REST API."""
    token = requests.get(f"{airflow.url}/auth/token", timeout=PATIENCE).json()["access_token"]

    def ask(method: str, path: str, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {token}"}
        answer = requests.request(method, f"{airflow.url}/api/v2{path}", headers=headers, timeout=PATIENCE, **options)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    return ask


def test_every_field_is_shown_with_label_help_and_the_right_widget(connections: Page) -> None:
    """What the one table says is what a person sees: no field more, none less."""
    dialog = open_form(connections)
    shown = dialog.inner_text()
    names = {element.get_attribute("name") for element in dialog.locator("[name^=element_]").all()}
    assert names == {f"element_{field.name}" for field in CONNECTION_FIELDS}
    for field in CONNECTION_FIELDS:
        assert field.label in shown
        assert " ".join(field.help.split()) in " ".join(shown.split())
        element = dialog.locator(f"[name=element_{field.name}]")
        if field.secret:
            assert element.get_attribute("type") == ("password" if TYPED_SECRETS_ARE_HIDDEN else None), field.name
        elif field.choices:
            assert element.get_attribute("type") == "hidden", field.name
        elif field.whole_number:
            assert element.get_attribute("role") == "spinbutton", field.name
        else:
            assert element.get_attribute("type") in (None, "text"), field.name
        if field.default is not None:
            expect(element).to_have_value(str(field.default))


def test_modes_are_lists_to_choose_from(connections: Page) -> None:
    """No mode has to be typed."""
    dialog = open_form(connections)
    for field in (field for field in CONNECTION_FIELDS if field.choices):
        hidden = dialog.locator(f"[name=element_{field.name}]")
        box = hidden.locator("xpath=ancestor::*[.//input[@role='combobox']][1]").locator("input[role=combobox]")
        open_list(connections, box)
        expect(connections.get_by_role("option")).to_have_text(list(field.choices))
        connections.get_by_role("option", name=field.choices[-1], exact=True).click()
        expect(hidden).to_have_value(field.choices[-1])


def test_standard_fields_have_our_names_and_only_what_airflow_needs_is_required(connections: Page) -> None:
    """Two stars, both Airflow's own; the secret is masked; the port shows where the Test button needs it."""
    dialog = open_form(connections)
    assert re.findall(r"([^\n*]+)\n?\*", dialog.inner_text()) == ["Connection ID", "Connection Type"]
    dialog.get_by_role("button", name="Standard Fields").click()
    for label in ("Application (client) ID", "Client secret", "Address override", "Description"):
        expect(dialog.get_by_text(label, exact=True)).to_be_visible()
    assert dialog.locator("[name=password]").get_attribute("type") == "password"
    assert dialog.locator("[name=schema]").count() == 0
    assert dialog.locator("[name=port]").count() == int(NEEDS_PORT)
    assert dialog.get_by_text(f"Port (enter {HTTPS_PORT}, for Test)").count() == int(NEEDS_PORT)


@pytest.fixture
def saved(connections: Page, partner: Emulator) -> Iterator[Callable[..., None]]:
    """Return a function that fills in the form and saves it."""

    def save_new(conn_id: str, **extra: str) -> None:
        complete = partner.connection()
        if NEEDS_PORT:
            complete["port"] = HTTPS_PORT
        dialog = open_form(connections)
        fill_in(dialog, conn_id, complete | {"extra": complete["extra"] | extra})
        save(dialog)

    return save_new


def stored(airflow: AirflowServer, conn_id: str) -> dict[str, Any]:
    """Return what the metadata database has, decrypted."""
    printed = airflow.run("connections", "get", conn_id, "--output", "json")
    # Airflow 3.2 prints what its libraries log before it.
    (found,) = json.loads(printed[printed.index("[{") :])
    return found | {"extra": found["extra_dejson"]}


def test_editing_keeps_secrets_and_shows_none(
    connections: Page, saved: Callable[..., None], airflow: AirflowServer, partner: Emulator, api: Callable[..., Any]
) -> None:
    """A person who changes the locale leaves secret and token alone, and gets neither to see."""
    saved("edited")
    row_of(connections, "edited").get_by_role("button", name="Edit Connection").click()
    dialog = connections.get_by_role("dialog")
    unfold(dialog)
    expect(dialog.locator("[name=element_refresh_token]")).to_have_value("***")
    dialog.locator("[name=element_locale]").fill("de-DE")
    save(dialog)

    found = stored(airflow, "edited")
    assert found["extra"]["locale"] == "de-DE"
    assert found["password"] == partner.client_secret
    assert found["extra"]["refresh_token"] == partner.refresh_token
    for text in (connections.content(), json.dumps(api("GET", "/connections/edited"))):
        assert partner.client_secret not in text
        assert partner.refresh_token not in text


def test_test_button_answers_in_our_words(connections: Page, saved: Callable[..., None], partner: Emulator) -> None:
    """Good credentials and bad ones: what a person reads is the hook's own sentence."""
    saved("works")
    press_test(connections, "works", f"Signed in to tenant {partner.tenant_id} (app_user)")
    saved("fails", refresh_token=partner.REFRESH_TOKENS["expired"])
    press_test(connections, "fails", "AADSTS700082): the refresh token has expired")


def test_connection_written_by_login_passes_the_test_button(
    connections: Page, airflow: AirflowServer, partner: Emulator
) -> None:
    """A signed-in person need not know that this Airflow's button wants a port."""
    command = [str(Path(sys.executable).with_name("airflow")), "partner-center", "login", "--conn-id", "signed_in"]
    place = ["--tenant", partner.tenant_id, "--authority", partner.authority, "--ca-bundle", partner.ca_bundle]
    place += ["--host", partner.base_url]
    application = ["--client-id", partner.public_client_id, "--public-client", "--no-browser"]
    with subprocess.Popen(
        [*command, *place, *application], env=airflow.environment, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            lines = []
            while not lines or "/authorize?" not in lines[-1]:
                lines.append(process.stderr.readline())
                assert lines[-1], lines
            person = threading.Thread(target=HttpBrowser(partner.ca_bundle).sign_in, args=[lines[-1].strip()])
            person.start()
            assert process.wait(PATIENCE) == 0, process.stderr.read()
            person.join()
        finally:
            process.kill()
    assert stored(airflow, "signed_in")["port"] == (str(HTTPS_PORT) if NEEDS_PORT else None)
    connections.reload()
    press_test(connections, "signed_in", f"Signed in to tenant {partner.tenant_id} (app_user)")


def test_port_that_the_test_button_wants_changes_nothing_else(api: Callable[..., Any], partner: Emulator) -> None:
    """Port 443 beside an address with a port of its own is not used, as tasks and tests read the same connection."""
    complete = partner.connection()
    body = {name: complete[name] for name in ("conn_type", "host", "login", "password")} | {
        "connection_id": "by_api",
        "port": HTTPS_PORT,
        "extra": json.dumps(complete["extra"]),
    }
    api("POST", "/connections", json=body)
    answer = api("POST", "/connections/test", json=body)
    assert answer["status"] is True, answer


def test_certificate_is_masked_where_airflow_is_told_so(api: Callable[..., Any], partner: Emulator) -> None:
    """Airflow goes by the names of Extra's keys, and `certificate` is none of its own; the setting adds it."""
    extra = partner.connection(certificate=KEY_PEM + CERTIFICATE_PEM)["extra"]
    api(
        "POST",
        "/connections",
        json={"connection_id": "with_key", "conn_type": "partner_center", "extra": json.dumps(extra)},
    )
    shown = json.loads(api("GET", "/connections/with_key")["extra"])
    assert {name: shown[name] for name in ("certificate", "refresh_token")} == {
        "certificate": "***",
        "refresh_token": "***",
    }


def test_connection_test_leaves_no_secret_in_the_servers_log(airflow: AirflowServer, partner: Emulator) -> None:
    """Whatever was tested above."""
    log = airflow.log()
    tokens = {request.headers["authorization"].removeprefix("Bearer ") for request in partner.api_requests}
    for secret in {partner.client_secret, partner.refresh_token, *tokens}:
        assert secret not in log
