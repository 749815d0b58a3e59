"""docs/operators.md says what the code says: parameters, defaults, templated fields, results, examples."""

import inspect
import re
from typing import Any

import pytest

from airflow_partnercenter import assets
from airflow_partnercenter.expectations import EXPECTATIONS, ExpectedRows, QualityGate
from airflow_partnercenter.operators.partner_center import (
    PartnerCenterLicensesOperator,
    PartnerCenterLicensesToObjectStorageOperator,
    PartnerCenterListLicensesOperator,
)
from tests.unit.docs.pages import page

PAGE = page("docs/operators.md").text
SECTIONS = {
    "What both take": PartnerCenterLicensesOperator,
    "PartnerCenterListLicensesOperator": PartnerCenterListLicensesOperator,
    "PartnerCenterLicensesToObjectStorageOperator": PartnerCenterLicensesToObjectStorageOperator,
}


def _section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def _parameters(title: str) -> dict[str, tuple[str, str]]:
    """Return default and meaning of each parameter in the table of a section."""
    table = _section(title).split("| parameter | default | meaning |", 1)[1].split("\n\n", 1)[0]
    rows = re.findall(r"^\| `(\w+)` \| (\S+) \| (.*) \|$", table, re.MULTILINE)
    return {name: (default.strip("`"), meaning) for name, default, meaning in rows}


def _default(parameter: inspect.Parameter) -> str:
    if parameter.default is inspect.Parameter.empty:
        return "required"
    return f'"{parameter.default}"' if isinstance(parameter.default, str) else repr(parameter.default)


@pytest.mark.parametrize("title", SECTIONS)
def test_parameters_and_defaults_are_those_of_the_signature(title: str) -> None:
    """Each parameter is there once, with its default, and no other."""
    signature = inspect.signature(SECTIONS[title].__init__).parameters.values()
    own = {parameter.name: _default(parameter) for parameter in signature if parameter.kind is parameter.KEYWORD_ONLY}
    assert {name: default for name, (default, _) in _parameters(title).items()} == own


@pytest.mark.parametrize("title", SECTIONS)
def test_templated_is_said_of_what_is_templated(title: str) -> None:
    """A reader sees which parameters may be templates."""
    fields = SECTIONS[title].template_fields
    for name, (_, meaning) in _parameters(title).items():
        assert meaning.endswith("; templated") == (name in fields), name


@pytest.mark.parametrize("operator", list(SECTIONS.values()), ids=lambda operator: operator.__name__)
def test_docstring_names_the_same_parameters(operator: Any) -> None:
    """The docstring, which editors show, lists what the signature has and says what is templated."""
    signature = inspect.signature(operator.__init__).parameters.values()
    documented = re.findall(r":param (\w+): (.*?)(?=\n:|\Z)", inspect.getdoc(operator), re.DOTALL)
    own = [parameter.name for parameter in signature if parameter.kind is parameter.KEYWORD_ONLY]
    assert [name for name, _ in documented] == own
    for name, text in documented:
        assert ("(templated)" in text) == (name in operator.template_fields), name


def test_no_example_is_left_out() -> None:
    """Three are taken from sample DAGs, which tests/dags runs, and one is tested here; one more needs a test."""
    assert len(re.findall(r"^```\w+$", PAGE, re.MULTILINE)) == 4
    assert [file for file, _ in page("docs/operators.md").includes] == [
        "dags/partner_center_licenses_to_xcom.py",
        "dags/partner_center_licenses_report.py",
        "dags/partner_center_on_new_snapshot.py",
    ]


def test_example_of_expectations_is_accepted() -> None:
    """The dictionary on the page is a valid argument."""
    [code] = re.findall(r"^```python\n(expectations = .*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - our own page
    rows = ExpectedRows("licenses_deployment", ("licenses_deployed", "licenses_sold"), ())
    assert len(QualityGate(names["expectations"], rows).results()) == 5


def test_every_expectation_is_explained() -> None:
    """The table has those there are, in their order."""
    assert tuple(re.findall(r"^\| `(\w+)` \|", _section("Expectations"), re.MULTILINE)) == EXPECTATIONS


def test_returned_keys_and_those_of_the_event_are_listed(entra, connect, tmp_path) -> None:
    """The table names each key that the task returns; the list below, each that the event holds."""
    connect(entra)
    described = PartnerCenterLicensesToObjectStorageOperator(
        task_id="t",
        resource="licenses_usage",
        destination=f"{tmp_path.as_uri()}/a.csv",
        on_customer_error="skip",
        expectations={"warn": {"no_null_keys": True}},
    ).execute({})
    table = _section("PartnerCenterLicensesToObjectStorageOperator").split("| key | value |", 1)[1]
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", table, re.MULTILINE)
    assert [name for row in rows for name in re.findall(r"\w+", row)] == list(described)
    told = _section("Downstream DAGs").split("**Extra of the event**", 1)[1].split("No credentials", 1)[0]
    assert tuple(re.findall(r"`(\w+)`", told.split(":", 2)[2])) == assets.EVENT_KEYS
