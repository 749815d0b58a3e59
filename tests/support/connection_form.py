"""The list of connections and the form of a new one in Airflow's UI, as a person clicks through them."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from playwright.sync_api import Page, TimeoutError, expect

from airflow_partnercenter.connection.fields import CONNECTION_NAME


def show_connections(page: Page, url: str) -> None:
    """Open the list of connections."""
    page.goto(f"{url}/connections")
    page.get_by_role("button", name="Add Connection").wait_for()


def open_form(page: Page) -> Any:
    """Open the form for a new connection, choose our type by its name, and unfold its fields."""
    page.get_by_role("button", name="Add Connection").click()
    dialog = page.get_by_role("dialog")
    _choose_our_type(page, dialog.locator("input[role=combobox]").first)
    unfold(dialog)
    return dialog


def _choose_our_type(page: Page, box: Any) -> None:
    """Choose our type of connection; before Airflow knows its types, the list does not open, and takes no text."""
    option = page.get_by_role("option", name=CONNECTION_NAME, exact=True)
    for _ in range(10):
        expect(box).to_be_enabled()
        box.click(force=True)
        page.keyboard.type(CONNECTION_NAME)
        with suppress(TimeoutError):
            option.click(timeout=10_000)
            return
        box.clear(force=True)
    option.click()


def open_list(page: Page, box: Any) -> None:
    """Open a list of choices; a click does nothing while the list before it is closing."""
    for _ in range(10):
        box.click(force=True)
        with suppress(TimeoutError):
            page.get_by_role("option").first.wait_for(timeout=10_000)
            return
    raise AssertionError("the list does not open")


def unfold(dialog: Any) -> None:
    """Show the fields of the connection's Extra."""
    dialog.get_by_role("button", name="Extra Fields", exact=True).click()
    dialog.locator("[name=element_tenant_id]").wait_for()


def fill_in(dialog: Any, conn_id: str, fields: Mapping[str, Any]) -> None:
    """Enter a connection, given in the form of ``AIRFLOW_CONN_*``; its own fields are shown afterwards."""
    dialog.get_by_role("button", name="Standard Fields").click()
    for name in ("host", "login", "password", "port"):
        if name in fields:
            dialog.locator(f"[name={name}]").fill(str(fields[name]))
    dialog.locator("[name=connection_id]").fill(conn_id)
    unfold(dialog)
    for name, value in fields["extra"].items():
        dialog.locator(f"[name=element_{name}]").fill(value)


def save(dialog: Any) -> None:
    """Save, and wait until the dialog is gone."""
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()


def row_of(page: Page, conn_id: str) -> Any:
    """Return the line of a connection in the list."""
    return page.get_by_role("row").filter(has=page.get_by_text(conn_id, exact=True))


def press_test(page: Page, conn_id: str, answer: str) -> None:
    """Press Test in the line of a connection, and wait for what is said then."""
    row_of(page, conn_id).get_by_role("button", name="Test Connection").click()
    expect(page.get_by_text(answer)).to_be_visible()
