"""No secret in any text: not in exceptions and their causes, not in reprs, not in any logger's DEBUG."""

import traceback

import pytest

from airflow_partnercenter.api.client import PartnerCenterClient
from airflow_partnercenter.api.entra.auth import AppOnlyCredentials, AppUserCredentials
from airflow_partnercenter.api.wire.network import Network
from airflow_partnercenter.api.wire.retrying import RetryPolicy
from airflow_partnercenter.emulator import Answer
from airflow_partnercenter.exceptions import PartnerCenterError
from tests.support.origin import Reply
from tests.support.proxy import ConnectProxy

RESOURCE = "partner_licenses_deployment"
TOKEN = "/oauth2/v2.0/token"
ONCE = RetryPolicy(attempts=1, total_seconds=3)


def _everything(error: BaseException) -> str:
    """Return what Python would print of an error with its causes, and its attributes."""
    attributes = " ".join(f"{name}={value!r}" for name, value in vars(error).items())
    return "".join(traceback.format_exception(error)) + repr(error) + attributes


def test_secrets_are_in_no_log_of_a_working_read(emulator, make_client, logs):
    """Sign-in, rotation, refresh after 401 and pages at DEBUG show neither secret nor token."""
    client = make_client()
    client.list_licenses(RESOURCE)
    emulator.expire_access_tokens()
    client.list_licenses(RESOURCE)
    tokens = {request.headers["authorization"].removeprefix("Bearer ") for request in emulator.api_requests}
    refresh_tokens = {request.form["refresh_token"] for request in emulator.token_requests}
    assert len(tokens) == 2
    assert len(refresh_tokens) == 2
    assert logs.records
    for secret in {emulator.client_secret, *refresh_tokens, *tokens}:
        assert secret not in logs.text


@pytest.mark.parametrize("status", [400, 401, 403, 404, 418, 429, 500, 302])
@pytest.mark.parametrize("where", ["fault", "text", "reason", "title"])
def test_secret_echoed_by_partner_center_is_removed(origin, origin_client, entra, logs, status, where):
    """A server that repeats the Authorization header in its error puts the token into no text of ours."""
    seen: list[str] = []

    def echo(request):
        seen.append(request.headers["authorization"].removeprefix("Bearer "))
        said = f"bad token {seen[-1]}, secret {entra.client_secret}, {entra.refresh_token}"
        return {
            "fault": Reply(status, {"code": said, "description": said}, {"MS-RequestId": "r-1"}),
            "text": Reply(status, said),
            "reason": Reply(status, b"", reason=said),
            "title": Reply(status, f"<html><title>{said}</title></html>"),
        }[where]

    origin.answer(echo)
    with pytest.raises(PartnerCenterError) as caught:
        origin_client(retry=RetryPolicy(attempts=1, total_seconds=3)).list_licenses(RESOURCE)
    assert "***" in str(caught.value)
    for secret in (*seen, entra.client_secret, entra.refresh_token):
        assert secret not in _everything(caught.value)
        assert secret not in logs.text


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"error": "invalid_grant", "error_description": "AADSTS70000: bad grant {}"}),
        (400, {"error": "{}", "error_description": "{}"}),
        (401, {"error": "invalid_client", "error_description": "AADSTS7000215: bad secret {}"}),
        (400, {"error": "server_error", "error_description": "sorry {}"}),
        (400, "you sent {}"),
        (200, "you sent {}"),
        (200, "<html>{}</html>"),
        (200, {"echo": "{}"}),
        (200, {"error": "x", "error_description": "{}"}),
        (500, "you sent {}"),
        (503, {"error": "temporarily_unavailable", "error_description": "{}"}),
    ],
    ids=repr,
)
@pytest.mark.parametrize("when", ["first sign-in", "renewal"])
def test_secret_echoed_by_the_token_service_is_removed(emulator, make_client, logs, status, body, when):
    """A token service, or a proxy before it, that repeats the request puts no secret into any text: MSAL logs too."""
    told: list[str] = []
    client = make_client(retry=ONCE, on_secret=told.append)
    if when == "renewal":
        client.list_licenses(RESOURCE)
        emulator.expire_access_tokens()
    said = " ".join(secret for secret in told if secret.startswith(("emulator~", "1.Aemulator")))
    assert len(said.split()) == (3 if when == "renewal" else 2)
    fill = {name: text.replace("{}", said) for name, text in body.items()} if isinstance(body, dict) else None
    emulator.answer_next(Answer(status, fill or body.replace("{}", said)), TOKEN, times=9)
    with pytest.raises(PartnerCenterError) as caught:
        client.list_licenses(RESOURCE)
    for secret in said.split():
        assert secret not in _everything(caught.value)
        assert secret not in logs.text


def test_secret_echoed_by_discovery_is_removed(emulator, make_client, logs):
    """Discovery carries no secret, but what it says is other people's text all the same."""
    body = {"error": "invalid_tenant", "error_description": f"AADSTS90002: {emulator.client_secret}"}
    emulator.answer_next(Answer(400, body), "openid-configuration", times=9)
    with pytest.raises(PartnerCenterError) as caught:
        make_client(retry=ONCE).list_licenses(RESOURCE)
    assert emulator.client_secret not in _everything(caught.value) + logs.text


@pytest.mark.parametrize(
    "reply",
    [
        lambda token: Reply(body=f"<html>{token}</html>"),
        lambda token: Reply(body={"Value": [{"licensesSold": token}]}),
        lambda token: Reply(body={"Value": [{}], "TotalCount": token}),
        lambda token: Reply(body={"Value": [{}], "@nextLink": f"https://evil.example/{token}?{token}"}),
        lambda token: Reply(body={"Value": [{}], "@nextLink": [token]}),
        lambda token: Reply(body=f'{{"Value": [{{"a": "{token}'),
    ],
    ids=["html", "wrong kind", "wrong total", "foreign link", "odd link", "cut off"],
)
def test_token_echoed_in_a_200_is_in_no_error(origin, origin_client, logs, reply):
    """Errors about a body name kinds and places, not contents."""
    seen: list[str] = []

    def echo(request):
        seen.append(request.headers["authorization"].removeprefix("Bearer "))
        return reply(seen[-1])

    origin.answer(echo)
    with pytest.raises(PartnerCenterError) as caught:
        origin_client(retry=RetryPolicy(attempts=1, total_seconds=3)).list_licenses(RESOURCE)
    assert seen[0] not in _everything(caught.value) + logs.text


def test_listener_is_told_secrets_and_tokens(emulator, make_client):
    """Airflow's masker learns secret, refresh tokens old and new, and access tokens."""
    told: list[str] = []
    client = make_client(on_secret=told.append)
    client.list_licenses(RESOURCE)
    emulator.expire_access_tokens()
    client.list_licenses(RESOURCE)
    sent = {request.form["refresh_token"] for request in emulator.token_requests}
    bearers = {request.headers["authorization"].removeprefix("Bearer ") for request in emulator.api_requests}
    assert {emulator.client_secret, *sent, *bearers} <= set(told)


@pytest.mark.parametrize(
    "make",
    [
        lambda: AppUserCredentials("tenant", "app", "client-secret", "refresh-token"),
        lambda: AppOnlyCredentials("tenant", "app", "client-secret"),
        lambda: Network(proxy="http://user:proxy-password@proxy.example:3128"),
        lambda: PartnerCenterClient(
            AppUserCredentials("tenant", "app", "client-secret", "refresh-token"),
            network=Network(proxy="http://user:proxy-password@proxy.example:3128"),
        ),
        lambda: PartnerCenterClient(AppOnlyCredentials("tenant", "app", "client-secret")).iter_licenses(RESOURCE),
    ],
    ids=["app_user", "app_only", "network", "client", "reader"],
)
def test_repr_shows_no_secret(make):
    """What a debugger or a log of an object prints holds no secret."""
    shown = f"{make()!r} {make()}"
    for secret in ("client-secret", "refresh-token", "proxy-password"):
        assert secret not in shown


@pytest.mark.parametrize("whom", ["token service", "Partner Center"])
def test_secret_echoed_by_a_proxy_is_in_no_traceback(emulator, make_client, logs, whom):
    """The proxy's words are in the errors of urllib3 and requests below ours, which tracebacks print."""
    password = "proxy-password-0123456789"
    with ConnectProxy() as working, ConnectProxy(refuse=f"no {password}") as refusing:
        first = working if whom == "Partner Center" else refusing
        client = make_client(retry=ONCE, proxy=f"http://user:{password}@{first.address}")
        if whom == "Partner Center":
            client.list_licenses(RESOURCE)
            working.refuse_from_now_on(f"no {password}")
            client.close()
        with pytest.raises(PartnerCenterError) as caught:
            client.list_licenses(RESOURCE)
    shown = "".join(traceback.format_exception(caught.value))
    assert "407 no ***" in shown
    assert password not in shown + logs.text
