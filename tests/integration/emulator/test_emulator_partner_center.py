"""The emulated Partner Center: who gets in, what the six resources and the customers look like."""

import json
from collections import defaultdict
from datetime import timedelta

import pytest

DEPLOYMENT = "/partner/v1/analytics/commercial/deployment/license"
USAGE = "/partner/v1/analytics/commercial/usage/license"
LICENSE_PATHS = (
    "/v1/analytics/licenses/deployment",
    "/v1/analytics/licenses/usage",
    "/v1/customers/{customer}/analytics/licenses/deployment",
    "/v1/customers/{customer}/analytics/licenses/usage",
    DEPLOYMENT,
    USAGE,
)


@pytest.mark.parametrize("path", [*LICENSE_PATHS, "/v1/customers", "/v1/nothing"])
def test_without_a_token_nothing_is_served(shared, path):
    """Not even whether a path exists."""
    path = path.format(customer=shared.emulator.partner.customers[0].id)
    assert shared.fault(path, token=None) == (401, "800001", "Partner Token missing in request context.")


def test_unknown_token_is_refused(shared):
    """A token of some other issuer is no token."""
    assert shared.fault(DEPLOYMENT, token="x.y.z")[:2] == (401, "400")


def test_expired_tokens_are_refused_and_new_ones_are_not(caller):
    """All tokens handed out so far end at once."""
    token = caller.token()
    assert caller.get(DEPLOYMENT, token).status_code == 200
    caller.emulator.expire_access_tokens()
    assert caller.fault(DEPLOYMENT, token)[:2] == (401, "400")
    assert caller.get(DEPLOYMENT).status_code == 200


@pytest.mark.parametrize("partner_center_emulator", [{"access_token_seconds": 0}], indirect=True)
def test_token_ends_with_its_lifetime(caller):
    """The lifetime is the emulator's to choose."""
    assert caller.fault(DEPLOYMENT)[:2] == (401, "400")


def test_token_for_azure_ad_graph_is_refused(shared):
    """Entra ID still issues it; Partner Center no longer takes it."""
    token = shared.token(scope="https://graph.windows.net/.default")
    assert shared.fault(DEPLOYMENT, token)[:2] == (401, "900420")


def test_token_without_second_factor_is_refused(shared):
    """The code is a JSON integer, as faults of the front door are."""
    token = shared.token(refresh_token=shared.emulator.REFRESH_TOKENS["no_mfa"])
    assert shared.fault(DEPLOYMENT, token)[:2] == (401, 900421)


@pytest.mark.parametrize("path", LICENSE_PATHS)
def test_application_is_not_served_licenses(shared, path):
    """All six resources want a user; the list of customers does not."""
    token = shared.app_only_token()
    path = path.format(customer=shared.emulator.partner.customers[0].id)
    assert shared.fault(path, token)[:2] == (403, "900329")
    assert shared.get("/v1/customers", token).status_code == 200


def test_unknown_path_and_method_are_faults(shared):
    """Not FastAPI's own answers."""
    assert shared.fault("/v1/nothing")[:2] == (404, 1000)
    assert shared.fault("/partner/v1/analytics/licenses/deployment")[:2] == (404, 1000)


def test_answers_repeat_the_ids_of_the_request(shared):
    """And bring ids of their own where the request has none."""
    ids = {"MS-RequestId": "11111111-2222-3333-4444-555555555555", "MS-CorrelationId": "6-7-8"}
    answer = shared.get(DEPLOYMENT, headers=ids)
    assert {name: answer.headers[name] for name in ids} == ids
    fault = shared.get("/v1/nothing", headers=ids)
    assert {name: fault.headers[name] for name in ids} == ids
    assert fault.headers["WWW-Authenticate"] == "OAuth realm=urn:cpsvc:cpid:6-7-8"
    other = shared.get(DEPLOYMENT)
    assert len(other.headers["MS-RequestId"]) == 36
    assert all(name in other.headers for name in ("MS-CorrelationId", "MS-CV", "MS-ServerId", "Date"))
    assert other.headers["Content-Type"] == "application/json; charset=utf-8"


def test_bodies_begin_with_a_byte_order_mark(shared):
    """Answers and faults alike; who parses text instead of bytes stumbles."""
    assert shared.get(DEPLOYMENT).content.startswith(b"\xef\xbb\xbf{")
    assert shared.get("/v1/nothing").content.startswith(b"\xef\xbb\xbf{")


@pytest.mark.parametrize("partner_center_emulator", [{"bom": False}], indirect=True)
def test_byte_order_mark_can_be_turned_off(caller):
    """For clients that are not tested for it."""
    assert caller.get(DEPLOYMENT).content.startswith(b"{")


@pytest.mark.parametrize("prefix", ["/v1", "/partner/v1"])
@pytest.mark.parametrize("slash", ["", "/"])
def test_both_documented_forms_of_the_path_work(shared, prefix, slash):
    """Microsoft's page contradicts itself; the emulator takes either."""
    assert shared.json(f"{prefix}/analytics/commercial/usage/license{slash}", top=1)["TotalCount"] > 0


@pytest.mark.parametrize(("path", "kind"), [(DEPLOYMENT, "deployment"), (USAGE, "usage")])
def test_newest_rows_are_the_partners(shared, path, kind):
    """One page has them all, and no link leads on."""
    rows = shared.emulator.partner.rows(kind)
    assert shared.json(path) == {"Value": rows, "@nextLink": None, "TotalCount": len(rows)}


def test_guids_are_upper_case_and_times_naive(shared):
    """As in the examples of these endpoints."""
    row = shared.json(DEPLOYMENT, top=1)["Value"][0]
    assert row["customerTenantId"] == row["customerTenantId"].upper()
    assert row["processedDateTime"].endswith("T00:00:00")


def test_history_is_served_by_day(shared):
    """``processedDateTime`` picks a day; a day outside the history is an empty answer, not an error."""
    day = shared.emulator.today - timedelta(days=30)
    answer = shared.json(DEPLOYMENT, processedDateTime=day.isoformat())
    assert answer["Value"] == shared.emulator.partner.rows("deployment", day)
    empty = shared.json(DEPLOYMENT, processedDateTime="1999-12-31T00:00:00")
    assert empty == {"Value": [], "@nextLink": None, "TotalCount": 0}


def test_filter_and_groupby_work_together(shared):
    """The sums of the filtered rows come in the same envelope."""
    answer = shared.json(USAGE, filter="serviceCode eq 'O365' and workloadCode eq 'EXO'", groupby="serviceName")
    rows = [row for row in shared.emulator.partner.rows("usage") if row["workloadCode"] == "EXO"]
    assert answer["Value"] == [
        {
            "serviceName": "Microsoft Office 365",
            "licensesActive": sum(row["licensesActive"] for row in rows),
            "licensesQualified": sum(row["licensesQualified"] for row in rows),
        }
    ]
    assert answer["TotalCount"] == 1


@pytest.mark.parametrize(
    "parameters",
    [
        {"top": "0"},
        {"top": "10001"},
        {"top": "many"},
        {"skip": "-1"},
        {"filter": "nonsense"},
        {"groupby": "licensesSold"},
        {"processedDateTime": "yesterday"},
    ],
    ids=lambda parameters: next(iter(parameters)),
)
def test_bad_parameters_are_named_in_the_fault(shared, parameters):
    """Status 400, code 3000, and the parameter's name in the text."""
    status, code, description = shared.fault(DEPLOYMENT, params=parameters)
    assert (status, code) == (400, "3000")
    assert next(iter(parameters)) in description


@pytest.mark.parametrize(
    "partner_center_emulator",
    [{"max_page_size": 7, "link_form": form, "customers": 8} for form in ("absolute", "relative")],
    indirect=True,
    ids=["absolute", "relative"],
)
def test_pages_in_a_row_are_all_rows(caller):
    """Following the links keeps the query and gives each row once, in order; ``top`` is cut to the largest page."""
    emulator, rows, pages = caller.emulator, [], 0
    wanted = [row for row in emulator.partner.rows("usage") if row["serviceCode"] == "o365"]
    answer = caller.json(USAGE, top=10_000, filter="serviceCode eq 'o365'")
    while True:
        pages, rows = pages + 1, rows + answer["Value"]
        assert answer["TotalCount"] == len(wanted)
        if (link := answer["@nextLink"]) is None:
            break
        assert len(answer["Value"]) == 7
        assert link.startswith(emulator.base_url if emulator._link_form == "absolute" else "/partner/v1/")
        answer = caller.json(link)
    assert rows == wanted
    assert pages == -(-len(wanted) // 7) > 2


def test_skip_reaches_any_page(shared):
    """Pages may be asked for out of order, and behind the last there is nothing."""
    rows = shared.emulator.partner.rows("deployment")
    answer = shared.json(DEPLOYMENT, top=10, skip=20)
    assert answer["Value"] == rows[20:30]
    assert "skip=30" in answer["@nextLink"]
    assert shared.json(DEPLOYMENT, skip=len(rows)) == {"Value": [], "@nextLink": None, "TotalCount": len(rows)}


def test_partner_deployment_sums_its_customers(shared):
    """A has one row for each service; its percentage is in percent points with two decimals."""
    answer = shared.json("/v1/analytics/licenses/deployment")
    sums = defaultdict(lambda: [0, 0])
    for row in shared.emulator.partner.rows("deployment"):
        sums[row["serviceCode"]][0] += row["licensesDeployed"]
        sums[row["serviceCode"]][1] += row["licensesSold"]
    assert (answer["totalCount"], answer["attributes"]) == (2, {"objectType": "Collection"})
    for item in answer["items"]:
        deployed, sold = sums[item["serviceName"]]
        assert item["licensesSold"] == sold
        assert item["proratedDeploymentPercent"] == round(100 * deployed / sold, 2)
        assert item["attributes"] == {"objectType": "PartnerLicensesDeploymentInsights"}
        assert set(item) == {
            "proratedDeploymentPercent",
            "licensesSold",
            "processedDateTime",
            "serviceName",
            "channel",
            "attributes",
        }


def test_partner_usage_has_a_row_for_each_workload(shared):
    """B is computed from the same rows as F."""
    answer = shared.json("/v1/analytics/licenses/usage")
    active, qualified = defaultdict(int), defaultdict(int)
    for row in shared.emulator.partner.rows("usage"):
        active[row["workloadName"]] += row["licensesActive"]
        qualified[row["workloadName"]] += row["licensesQualified"]
    found = {item["workloadName"]: item["proratedLicensesUsagePercent"] for item in answer["items"]}
    assert found == {name: round(100 * active[name] / qualified[name], 2) for name in active}
    assert set(found) == {"Microsoft Dynamics CRM", "Exchange", "SharePoint", "Skype For Business", "Teams"}


def test_times_of_the_older_endpoints_have_an_offset(shared):
    """Dynamics is processed at midnight, Office at a time with two decimals."""
    items = shared.json("/v1/analytics/licenses/deployment")["items"]
    times = {item["serviceName"]: item["processedDateTime"] for item in items}
    assert times["crm"].endswith("T00:00:00+00:00")
    assert times["o365"][10:14] == "T03:"
    assert len(times["o365"]) == len("2017-03-14T03:25:16.36+00:00")


@pytest.mark.parametrize("kind", ["deployment", "usage"])
def test_customer_rows_leave_out_what_is_null(shared, kind):
    """C and D have the customer's rows, but neither customerId nor serviceCode."""
    customer = shared.emulator.partner.customers[2]
    answer = shared.json(f"/v1/customers/{customer.id.upper()}/analytics/licenses/{kind}")
    rows = [r for r in shared.emulator.partner.rows(kind) if r["customerTenantId"] == customer.id.upper()]
    assert answer["totalCount"] == len(answer["items"]) == len(rows) > 0
    assert {item["customerName"] for item in answer["items"]} == {customer.name}
    assert not {"customerId", "serviceCode", "productId", "workloadCode"} & {key for i in answer["items"] for key in i}
    assert answer["items"][0]["attributes"] == {"objectType": f"CustomerLicenses{kind.title()}Insights"}


def test_customer_percentages_may_exceed_one_hundred(shared):
    """Who deployed more than bought is not cut off."""
    customer = shared.emulator.partner.customers[1]
    items = shared.json(f"/v1/customers/{customer.id}/analytics/licenses/deployment")["items"]
    assert any(item["deploymentPercent"] > 100 for item in items)
    for item in items:
        sold = item["licensesSold"]
        assert item["deploymentPercent"] == (round(100 * item["licensesDeployed"] / sold, 2) if sold else 0.0)


def test_unknown_customer_and_malformed_customer_are_different_faults(shared):
    """One is not found, the other is no GUID."""
    unknown = "/v1/customers/00000000-0000-0000-0000-000000000000/analytics/licenses/usage"
    assert shared.fault(unknown)[:2] == (404, "60003")
    assert shared.fault("/v1/customers/42/analytics/licenses/usage")[:2] == (400, "900118")


def test_customers_come_in_pages_by_continuation_token(shared):
    """The next link is relative, without the version, and brings the header to send."""
    found, path, headers = [], "/customers?size=15", {}
    for _ in range(3):
        answer = json.loads(shared.get(f"/v1{path}", headers=headers).content)
        found += answer["items"]
        assert answer["totalCount"] == len(answer["items"])
        if following := answer["links"].get("next"):
            path = following["uri"]
            headers = {header["key"]: header["value"] for header in following["headers"]}
    assert path == "/customers?size=15&seekOperation=Next"
    assert following is None
    assert [item["id"] for item in found] == [customer.id for customer in shared.emulator.partner.customers]
    assert found[2]["companyProfile"]["companyName"] == "Müller & Söhne Maschinenbau GmbH"


@pytest.mark.parametrize("headers", [{}, {"MS-ContinuationToken": "AQAAAA=="}, {"MS-ContinuationToken": "ü".encode()}])
def test_customers_page_without_its_token_is_refused(shared, headers):
    """A link is of no use without its headers."""
    status, code, _ = shared.fault("/v1/customers?size=5&seekOperation=Next", headers=headers)
    assert (status, code) == (400, "800002")


def test_all_customers_fit_on_one_page_by_default(shared):
    """500 are the most on a page."""
    answer = shared.json("/v1/customers")
    assert len(answer["items"]) == 40
    assert "next" not in answer["links"]


@pytest.mark.parametrize("partner_center_emulator", [{"customers": 0}], indirect=True)
def test_partner_without_customers_is_served(caller):
    """Empty is an answer, everywhere."""
    assert caller.json(DEPLOYMENT) == {"Value": [], "@nextLink": None, "TotalCount": 0}
    assert caller.json("/v1/analytics/licenses/usage")["items"] == []
    assert caller.json("/v1/customers")["items"] == []


def test_setting_today_moves_what_is_newest(caller):
    """A test lets days go by without waiting."""
    before = {row["processedDateTime"] for row in caller.json(DEPLOYMENT)["Value"]}
    caller.emulator.today += timedelta(days=7)
    after = {row["processedDateTime"] for row in caller.json(DEPLOYMENT)["Value"]}
    assert min(after) > min(before)
    assert max(after) > max(before)
