"""``airflow providers …`` of the Airflow that runs the suite; tests/package asks others, and for hooks and forms too.

Those two make Airflow import the hooks of every provider there is, which takes many seconds here.
"""

import json

import pytest
from airflow.cli.cli_parser import get_parser

from airflow_partnercenter import __version__
from airflow_partnercenter.get_provider_info import get_provider_info


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["list"], [{"package_name": "airflow-provider-partnercenter", "version": __version__}]),
        (["triggers"], [{"class": "airflow_partnercenter.triggers.partner_center"}]),
        (["links"], [{"extra_link_class_name": name} for name in sorted(get_provider_info()["extra-links"])]),
        (["configs"], [{"provider_config": ["airflow-provider-partnercenter", get_provider_info()["config"]]}]),
    ],
    ids=lambda value: value[0] if isinstance(value[0], str) else "",
)
def test_command_shows_it(
    command: list[str], expected: list[dict[str, object]], capsys: pytest.CaptureFixture[str]
) -> None:
    """Airflow's own command line lists the provider, with what it is told of it."""
    shown = [row for row in _listed(command, capsys) if "partner" in json.dumps(row)]
    assert [{name: row[name] for name in want} for row, want in zip(shown, expected, strict=True)] == expected


def test_get_shows_the_whole_metadata(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing of it is dropped as unknown or wrong; Airflow edits the description, and fields of the form in place."""
    [shown] = _listed(["get", "airflow-provider-partnercenter", "--full"], capsys)
    told = get_provider_info()
    edited = {"connection-types", "description"}
    assert edited < told.keys() <= shown.keys()
    assert {name: shown[name] for name in told.keys() - edited} == {name: told[name] for name in told.keys() - edited}


def _listed(command: list[str], capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    capsys.readouterr()
    arguments = get_parser().parse_args(["providers", *command, "--output", "json"])
    arguments.func(arguments)
    rows: list[dict[str, object]] = json.loads(capsys.readouterr().out)
    return rows
