"""Tables of parameters, options, fields and settings: complete, and with the defaults that the code has."""

import inspect
import re

import pytest
from airflow.configuration import conf

from airflow_partnercenter.connection.settings import CONNECTION_FIELDS
from airflow_partnercenter.get_provider_info import MAX_XCOM_BYTES
from tests.unit.docs import public
from tests.unit.docs.pages import Page, Table, all_pages, page

pytestmark = pytest.mark.airflow(">=3.3")  # whose settings and triggers the pages have
PAGES = pytest.mark.parametrize("page", all_pages(), ids=lambda page: page.name)
#: Settings of a provider that is installed for `make test-system` only.
OTHER_PROVIDERS = {"[celery_broker_transport_options] visibility_timeout"}


def _code(cell: str) -> str:
    """Return what is set in code font at the beginning of a cell."""
    found = re.match(r"`([^`]*)`", cell)
    return found[1] if found else ""


def _plain(text: str) -> str:
    """Return a default in one spelling: both quotes are in use, and `required` says that there is none."""
    return text.strip("`").replace('"', "'").replace("required", "")


def _tables(of: Page) -> list[Table]:
    return [table for table in of.tables if "default" in table.titles]


def _defaults(table: Table) -> dict[str, str]:
    place = table.titles.index("default")
    return {_code(row[0]): row[place] for row in table.rows}


def _check_parameters(defaults: dict[str, str]) -> None:
    """Some callable of ours has all of them, with these defaults."""
    candidates = [public.parameters(function) for function in public.callables().values()]
    fitting = [known for known in candidates if set(defaults) <= set(known)]
    assert fitting, f"nothing has the parameters {', '.join(defaults)}"
    wanted = {name: _plain(text) for name, text in defaults.items()}
    had = [{name: _plain(public.default_text(known[name])) for name in defaults} for known in fitting]
    assert wanted in had


def _check_fields(defaults: dict[str, str]) -> None:
    known = {item.name: "" if item.default is None else str(item.default) for item in CONNECTION_FIELDS}
    assert {name: text.strip("`") for name, text in defaults.items()}.items() <= known.items()


def _check_options(defaults: dict[str, str]) -> None:
    for flag, text in defaults.items():
        assert text.strip("`") in public.cli_options()[flag], flag


def _check_settings(defaults: dict[str, str]) -> None:
    """Airflow's own defaults, whatever this test run has set; units and digits in groups are for the reader."""
    for name, text in defaults.items():
        found = re.fullmatch(r"\[(\w+)\] (\w+)", name)
        assert found, name
        if name not in OTHER_PROVIDERS:
            default = conf.configuration_description[found[1]]["options"][found[2]]["default"]
            assert re.sub(r" s$|\s", "", text.strip("`")) == str(default).removesuffix(".0"), name


CHECKS = {
    "parameter": _check_parameters,
    "field": _check_fields,
    "option": _check_options,
    "setting": _check_settings,
}


@PAGES
def test_defaults_in_tables_are_those_of_the_code(page: Page) -> None:
    """A table with a column `default` says by its first title what it lists; one that nobody checks is not accepted."""
    for table in _tables(page):
        assert table.titles[0] in CHECKS, f"under {table.section!r}: no check for a table of {table.titles[0]!r}"
        CHECKS[table.titles[0]](_defaults(table))


@PAGES
def test_settings_exist(page: Page) -> None:
    """``[section] key`` and ``AIRFLOW__SECTION__KEY`` are Airflow's or ours; one of another provider is named above."""
    spans = [*page.spans, *(code for language, code in page.blocks if language not in ("python", "json", "text"))]
    named = {found.groups() for span in spans for found in re.finditer(r"\[(\w+)\] (\w+)", span)}
    written = {name.lower() for name in re.findall(r"\bAIRFLOW__[A-Z0-9_]+", page.text)}
    named |= {tuple(name.removeprefix("airflow__").split("__", 1)) for name in written}
    for language, code in page.blocks:
        if language in ("ini", "cfg"):
            for section, keys in re.findall(r"^\[(\w+)\]\n((?:.+\n?)*)", code, re.MULTILINE):
                named |= {(section, key) for key in re.findall(r"^(\w+) *=", keys, re.MULTILINE)}
    for section, key in named:
        if f"[{section}] {key}" not in OTHER_PROVIDERS:
            assert key in conf.configuration_description.get(section, {}).get("options", {}), f"[{section}] {key}"


@PAGES
def test_defaults_in_sentences_are_those_of_the_code(page: Page) -> None:
    """In the spellings in use: ``x`` (default), ``--option x`` (default), and ``x``, default 4."""
    ours = [known for function in public.callables().values() for known in public.parameters(function).values()]
    texts = {str(known.default) for known in ours} | {str(item.default) for item in CONNECTION_FIELDS}
    for text in re.findall(r"`\"?(\w+)\"?` \(default\)", page.prose):
        assert text in texts, text
    for flag, text in re.findall(r"`(--[\w-]+)[ =](\w+)` \(default\)", page.prose):
        assert text in public.cli_options()[flag], flag
    for name, text in re.findall(r"`(\w+)`,? (?:by )?default (?:is )?`?\"?(\d+|\w+(?=`))", page.prose):
        known = [given for given in ours if given.name == name]
        known_fields = [str(item.default) for item in CONNECTION_FIELDS if item.name == name]
        assert text in [str(given.default) for given in known] + known_fields, name


def test_every_parameter_of_the_building_blocks_is_in_a_table() -> None:
    """Hook, operators, sensor and triggers: nothing that a DAG can say is left out."""
    tables = [table for each in all_pages() for table in each.tables if table.titles[0] == "parameter"]
    listed = {_code(row[0]) for table in tables for row in table.rows}
    for kind in public.building_blocks():
        assert set(public.parameters(kind)) <= listed, kind.__name__


def test_docstrings_name_every_parameter() -> None:
    """The reference shows what the docstring has; a class that says something of one parameter says it of all."""
    for name, function in public.callables().items():
        documented = re.findall(r":param (\w+):", inspect.getdoc(function) or "")
        known = list(public.parameters(function))
        assert set(documented) <= {*known, "overrides"}, name
        if documented and isinstance(function, type):
            assert documented == known, name


def test_limit_of_xcom_is_printed_as_it_is() -> None:
    """The figure stands in sentences."""
    grouped = f"{MAX_XCOM_BYTES:,}".replace(",", " ")
    assert f"else {grouped} |" in page("docs/operators.md").text
    assert f"max_xcom_bytes = {MAX_XCOM_BYTES}" in page("docs/files.md").text
