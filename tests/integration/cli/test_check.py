"""``airflow-partnercenter check``: what works gets a tick; what does not, its cause and the person who must act."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_partnercenter.api.entra.refusals import refusal
from airflow_partnercenter.api.wire.faults import Answer as FaultAnswer
from airflow_partnercenter.api.wire.faults import error_for
from airflow_partnercenter.cli.responsible import who_must_act
from airflow_partnercenter.emulator import Answer
from tests.integration.cli.test_login import with_claims
from tests.integration.test_connection_page import ENTRA, PARTNER_CENTER
from tests.support.airflow_dags import forget_fernet
from tests.support.patience import PATIENCE

TOKEN = "/oauth2/v2.0/token"
API = "/analytics/commercial/deployment/license"
CACHE = "variable:partner_center_token_cache"
STEPS = ["connection", "token", "partner_center", "license_row"]
HOLDER = "the service account"
ENTRA_ADMIN = "Entra administrator"
PARTNER_ADMIN = "administrator of the partner tenant"
GLOBAL_ADMIN = "Global admin"
KEEPER = "whoever keeps the connection"
OWNER = "owner of the application"
NETWORK = "network administrator"
NOBODY = "nobody yet: Microsoft's service failed, try again later"
THROTTLED = "nobody yet: Partner Center limits requests, try again later"


@pytest.fixture
def check(run, emulator, as_server, monkeypatch):
    """Return a function that checks a connection of the emulator and returns status and steps by name."""

    def check(**connection):
        monkeypatch.setenv("AIRFLOW_CONN_CHECKED", json.dumps(emulator.connection(**connection)))
        outcome = run("check", "checked", "--json")
        found = json.loads(outcome.out)
        assert [step["step"] for step in found["steps"]] == STEPS
        assert found["ok"] is (outcome.status == 0)
        assert emulator.client_secret not in outcome.text
        for request in emulator.api_requests:
            assert request.headers.get("authorization", "Bearer none").removeprefix("Bearer ") not in outcome.text
        return outcome.status, {step["step"]: step for step in found["steps"]}

    return check


def test_good_connection_has_four_ticks(run, emulator, as_server, monkeypatch):
    """Exit status 0, and a line each with what a person wants to know."""
    monkeypatch.setenv("AIRFLOW_CONN_PARTNER_CENTER_DEFAULT", json.dumps(emulator.connection()))
    outcome = run("check")
    assert outcome.status == 0, outcome.err
    lines = outcome.out.splitlines()
    assert [line[0] for line in lines] == ["✓"] * 4
    assert "the environment variable AIRFLOW_CONN_PARTNER_CENTER_DEFAULT" in lines[0]
    for fact in ("app_user", emulator.tenant_id, "https://api.partnercenter.microsoft.com", "MFA proved", "minutes"):
        assert fact in lines[1]
    assert "one row of licenses_deployment" in lines[3]
    assert len(emulator.token_requests) == 1


def test_facts_are_there_for_machines(check, emulator):
    """Mode, tenant, audience, expiry and factor, each under its own key."""
    status, steps = check()
    assert status == 0
    details = steps["token"]["details"]
    assert details["expires_at"].endswith("Z")
    assert details | {"expires_at": None} == {
        "auth_mode": "app_user",
        "tenant_id": emulator.tenant_id,
        "audience": "https://api.partnercenter.microsoft.com",
        "expires_at": None,
        "mfa": True,
        "user": "licence.reports@contoso.example",
        "readable": True,
    }


def test_one_row_is_asked_for(check, emulator):
    """A partner with a million rows is checked as fast as one with ten."""
    check()
    (request,) = emulator.api_requests
    assert request.query["top"] == "1"


@pytest.mark.parametrize(
    ("name", "who", "cause"),
    [
        ("expired", HOLDER, "AADSTS700082): the refresh token has expired"),
        ("inactive", HOLDER, "AADSTS70008): the refresh token has expired"),
        ("revoked", HOLDER, "AADSTS50173): the refresh token was revoked"),
        ("mfa_required", HOLDER, "AADSTS50076): multi-factor authentication is required"),
        ("mfa_expired", HOLDER, "AADSTS50078): the multi-factor authentication has expired"),
        ("consent_missing", PARTNER_ADMIN, "AADSTS65001): consent is missing"),
        ("conditional_access", ENTRA_ADMIN, "AADSTS53003): Conditional Access blocks"),
        ("other_client", HOLDER, "AADSTS700007): the refresh token was issued to another application"),
    ],
)
def test_refused_refresh_token_names_cause_and_person(check, emulator, name, who, cause):
    """The token step fails, the later ones are not tried."""
    status, steps = check(refresh_token=emulator.REFRESH_TOKENS[name])
    assert status == 1
    assert cause in steps["token"]["message"]
    assert steps["token"]["who_must_act"] == who
    assert [steps[name]["ok"] for name in STEPS] == [True, False, None, None]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"refresh_token": "expired", "token_cache": CACHE}, True),
        ({"refresh_token": "inactive", "token_cache": CACHE}, True),
        ({"refresh_token": "expired"}, False),
        ({"refresh_token": "revoked", "token_cache": CACHE}, False),
        ({"refresh_token": "conditional_access", "token_cache": CACHE}, False),
        ({"password": "wrong-secret", "token_cache": CACHE}, False),
    ],
    ids=str,
)
def test_expired_token_is_no_alarm_about_tasks_that_have_a_cache(check, emulator, changes, said):
    """Check never touches the cache, so it says what tasks may have there, unless that has ended as well."""
    if name := changes.get("refresh_token"):
        changes = changes | {"refresh_token": emulator.REFRESH_TOKENS[name]}
    status, steps = check(**changes)
    assert status == 1
    word = f"Tasks may still work by the newer refresh token in the token cache ({CACHE})"
    assert (word in steps["token"]["message"]) is said


@pytest.mark.parametrize(
    ("connection", "step", "who", "cause"),
    [
        ({"password": "wrong-secret"}, "token", KEEPER, "the client secret is wrong"),
        ({"password": "emulator~not-a-real-client-secret~expired"}, "token", OWNER, "the client secret has expired"),
        ({"login": "11111111-aaaa-2222-bbbb-3333cccc4444"}, "token", KEEPER, "not known in this tenant"),
        ({"tenant_id": "fabrikam.example"}, "token", KEEPER, "the tenant does not exist"),
        ({"authority": "https://127.0.0.1:9"}, "token", NETWORK, "the connection was refused"),
        ({"ca_bundle": None}, "token", NETWORK, "its TLS certificate is not trusted"),
        ({"host": "https://127.0.0.1:9"}, "partner_center", NETWORK, "the connection was refused"),
        ({"auth_mode": "app_only"}, "token", KEEPER, "accept App+User only"),
        ({"refresh_token": None}, "connection", KEEPER, "refresh_token is missing"),
        ({"tenant_id": "***"}, "connection", KEEPER, "a masked value"),
        ({"conn_type": "http"}, "connection", KEEPER, "is of type 'http'"),
    ],
    ids=str,
)
def test_wrong_setting_names_step_cause_and_person(check, connection, step, who, cause):
    """The first step that fails is the one that the setting belongs to."""
    status, steps = check(**connection)
    assert status == 1
    assert next(name for name in STEPS if not steps[name]["ok"]) == step
    assert cause in steps[step]["message"]
    assert steps[step]["who_must_act"] == who


@pytest.mark.parametrize(
    ("answer", "who", "cause"),
    [
        ((403, "900150", "The supplied role does not have the rights"), GLOBAL_ADMIN, "agent role"),
        ((403, "2032", "Access denied"), GLOBAL_ADMIN, "agent role"),
        ((403, "900309", "Blocked"), ENTRA_ADMIN, "Conditional Access"),
        ((403, "900329", "The resource doesn't support application-only authentication."), KEEPER, "auth_mode"),
        ((401, "900420", "Audience"), KEEPER, "another audience"),
        ((401, "900421", "MFA required"), HOLDER, "multi-factor"),
        ((401, "10001", "Authentication failed. MFA required. (10001)"), HOLDER, "multi-factor"),
        ((404, "1000", "Not found"), KEEPER, "commercial_prefix"),
        ((503, "0", "Unavailable"), NOBODY, "answered 503"),
        ((429, "0", "Rate limit is exceeded"), THROTTLED, "answered 429"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_refusal_of_partner_center_names_cause_and_person(check, emulator, answer, who, cause):
    """Partner Center is reached, the row is not read."""
    status_code, code, text = answer
    body = {"code": code, "description": text, "data": [], "source": "PartnerFD"}
    emulator.answer_next(Answer(status_code, body), API, times=9)
    status, steps = check()
    assert status == 1
    assert [steps[name]["ok"] for name in STEPS] == [True, True, True, False]
    assert cause in steps["license_row"]["message"]
    assert steps["license_row"]["who_must_act"] == who
    assert steps["license_row"]["details"]["status_code"] == status_code


def test_token_without_mfa_fails_its_own_step(check, emulator):
    """Said of the token itself, and Partner Center's own words come after it."""
    status, steps = check(refresh_token=emulator.REFRESH_TOKENS["no_mfa"])
    assert status == 1
    assert steps["token"]["details"]["mfa"] is False
    assert steps["token"]["who_must_act"] == HOLDER
    assert "code 900421" in steps["license_row"]["message"]


@pytest.mark.parametrize(
    ("claims", "cause"),
    [
        ({"aud": "https://graph.windows.net"}, "is for https://graph.windows.net"),
        ({"tid": "99998888-0000-cccc-1111-dddd2222eeee"}, "of tenant 99998888"),
    ],
    ids=str,
)
def test_token_of_another_kind_fails_its_own_step(check, emulator, claims, cause):
    """Audience and tenant are compared with what the connection asks for."""
    emulator.answer_next(with_claims(**claims), TOKEN)
    status, steps = check()
    assert status == 1
    assert cause in steps["token"]["message"]


def test_refused_and_expired_token_is_said_to_be_refused(check, emulator):
    """A 401 that a new token does not heal."""
    emulator.inject("access_denied", times=9)
    status, steps = check()
    assert status == 1
    assert "answered 401" in steps["license_row"]["message"]


def test_no_rows_are_no_failure(check, emulator):
    """A partner without licences yet has a connection that works."""
    emulator.answer_next(Answer(200, {"Value": [], "@nextLink": None, "TotalCount": 0}), API)
    status, steps = check()
    assert status == 0
    assert steps["license_row"]["message"] == "licenses_deployment answered, with no rows yet"


@pytest.mark.parametrize(("code", "who"), [(row[0], row[2]) for row in ENTRA])
def test_person_for_a_refusal_of_entra_id_is_the_one_on_the_page(code, who):
    """docs/connection.md and check name the same person."""
    body = {"error": "invalid_client", "error_description": f"AADSTS{code}: Text.", "error_codes": [int(code)]}
    assert who_must_act(refusal(body)) == who


@pytest.mark.parametrize(
    ("status", "code", "who"), [(int(row[0]), row[1], row[3]) for row in PARTNER_CENTER if row[0] != "429"]
)
def test_person_for_a_refusal_of_partner_center_is_the_one_on_the_page(status, code, who):
    """The same; but one request too many is nobody's DAG."""
    body = json.dumps({"code": "1" if code == "any other" else code, "description": "Text"}).encode()
    error = error_for(FaultAnswer("GET /v1", status, "", {}, body), correlation_id="", app_only=False)
    assert who_must_act(error) == who


def test_given_token_is_looked_at_without_signing_in(check, emulator):
    """A token of a secrets backend that has expired is whoever keeps the connection's to replace."""
    with_token = emulator.connection("access_token")["extra"]
    expired = json.loads(with_claims(exp=1).rewrite(json.dumps(with_token).encode()))["access_token"]
    for token, status in ((with_token["access_token"], 0), (expired, 1)):
        found, steps = check(auth_mode="access_token", access_token=token, login=None, password=None)
        assert found == status
    assert "the token expired on 1970-01-01" in steps["token"]["message"]
    assert steps["token"]["who_must_act"] == KEEPER
    assert emulator.token_requests == []


def test_terminal_without_unicode_gets_ascii(emulator, tmp_path):
    """Marks and texts, in a C locale."""
    environment = os.environ | {
        "AIRFLOW_CONN_PARTNER_CENTER_DEFAULT": json.dumps(emulator.connection()),
        "PYTHONIOENCODING": "ascii",
        "AIRFLOW_HOME": str(tmp_path),
    }
    done = subprocess.run(
        [str(Path(sys.executable).with_name("airflow-partnercenter")), "check"],
        env=environment,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode("ascii").splitlines()
    assert len(lines) == 4
    assert all(line.startswith("[ ok ] ") for line in lines)


def test_connection_of_the_metadata_database_is_seen(run, emulator, database):
    """Outside a task Airflow 3's own hooks see only the environment; check sees what the tasks will see."""
    from airflow_partnercenter.cli.airflow_connections import write_connection

    write_connection("stored", emulator.connection())
    outcome = run("check", "stored")
    assert outcome.status == 0, outcome.text
    assert "from the metadata database" in outcome.out


def test_connection_of_another_fernet_key_says_so(run, emulator, database, monkeypatch):
    """A command line without the deployment's key cannot read what the deployment has written."""
    from cryptography.fernet import Fernet

    from airflow_partnercenter.cli.airflow_connections import write_connection

    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", Fernet.generate_key().decode())
    forget_fernet()
    write_connection("locked", emulator.connection())
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", Fernet.generate_key().decode())
    forget_fernet()
    outcome = run("check", "locked")
    monkeypatch.delenv("AIRFLOW__CORE__FERNET_KEY")
    forget_fernet()
    assert outcome.status == 1
    assert "cannot be decrypted here" in outcome.out
    assert "fernet_key" in outcome.out


@pytest.mark.parametrize("options", [["--json"], []], ids=str)
def test_unexpected_error_is_a_failed_step_that_names_only_its_kind(options, tmp_path):
    """A secrets backend that cannot be loaded: JSON is JSON, there is no traceback, and no text of the error."""
    environment = os.environ | {"AIRFLOW_HOME": str(tmp_path), "AIRFLOW__SECRETS__BACKEND": "missing_package.Backend"}
    done = subprocess.run(
        [str(Path(sys.executable).with_name("airflow-partnercenter")), "check", "somewhere", *options],
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "an unexpected AirflowConfigException ended the check" in done.stdout
    assert "missing_package" not in done.stdout
    if options:
        steps = json.loads(done.stdout)["steps"]
        assert [step["step"] for step in steps] == STEPS
        assert [step["ok"] for step in steps] == [False, None, None, None]
        assert steps[0]["who_must_act"] == "whoever runs this Airflow"
        assert steps[0]["details"] == {"error": "AirflowConfigException"}


def test_missing_connection_says_how_to_make_one(run, database):
    """One cross, three steps not tried."""
    outcome = run("check", "nowhere")
    assert outcome.status == 1
    lines = outcome.out.splitlines()
    assert "does not exist" in lines[0]
    assert "airflow-partnercenter login --conn-id nowhere" in lines[0]
    assert lines[1] == "  Who must act: whoever keeps the connection."
    assert [line[0] for line in lines if not line.startswith(" ")] == ["✗", "·", "·", "·"]


def test_airflow_without_tables_says_how_to_make_them(tmp_path):
    """Whoever has just installed Airflow reads which command comes first."""
    environment = os.environ | {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path}/airflow.db",
    }
    done = subprocess.run(
        [str(Path(sys.executable).with_name("airflow-partnercenter")), "check"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 1
    assert "has no tables yet: run `airflow db migrate` first" in done.stdout


@pytest.mark.airflow(">=3.2")  # which first took commands of providers
def test_airflow_command_has_both(emulator, tmp_path):
    """As `airflow partner-center …`, with the same exit status, and JSON alone on standard output."""
    environment = os.environ | {
        "AIRFLOW_CONN_PARTNER_CENTER_DEFAULT": json.dumps(
            emulator.connection(refresh_token=emulator.REFRESH_TOKENS["expired"])
        ),
        "AIRFLOW_HOME": str(tmp_path),
    }
    airflow = str(Path(sys.executable).with_name("airflow"))

    def run(*arguments):
        return subprocess.run(
            [airflow, "partner-center", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    checked = run("check", "--json")
    assert checked.returncode == 1, checked.stderr
    assert json.loads(checked.stdout)["steps"][1]["who_must_act"] == HOLDER
    usage = run("login", "--help")
    assert usage.returncode == 0
    assert "--device-code" in usage.stdout
    assert "--client-secret " not in usage.stdout
