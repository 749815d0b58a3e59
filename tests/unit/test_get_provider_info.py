"""What Airflow is told of this package."""

import importlib
import inspect
import json
import sys
import types
from importlib.metadata import PackageNotFoundError, entry_points
from importlib.resources import files

import jsonschema
import pytest

from airflow_partnercenter.connection.settings import CONNECTION_FIELDS
from airflow_partnercenter.get_provider_info import get_provider_info
from airflow_partnercenter.hooks.partner_center import PartnerCenterHook


def _connection_type() -> dict:
    (declared,) = get_provider_info()["connection-types"]
    return declared


def test_metadata_is_valid_for_airflow():
    """Airflow validates providers by this schema and drops those that do not fit."""
    schema = json.loads((files("airflow") / "provider_info.schema.json").read_text())
    jsonschema.validate(get_provider_info(), schema)


def test_metadata_is_plain_json_and_new_at_each_call():
    """Airflow may change what it got; the next caller must not see it."""
    first = get_provider_info()
    assert json.loads(json.dumps(first)) == first
    first["connection-types"][0]["conn-fields"].clear()
    first["connection-types"][0]["ui-field-behaviour"]["relabeling"].clear()
    assert get_provider_info()["connection-types"][0]["conn-fields"]
    assert get_provider_info()["connection-types"][0]["ui-field-behaviour"]["relabeling"]


def test_entry_point_loads_this_function():
    """The installed distribution leads Airflow here."""
    (entry,) = [
        entry
        for entry in entry_points(group="apache_airflow_provider")
        if entry.value.startswith("airflow_partnercenter")
    ]
    assert entry.load() is get_provider_info
    assert entry.dist.name == get_provider_info()["package-name"] == "airflow-provider-partnercenter"


def _dotted(value: object) -> list[str]:
    if isinstance(value, dict):
        return [path for inner in value.values() for path in _dotted(inner)]
    if isinstance(value, list):
        return [path for inner in value for path in _dotted(inner)]
    return [value] if isinstance(value, str) and value.startswith("airflow_partnercenter.") else []


@pytest.mark.parametrize("path", sorted(set(_dotted(get_provider_info()))))
def test_every_dotted_path_resolves(path):
    """A module or class that is named is there."""
    try:
        importlib.import_module(path)
    except ModuleNotFoundError:
        module, name = path.rsplit(".", 1)
        assert hasattr(importlib.import_module(module), name)


def test_hook_and_metadata_agree():
    """Type, name and class are the same on both sides."""
    declared = _connection_type()
    assert declared["connection-type"] == PartnerCenterHook.conn_type == "partner_center"
    assert declared["hook-name"] == PartnerCenterHook.hook_name
    assert declared["hook-class-name"] == f"{PartnerCenterHook.__module__}.{PartnerCenterHook.__qualname__}"
    assert PartnerCenterHook.default_conn_name == "partner_center_default"
    assert PartnerCenterHook.conn_name_attr in inspect.signature(PartnerCenterHook).parameters


def test_form_fields_are_those_of_the_table():
    """Every field of the one table is in the form, and no other."""
    assert list(_connection_type()["conn-fields"]) == [field.name for field in CONNECTION_FIELDS]


@pytest.mark.parametrize("name", [field.name for field in CONNECTION_FIELDS])
def test_default_of_a_form_field_fits_its_own_schema(name):
    """Airflow fills in the default and validates it; an empty field is valid too, as none is required by the form."""
    field = _connection_type()["conn-fields"][name]
    jsonschema.Draft202012Validator.check_schema(field["schema"])
    if "default" in field["schema"]:
        jsonschema.validate(field["schema"]["default"], field["schema"])
    assert "null" in field["schema"]["type"]
    assert field["label"]
    assert field["description"]


def test_airflow_2_form_has_the_same_fields(monkeypatch):
    """Airflow 2 asks the hook for widgets; their names are those of the table. Its form library is stood in for."""

    class Widget:
        def __init__(self, *_: object, **options: object) -> None:
            self.options = options

    def module(name: str, *classes: str) -> None:
        stand_in = types.ModuleType(name)
        for class_name in classes:
            setattr(stand_in, class_name, type(class_name, (Widget,), {}))
        monkeypatch.setitem(sys.modules, name, stand_in)

    module("flask_appbuilder")
    module("flask_appbuilder.fieldwidgets", "BS3PasswordFieldWidget", "BS3TextFieldWidget")
    module("wtforms", "IntegerField", "PasswordField", "StringField")
    module("wtforms.validators", "Optional", "any_of")
    widgets = PartnerCenterHook.get_connection_form_widgets()
    assert list(widgets) == [field.name for field in CONNECTION_FIELDS]
    assert type(widgets["refresh_token"]).__name__ == "PasswordField"
    # Airflow 2 refuses the whole hook over a drop-down.
    assert {type(widget).__name__ for widget in widgets.values()} <= {"IntegerField", "PasswordField", "StringField"}


def test_airflow_2_field_behaviour_is_the_same_as_in_the_metadata():
    """Hidden and relabelled fields agree between the two Airflows."""
    behaviour = {name.replace("_", "-"): value for name, value in PartnerCenterHook.get_ui_field_behaviour().items()}
    assert behaviour == _connection_type()["ui-field-behaviour"]


@pytest.mark.parametrize(("installed", "shown"), [("3.3.0", False), ("3.3.1", True), ("3.3.2", True), ("3.3.3", False)])
def test_port_is_shown_where_the_test_button_needs_it(monkeypatch, installed, shown):
    """Airflow 3.3.1 and 3.3.2 answer 400 for a connection without a port; no other version gets the field."""
    monkeypatch.setattr("airflow_partnercenter.get_provider_info.version", lambda _: installed)
    behaviour = _connection_type()["ui-field-behaviour"]
    assert ("port" not in behaviour["hidden-fields"]) is shown
    assert ("443" in behaviour["relabeling"].get("port", "")) is shown


def test_airflow_2_hides_the_port(monkeypatch):
    """Its distribution has another name."""

    def absent(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("airflow_partnercenter.get_provider_info.version", absent)
    assert "port" in _connection_type()["ui-field-behaviour"]["hidden-fields"]
