"""Every way to sign in, from an Airflow connection to rows: what is sent, what is renewed, what is refused."""

from importlib.metadata import version
from pathlib import Path

import jwt
import pytest
from packaging.version import Version

from airflow_partnercenter.api.entra.client_credential import signs_by_certificate_alone
from airflow_partnercenter.api.wire.retrying import RetryPolicy
from airflow_partnercenter.emulator import Answer, Emulator, proofs
from airflow_partnercenter.exceptions import (
    AccessTokenRefusedError,
    ApiError,
    AuthenticationError,
    ConfigurationError,
    TransportError,
)
from airflow_partnercenter.hooks.partner_center import PartnerCenterHook
from tests.support.certificates import CERTIFICATE_PEM, KEY_PEM, RSA_KEY, THUMBPRINT, certificate_pem, key_pem
from tests.support.patience import at_once
from tests.support.proxy import ConnectProxy

PROVING = ["client_secret", "certificate", "federated_token", "managed_identity"]
SIGNING_IN = [*PROVING, "public_client"]
ALL = [*SIGNING_IN, "access_token"]
RESOURCE = "licenses_deployment"
PAGES = pytest.mark.parametrize("emulator", [{"max_page_size": 2}], indirect=True, ids=["pages of two"])


class _Hook(PartnerCenterHook):
    retry = RetryPolicy(attempts=2, total_seconds=5)


@pytest.fixture
def connect(connect, monkeypatch):
    """Make an emulator the default connection, and its managed identities those of this machine."""

    def connect_machine(emulator: Emulator, **changes: object) -> None:
        for name, value in emulator.managed_identity_environment.items():
            monkeypatch.setenv(name, value)
        connect(emulator, **changes)

    return connect_machine


def _proofs(emulator: Emulator) -> list[str]:
    """Return the client assertions that were sent."""
    return [request.form["client_assertion"] for request in emulator.token_requests]


@pytest.mark.parametrize("credential", SIGNING_IN)
def test_every_credential_reads_rows_for_a_user(emulator, connect, credential):
    """Each proves the application in its own way and in no other; the refresh token names the user."""
    connect(emulator, credential=credential)
    assert len(_Hook().list_licenses(RESOURCE)) == len(emulator.partner.rows("deployment"))
    (request,) = emulator.token_requests
    assert request.form["grant_type"] == "refresh_token"
    assert ("client_secret" in request.form) is (credential == "client_secret")
    assert ("client_assertion" in request.form) is (credential not in ("client_secret", "public_client"))


@pytest.mark.parametrize("credential", PROVING)
def test_every_credential_signs_the_application_in_and_the_refusal_says_what_it_needs(emulator, connect, credential):
    """App-only works at Entra ID; the licence resources refuse it, and the sentence says how to sign in instead."""
    connect(emulator, credential=credential, auth_mode="app_only", refresh_token=None)
    with pytest.raises(ApiError, match=r"accepts App\+User credentials only: set auth_mode to app_user"):
        _Hook().list_licenses(RESOURCE)
    (request,) = emulator.token_requests
    assert request.form["grant_type"] == "client_credentials"
    assert request.form["scope"] == "https://api.partnercenter.microsoft.com/.default"
    assert _Hook().list_customers()


@PAGES
@pytest.mark.parametrize("credential", SIGNING_IN)
def test_long_read_renews_its_token_without_losing_a_page(emulator, connect, credential):
    """A token refused in the middle is renewed once, by the same credential; every row comes exactly once."""
    connect(emulator, credential=credential)
    reader = _Hook().iter_licenses(RESOURCE)
    rows = next(reader).num_rows
    emulator.expire_access_tokens()
    rows += sum(batch.num_rows for batch in reader)
    assert rows == len(emulator.partner.rows("deployment"))
    assert len(emulator.token_requests) == 2


CERTIFICATES = {
    "PEM text": ({"certificate": KEY_PEM + CERTIFICATE_PEM}, "PS256", 1),
    "one line": ({"certificate": (KEY_PEM + CERTIFICATE_PEM).replace("\n", " ")}, "PS256", 1),
    "encrypted": (
        {"certificate": key_pem(passphrase="open sesame") + CERTIFICATE_PEM, "certificate_passphrase": "open sesame"},
        "PS256",
        1,
    ),
    "chain": ({"certificate": KEY_PEM + certificate_pem(name="Issuer") + CERTIFICATE_PEM}, "RS256", 2),
    "thumbprint": ({"certificate": KEY_PEM, "certificate_thumbprint": THUMBPRINT}, "RS256", 0),
}


@pytest.mark.parametrize("case", CERTIFICATES)
@pytest.mark.parametrize("given_as", ["text", "path"])
def test_certificate_signs_in_however_it_is_given(emulator, connect, tmp_path, case, given_as):
    """As text or as the path of a file; by the newer algorithm, unless issuers must travel or nothing else is known."""
    changes, algorithm, certificates = CERTIFICATES[case]
    if given_as == "path":
        file = tmp_path / "certificate.pem"
        file.write_text(changes["certificate"])
        changes = changes | {"certificate": str(file)}
    connect(emulator, password=None, **changes)
    assert _Hook().test_connection()[0]
    header = jwt.get_unverified_header(_proofs(emulator)[0])
    assert header["alg"] == (algorithm if signs_by_certificate_alone() else "RS256")
    assert len(header.get("x5c", [])) == certificates


def test_certificate_that_is_not_registered_says_where_to_register_it(entra, connect):
    """Entra ID's AADSTS700027 becomes a sentence with the field and the place."""
    connect(entra, password=None, certificate=key_pem(RSA_KEY) + certificate_pem())
    with pytest.raises(AuthenticationError, match=r"AADSTS700027.*register the certificate in `certificate`"):
        _Hook().list_licenses(RESOURCE)


def test_certificate_that_cannot_work_is_refused_before_anything_is_sent(emulator, connect):
    """A key without its certificate is the connection's fault, said by name."""
    connect(emulator, password=None, certificate=KEY_PEM)
    with pytest.raises(ConfigurationError, match="certificate_thumbprint"):
        _Hook().list_licenses(RESOURCE)
    assert _Hook().test_connection() == (
        False,
        "certificate holds a private key but no certificate: add the certificate that is registered with the "
        "application in Microsoft Entra ID to it, or enter its thumbprint as certificate_thumbprint.",
    )
    assert emulator.requests == []


def test_federated_token_is_read_anew_at_each_sign_in(emulator, connect):
    """Its writer replaces it every hour or so: the next sign-in sends the new one."""
    connect(emulator, credential="federated_token")
    hook = _Hook()
    hook.list_licenses(RESOURCE)
    file = Path(emulator.ca_bundle).with_name("federated-token")
    file.write_text(f"{proofs.federated_token()}\n")
    emulator.expire_access_tokens()
    hook.list_licenses(RESOURCE)
    first, second = _proofs(emulator)
    assert first != second == file.read_text().strip()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "federated_token_file cannot be read"),
        ("", "federated_token_file holds no token"),
        ("no token", "federated_token_file holds no token"),
        ("é.é.é", "federated_token_file cannot be read"),
    ],
)
def test_federated_token_that_is_none_is_not_sent(emulator, connect, tmp_path, content, words):
    """A file that is gone or holds something else by the time of the sign-in is named, and nothing is sent."""
    file = tmp_path / "token"
    file.write_text("x")
    connect(emulator, password=None, federated_token_file=str(file))
    client = _Hook().get_conn()
    file.unlink() if content is None else file.write_text(content)
    with pytest.raises(ConfigurationError, match=words):
        client.list_licenses(RESOURCE)
    assert emulator.token_requests == []


def test_federated_token_that_is_not_trusted_says_what_to_add(entra, connect, tmp_path):
    """Entra ID's AADSTS700213 becomes a sentence with the place where trust is added."""
    file = tmp_path / "token"
    file.write_text(proofs.federated_token(sub="system:serviceaccount:default:other"))
    connect(entra, password=None, federated_token_file=str(file))
    with pytest.raises(AuthenticationError, match=r"AADSTS700213.*add a federated credential"):
        _Hook().list_licenses(RESOURCE)


#: Before, MSAL asks a virtual machine at Azure's own address alone.
needs_msal_1_32 = pytest.mark.skipif(Version(version("msal")) < Version("1.32"), reason="needs MSAL 1.32")


@pytest.mark.parametrize("machine", ["App Service", pytest.param("virtual machine", marks=needs_msal_1_32)])
def test_managed_identity_is_asked_of_the_machine(emulator, connect, monkeypatch, machine):
    """MSAL finds the machine's endpoint; the identity's token proves the application, and serves while it is valid."""
    connect(emulator, credential="managed_identity")
    if machine == "virtual machine":
        monkeypatch.delenv("IDENTITY_ENDPOINT")
        monkeypatch.delenv("IDENTITY_HEADER")
        monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", emulator.base_url)
    # The endpoint is the machine's own: no proxy may stand between, nor the environment's certificates.
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "")
    hook = _Hook()
    hook.list_licenses(RESOURCE)
    emulator.expire_access_tokens()
    hook.list_licenses(RESOURCE)
    asked = [request for request in emulator.requests if "identity" in request.path or "msi" in request.path]
    assert len(asked) == 1
    assert asked[0].query["resource"] == "api://AzureADTokenExchange"
    assert len(emulator.token_requests) == 2


def test_managed_identity_never_goes_through_a_proxy(emulator, entra, connect, monkeypatch, tmp_path):
    """A proxy is for the outside world; the machine's endpoint cannot be reached from there."""
    both = tmp_path / "both.pem"
    both.write_bytes(Path(emulator.ca_bundle).read_bytes() + Path(entra.ca_bundle).read_bytes())
    with ConnectProxy() as proxy:
        connect(emulator, credential="managed_identity", ca_bundle=str(both), proxy=f"http://{proxy.address}")
        monkeypatch.setenv("IDENTITY_ENDPOINT", entra.managed_identity_environment["IDENTITY_ENDPOINT"])
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
        monkeypatch.setenv("NO_PROXY", "")
        monkeypatch.setenv("no_proxy", "")
        assert _Hook().list_licenses(RESOURCE)
        through = {head.split()[1] for head in proxy.heads}
    assert through == {emulator.base_url.removeprefix("https://")}


@pytest.mark.parametrize(
    ("cloud", "audience"),
    [("us_government", "api://AzureADTokenExchangeUSGov"), ("china", "api://AzureADTokenExchangeChina")],
)
def test_managed_identity_of_another_cloud_has_another_audience(emulator, connect, cloud, audience):
    """Each cloud has its own name for the exchange; the emulated tenant is of the global cloud and refuses it."""
    connect(emulator, credential="managed_identity", cloud=cloud)
    works, sentence = _Hook().test_connection()
    assert not works
    assert "AADSTS700212" in sentence
    (asked,) = [request for request in emulator.requests if request.path == "/msi/token"]
    assert asked.query["resource"] == audience


def test_managed_identity_that_is_not_assigned_is_named(emulator, connect):
    """The machine's own words, and what to check."""
    other = "99999999-eeee-6666-ffff-7777aaaa8888"
    connect(emulator, password=None, managed_identity_client_id=other)
    with pytest.raises(AuthenticationError, match=f"{other}.*Unable to load.*managed_identity_client_id"):
        _Hook().list_licenses(RESOURCE)
    assert emulator.token_requests == []


def test_machine_without_managed_identities_says_so_within_seconds(emulator, connect, monkeypatch):
    """Off Azure nobody answers; the sentence says that this works on Azure only."""
    connect(emulator, credential="managed_identity")
    monkeypatch.setenv("IDENTITY_ENDPOINT", "http://127.0.0.1:9/msi/token")
    with at_once(15), pytest.raises(TransportError, match="managed_identity_client_id works on Azure only"):
        PartnerCenterHook().get_conn().list_licenses(RESOURCE)


def test_odd_answer_of_the_machine_is_an_error_of_ours(emulator, connect):
    """A page instead of JSON, from whatever answers there."""
    connect(emulator, credential="managed_identity")
    emulator.answer_next(Answer(200, "<html>"), "/msi/token", times=9)
    with pytest.raises(AuthenticationError, match="managed identity"):
        _Hook().list_licenses(RESOURCE)


def test_access_token_is_used_as_it_is(emulator, connect):
    """Nothing is asked of Entra ID; neither application, tenant nor refresh token is needed."""
    connect(emulator, credential="access_token")
    hook = _Hook()
    assert hook.list_licenses(RESOURCE)
    assert hook.test_connection() == (
        True,
        "Read a licence row with the access token of the connection (access_token).",
    )
    paths = {request.path for request in emulator.requests}
    assert paths == {"/partner/v1/analytics/commercial/deployment/license"}


@pytest.mark.parametrize("parallel", [1, 4])
def test_expired_access_token_says_who_must_supply_a_new_one(emulator, connect, parallel):
    """One request, no loop: nothing here can renew the token, and the sentence says who can."""
    connect(emulator, credential="access_token")
    emulator.expire_access_tokens()
    with pytest.raises(AccessTokenRefusedError, match=r"it expires on .* UTC.*whoever supplies access_token") as caught:
        _Hook().list_licenses(RESOURCE, max_parallel_requests=parallel)
    assert caught.value.status_code == 401
    assert not caught.value.retriable
    assert len(emulator.api_requests) == 1
    assert emulator.token_requests == []


def test_refusal_of_an_access_token_says_what_partner_center_said(emulator, connect):
    """Code, text, ids and their advice, beside who could supply another token."""
    connect(emulator, credential="access_token")
    body = {"code": 800001, "description": "Partner Token missing in request context"}
    emulator.answer_next(Answer(401, body), "/analytics/")
    with pytest.raises(
        AccessTokenRefusedError, match=r"whoever supplies access_token.*800001: Partner.*proxy"
    ) as caught:
        _Hook().list_licenses(RESOURCE)
    assert (caught.value.code, caught.value.description) == ("800001", body["description"])
    assert caught.value.request_id == emulator.api_requests[0].headers["ms-requestid"]


def test_app_only_access_token_is_told_to_be_one(emulator, connect):
    """Another token of the same kind would not help: the resources want App+User."""
    connect(emulator, credential="access_token")
    body = {"code": "", "description": "This resource can't be accessed by application credentials"}
    emulator.answer_next(Answer(401, body), "/analytics/")
    with pytest.raises(AccessTokenRefusedError, match=r"whoever supplies access_token.*App\+User credentials only"):
        _Hook().list_licenses(RESOURCE)


@pytest.mark.parametrize("token", ["opaque-token", "a.b.c", "e30.e30.e30"])
def test_access_token_that_cannot_be_read_is_refused_in_the_same_way(entra, connect, token):
    """A token need not be readable to us."""
    connect(entra, credential="access_token", access_token=token)
    with pytest.raises(AccessTokenRefusedError, match="it may have expired; it does not say when"):
        _Hook().list_licenses(RESOURCE)


@PAGES
def test_long_read_takes_the_newer_access_token_of_the_connection(emulator, connect):
    """A backend that renews the token keeps a read going: the connection is looked at once more."""
    connect(emulator, credential="access_token")
    reader = _Hook().iter_licenses(RESOURCE, max_parallel_requests=1)
    rows = next(reader).num_rows
    emulator.expire_access_tokens()
    connect(emulator, credential="access_token")
    rows += sum(batch.num_rows for batch in reader)
    assert rows == len(emulator.partner.rows("deployment"))
    assert emulator.token_requests == []


def test_access_token_without_mfa_or_user_says_so(entra, connect):
    """What Partner Center finds wrong with a token has the same sentences as with any other."""
    connect(entra, credential="access_token", access_token=entra.access_token(mfa=False))
    with pytest.raises(AuthenticationError, match="multi-factor"):
        _Hook().list_licenses(RESOURCE)
    connect(entra, credential="access_token", access_token=entra.access_token(app_only=True))
    with pytest.raises(ApiError, match=r"App\+User"):
        _Hook().list_licenses(RESOURCE)


def test_public_client_with_a_secret_is_told_to_drop_it(entra, connect):
    """Entra ID's AADSTS700025 and 7000218 become the fields to empty or fill."""
    connect(entra, credential="public_client", password="some-secret")
    with pytest.raises(AuthenticationError, match=r"AADSTS700025.*empty `password`"):
        _Hook().list_licenses(RESOURCE)
    connect(entra, password=None)
    with pytest.raises(AuthenticationError, match=r"AADSTS7000218.*fill in `password`"):
        _Hook().list_licenses(RESOURCE)


@pytest.mark.parametrize("credential", ALL)
def test_environment_changes_neither_trust_nor_place(emulator, connect, monkeypatch, other_origin, credential):
    """Certificates and a region that the environment names, which requests and MSAL would heed, count for nothing."""
    connect(emulator, credential=credential)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", other_origin.ca_bundle)
    monkeypatch.setenv("CURL_CA_BUNDLE", other_origin.ca_bundle)
    monkeypatch.setenv("MSAL_FORCE_REGION", "westeurope")
    works, sentence = _Hook().test_connection()
    assert works, sentence


def test_token_endpoint_without_tls_gets_no_secret(emulator, connect):
    """A discovery document may lead to another host, but never to one without TLS."""
    connect(emulator)
    base = f"http://127.0.0.1:9/{emulator.tenant_id}/oauth2/v2.0"
    document = {"token_endpoint": f"{base}/token", "authorization_endpoint": f"{base}/authorize", "issuer": "x"}
    emulator.answer_next(Answer(200, document), "openid-configuration", times=9)
    works, sentence = _Hook().test_connection()
    assert not works
    assert "without TLS" in sentence


@pytest.mark.parametrize("credential", ALL)
def test_no_secret_of_any_credential_is_logged_or_shown(emulator, connect, logs, credential):
    """Keys line by line, passphrases, assertions and tokens are in no log at DEBUG and in no ``repr``."""
    more = {}
    if credential == "certificate":
        more = {
            "certificate": key_pem(passphrase="open sesame") + CERTIFICATE_PEM,
            "certificate_passphrase": "open sesame",
        }
    connect(emulator, credential=credential, **more)
    hook = _Hook()
    hook.list_licenses(RESOURCE)
    settings = hook._settings()
    shown = logs.text + repr(settings) + repr(hook.get_conn()) + repr(vars(hook.get_conn()))
    assertions = [request.form.get("client_assertion", "") for request in emulator.token_requests]
    bearers = [request.headers["authorization"].split()[1] for request in emulator.api_requests]
    key = [line for line in KEY_PEM.splitlines() if "-----" not in line]
    secrets = [settings.client_secret, settings.refresh_token, settings.access_token, settings.certificate_passphrase]
    assert bearers
    for secret in filter(None, [*secrets, *assertions, *bearers, *key]):
        assert secret not in shown


@pytest.mark.parametrize("old", [False, True], ids=["PKCS 8", "OpenSSL"])
def test_airflows_masker_knows_the_key_line_by_line(entra, connect, old):
    """Airflow does not know that ``certificate`` is secret; a text that quotes a part of the key is masked too."""
    from airflow.providers.common.compat.sdk import redact

    given = key_pem(old=old)
    connect(entra, password=None, certificate=given + CERTIFICATE_PEM)
    _Hook().get_conn()
    for line in {*given.splitlines(), *key_pem().splitlines()}:
        if len(line) >= 20 and "-----" not in line:
            assert line not in str(redact(f"it says {line} there"))
