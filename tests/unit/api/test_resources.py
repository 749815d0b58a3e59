"""The six declarations against Microsoft's tables of fields."""

import pytest

from airflow_partnercenter.api.resources import RESOURCES, Field, Kind, get_resource
from airflow_partnercenter.exceptions import ConfigurationError

_SERVICE = "serviceName channel processedDateTime"
# One line for each page: its path and the fields of its table (analytics-resources), counts and percents marked.
TABLE = {
    "partner_licenses_deployment": (
        "/v1/analytics/licenses/deployment",
        f"{_SERVICE} licensesSold# proratedDeploymentPercent%",
    ),
    "partner_licenses_usage": (
        "/v1/analytics/licenses/usage",
        f"{_SERVICE} workloadName proratedLicensesUsagePercent%",
    ),
    "customer_licenses_deployment": (
        "/v1/customers/{customer_id}/analytics/licenses/deployment",
        f"{_SERVICE} serviceCode customerId customerName productName licensesDeployed# licensesSold# "
        "deploymentPercent%",
    ),
    "customer_licenses_usage": (
        "/v1/customers/{customer_id}/analytics/licenses/usage",
        f"{_SERVICE} serviceCode customerId customerName productName workloadCode workloadName licensesActive# "
        "licensesQualified# usagePercent%",
    ),
    "licenses_deployment": (
        "{commercial_prefix}/analytics/commercial/deployment/license",
        f"{_SERVICE} serviceCode customerTenantId customerName productId productName licensesDeployed# licensesSold#",
    ),
    "licenses_usage": (
        "{commercial_prefix}/analytics/commercial/usage/license",
        f"{_SERVICE} serviceCode customerTenantId customerName productId productName workloadCode workloadName "
        "licensesActive# licensesQualified#",
    ),
}


def _kind(marked: str) -> Kind:
    if marked == "processedDateTime":
        return Kind.TIME
    return {"#": Kind.COUNT, "%": Kind.PERCENT}.get(marked[-1], Kind.TEXT)


def test_there_are_exactly_the_six_documented_resources():
    """Names are those of Microsoft's page titles, and there are no others."""
    assert set(RESOURCES) == set(TABLE)
    assert all(resource.name == name for name, resource in RESOURCES.items())


@pytest.mark.parametrize("name", TABLE)
def test_path_is_the_documented_one(name):
    """The path below the base URL is that of the page."""
    assert RESOURCES[name].path == TABLE[name][0]


@pytest.mark.parametrize("name", TABLE)
def test_fields_are_those_of_the_page_with_their_kinds(name):
    """No field of the table is missing, none is made up, and each is of its documented kind."""
    documented = {marked.rstrip("#%"): _kind(marked) for marked in TABLE[name][1].split()}
    assert {field.wire: field.kind for field in RESOURCES[name].fields} == documented


@pytest.mark.parametrize(
    ("wire", "column"),
    [
        ("licensesDeployed", "licenses_deployed"),
        ("proratedLicensesUsagePercent", "prorated_licenses_usage_percent"),
        ("processedDateTime", "processed_date_time"),
        ("customerTenantId", "customer_tenant_id"),
        ("channel", "channel"),
    ],
)
def test_column_is_the_wire_name_in_snake_case(wire, column):
    """A column is called as on the wire, camelCase turned to snake_case; nothing is renamed."""
    assert Field(wire).column == column


@pytest.mark.parametrize("name", TABLE)
def test_key_consists_of_declared_columns(name):
    """The natural key names columns that are there."""
    assert set(RESOURCES[name].key) <= set(RESOURCES[name].columns)
    assert len(set(RESOURCES[name].columns)) == len(RESOURCES[name].columns)


@pytest.mark.parametrize("name", ["customer_licenses_usage", "licenses_usage"])
def test_misspelt_license_active_is_an_alias(name):
    """The usage page's example spells licensesActive without its first s."""
    field = next(field for field in RESOURCES[name].fields if field.wire == "licensesActive")
    assert field.aliases == ("licenseActive",)


@pytest.mark.parametrize("name", TABLE)
def test_superseded_resources_name_the_one_to_use_instead(name):
    """A and C are superseded by E, B and D by F; E and F by none."""
    commercial = name.startswith("licenses_")
    expected = None if commercial else f"licenses_{name.rsplit('_', 1)[-1]}"
    assert RESOURCES[name].superseded_by == expected
    assert RESOURCES[name].is_commercial is commercial
    assert RESOURCES[name].needs_customer is name.startswith("customer_")


@pytest.mark.parametrize("name", TABLE)
def test_page_is_microsofts(name):
    """Each declaration names its page."""
    assert RESOURCES[name].page == (
        f"https://learn.microsoft.com/en-us/partner-center/developer/get-{name.replace('_', '-')}-information"
    )


@pytest.mark.parametrize("name", ["licences_deployment", "", None, 5, ["licenses_usage"]])
def test_unknown_resource_lists_those_there_are(name):
    """A wrong name fails with the six right ones."""
    with pytest.raises(ConfigurationError) as caught:
        get_resource(name)
    assert all(known in str(caught.value) for known in TABLE)
