"""What this Airflow makes of the provider's metadata: form, commands, links, asset scheme, configuration."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_partnercenter.connection.fields import CONNECTION_FIELDS, CONNECTION_NAME
from tests.support.airflow_versions import AIRFLOW
from tests.support.patience import PATIENCE

NAMES = [field.name for field in CONNECTION_FIELDS]


@pytest.fixture
def airflow(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Return a function that runs an ``airflow`` command in this process and returns what it prints."""

    def run(*words: str) -> str:
        from airflow.cli.cli_parser import get_parser

        arguments = get_parser().parse_args(words)
        capsys.readouterr()
        arguments.func(arguments)
        return capsys.readouterr().out

    return run


def _rows(printed: str) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = json.loads(printed[printed.index("[") :])
    return rows


def _needs_form_library() -> None:
    """Airflow before 3.2 asks the hooks for their forms, and leaves them out where FAB is not installed."""
    if AIRFLOW.release < (3, 2):
        pytest.importorskip("flask_appbuilder", reason="Airflow 3.0 and 3.1 show no provider's form without FAB")


def test_provider_is_listed_with_its_metadata(airflow):
    """``airflow providers list`` and ``get`` know it."""
    listed = _rows(airflow("providers", "list", "--output", "json"))
    assert "airflow-provider-partnercenter" in {row["package_name"] for row in listed}
    told = airflow("providers", "get", "airflow-provider-partnercenter", "--full", "--output", "json")
    assert CONNECTION_NAME in told
    assert "airflow_partnercenter.hooks.partner_center.PartnerCenterHook" in told


def test_hook_is_the_connection_types(airflow):
    """``airflow providers hooks`` has imported the class."""
    [row] = [
        row
        for row in _rows(airflow("providers", "hooks", "--output", "json"))
        if row["connection_type"] == "partner_center"
    ]
    assert row["class"] == "airflow_partnercenter.hooks.partner_center.PartnerCenterHook"
    assert row["conn_id_attribute_name"] == "partner_center_conn_id"
    assert row["hook_name"] == CONNECTION_NAME


def test_standard_fields_have_our_labels(airflow):
    """``airflow providers behaviours`` lists the connection types that rename and hide some."""
    _needs_form_library()
    assert {"field_behaviours": "partner_center"} in _rows(airflow("providers", "behaviours", "--output", "json"))


@pytest.mark.parametrize("command", ["links", "triggers"])
def test_links_and_triggers_are_listed(airflow, command):
    """Airflow rebuilds both from their class paths."""
    printed = airflow("providers", command, "--output", "json")
    if command == "links":
        assert "airflow_partnercenter.links.partner_center.FileLink" in printed
    else:
        assert "airflow_partnercenter.triggers.partner_center" in printed


def test_configuration_has_our_section():
    """Its options have their defaults without being set."""
    from airflow.providers.common.compat.sdk import conf

    assert conf.getint("partner_center", "max_xcom_bytes") == 49_152


@pytest.mark.airflow("<3")
def test_form_of_airflow_2_has_every_field(airflow):
    """Made of the hook's widgets by the form library itself."""
    from airflow.providers_manager import ProvidersManager

    widgets = ProvidersManager().connection_form_widgets
    prefix = "extra__partner_center__"
    assert [key.removeprefix(prefix) for key in widgets if key.startswith(prefix)] == NAMES
    assert "refresh_token" in airflow("providers", "widgets", "--output", "json")


@pytest.mark.airflow("<3")
def test_page_of_airflow_2_shows_the_form(tmp_path):
    """The webserver renders it, secrets as passwords and defaults filled in."""
    code = """
from airflow.utils.db import initdb
initdb()
from airflow.www.app import create_app
application = create_app(testing=True)
application.config["WTF_CSRF_ENABLED"] = False
with application.test_request_context():
    from airflow.www.views import ConnectionModelView, create_connection_form_class
    form = create_connection_form_class()()
    for name, field in form._fields.items():
        if name.startswith("extra__partner_center__"):
            print("FIELD", name, field())
"""
    environment = {"AIRFLOW_HOME": str(tmp_path), "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path}/a.db"}
    done = _run(code, environment)
    shown = [line.split(" ", 2)[1:] for line in done.splitlines() if line.startswith("FIELD")]
    assert [name.removeprefix("extra__partner_center__") for name, _ in shown] == NAMES
    secret = {field.name for field in CONNECTION_FIELDS if field.secret}
    assert {name.rpartition("__")[2] for name, html in shown if 'type="password"' in html} == secret


def _run(code: str, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env=os.environ | environment, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.airflow(">=3.0")
def test_form_of_airflow_3_has_every_field():
    """As its UI is told of them; Airflow before 3.2 asks the hook, for which it needs the form library of Airflow 2."""
    _needs_form_library()
    code = """
import json
from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService
[meta] = [meta for meta in HookMetaService.hook_meta_data() if meta.connection_type == "partner_center"]
print(json.dumps({
    "fields": meta.extra_fields, "name": meta.hook_name, "login": meta.standard_fields.login.title,
}))
"""
    told = json.loads(_run(code, {}).splitlines()[-1])
    assert list(told["fields"]) == NAMES
    assert (told["name"], told["login"]) == (CONNECTION_NAME, "Application (client) ID")
    mode, secret = told["fields"]["auth_mode"]["schema"], told["fields"]["refresh_token"]["schema"]
    assert mode["enum"] == next(list(field.choices) for field in CONNECTION_FIELDS if field.name == "auth_mode")
    assert secret["format"] == "password"


@pytest.mark.airflow(">=3.2")
def test_airflows_command_line_has_ours(emulator, connect, airflow, capsys):
    """``airflow partner-center check`` reads with the connection and says so; it ends with a status of its own."""
    connect(emulator)
    with pytest.raises(SystemExit) as ended:
        airflow("partner-center", "check", "--json")
    assert ended.value.code == 0
    assert json.loads(capsys.readouterr().out)


def test_console_command_is_installed(emulator):
    """``airflow-partnercenter check`` is there on each Airflow."""
    command = Path(sys.executable).with_name("airflow-partnercenter")
    environment = os.environ | {"AIRFLOW_CONN_PARTNER_CENTER_DEFAULT": json.dumps(emulator.connection())}
    done = subprocess.run(
        [command, "check", "--json"], env=environment, capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)
