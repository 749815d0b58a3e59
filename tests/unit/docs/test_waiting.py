"""docs/waiting.md says what is."""

import inspect
import json
import re

import pytest

from airflow_partnercenter.sensors.partner_center import PartnerCenterLicensesSensor
from airflow_partnercenter.triggers import partner_center as triggers
from tests.support.airflow_versions import AIRFLOW
from tests.unit.docs.pages import page

PAGE = page("docs/waiting.md").text
BLOCKS = page("docs/waiting.md").blocks
CLASSES = pytest.mark.parametrize(
    "documented",
    [
        PartnerCenterLicensesSensor,
        triggers.PartnerCenterLicensesTrigger,
        # asset watchers came with Airflow 3
        *([triggers.PartnerCenterLicensesEventTrigger] if AIRFLOW.major >= 3 else []),
    ],
    ids=lambda documented: documented.__name__,
)


@CLASSES
def test_parameters_and_defaults_are_those_of_the_signature(documented):
    """Each parameter has a row in the table, with its default, in the same order."""
    section = PAGE.split(f"<!-- parameters of {documented.__name__} -->", 1)[1].split("\n\n", 2)[1]
    rows = re.findall(r"^\| `(\w+)` \| (?:`(.*?)`)? ?\|", section, re.MULTILINE)
    parameters = [
        (name, "" if parameter.default is parameter.empty else repr(parameter.default))
        for name, parameter in inspect.signature(documented.__init__).parameters.items()
        if name not in ("self", "kwargs")
    ]
    assert rows == parameters


@CLASSES
def test_every_parameter_is_in_the_docstring(documented):
    """In the order of the signature."""
    names = [name for name in inspect.signature(documented.__init__).parameters if name not in ("self", "kwargs")]
    assert re.findall(r":param (\w+):", documented.__doc__) == names


def test_template_fields_are_those_said_to_be_templated():
    """The page marks them, and each is an argument."""
    section = PAGE.split("<!-- parameters of PartnerCenterLicensesSensor -->", 1)[1].split("\n\n", 2)[1]
    assert tuple(re.findall(r"^\| `(\w+)` .*templated \|$", section, re.MULTILINE)) == (
        PartnerCenterLicensesSensor.template_fields
    )


def _examples():
    """Yield the examples, each with the Airflow that the page says it needs."""
    needs = {"AssetWatcher": ">=3.0", "retry_policy": ">=3.3"}
    for code in (code for language, code in BLOCKS if language == "python"):
        marks = [pytest.mark.airflow(versions) for word, versions in needs.items() if word in code]
        yield pytest.param(code, marks=marks, id=code[:40])


@pytest.mark.parametrize("code", _examples())
def test_examples_run(code):
    """As they are printed; the DAG's body is left to the reader."""
    exec(code, {})  # noqa: S102 - our own page


def test_printed_times_are_what_the_sensor_returns(emulator, connect):
    """The JSON below the first example is the emulator's of that day."""
    [printed] = [code for language, code in BLOCKS if language == "json"]
    connect(emulator)
    sensor = PartnerCenterLicensesSensor(task_id="t", resource="licenses_deployment", newer_than="2026-11-16")
    assert sensor.poke({}).xcom_value == json.loads(printed)
