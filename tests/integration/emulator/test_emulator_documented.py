"""The documentation's examples, served byte for byte."""

import json
from importlib.resources import files

import pytest

DEPLOYMENT = "/partner/v1/analytics/commercial/deployment/license"
USAGE = "/v1/analytics/commercial/usage/license/"
CUSTOMER = "/v1/customers/b44bb1fb-c595-45b0-9e3d-d657365580d5/analytics/licenses"


@pytest.mark.parametrize(
    ("path", "name", "cv"),
    [
        ("/v1/analytics/licenses/deployment", "partner_licenses_deployment", "f0trvmq8mEScHcFS.0"),
        ("/v1/analytics/licenses/usage", "partner_licenses_usage", "wk0/vjugzEe0Z9cv.0"),
        (f"{CUSTOMER}/deployment", "customer_licenses_deployment", "deEp2Wy6DUitMCYA.0"),
        (f"{CUSTOMER}/usage", "customer_licenses_usage", "0mufM0K1kEOoR7oI.0"),
        (DEPLOYMENT, "commercial_deployment_license", "f0trvmq8mEScHcFS.0"),
        (USAGE, "commercial_usage_license", "f0trvmq8mEScHcFS.0"),
    ],
)
def test_documented_body_is_served_unchanged(documented, path, name, cv):
    """The same bytes, the same length, the headers printed beside them."""
    answer = documented.get(path)
    body = (files("airflow_partnercenter.emulator") / "documented" / f"{name}.wire.bin").read_bytes()
    assert answer.content == body
    assert (answer.headers["Content-Length"], answer.headers["MS-CV"]) == (str(len(body)), cv)


def test_documented_usage_has_no_count_and_a_misspelt_key(documented):
    """As printed; whoever filters gets the envelope, and still the misspelt key."""
    body = documented.json(USAGE)
    assert list(body) == ["Value"]
    assert "licenseActive" in body["Value"][0]
    filtered = documented.json(USAGE, filter="workloadCode eq 'SPO'")
    assert (filtered["TotalCount"], len(filtered["Value"])) == (1, 1)
    assert "licenseActive" in filtered["Value"][0]
    grouped = documented.json(USAGE, groupby="serviceCode")
    assert grouped["Value"] == [{"serviceCode": "o365", "licenseActive": 0, "licensesQualified": 2}]


def test_documented_rows_can_be_paged_and_filtered(documented):
    """The documented filter example finds both rows; a page of one leads on."""
    example = documented.get(f"{DEPLOYMENT}?filter=customerTenantId%20eq%20%270112A436-B14E-4888-967B-CA4BB2CF1234%27")
    assert len(json.loads(example.content)["Value"]) == 2
    page = documented.json(DEPLOYMENT, top=1)
    assert (len(page["Value"]), page["TotalCount"]) == (1, 2)
    assert len(documented.json(page["@nextLink"])["Value"]) == 1


def test_documented_rows_are_of_one_day(documented):
    """That day is served, any other is empty."""
    assert len(documented.json(DEPLOYMENT, processedDateTime="2018-10-14")["Value"]) == 2
    assert documented.json(DEPLOYMENT, processedDateTime="2018-10-15")["TotalCount"] == 0


def test_documented_customer_is_the_one_of_the_examples(documented):
    """The list of customers leads to the newer endpoints' rows."""
    assert [item["id"] for item in documented.json("/v1/customers")["items"]] == [
        "0112a436-b14e-4888-967b-ca4bb2cf1234"
    ]
    assert documented.fault("/v1/customers/no-guid/analytics/licenses/usage")[:2] == (400, "900118")
