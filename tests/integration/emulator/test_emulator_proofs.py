"""The emulated Entra ID believes an application only what it can check."""

import time
import uuid

import jwt
import msal
import pytest
import requests
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa

from airflow_partnercenter.api.entra.client_credential import signs_by_certificate_alone
from airflow_partnercenter.emulator import proofs

SCOPES = ["https://api.partnercenter.microsoft.com/.default"]
KEY, CERTIFICATE = proofs.certificate_pem().split("-----BEGIN CERTIFICATE-----")
CERTIFICATE = f"-----BEGIN CERTIFICATE-----{CERTIFICATE}"
THUMBPRINT = proofs.certificate().fingerprint(hashes.SHA1()).hex()  # noqa: S303 - what a thumbprint is


def _msal(emulator, credential):
    session = requests.Session()
    session.trust_env = False  # the environment's certificates would win over these
    session.verify = emulator.ca_bundle
    authority = f"{emulator.authority}/{emulator.tenant_id}"
    options = {"authority": authority, "instance_discovery": False, "http_client": session}
    return msal.ConfidentialClientApplication(emulator.client_id, client_credential=credential, **options)


@pytest.mark.parametrize(
    "credential",
    [
        pytest.param(
            {"private_key": KEY, "public_certificate": CERTIFICATE},
            marks=pytest.mark.skipif(not signs_by_certificate_alone(), reason="needs MSAL 1.35"),
        ),
        {"private_key": KEY, "thumbprint": THUMBPRINT},
        {"private_key": KEY, "thumbprint": THUMBPRINT, "public_certificate": CERTIFICATE},
        {"client_assertion": proofs.federated_token},
        {"client_assertion": lambda: proofs.managed_identity_token("api://AzureADTokenExchange")},
    ],
    ids=["PS256", "RS256 by thumbprint", "RS256 with chain", "federated", "managed identity"],
)
def test_msal_proves_the_application(shared, credential):
    """Whatever MSAL makes of a credential is taken, if it is right."""
    result = _msal(shared.emulator, credential).acquire_token_for_client(SCOPES)
    assert "access_token" in result, result


def _assertion(shared, *, algorithm="PS256", key=KEY, headers=None, **changes):
    """Return an assertion by certificate; changes replace claims, None removes them."""
    now = time.time()
    claims = {
        "aud": f"{shared.emulator.base_url}/{shared.emulator.tenant_id}/oauth2/v2.0/token",
        "iss": shared.emulator.client_id,
        "sub": shared.emulator.client_id,
        "jti": str(uuid.uuid4()),
        "nbf": now,
        "exp": now + 600,
    } | changes
    kept = {name: value for name, value in claims.items() if value is not None}
    thumbprint = {"x5t#S256": proofs._base64url(proofs.certificate().fingerprint(hashes.SHA256()))}
    return jwt.encode(kept, key, algorithm=algorithm, headers=thumbprint if headers is None else headers)


def _code(shared, assertion, **form):
    answer = shared.ask_token(
        **{"client_secret": None, "client_assertion": assertion, "client_assertion_type": proofs.ASSERTION_TYPE} | form
    )
    return answer.json().get("error_codes", [answer.status_code])[0]


def test_assertion_written_by_hand_passes(shared):
    """What the refusals below change one thing of is right as it is; the older endpoint is as good an audience."""
    old = f"{shared.emulator.base_url}/contoso.example/oauth2/token"
    assert [_code(shared, _assertion(shared)), _code(shared, _assertion(shared, aud=old))] == [200, 200]


OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"key": OTHER_KEY}, 700027),
        ({"headers": {}}, 700027),
        ({"headers": {"x5t#S256": "AAAA"}}, 700027),
        ({"headers": {"x5t": "AAAA"}}, 700027),
        ({"key": "a" * 64, "algorithm": "HS256"}, 700027),
        ({"aud": "https://login.microsoftonline.com/common/oauth2/v2.0/token"}, 700023),
        ({"aud": None}, 700023),
        ({"sub": "another"}, 700021),
        ({"jti": None}, 700021),
        ({"exp": 1}, 700024),
        ({"exp": None}, 700024),
        ({"nbf": time.time() + 3600}, 700024),
        ({"iss": "another"}, 700211),
    ],
    ids=[
        "another key",
        "no certificate",
        "another x5t#S256",
        "another x5t",
        "a shared secret",
        "another audience",
        "no audience",
        "another subject",
        "no ID",
        "expired",
        "no expiry",
        "of the future",
        "another issuer",
    ],
)
def test_assertion_that_proves_nothing_is_refused(shared, changes, code):
    """Key, thumbprint, algorithm, audience, subject and time are checked, each with Entra ID's own number."""
    assert _code(shared, _assertion(shared, **changes)) == code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"iss": "https://other.example"}, 700211),
        ({"sub": "system:serviceaccount:other:pod"}, 700213),
        ({"aud": "https://kubernetes.default.svc"}, 700212),
        ({"exp": 1}, 700024),
    ],
    ids=str,
)
def test_federated_token_of_another_pod_is_refused(shared, changes, code):
    """Issuer, subject, audience and time of a federated token are checked."""
    assert _code(shared, proofs.federated_token(**changes)) == code


def test_federated_token_with_a_foreign_signature_is_refused(shared):
    """The provider's keys are known."""
    claims = jwt.decode(proofs.federated_token(), options={"verify_signature": False})
    assert _code(shared, jwt.encode(claims, OTHER_KEY, algorithm="RS256")) == 50013


@pytest.mark.parametrize("assertion", ["nonsense", "a.b.c", "e30.W10.x"])
def test_what_is_no_token_is_no_assertion(shared, assertion):
    """Anything but a JSON Web Token is malformed."""
    assert _code(shared, assertion) == 50027


def test_assertion_needs_its_type(shared):
    """Without ``client_assertion_type`` it is not looked at; with another one it is malformed."""
    assert _code(shared, _assertion(shared), client_assertion_type=None) == 900144
    assert _code(shared, _assertion(shared), client_assertion_type="saml") == 50027


def test_public_client_has_no_secret_and_no_tokens_of_its_own(shared):
    """It signs people in; it can neither prove itself nor act for itself, nor spend another application's tokens."""
    from airflow_partnercenter.emulator.credentials import PUBLIC_REFRESH_TOKEN

    public = {"client_id": shared.emulator.public_client_id, "client_secret": None}
    assert shared.ask_token(**public, refresh_token=PUBLIC_REFRESH_TOKEN).status_code == 200
    other = shared.ask_token(**public)
    assert other.json()["error_codes"] == [700007]
    alone = shared.ask_token(**public, grant_type="client_credentials", refresh_token=None, scope=SCOPES[0])
    assert alone.json()["error_codes"] == [7000218]
    with_secret = shared.ask_token(**public | {"client_secret": "x"}, refresh_token=PUBLIC_REFRESH_TOKEN)
    assert with_secret.json()["error_codes"] == [700025]


IDENTITY = "44445555-eeee-6666-ffff-7777aaaa8888"


@pytest.mark.parametrize(
    ("path", "headers", "client_id", "status"),
    [
        ("/msi/token", {"X-IDENTITY-HEADER": "emulator-not-a-real-identity-header"}, IDENTITY, 200),
        ("/msi/token", {"X-IDENTITY-HEADER": "another"}, IDENTITY, 401),
        ("/msi/token", {"X-IDENTITY-HEADER": "emulator-not-a-real-identity-header"}, "another", 400),
        ("/metadata/identity/oauth2/token", {"Metadata": "true"}, IDENTITY, 200),
        ("/metadata/identity/oauth2/token", {}, IDENTITY, 400),
        ("/metadata/identity/oauth2/token", {"Metadata": "true"}, "another", 400),
    ],
)
def test_machine_gives_tokens_of_its_own_identity_only(shared, path, headers, client_id, status):
    """Both kinds of endpoint want their header and know one identity."""
    parameters = {"resource": "api://AzureADTokenExchange", "client_id": client_id}
    answer = shared.get(path, token=None, params=parameters, headers=headers)
    assert answer.status_code == status
    if status == 200:
        assert _code(shared, answer.json()["access_token"]) == 200
