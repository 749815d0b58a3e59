"""The emulated Entra ID: its tokens satisfy MSAL, its errors are Entra ID's."""

import re

import msal
import pytest
import requests

SCOPES = ["https://api.partnercenter.microsoft.com/.default"]


def _msal(emulator, **more):
    """Return MSAL's application for an emulator."""
    session = requests.Session()
    session.trust_env = False  # the environment's certificates would win over these
    session.verify = emulator.ca_bundle
    options = {"client_credential": emulator.client_secret, "authority": f"{emulator.authority}/{emulator.tenant_id}"}
    return msal.ConfidentialClientApplication(
        emulator.client_id, **(options | more), instance_discovery=False, http_client=session
    )


def test_msal_remembers_the_account_of_a_refresh_token(caller):
    """After one exchange MSAL answers from its cache, and the refresh token there is the new one."""
    cache = msal.SerializableTokenCache()
    app = _msal(caller.emulator, token_cache=cache)
    result = app.acquire_token_by_refresh_token(caller.emulator.refresh_token, SCOPES)
    assert result["refresh_token"] != caller.emulator.refresh_token
    assert result["refresh_token"] in cache.serialize()
    assert app.acquire_token_silent(SCOPES, account=app.get_accounts()[0])["token_source"] == "cache"
    assert len(caller.emulator.token_requests) == 1


def test_msal_spends_the_refresh_token_it_was_given_in_return(caller):
    """A rotated refresh token is good for the next exchange."""
    app = _msal(caller.emulator)
    app.acquire_token_by_refresh_token(caller.emulator.refresh_token, SCOPES)
    renewed = app.acquire_token_silent(SCOPES, account=app.get_accounts()[0], force_refresh=True)
    assert renewed["token_source"] == "identity_provider"
    sent = [request.form["refresh_token"] for request in caller.emulator.token_requests]
    assert len(set(sent)) == 2
    assert caller.get("/v1/customers", renewed["access_token"]).status_code == 200


def test_msal_gets_a_token_for_the_application(caller):
    """Client credentials work, with a secret as well as by the tenant's domain."""
    app = _msal(caller.emulator, authority=f"{caller.emulator.authority}/contoso.example")
    assert app.acquire_token_for_client(SCOPES)["token_type"] == "Bearer"


def test_user_token_has_the_claims_partner_center_wants(shared, claims):
    """Audience, tenant, delegated scope and a second factor; and no two tokens are equal."""
    token = shared.token()
    found = claims(token)
    assert found["aud"] == "https://api.partnercenter.microsoft.com"
    assert (found["tid"], found["appid"]) == (shared.emulator.tenant_id, shared.emulator.client_id)
    assert (found["scp"], found["amr"]) == ("user_impersonation", ["pwd", "mfa"])
    assert found["exp"] - found["iat"] == 3599
    assert shared.token() != token


def test_application_token_is_marked_as_such(shared, claims):
    """No user, no scope, no factors, and no refresh token."""
    scope = "https://api.partnercenter.microsoft.com/.default"
    answer = shared.ask_token(grant_type="client_credentials", refresh_token=None, scope=scope).json()
    found = claims(answer["access_token"])
    assert found["idtyp"] == "app"
    assert not {"scp", "amr", "upn"} & set(found)
    assert not {"refresh_token", "id_token"} & set(answer)


def test_refresh_token_comes_only_with_offline_access(shared):
    """Without that scope the answer has none, as at Entra ID."""
    without = shared.ask_token(scope="https://api.partnercenter.microsoft.com/user_impersonation")
    assert "refresh_token" not in without.json()
    assert without.json()["expires_in"] == 3599


def test_replaced_refresh_token_stays_valid(shared):
    """Parallel tasks may spend the same one."""
    first, second = shared.ask_token().json(), shared.ask_token().json()
    assert len({first["refresh_token"], second["refresh_token"], shared.emulator.refresh_token}) == 3
    assert shared.token(refresh_token=first["refresh_token"])


@pytest.mark.parametrize("partner_center_emulator", [{"rotate_refresh_tokens": False}], indirect=True)
def test_rotation_can_be_turned_off(caller):
    """Then the same refresh token comes back."""
    assert caller.ask_token().json()["refresh_token"] == caller.emulator.refresh_token


@pytest.mark.parametrize("tenant", ["AAAABBBB-0000-CCCC-1111-DDDD2222EEEE", "contoso.example"])
def test_v1_endpoint_writes_numbers_as_strings(shared, tenant):
    """The older endpoint takes a resource and has no refresh token in its answer, as documented."""
    resource = "https://api.partnercenter.microsoft.com"
    answer = shared.ask_token(f"/{tenant}/oauth2/token", resource=resource, scope="openid").json()
    assert (answer["expires_in"], answer["resource"], answer["scope"]) == ("3599", resource, "user_impersonation")
    assert int(answer["expires_on"]) - int(answer["not_before"]) == 3599
    assert "refresh_token" not in answer


def test_discovery_leads_to_the_token_endpoint(shared):
    """The addresses are those of the emulator; an unknown tenant has none."""
    url = "/contoso.example/v2.0/.well-known/openid-configuration"
    found = shared.get(url, token=None).json()
    assert found["token_endpoint"] == f"{shared.emulator.base_url}/contoso.example/oauth2/v2.0/token"
    unknown = shared.get("/fabrikam.example/v2.0/.well-known/openid-configuration", token=None)
    assert (unknown.status_code, unknown.json()["error"]) == (400, "invalid_tenant")


@pytest.mark.parametrize(
    ("form", "status", "error", "code"),
    [
        ({"path": "/fabrikam.example/oauth2/v2.0/token"}, 400, "invalid_tenant", 90002),
        ({"client_id": "11111111-aaaa-2222-bbbb-3333cccc4444"}, 400, "unauthorized_client", 700016),
        ({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
        ({"client_secret": "emulator~not-a-real-client-secret~expired"}, 401, "invalid_client", 7000222),
        ({"client_secret": None}, 401, "invalid_client", 7000218),
        ({"refresh_token": "garbled"}, 400, "invalid_grant", 9002313),
        ({"refresh_token": "1.AemulatorRefreshTokenNotReal.unknown"}, 400, "invalid_grant", 70000),
        ({"scope": "https://api.partner.microsoft.com/.default"}, 400, "invalid_resource", 500011),
        ({"scope": "openid"}, 400, "invalid_scope", 70011),
        ({"scope": "https://api.partnercenter.microsoft.com/Other.Read"}, 400, "invalid_scope", 70011),
        ({"grant_type": None}, 400, "invalid_request", 900144),
        ({"client_id": None}, 400, "invalid_request", 900144),
        ({"refresh_token": None}, 400, "invalid_request", 900144),
        ({"scope": None}, 400, "invalid_request", 900144),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
        (
            {
                "grant_type": "client_credentials",
                "scope": "https://api.partnercenter.microsoft.com/user_impersonation",
            },
            400,
            "invalid_scope",
            1002012,
        ),
    ],
)
def test_refusals_are_entra_ids(shared, form, status, error, code):
    """Status, error word and AADSTS number agree, and the body has all members of the real one."""
    answer = shared.ask_token(**form)
    body = answer.json()
    assert (answer.status_code, body["error"], body["error_codes"]) == (status, error, [code])
    assert re.fullmatch(
        rf"AADSTS{code}: .+ Trace ID: \S+ Correlation ID: \S+ Timestamp: [-0-9]+ [:0-9]+Z", body["error_description"]
    )
    assert {"timestamp", "trace_id", "correlation_id", "error_uri"} <= set(body)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("expired", 700082),
        ("inactive", 70008),
        ("revoked", 50173),
        ("mfa_required", 50076),
        ("mfa_expired", 50078),
        ("consent_missing", 65001),
        ("conditional_access", 53003),
        ("other_client", 700007),
    ],
)
def test_special_refresh_tokens_are_refused_for_their_reason(shared, name, code):
    """Each can be had by its name; all are invalid grants to the newer endpoint."""
    answer = shared.ask_token(refresh_token=shared.emulator.REFRESH_TOKENS[name])
    body = answer.json()
    assert (answer.status_code, body["error"], body["error_codes"]) == (400, "invalid_grant", [code])


def test_every_special_refresh_token_is_tested_above(shared):
    """Whoever adds one adds its test."""
    assert len(shared.emulator.REFRESH_TOKENS) == 9


def test_missing_second_factor_is_worded_differently_by_the_v1_endpoint(shared):
    """It says interaction_required; the newer one says so in ``suberror``."""
    token = shared.emulator.REFRESH_TOKENS["mfa_required"]
    old = shared.ask_token(
        "/contoso.example/oauth2/token", refresh_token=token, resource="https://api.partnercenter.microsoft.com"
    )
    assert old.json()["error"] == "interaction_required"
    assert shared.ask_token(refresh_token=token).json()["suberror"] == "basic_action"
