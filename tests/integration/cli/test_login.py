"""``airflow-partnercenter login`` against the emulated Entra ID, with a person at a browser."""

import base64
import json
import os
import shlex
import signal
import socket
import stat
import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from airflow_partnercenter.emulator import Answer
from airflow_partnercenter.get_provider_info import HTTPS_PORT, port_is_needed_for_test
from airflow_partnercenter.hooks.partner_center import PartnerCenterHook
from tests.integration.cli.conftest import place
from tests.support.patience import PATIENCE, at_once

TOKEN = "/oauth2/v2.0/token"
COMMAND = [sys.executable, "-c", "import sys; from airflow_partnercenter.cli import main; sys.exit(main())", "login"]


def to_file(path):
    """Return the options that write JSON to a file."""
    return ["--output", "json", "--file", str(path)]


def token_answer(change):
    """Return an answer of the token endpoint, its JSON changed in place."""

    def rewrite(body):
        content = json.loads(body)
        change(content)
        return json.dumps(content).encode()

    return Answer(rewrite=rewrite)


def with_claims(**claims):
    """Return an answer whose access token has other claims; None removes one."""

    def change(content):
        head, payload, signature = content["access_token"].split(".")
        found = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        kept = {name: value for name, value in (found | claims).items() if value is not None}
        payload = base64.urlsafe_b64encode(json.dumps(kept).encode()).rstrip(b"=").decode()
        content["access_token"] = f"{head}.{payload}.{signature}"

    return token_answer(change)


def secrets_of(emulator):
    """Return every secret that a sign-in has sent or brought."""
    forms = [request.form for request in emulator.token_requests]
    names = ("client_secret", "code", "code_verifier", "refresh_token", "device_code")
    return {form[name] for form in forms for name in names if name in form} | {emulator.client_secret}


def test_login_writes_a_connection_that_reads_licences(run, app, emulator, target, monkeypatch):
    """One sign-in, and the hook works with what was written; nobody else can read the file."""
    outcome = run("login", *app, "--host", emulator.base_url, *to_file(target))
    assert outcome.status == 0, outcome.err
    assert "licence.reports@contoso.example" in outcome.err
    assert str(target) in outcome.err
    assert "mode 0600" in outcome.err
    assert outcome.out == ""
    assert "You have signed in" in outcome.pages[0].text
    assert "You may close this window" in outcome.pages[0].text
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    connection = json.loads(target.read_text())
    assert connection["conn_type"] == "partner_center"
    assert connection["login"] == emulator.client_id
    monkeypatch.setenv("AIRFLOW_CONN_SIGNED_IN", json.dumps(connection))
    assert len(PartnerCenterHook("signed_in").list_customers()) == 3


def test_login_shows_no_secret(run, app, emulator, target, logs):
    """Neither terminal nor logs hold secret, code, verifier or token; the browser's page does not either."""
    outcome = run("login", *app, *to_file(target))
    secrets = secrets_of(emulator) | {json.loads(target.read_text())["extra"]["refresh_token"]}
    assert len(secrets) >= 4
    for secret in secrets:
        assert secret not in outcome.text
        assert secret not in logs.text
        assert secret not in outcome.pages[0].text


def test_login_uses_pkce_state_and_asks_for_mfa(run, app, emulator, target):
    """The request to the login page carries a challenge, the one for tokens its verifier; the code is in no address."""
    assert run("login", *app, *to_file(target)).status == 0
    page = next(request for request in emulator.requests if request.path.endswith("/authorize"))
    assert page.query["code_challenge_method"] == "S256"
    assert len(page.query["state"]) >= 16
    assert page.query["response_mode"] == "form_post"
    assert "offline_access" in page.query["scope"]
    assert json.loads(page.query["claims"])["access_token"]["amr"]["values"] == ["mfa"]
    redirect = urlsplit(page.query["redirect_uri"])
    assert (redirect.scheme, redirect.hostname, redirect.path) == ("http", "localhost", "")
    (form,) = [request.form for request in emulator.token_requests]
    assert len(form["code_verifier"]) >= 43
    assert form["client_secret"] == emulator.client_secret
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", redirect.port), timeout=PATIENCE)


def test_public_client_signs_in_without_a_secret(run, public_app, emulator, target):
    """No secret is asked for, sent or written."""
    outcome = run("login", *public_app, *to_file(target))
    assert outcome.status == 0, outcome.err
    assert "client_secret" not in emulator.token_requests[-1].form
    assert "password" not in json.loads(target.read_text())


@pytest.mark.parametrize("emulator", [{"device_code_interval_seconds": 1}], indirect=True)
def test_device_code_needs_no_browser_here(run, public_app, target, emulator):
    """The code is printed, the person types it elsewhere, and the command goes on by itself."""
    outcome = run("login", "--device-code", *public_app, *to_file(target), user="sales.agent@contoso.example")
    assert outcome.status == 0, outcome.err
    assert "sales.agent@contoso.example" in outcome.err
    assert json.loads(target.read_text())["extra"]["refresh_token"]
    for secret in secrets_of(emulator):
        assert secret not in outcome.text


@pytest.mark.parametrize("emulator", [{"device_code_interval_seconds": 1}], indirect=True)
def test_device_code_of_an_application_with_a_secret_says_what_to_allow(run, app, target):
    """Entra ID refuses an application that is not allowed public flows; the sentence names the setting."""
    outcome = run("login", "--device-code", *app, *to_file(target))
    assert outcome.status == 1
    assert "AADSTS7000218" in outcome.err
    assert "Allow public client flows" in outcome.err
    assert not target.exists()


@pytest.mark.parametrize("emulator", [{"device_code_interval_seconds": 1}], indirect=True)
def test_device_code_of_an_application_with_a_secret_is_tried_with_it(run, app, target, emulator):
    """Where public flows are allowed, the refresh token is spent once as the tasks will, secret included."""

    def allowed(request):
        assert request.form["grant_type"].endswith("device_code")
        return Answer(
            200,
            {
                "token_type": "Bearer",
                "expires_in": 3599,
                "scope": "https://api.partnercenter.microsoft.com/user_impersonation",
                "access_token": "opaque",
                "refresh_token": emulator.refresh_token,
            },
        )

    emulator.answer_next(allowed, TOKEN)
    outcome = run("login", "--device-code", *app, *to_file(target))
    assert outcome.status == 0, outcome.err
    assert emulator.token_requests[-1].form["client_secret"] == emulator.client_secret
    written = json.loads(target.read_text())["extra"]["refresh_token"]
    assert written != emulator.refresh_token


@pytest.mark.parametrize(
    ("outcome_on_page", "sentence"),
    [
        ("declined", "AADSTS65004): the person declined to consent"),
        ("admin_consent", "AADSTS90094): an administrator of the partner tenant must consent"),
        ("not_assigned", "AADSTS50105): an Entra administrator must assign"),
        ("mfa_failed", "AADSTS500121): the multi-factor authentication was not completed"),
        ("mfa_enrolment", "AADSTS50079): the service account must enrol"),
        ("conditional_access", "AADSTS53003): Conditional Access blocks the service account"),
        ("trouble", "Microsoft Entra ID failed for now"),
    ],
)
def test_what_goes_wrong_on_the_login_page_is_a_sentence(run, app, target, outcome_on_page, sentence):
    """Terminal and page say so, exit status 1, nothing written."""
    outcome = run("login", *app, *to_file(target), outcome=outcome_on_page)
    assert outcome.status == 1
    assert sentence in outcome.err
    assert outcome.err.rstrip().splitlines()[-1].startswith("Nothing was written. ")
    assert "You have not signed in" in outcome.pages[0].text
    assert not target.exists()


@pytest.mark.parametrize("emulator", [{"device_code_interval_seconds": 1}], indirect=True)
@pytest.mark.parametrize(
    ("outcome_on_page", "sentence"),
    [("declined", "the person declined"), ("conditional_access", "Conditional Access blocks the service account")],
)
def test_what_goes_wrong_with_a_device_code_is_a_sentence(run, public_app, target, outcome_on_page, sentence):
    """The same for --device-code."""
    outcome = run("login", "--device-code", *public_app, *to_file(target), outcome=outcome_on_page)
    assert outcome.status == 1
    assert sentence in outcome.err
    assert not target.exists()


@pytest.mark.parametrize("emulator", [{"device_code_interval_seconds": 1}], indirect=True)
def test_device_code_nobody_types_ends_in_time(run, public_app, target):
    """--timeout ends the wait."""
    with at_once():
        outcome = run(
            "login", "--device-code", "--timeout", "1", *public_app, *to_file(target), act=lambda address, code: None
        )
    assert outcome.status == 1
    assert "Nobody signed in in time" in outcome.err


@pytest.mark.parametrize("emulator", [{"device_code_interval_seconds": 1, "device_code_seconds": -1}], indirect=True)
def test_device_code_that_expired_is_a_sentence(run, public_app, target):
    """Entra ID's own limit may be shorter than ours."""
    outcome = run("login", "--device-code", "--timeout", "5", *public_app, *to_file(target))
    assert outcome.status == 1
    assert not target.exists()


def test_login_without_mfa_writes_nothing(run, app, target):
    """Partner Center would refuse the token: said at once, with who must do what."""
    outcome = run("login", *app, *to_file(target), mfa=None)
    assert outcome.status == 1
    assert "does not prove multi-factor authentication" in outcome.err
    assert "nothing was written" in outcome.err
    assert not target.exists()


@pytest.mark.parametrize(
    ("claims", "sentence"),
    [
        ({"tid": "99998888-0000-cccc-1111-dddd2222eeee"}, "the token is of tenant 99998888"),
        ({"aud": "https://graph.windows.net"}, "the token is for https://graph.windows.net"),
        ({"amr": None}, "does not prove multi-factor authentication"),
    ],
)
def test_token_of_another_kind_writes_nothing(run, app, emulator, target, claims, sentence):
    """Audience, tenant and factors are looked at before anything is written."""
    emulator.answer_next(with_claims(**claims), TOKEN)
    outcome = run("login", *app, *to_file(target))
    assert outcome.status == 1
    assert sentence in outcome.err
    assert not target.exists()


def test_opaque_token_is_written_with_a_word_of_caution(run, app, emulator, target):
    """Microsoft may encrypt access tokens at any time; check then tells."""
    emulator.answer_next(token_answer(lambda body: body.update(access_token="opaque-token-of-no-shape")), TOKEN)
    outcome = run("login", *app, *to_file(target))
    assert outcome.status == 0, outcome.err
    assert "airflow-partnercenter check" in outcome.err
    assert "opaque-token-of-no-shape" not in outcome.text


def test_missing_refresh_token_is_a_sentence(run, app, emulator, target):
    """Without offline_access there is nothing to work unattended with."""
    emulator.answer_next(token_answer(lambda body: body.pop("refresh_token")), TOKEN)
    outcome = run("login", *app, *to_file(target))
    assert outcome.status == 1
    assert "offline_access" in outcome.err


def test_id_token_of_another_sign_in_is_refused(run, app, emulator, target):
    """MSAL checks the nonce of the ID token."""

    def foreign(body):
        claims = json.loads(base64.urlsafe_b64decode(body["id_token"].split(".")[1] + "=="))
        claims["nonce"] = "other"
        payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
        body["id_token"] = f"e30.{payload}.x"

    emulator.answer_next(token_answer(foreign), TOKEN)
    outcome = run("login", *app, *to_file(target))
    assert outcome.status == 1
    assert "MSAL does not accept" in outcome.err
    assert not target.exists()


def redirect_of(address):
    """Return where a login page's address sends the answer."""
    query = parse_qs(urlsplit(address).query)
    return query["redirect_uri"][0].replace("localhost", "127.0.0.1"), query["state"][0]


def test_answer_with_another_state_is_refused(run, app, emulator, target):
    """Somebody else's code is not taken: neither page nor terminal call that a sign-in."""
    pages = []

    def forge(address, _):
        redirect, _ = redirect_of(address)
        pages.append(requests.post(redirect, data={"code": "stolen-code-123", "state": "other"}, timeout=PATIENCE))

    outcome = run("login", *app, *to_file(target), act=forge)
    assert outcome.status == 1
    assert "its state differs" in outcome.err
    assert pages[0].status_code == 400
    assert "stolen-code-123" not in outcome.text + pages[0].text
    assert emulator.token_requests == []


def test_listener_takes_one_answer_and_nothing_else(run, app, target):
    """Other paths, other methods and empty requests are not the answer, nor is a second one."""
    statuses = {}

    def act(address, _):
        redirect, state = redirect_of(address)
        statuses["icon"] = requests.get(f"{redirect}/favicon.ico", timeout=PATIENCE).status_code
        statuses["empty"] = requests.get(redirect, timeout=PATIENCE).status_code
        statuses["put"] = requests.put(redirect, timeout=PATIENCE).status_code
        statuses["large"] = requests.post(redirect, data={"code": "x" * 70_000}, timeout=PATIENCE).status_code
        statuses["idle"] = socket.create_connection(("127.0.0.1", urlsplit(redirect).port)).getpeername()[0]
        first = requests.get(redirect, params={"error": "access_denied", "state": state}, timeout=PATIENCE)
        statuses["first"] = first.status_code
        assert "default-src 'none'" in first.headers["Content-Security-Policy"]

    outcome = run("login", *app, *to_file(target), act=act)
    assert outcome.status == 1
    assert "cancelled or access was denied" in outcome.err
    assert statuses == {"icon": 404, "empty": 400, "put": 501, "large": 400, "idle": "127.0.0.1", "first": 200}


def test_listener_is_on_loopback_only(run, app, target):
    """No other address of this machine answers."""
    found = []

    def act(address, _):
        redirect, state = redirect_of(address)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("192.0.2.1", 9))
            own = probe.getsockname()[0]
        try:
            socket.create_connection((own, urlsplit(redirect).port), timeout=PATIENCE).close()
            found.append(own)
        except OSError:
            pass
        requests.get(redirect, params={"error": "access_denied", "state": state}, timeout=PATIENCE)

    run("login", *app, *to_file(target), act=act)
    assert found == []


def test_nobody_signs_in(run, app, target):
    """The wait ends with a sentence that says what else there is."""
    outcome = run("login", "--timeout", "1", *app, *to_file(target), act=lambda address, code: None)
    assert outcome.status == 1
    assert "Nobody signed in within 1 seconds" in outcome.err
    assert "--device-code" in outcome.err


def test_taken_port_is_a_sentence(run, app, emulator, target):
    """Before anybody signs in."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        outcome = run("login", "--port", port, *app, *to_file(target))
    assert outcome.status == 1
    assert f"Port {port} of this machine cannot be used" in outcome.err
    assert emulator.requests == []


def test_port_and_path_of_the_redirect_can_be_chosen(run, app, emulator, target):
    """For an application that has another redirect URI registered, or a tunnel with a fixed port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    outcome = run("login", "--port", port, "--redirect-path", "/signed-in", *app, *to_file(target))
    assert outcome.status == 0, outcome.err
    assert emulator.token_requests[-1].form["redirect_uri"] == f"http://localhost:{port}/signed-in"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (["--tenant", "fabrikam.example"], "the tenant does not exist"),
        (["--client-secret-env", "WRONG_SECRET"], "the client secret is wrong"),
        (["--client-secret-env", "OLD_SECRET"], "the client secret has expired"),
        (["--ca-bundle", os.__file__], "`ca_bundle` holds no certificate"),
        (["--authority", "https://127.0.0.1:9"], "the connection was refused"),
        (["--authority", "http://login.example"], "authority must start with https://"),
        (["--tenant", "common"], "tenant_id is 'common'"),
        (["--ca-bundle", "/no/such/file"], "is no file on this machine"),
    ],
    ids=str,
)
def test_wrong_setting_is_a_sentence(run, app, emulator, target, monkeypatch, changes, sentence):
    """Whatever Entra ID, the network or the reader says, it is one sentence and status 1."""
    monkeypatch.setenv("WRONG_SECRET", "wrong-secret-0123456789")
    monkeypatch.setenv("OLD_SECRET", emulator.EXPIRED_CLIENT_SECRET)
    outcome = run("login", "--timeout", "10", *app, *changes, *to_file(target))
    assert outcome.status == 1
    assert sentence in outcome.err
    assert "wrong-secret-0123456789" not in outcome.text
    assert not target.exists()


@pytest.mark.parametrize("how", ["env", "file", "stdin"])
def test_secret_comes_from_where_it_is_safe(run, emulator, target, tmp_path, monkeypatch, how):
    """Environment, file and standard input; line ends do not count."""
    monkeypatch.setenv("S", emulator.client_secret)
    (tmp_path / "secret").write_text(emulator.client_secret + "\n")
    options = {"env": ["S"], "file": [str(tmp_path / "secret")], "stdin": []}[how]
    outcome = run(
        "login",
        *place(emulator),
        "--client-id",
        emulator.client_id,
        f"--client-secret-{how}",
        *options,
        *to_file(target),
        stdin=emulator.client_secret + "\r\n",
    )
    assert outcome.status == 0, outcome.err
    assert json.loads(target.read_text())["password"] == emulator.client_secret


@pytest.mark.parametrize(
    ("options", "status", "sentence"),
    [
        (["--client-secret", "hush-hush-0123"], 2, "stays in the shell's history"),
        (["--client-secret=hush-hush-0123"], 2, "stays in the shell's history"),
        (["--client-secret-env", "NOT_SET"], 1, "no client secret in the environment variable NOT_SET"),
        (["--client-secret-file", "/no/such"], 1, "cannot be read from /no/such"),
        (["--client-secret-stdin"], 1, "no client secret in standard input"),
        ([], 1, "A client secret is needed"),
        (["--public-client", "--client-secret-stdin"], 1, "exclude each other"),
        (["--public-client", "--proxy", "http://me:hush-hush-0123@proxy.example"], 1, "--proxy holds a password"),
    ],
    ids=str,
)
def test_unsafe_or_missing_secret_is_refused_before_anything_is_sent(run, emulator, target, options, status, sentence):
    """A secret on the command line is not repeated either."""
    outcome = run("login", *place(emulator), "--client-id", emulator.client_id, *options, *to_file(target))
    assert outcome.status == status
    assert sentence in outcome.err
    assert "hush-hush-0123" not in outcome.text
    assert emulator.requests == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--output", "env"], "holds the secrets: add --file PATH"),
        (["--output", "json"], "or --show-secrets to print it"),
        (["--output", "env", "--show-secrets", "--conn-id", "my-conn"], "cannot be part of an environment variable"),
        (["--output", "airflow", "--show-secrets"], "go with --output env or --output json only"),
        (["--output", "json", "--file", "/no/such/folder/x"], "is no folder that you may write to"),
        (["--output", "json", "--file", "/dev/null"], "it is not a file"),
    ],
    ids=str,
)
def test_destination_is_checked_before_anybody_signs_in(run, app, emulator, as_server, options, sentence):
    """A sign-in whose result could not be kept would be a nuisance."""
    outcome = run("login", *app, *options)
    assert outcome.status == 1
    assert sentence in outcome.err
    assert emulator.requests == []


def test_line_for_the_environment_is_what_a_shell_reads(run, app, emulator):
    """Printed only with --show-secrets, alone on standard output."""
    outcome = run("login", *app, "--output", "env", "--show-secrets")
    assert outcome.status == 0, outcome.err
    (word,) = shlex.split(outcome.out)
    name, _, value = word.partition("=")
    assert name == "AIRFLOW_CONN_PARTNER_CENTER_DEFAULT"
    assert json.loads(value)["password"] == emulator.client_secret
    assert emulator.client_secret not in outcome.err
    assert "--show-secrets asked" in outcome.err


def test_file_is_replaced_as_a_whole(run, app, target):
    """Signing in again writes the new connection in place of the old one, which may have been open to others."""
    target.write_text("old")
    target.chmod(0o644)
    assert run("login", *app, *to_file(target)).status == 0
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert json.loads(target.read_text())["extra"]["refresh_token"]
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_existing_connection_gives_all_settings(run, emulator, target, monkeypatch, as_server):
    """With --conn-id signing in again needs no other option, and everything else of the connection stays."""
    old = emulator.connection(locale="de-DE", refresh_token=emulator.REFRESH_TOKENS["expired"])
    monkeypatch.setenv("AIRFLOW_CONN_MINE", json.dumps(old))
    outcome = run("login", "--conn-id", "mine", *to_file(target))
    assert outcome.status == 0, outcome.err
    assert "the environment variable AIRFLOW_CONN_MINE" in outcome.err
    new = json.loads(target.read_text())
    assert new["extra"].pop("refresh_token") != old["extra"].pop("refresh_token")
    assert new["host"].startswith("https://")
    assert {name: new[name] for name in ("login", "password", "extra")} == {
        name: old[name] for name in ("login", "password", "extra")
    }


def test_connection_without_refresh_token_yet_can_be_signed_in(run, emulator, target, monkeypatch, as_server):
    """The first sign-in completes a connection made by hand, and an app_only one becomes app_user."""
    connection = emulator.connection(refresh_token=None, auth_mode="app_only")
    monkeypatch.setenv("AIRFLOW_CONN_MINE", json.dumps(connection))
    outcome = run("login", "--conn-id", "mine", *to_file(target))
    assert outcome.status == 0, outcome.err
    assert "from app_only to app_user" in outcome.err
    assert json.loads(target.read_text())["extra"]["auth_mode"] == "app_user"


@pytest.mark.parametrize(
    ("options", "cache"),
    [
        ([], "variable:partner_center_token_cache"),
        (["--token-cache", "file:/var/lib/airflow/cache.json"], "file:/var/lib/airflow/cache.json"),
        (["--token-cache", "none"], ""),
    ],
    ids=str,
)
def test_new_connection_keeps_its_refresh_token_alive(run, app, target, options, cache):
    """A token cache comes with it, unless another or none is asked for."""
    assert run("login", *app, *options, *to_file(target)).status == 0
    assert json.loads(target.read_text())["extra"]["token_cache"] == cache


def test_only_the_word_none_asks_for_no_cache(run, app, target):
    """What begins like it is refused."""
    outcome = run("login", *app, "--token-cache", "nonevariable:tokens", *to_file(target))
    assert outcome.status == 1
    assert "token_cache is neither" in outcome.err


def test_public_client_signs_in_again_without_any_option(run, emulator, target, monkeypatch, as_server):
    """A connection with a refresh token and no secret is a public client's."""
    old = emulator.connection("public_client")
    monkeypatch.setenv("AIRFLOW_CONN_MINE", json.dumps(old))
    outcome = run("login", "--conn-id", "mine", *to_file(target))
    assert outcome.status == 0, outcome.err
    assert "password" not in json.loads(target.read_text())


def test_application_with_a_certificate_proves_itself_by_it(run, emulator, target, monkeypatch, as_server):
    """Whatever proof the connection has is used, and stays."""
    old = emulator.connection("certificate", refresh_token=None)
    monkeypatch.setenv("AIRFLOW_CONN_MINE", json.dumps(old))
    outcome = run("login", "--conn-id", "mine", *to_file(target))
    assert outcome.status == 0, outcome.err
    form = emulator.token_requests[-1].form
    assert form["client_assertion"].count(".") == 2
    assert "client_secret" not in form
    key = old["extra"]["certificate"]
    assert json.loads(target.read_text())["extra"]["certificate"] == key
    assert not any(line in outcome.text for line in key.splitlines()[1:-1])


def stored(conn_id="partner_center_default"):
    """Return a connection of the metadata database, as the command's next run would see it."""
    from airflow_partnercenter.cli.airflow_connections import find_connection

    found = find_connection(conn_id)
    assert found
    assert found.is_in_database
    return found.fields()


def test_new_connection_goes_into_airflow(run, app, emulator, database):
    """By default: added under the default name, its secrets encrypted if the deployment has a key."""
    outcome = run("login", *app)
    assert outcome.status == 0, outcome.err
    assert "partner_center_default is added in Airflow's metadata database" in outcome.err
    assert "encrypted" in outcome.err.lower()
    fields = stored()
    assert (fields["login"], fields["password"]) == (emulator.client_id, emulator.client_secret)
    assert fields["extra"]["tenant_id"] == emulator.tenant_id


def test_connection_in_airflow_is_updated_and_all_else_stays(run, emulator, database):
    """Description, schema, port and unknown keys included; a stale refresh token of an old form goes."""
    from airflow.models import Connection
    from airflow.utils.session import create_session

    old = emulator.connection(refresh_token=None, x_unknown=1, extra__partner_center__refresh_token="stale-one")
    with create_session() as session:
        session.add(
            Connection(
                conn_id="prod",
                conn_type="partner_center",
                description="keep me",
                host=old["host"],
                login=old["login"],
                password=old["password"],
                schema="s",
                port=0,
                extra=json.dumps(old["extra"]),
            )
        )
    outcome = run("login", "--conn-id", "prod")
    assert outcome.status == 0, outcome.err
    assert "prod is updated" in outcome.err
    fields = stored("prod")
    assert (fields["description"], fields["schema"], fields["port"]) == ("keep me", "s", 0)
    assert fields["password"] == emulator.client_secret
    assert fields["extra"]["x_unknown"] == 1
    assert fields["extra"]["refresh_token"].startswith("1.A")
    assert "stale-one" not in json.dumps(fields)


def in_database(fields):
    """Put a connection into the metadata database, as Airflow's form does; its fields as of ``AIRFLOW_CONN_*``."""
    from airflow.models import Connection
    from airflow.utils.session import create_session

    with create_session() as session:
        session.add(Connection(conn_id="prod", **fields | {"extra": json.dumps(fields["extra"])}))


def test_public_client_takes_the_secret_out_of_the_stored_connection(run, emulator, database):
    """The application has become a public one: its old secret, which Entra ID would refuse, is stored no longer."""
    in_database(emulator.connection(login=emulator.public_client_id))
    outcome = run("login", "--conn-id", "prod", "--public-client")
    assert outcome.status == 0, outcome.err
    assert "password" not in stored("prod")
    assert run("check", "prod").status == 0


def test_another_host_comes_without_the_port_of_the_old_one(run, emulator, database):
    """What was checked is what is stored: the new address, on its own port."""
    in_database(emulator.connection(host="https://old.example") | {"port": 8443})
    outcome = run("login", "--conn-id", "prod", "--host", emulator.base_url)
    assert outcome.status == 0, outcome.err
    fields = stored("prod")
    assert fields["host"] == emulator.base_url
    assert fields.get("port") == (HTTPS_PORT if port_is_needed_for_test() else None)
    assert run("check", "prod").status == 0


@pytest.mark.parametrize(
    ("connection", "options", "sentence"),
    [
        ({"conn_type": "http"}, ["--conn-id", "mine"], "is of type 'http'"),
        ({}, ["--conn-id", "mine"], "which Airflow prefers to its database"),
        (None, ["--conn-id", "mine"], "does not exist: give --tenant-id and --client-id"),
        ({"tenant_id": "***"}, ["--conn-id", "mine"], "a masked value"),
    ],
    ids=str,
)
def test_connection_that_cannot_be_signed_in_is_a_sentence(
    run, emulator, database, monkeypatch, connection, options, sentence
):
    """Said before anybody signs in."""
    if connection is not None:
        monkeypatch.setenv("AIRFLOW_CONN_MINE", json.dumps(emulator.connection(**connection)))
    outcome = run("login", *options)
    assert outcome.status == 1
    assert sentence in outcome.err
    assert emulator.requests == []


def test_options_that_name_the_application_must_be_there(run, emulator, target):
    """Each by its own name."""
    outcome = run("login", "--public-client", *to_file(target))
    assert outcome.status == 1
    assert "--client-id and --tenant-id must be given" in outcome.err


def test_ctrl_c_ends_the_wait_at_once(emulator, target):
    """Exit status 130, one word, no traceback, nothing written."""
    command = [
        *COMMAND,
        *place(emulator),
        "--client-id",
        emulator.public_client_id,
        "--public-client",
        *to_file(target),
    ]
    environment = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "BROWSER")}
    with subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        # A shell's background job, which tests may be, has its children ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        try:
            lines = []
            while not (lines and lines[-1].startswith("Waiting")):
                lines.append(process.stderr.readline())
                assert lines[-1], lines
            assert any("No browser was opened" in line for line in lines)
            process.send_signal(signal.SIGINT)
            with at_once():
                assert process.wait(PATIENCE) == 130
            assert process.stderr.read().strip() == "Stopped. Nothing was written."
        finally:
            process.kill()
    assert not target.exists()


def test_browser_of_the_desktop_is_asked_to_open_the_page(emulator, target, tmp_path):
    """BROWSER names it; what it is given is the address that the terminal shows."""
    opened = tmp_path / "opened"
    script = tmp_path / "browser"
    script.write_text(f'#!/bin/sh\nprintf %s "$1" >{opened}\n')
    script.chmod(0o755)
    command = [
        *COMMAND,
        *place(emulator),
        "--client-id",
        emulator.public_client_id,
        "--public-client",
        *to_file(target),
    ]
    done = subprocess.run(
        [*command, "--timeout", "1"],
        env=os.environ | {"BROWSER": str(script)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 1
    assert "A browser was asked to open this page" in done.stderr
    assert opened.read_text() in done.stderr
    assert opened.read_text().startswith(emulator.authority)
