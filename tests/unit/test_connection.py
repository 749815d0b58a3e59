"""The connection: every field missing, empty, masked or of the wrong type, and every form of it Airflow can store."""

import json

import pytest
from airflow.providers.common.compat.sdk import Connection

from airflow_partnercenter.connection.settings import CONNECTION_FIELDS, form_fields, read_connection
from airflow_partnercenter.exceptions import ConfigurationError, PartnerCenterError
from airflow_partnercenter.hooks.partner_center import PartnerCenterHook
from tests.support.airflow_versions import AIRFLOW

STANDARD = {"conn_type": "partner_center", "login": "app-id", "password": "app-secret"}
EXTRA = {"tenant_id": "contoso.example", "refresh_token": "refresh-token"}
TEXT_FIELDS = [field.name for field in CONNECTION_FIELDS if not field.whole_number]


def _connection(**changes: object) -> Connection:
    """Return a complete connection; standard fields by their names, any other goes into extra; None removes it."""
    standard, extra = dict(STANDARD), dict(EXTRA)
    for name, value in changes.items():
        (standard if name in {"login", "password", "host", "port", "schema"} else extra)[name] = value
    extra = {name: value for name, value in extra.items() if value is not None}
    return Connection(conn_id="pc", extra=json.dumps(extra), **standard)


def _refusal(connection: Connection) -> str:
    with pytest.raises(ConfigurationError) as caught:
        read_connection(connection)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("Connection pc: ")
    return message


def test_five_fields_are_enough():
    """Application, secret, tenant and refresh token; everything else has its documented default."""
    settings = read_connection(_connection())
    assert (settings.client_id, settings.client_secret) == ("app-id", "app-secret")
    assert (settings.tenant_id, settings.refresh_token) == ("contoso.example", "refresh-token")
    assert (settings.auth_mode, settings.cloud, settings.locale) == ("app_user", "global", "en-US")
    assert settings.commercial_prefix == "/partner/v1"
    assert settings.request_timeout_seconds == 180
    unset = (settings.base_url, settings.authority, settings.ca_bundle, settings.proxy, settings.application_name)
    assert unset == (None,) * 5


def test_app_only_needs_no_refresh_token():
    """The application signs in as itself; a refresh token left over is no harm."""
    assert read_connection(_connection(auth_mode="app_only", refresh_token=None)).refresh_token is None
    assert read_connection(_connection(auth_mode="app_only")).auth_mode == "app_only"


def test_access_token_needs_nothing_else():
    """Whoever got the token has signed in; what is left over of another mode is no harm."""
    alone = Connection(
        conn_id="pc", conn_type="partner_center", extra='{"auth_mode": "access_token", "access_token": "t"}'
    )
    settings = read_connection(alone)
    assert (settings.access_token, settings.client_id, settings.tenant_id) == ("t", "", "")
    left_over = _connection(auth_mode="access_token", access_token="t", certificate="/no/such/file")
    assert read_connection(left_over).certificate is None


def test_public_client_has_no_secret():
    """A user's refresh token and nothing to prove the application by: Entra ID knows whether that is enough."""
    assert read_connection(_connection(password=None)).client_secret is None


PEM = "-----BEGIN CERTIFICATE-----"
IDENTITY = "44445555-eeee-6666-ffff-7777aaaa8888"
COMBINATIONS = {
    "no proof for the application alone": (
        {"auth_mode": "app_only", "password": None},
        "password is missing: enter the client secret of the application, or one of certificate, "
        "federated_token_file, managed_identity_client_id",
    ),
    "secret and certificate": (
        {"certificate": PEM},
        "password and certificate are given: keep the one that the application proves itself by, and empty the other",
    ),
    "certificate and identity": (
        {"password": None, "certificate": PEM, "managed_identity_client_id": IDENTITY},
        "certificate and managed_identity_client_id are given: keep the one",
    ),
    "file and secret": ({"federated_token_file": "/x"}, "password and federated_token_file are given: keep the one"),
    "passphrase alone": ({"certificate_passphrase": "x"}, "certificate_passphrase is given without a certificate"),
    "thumbprint alone": ({"certificate_thumbprint": "x"}, "certificate_thumbprint is given without a certificate"),
    "access_token without a token": (
        {"auth_mode": "access_token"},
        "access_token is missing: have a secrets backend enter a token for Partner Center, or choose another auth_mode",
    ),
    "a token, but not the mode": (
        {"refresh_token": None, "access_token": "t"},
        "enter the refresh token you get, or set auth_mode to access_token",
    ),
}


@pytest.mark.parametrize("case", COMBINATIONS)
def test_combination_that_cannot_sign_in_names_the_fields(case):
    """What is missing, and what is there twice, is said with the way out."""
    changes, words = COMBINATIONS[case]
    assert words in _refusal(_connection(**changes))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("/no/such.pem", "neither PEM text nor the path of a file"),
        ("/tmp", "neither PEM text nor the path of a file"),  # noqa: S108 - a folder that is there
        ("MIIEvQIBADANBgkqhkiG9w0BAQEFAASC", "BEGIN and END lines"),
        ("\x00", "neither PEM text"),
    ],
)
def test_certificate_must_be_pem_or_its_path(value, words):
    """One sentence that asks for the right thing and repeats nothing, as the value may be a key."""
    message = _refusal(_connection(password=None, certificate=value))
    assert words in message
    assert value not in message


def test_file_of_another_format_says_how_to_convert_it(tmp_path):
    """A .pfx file is what Windows exports."""
    file = tmp_path / "certificate.pfx"
    file.write_bytes(bytes(range(256)))
    assert "openssl pkcs12" in _refusal(_connection(password=None, certificate=str(file)))


@pytest.mark.parametrize("value", ["system", "my-identity", IDENTITY + "0"])
def test_managed_identity_is_named_by_its_client_id(value):
    """A name is no client ID, and a system-assigned identity has none that Entra ID would take."""
    message = _refusal(_connection(password=None, managed_identity_client_id=value))
    assert "managed_identity_client_id is no GUID" in message
    assert "user-assigned" in message


@pytest.mark.parametrize("value", ["Bearer eyJ0", "a b", "токен"])
def test_access_token_must_be_the_token_alone(value):
    """It goes into a header as it is."""
    message = _refusal(_connection(auth_mode="access_token", access_token=value))
    assert "without Bearer" in message
    assert value not in message


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("variable:partner_center_token_cache", "variable:partner_center_token_cache"),
        ("file:/var/lib/cache.json", "file:/var/lib/cache.json"),
        ("file:///var/lib/cache.json", "file:/var/lib/cache.json"),
        ("", None),
    ],
)
def test_token_cache_names_a_place(value, read):
    """A Variable, a file, or none; a file's address is a path too."""
    assert read_connection(_connection(token_cache=value)).token_cache == read


@pytest.mark.parametrize(
    "value",
    ["partner_center_token_cache", "variable:", "variable: ", "file:", "file:cache.json", "file:~/x", "file://host/x",
     "file:/", "s3://bucket/key", "Variable:x", "variable:" + "x" * 251, "file:/a\x00b"],
)  # fmt: skip
def test_token_cache_elsewhere_is_refused(value):
    """Where the worker's folder is differs from task to task, so a path must be absolute; the sentence shows both."""
    message = _refusal(_connection(token_cache=value))
    assert "variable:partner_center_token_cache" in message
    assert "file:/var/lib/airflow/partner_center_token_cache.json" in message


@pytest.mark.parametrize("value", [None, "", "   "], ids=["missing", "empty", "blank"])
@pytest.mark.parametrize("name", ["login", "tenant_id", "refresh_token"])
def test_missing_required_field_is_named_with_what_to_enter(name, value):
    """Missing, empty and blank are the same, and the sentence says what belongs there."""
    message = _refusal(_connection(**{name: value}))
    assert f"{name} is missing" in message
    assert "enter" in message


@pytest.mark.parametrize("name", [field.name for field in CONNECTION_FIELDS if field.name not in EXTRA])
@pytest.mark.parametrize("value", [None, "", "  "], ids=["null", "empty", "blank"])
def test_empty_optional_field_is_not_given(name, value):
    """The form saves fields left empty as null or empty text: the default applies."""
    changed = Connection(conn_id="pc", extra=json.dumps(EXTRA | {name: value}), **STANDARD)
    assert read_connection(changed) == read_connection(_connection())


@pytest.mark.parametrize("name", ["login", "password", "host", *(field.name for field in CONNECTION_FIELDS)])
def test_masked_value_that_was_saved_is_refused(name):
    """``***`` is what Airflow shows in place of a value; saved by mistake it is no value."""
    message = _refusal(_connection(**{name: "***"}))
    assert name in message
    assert "***" in message


@pytest.mark.parametrize("value", [5, True, 1.5, ["a"], {"a": 1}], ids=repr)
@pytest.mark.parametrize("name", TEXT_FIELDS)
def test_text_field_of_another_type_is_refused(name, value):
    """A number or a list where text belongs is refused by name, never turned into text."""
    message = _refusal(_connection(**{name: value}))
    assert name in message
    assert "text" in message


@pytest.mark.parametrize("value", [0, -1, 1.5, "soon", "1.5", True, False, [30], {}, "10000000000"], ids=repr)
@pytest.mark.parametrize("name", ["request_timeout_seconds", "retry_total_seconds", "max_response_megabytes"])
def test_limit_must_be_a_whole_number_of_at_least_one(name, value):
    """Zero, fractions and words are refused by name."""
    message = _refusal(_connection(**{name: value}))
    assert name in message
    assert "whole number" in message


@pytest.mark.parametrize("value", [30, "30", " 30 "], ids=repr)
def test_timeout_may_be_text(value):
    """Forms of Airflow 2 save numbers as text."""
    assert read_connection(_connection(request_timeout_seconds=value)).request_timeout_seconds == 30


@pytest.mark.parametrize(
    ("name", "value"), [("auth_mode", "password"), ("auth_mode", "App_User"), ("cloud", "germany")]
)
def test_wrong_choice_lists_the_right_ones(name, value):
    """A choice that does not exist is refused with those that do."""
    message = _refusal(_connection(**{name: value}))
    field = next(field for field in CONNECTION_FIELDS if field.name == name)
    assert name in message
    assert all(choice in message for choice in field.choices)


@pytest.mark.parametrize("tenant", ["common", "Organizations", "consumers"])
def test_tenant_must_be_the_partners_own(tenant):
    """Shared endpoints are no tenant."""
    assert "own tenant" in _refusal(_connection(tenant_id=tenant))


@pytest.mark.parametrize(
    "tenant", ["contoso.example/oauth2", "a b", "../x", "https://contoso.example", "?x", ".a", "a#"]
)
def test_tenant_must_fit_into_a_path(tenant):
    """The tenant is put into the login address; nothing but a GUID or a domain gets there."""
    assert "tenant_id" in _refusal(_connection(tenant_id=tenant))


def test_blanks_around_values_are_dropped():
    """Copied values often bring a blank or a line break along."""
    changed = _connection(
        login=" app-id\n", password=" app-secret ", tenant_id=" contoso.example ", refresh_token="refresh-token\n"
    )
    assert read_connection(changed) == read_connection(_connection())


def test_unknown_key_is_warned_about_by_name_and_ignored(logs):
    """A misspelt key is named with those there are; its value is not shown."""
    changed = _connection(tenantid="x", refreshToken="not-shown")
    assert read_connection(changed) == read_connection(_connection())
    (warning,) = logs.of("airflow_partnercenter.connection.values", 30)
    assert "tenantid" in warning
    assert "refreshToken" in warning
    assert "tenant_id" in warning
    assert "not-shown" not in logs.text


@pytest.mark.parametrize("extra", ["[" * 2_000, "{", "tenant_id=x", "[]", '"text"', "5", "null x"], ids=repr)
def test_extra_that_is_no_object_is_refused(extra):
    """Extra must be a JSON object; the sentence shows one."""
    connection = Connection(conn_id="pc", **STANDARD)
    # Airflow's own constructor refuses some of these; a secrets backend may still hand them over.
    connection = _Stored(connection, extra)
    assert "extra" in _refusal(connection)


class _Stored:
    """A connection with an Extra that Airflow would not store itself."""

    def __init__(self, connection: Connection, extra: str | None) -> None:
        self.extra = extra
        for name in ("conn_id", "login", "password", "host", "port"):
            setattr(self, name, getattr(connection, name))


@pytest.mark.parametrize("extra", [None, "", "{}"], ids=repr)
def test_empty_extra_misses_the_first_required_field(extra):
    """No Extra at all is a missing field, not a crash."""
    assert "is missing" in _refusal(_Stored(Connection(conn_id="pc", **STANDARD), extra))


def test_prefixed_keys_of_older_forms_count():
    """Airflow's older forms saved ``extra__partner_center__tenant_id``; the plain key wins."""
    prefixed = {f"extra__partner_center__{name}": value for name, value in EXTRA.items()}
    stored = Connection(conn_id="pc", extra=json.dumps(prefixed), **STANDARD)
    assert read_connection(stored) == read_connection(_connection())
    both = Connection(
        conn_id="pc", extra=json.dumps(EXTRA | {"extra__partner_center__tenant_id": "old.example"}), **STANDARD
    )
    assert read_connection(both).tenant_id == "contoso.example"


@pytest.mark.parametrize(
    ("host", "port", "base_url"),
    [
        (None, None, None),
        ("", None, None),
        ("https://127.0.0.1:8443", None, "https://127.0.0.1:8443"),
        ("https://127.0.0.1:8443/", None, "https://127.0.0.1:8443"),
        ("https://127.0.0.1", 8443, "https://127.0.0.1:8443"),
        ("127.0.0.1", 8443, "https://127.0.0.1:8443"),
        ("127.0.0.1:8443", None, "https://127.0.0.1:8443"),
        ("https://127.0.0.1:8443", 8443, "https://127.0.0.1:8443"),
        ("api.partnercenter.microsoft.com", None, "https://api.partnercenter.microsoft.com"),
        ("https://gateway.example/partner-center", None, "https://gateway.example/partner-center"),
        ("https://gateway.example/partner-center", 8443, "https://gateway.example:8443/partner-center"),
        ("https://[::1]", 8443, "https://[::1]:8443"),
        ("https://api.partnercenter.microsoft.com", 0, "https://api.partnercenter.microsoft.com"),
    ],
)
def test_host_and_port_become_one_address(host, port, base_url):
    """With or without scheme, port in the host or beside it, as forms and URIs store them."""
    assert read_connection(_connection(host=host, port=port)).base_url == base_url


@pytest.mark.parametrize(
    "host",
    [
        "http://127.0.0.1:8443",
        "ftp://host",
        "https://",
        "https://user:pw@host",
        "https://host?x=1",
        "https://host#x",
        "https://host:port",
        "https://host:99999",
        "https://[::1",
        "https://a b",
        "https://a\\b",
    ],
)
@pytest.mark.parametrize("name", ["host", "authority"])
def test_address_that_is_none_is_refused_by_name(name, host):
    """Anything but https with a plain host is refused with an example; a password in it is not repeated."""
    message = _refusal(_connection(**{name: host}))
    assert name in message
    assert "https://" in message
    assert "user:pw" not in message


@pytest.mark.parametrize(
    "proxy", ["proxy.example:3128", "socks5://proxy", "http://", "ftp://u:proxy-password@h", "http://[::1"]
)
def test_proxy_that_is_no_address_is_refused_without_showing_it(proxy):
    """The proxy's address may hold a password, so no message repeats it."""
    message = _refusal(_connection(proxy=proxy))
    assert "proxy" in message
    assert "proxy-password" not in message


@pytest.mark.parametrize("prefix", ["partner/v1", "/a?b", "/a b", "https://x", "/..//", "/partner/../v1", "/%2e"])
def test_prefix_that_is_no_path_is_refused(prefix):
    """The prefix is put into the address: plain path segments only."""
    assert "commercial_prefix" in _refusal(_connection(commercial_prefix=prefix))


@pytest.mark.parametrize(
    ("prefix", "read"), [("/v1", "/v1"), ("/v1/", "/v1"), ("/partner/v1", "/partner/v1"), ("/", "")]
)
def test_prefix_ends_without_a_slash(prefix, read):
    """A trailing slash does not double."""
    assert read_connection(_connection(commercial_prefix=prefix)).commercial_prefix == read


@pytest.mark.parametrize("value", ["/no/such/file.pem", "/tmp", "-----BEGIN CERTIFICATE-----\n" + "M" * 5000], ids=len)  # noqa: S108
def test_ca_bundle_must_be_a_file_here(value):
    """A path that does not exist, a folder, or the PEM text itself: one sentence that asks for a path."""
    message = _refusal(_connection(ca_bundle=value))
    assert "ca_bundle" in message
    assert len(message) < 600


@pytest.mark.parametrize("name", ["locale", "application_name"])
@pytest.mark.parametrize("value", ["a\nb", "Лицензии", "a\x00b"], ids=repr)
def test_text_that_cannot_be_a_header_is_refused_here(name, value):
    """Both travel as headers: what no header can hold is the connection's fault, said by name."""
    assert name in _refusal(_connection(**{name: value}))


def test_repr_shows_no_secret():
    """Settings can be logged."""
    shown = repr(read_connection(_connection(proxy="http://user:proxy-password@proxy.example:3128")))
    for secret in ("app-secret", "refresh-token", "proxy-password"):
        assert secret not in shown
    pem = "-----BEGIN CERTIFICATE-----"
    shown = repr(read_connection(_connection(password=None, certificate=pem, certificate_passphrase="open sesame")))
    assert pem not in shown
    assert "open sesame" not in shown
    assert "token-12345" not in repr(read_connection(_connection(auth_mode="access_token", access_token="token-12345")))


@pytest.mark.parametrize("form", ["json", "uri"])
def test_connection_survives_both_forms_of_the_environment(monkeypatch, tmp_path, form):
    """AIRFLOW_CONN_* as JSON and as URI give the same settings, port and scheme of the host included."""
    ca = tmp_path / "ca.pem"
    ca.write_text("x")
    extra = EXTRA | {"ca_bundle": str(ca), "request_timeout_seconds": 30, "authority": "https://127.0.0.1:8443"}
    standard = STANDARD | {"host": "https://127.0.0.1:8443", "password": "s/e:c@r%t?"}
    stored = Connection(conn_id="pc", extra=json.dumps(extra), **standard)
    text = stored.get_uri() if form == "uri" else json.dumps(standard | {"extra": extra})
    monkeypatch.setenv("AIRFLOW_CONN_PC", text)
    settings = read_connection(PartnerCenterHook("pc").get_connection("pc"))
    assert settings.base_url == "https://127.0.0.1:8443"
    assert settings.client_secret == "s/e:c@r%t?"
    assert settings == read_connection(stored)


def test_every_error_is_ours():
    """Nothing in a connection makes the reader fail in another way."""
    for value in ("https://[", "\x00", "\ud800", "\U0001d4b3", "a" * 100_000, "https://\u2100.example"):
        for name in ("login", "password", "host", *TEXT_FIELDS):
            if (name, value, AIRFLOW.major) == ("password", "\ud800", 2):
                continue  # Airflow 2 encrypts it at once, and cannot
            try:
                read_connection(_connection(**{name: value}))
            except PartnerCenterError:
                continue


def test_form_has_every_field_with_its_default():
    """The form is made of the same table: no field is missing, defaults agree, and secrets are masked."""
    form = form_fields()
    assert list(form) == [field.name for field in CONNECTION_FIELDS]
    settings = read_connection(_connection())
    for name, field in form.items():
        if "default" in field["schema"]:
            assert getattr(settings, name) == field["schema"]["default"]
    assert {name for name, field in form.items() if field["schema"].get("format") == "password"} == {
        "refresh_token",
        "certificate",
        "certificate_passphrase",
        "access_token",
        "proxy",
    }
