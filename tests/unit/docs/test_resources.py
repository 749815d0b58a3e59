"""docs/resources.md has every resource as it is declared."""

import re

import pytest

from airflow_partnercenter.api.resources import RESOURCES
from tests.unit.docs.pages import page


@pytest.mark.parametrize("name", RESOURCES)
def test_page_lists_the_declared_fields_and_the_key(name: str) -> None:
    """A row for each declared field, and none more; the columns that tell rows apart; path and superseding resource."""
    resource, section = RESOURCES[name], page("docs/resources.md").section(f"`{name}`")
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| ([\w ]+) \|$", section, re.MULTILINE)
    assert rows == [(field.column, field.wire, field.kind.value) for field in resource.fields]
    [key] = re.findall(r"One row per (.*?)\.", section)
    assert re.findall(r"`(\w+)`", key) == list(resource.key)
    assert f"`GET {resource.path}`" in section
    assert (f"Superseded by `{resource.superseded_by}`" in section) == bool(resource.superseded_by)


def test_page_has_no_other_resource() -> None:
    """Six, in their order."""
    assert re.findall(r"^## `(\w+)`$", page("docs/resources.md").text, re.MULTILINE) == list(RESOURCES)
