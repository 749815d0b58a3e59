"""docs/hook.md: methods, query and errors are those of the code, and its examples run."""

import inspect
import json
import re
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_partnercenter.api.client import PartnerCenterClient, QueryArguments
from airflow_partnercenter.emulator import Answer, Emulator
from airflow_partnercenter.exceptions import PartnerCenterError
from airflow_partnercenter.hooks.partner_center import PartnerCenterHook
from tests.conftest import client_of
from tests.unit.docs import public
from tests.unit.docs.pages import page

PAGE = page("docs/hook.md")
READ, STREAM, TASK, SCRIPT = (code for language, code in PAGE.blocks if language == "python")
_ATTRIBUTES_OF_AIRFLOW = {"get_connection", "get_connections", "get_hook", "get_connection_form_widgets"}


def _rows(first_title: str) -> list[list[str]]:
    [table] = [table for table in PAGE.tables if table.titles[0] == first_title]
    return table.rows


def _names(cell: str) -> list[str]:
    return re.findall(r"`(\w+)`", cell)


def _run(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - our own page
    return names


@pytest.fixture
def connected(entra: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """The connection of the examples leads to the emulator."""
    monkeypatch.setenv("AIRFLOW_CONN_PARTNER_CENTER_DEFAULT", json.dumps(entra.connection()))
    return entra


def test_every_method_has_a_row() -> None:
    """All that the hook itself defines, but what Airflow 2 asks for its form."""
    own = {name for name, method in vars(PartnerCenterHook).items() if inspect.isfunction(method)}
    own = {name for name in own if not name.startswith("_")}
    assert {_names(row[0])[0] for row in _rows("method")} == own - _ATTRIBUTES_OF_AIRFLOW


def test_query_is_complete() -> None:
    """The table has each keyword of a read, in its order."""
    assert [_names(row[0])[0] for row in _rows("parameter")] == list(QueryArguments.__annotations__)


def test_errors_are_the_tree() -> None:
    """Each class, what it is, and whether a retry may help."""
    rows = {_names(row[0])[0]: (_names(row[1]), row[2]) for row in _rows("error")}
    tree = {
        name: ([base.__name__ for base in kind.__bases__], "yes" if kind.retriable else "no")
        for name, kind in public.ERRORS.items()
    }
    assert rows == tree


def test_attributes_of_errors_exist() -> None:
    """Those of the last paragraph, on the class that is said to have them."""
    told = PAGE.section("Errors").rsplit("\n\n", 1)[1]
    error = PartnerCenterError
    for name in re.findall(r"`(\w+)`", told):
        error = public.ERRORS.get(name, error)
        assert name in public.ERRORS or hasattr(error("message"), name), f"{error.__name__}.{name}"


def test_frame_and_batches(connected: Emulator) -> None:
    """The first two examples read what the emulator has."""
    read = _run(READ)
    assert len(read["most_unused"]) == 3
    assert set(read["licenses"]["service_code"]) == {"o365"}
    streamed = _run(STREAM)
    assert streamed["row_count"] == streamed["table"].num_rows > 0
    attributes = PAGE.text.split("A reader has", 1)[1].split(".", 1)[0]
    assert all(hasattr(streamed["reader"], name) for name in _names(attributes))


def test_task_counts_customers_and_fails_fast(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """What no retry heals reaches Airflow as a failure that it does not try again."""
    monkeypatch.setenv("AIRFLOW_CONN_PARTNER_CENTER_DEFAULT", json.dumps(emulator.connection()))
    count = _run(TASK)["count_customers"].function
    assert count() == 3
    emulator.answer_next(Answer(status=403), "/v1/customers")
    with pytest.raises(AirflowFailException):
        count()


def test_script_reads_rows(connected: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the credentials that it makes, and the emulator's address instead of Microsoft's."""
    built: list[Any] = []

    def to_emulator(credentials: Any) -> PartnerCenterClient:
        built.append(credentials)
        return client_of(connected)

    code = SCRIPT.replace("with PartnerCenterClient(", "with to_emulator(")
    names: dict[str, Any] = {"to_emulator": to_emulator}
    exec(code, names)  # noqa: S102 - our own page
    assert {row["service_name"] for row in names["rows"]}
    assert built[0].tenant_id == "contoso.com"
    PartnerCenterClient(built[0]).close()
