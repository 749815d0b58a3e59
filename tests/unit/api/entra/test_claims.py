"""What an access token says about itself, and what speaks against it."""

import base64
import json
from datetime import UTC, datetime

import pytest

from airflow_partnercenter.api.entra.claims import TokenClaims, objections, read_claims

AUDIENCE = "https://api.partnercenter.microsoft.com"
TENANT = "aaaabbbb-0000-cccc-1111-dddd2222eeee"
GOOD = {"aud": AUDIENCE, "tid": TENANT, "upn": "a@contoso.example", "exp": 4_000_000_000, "amr": ["pwd", "mfa"]}


def token(claims: object, *, form: str = "e30.{}.x") -> str:
    """Return a token with these claims."""
    return form.format(base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode())


def test_claims_are_read_by_name():
    """Version 1 and 2 of Entra ID's tokens name user and application differently."""
    claims = read_claims(token(GOOD | {"appid": "app"}))
    assert claims == TokenClaims(
        AUDIENCE, TENANT, "a@contoso.example", "app", datetime.fromtimestamp(4_000_000_000, UTC), True
    )
    second = read_claims(token({"preferred_username": "b@contoso.example", "azp": "other", "amr": ["pwd"]}))
    assert (second.user, second.application_id, second.mfa) == ("b@contoso.example", "other", False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "opaque",
        "a.b",
        "a.b.c",
        "a.b.c.d.e",
        "a.\u00e9.c",
        token([1]),
        token("text"),
        "e30." + base64.urlsafe_b64encode(b"\xff\xfe").decode() + ".x",
        "e30." + base64.urlsafe_b64encode(b"[" * 100_000).decode() + ".x",
    ],
    ids=lambda text: text[:12],
)
def test_opaque_token_says_nothing_and_is_no_error(text):
    """Microsoft may change or encrypt what is in there at any time."""
    claims = read_claims(text)
    assert not claims.readable
    assert objections(claims, audience=AUDIENCE, tenant_id=TENANT) == []


@pytest.mark.parametrize("odd", [{"exp": "never"}, {"exp": 1e30}, {"amr": "mfa"}, {"aud": ["x"]}, {"upn": 5}], ids=str)
def test_claim_of_another_kind_is_left_out(odd):
    """One odd claim does not take the others away."""
    assert read_claims(token({"tid": TENANT} | odd)) == TokenClaims(tenant_id=TENANT)


def test_name_is_shown_on_one_line():
    """What a token says is other people's text, and goes to a terminal."""
    assert read_claims(token({"upn": "a\n\x1b[31mb" + "x" * 500})).user == ("a[31mb" + "x" * 500)[:200]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({}, None),
        ({"aud": AUDIENCE + "/"}, None),
        ({"aud": "fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd"}, None),
        ({"tid": TENANT.upper()}, None),
        ({"aud": "https://graph.windows.net"}, "the token is for https://graph.windows.net"),
        ({"tid": "99998888-0000-cccc-1111-dddd2222eeee"}, "of tenant 99998888"),
        ({"exp": 1}, "expired on 1970-01-01"),
        ({"amr": ["pwd"]}, "does not prove multi-factor"),
        ({"amr": None}, "does not prove multi-factor"),
    ],
    ids=str,
)
def test_what_speaks_against_a_token_is_a_sentence(change, sentence):
    """Audience, tenant, time and second factor; nothing else."""
    found = objections(read_claims(token(GOOD | change)), audience=AUDIENCE, tenant_id=TENANT)
    assert len(found) == (sentence is not None)
    assert sentence is None or sentence in found[0]


def test_tenant_by_its_domain_is_not_compared():
    """The token has the GUID only."""
    assert objections(read_claims(token(GOOD)), audience=AUDIENCE, tenant_id="contoso.com") == []
