"""One request: what is sent, what is tried again, and what each answer becomes. Tokens come from the emulator."""

import gzip
import re
import time
import uuid
import zlib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from airflow_partnercenter import __version__
from airflow_partnercenter.api.wire.retrying import RetryPolicy
from airflow_partnercenter.exceptions import (
    AccessTokenRefusedError,
    ApiError,
    ConfigurationError,
    MfaRequiredError,
    PartnerCenterError,
    ResponseFormatError,
    ServiceError,
    ThrottledError,
    TransportError,
)
from tests.support.documented import ROWS, wire_bytes
from tests.support.origin import Reply
from tests.support.patience import at_once
from tests.support.proxy import ConnectProxy

RESOURCE = "partner_licenses_deployment"
GOOD = Reply(body=wire_bytes(RESOURCE))
EMPTY = Reply(body={"Value": [], "@nextLink": None, "TotalCount": 0})


def _fault(status: int, code: object = "", text: str = "", **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, {"code": code, "description": text, "data": [], "source": "PartnerFD"}, named)


def test_request_carries_the_documented_headers(origin, origin_client):
    """Authorization, Accept, ids, contract version, locale and our own name; no name of Microsoft's SDKs."""
    origin.answer(GOOD)
    origin_client(locale="de-DE", application_name="Licence reports").list_licenses(RESOURCE)
    (request,) = origin.requests
    headers = request.headers
    assert (request.method, request.target) == ("GET", "/v1/analytics/licenses/deployment")
    assert headers["authorization"].startswith("Bearer ")
    assert headers["accept"] == "application/json"
    assert headers["ms-contract-version"] == "v1"
    assert headers["x-locale"] == "de-DE"
    assert headers["ms-partnercenter-application"] == "Licence reports"
    assert headers["user-agent"] == f"airflow-provider-partnercenter/{__version__}"
    assert str(uuid.UUID(headers["ms-requestid"])) == headers["ms-requestid"]
    assert str(uuid.UUID(headers["ms-correlationid"])) == headers["ms-correlationid"]
    assert not {"ms-partnercenter-client", "ms-sdkversion", "if-match", "validatemfa"} & headers.keys()
    assert request.body == b""


def test_application_name_is_left_out_unless_given(origin, origin_client):
    """MS-PartnerCenter-Application is optional; the locale is en-US by default."""
    origin.answer(GOOD)
    origin_client().list_licenses(RESOURCE)
    assert "ms-partnercenter-application" not in origin.requests[0].headers
    assert origin.requests[0].headers["x-locale"] == "en-US"


@pytest.mark.parametrize("name", ["Лицензии", "Zoë\nX-Evil: 1", "日本"], ids=repr)
def test_name_that_cannot_be_a_header_is_a_configuration_error(origin, origin_client, name):
    """A header holds Latin-1 on one line; another name is refused in one sentence or sent encoded, never a crash."""
    origin.answer(GOOD)
    try:
        origin_client(application_name=name).list_licenses(RESOURCE)
    except PartnerCenterError as error:
        assert isinstance(error, ConfigurationError), repr(error)  # noqa: PT017 - sending it encoded is right too
    assert not any("x-evil" in request.headers for request in origin.requests)


def test_documented_query_is_on_the_wire(origin, origin_client):
    """The filter leaves percent-encoded as in the documented example, by %20 and %27."""
    origin.answer(EMPTY)
    guid = "0112A436-B14E-4888-967B-CA4BB2CF1234"
    origin_client().list_licenses("licenses_deployment", filter_expression=f"customerTenantId eq '{guid}'")
    path, query = origin.requests[0].target.split("?")
    assert path == "/partner/v1/analytics/commercial/deployment/license"
    assert f"filter=customerTenantId%20eq%20%27{guid}%27" in query.split("&")


def _ids(origin) -> list[tuple[str, str]]:
    return [(item.headers["ms-requestid"], item.headers["ms-correlationid"]) for item in origin.requests]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(reset=True),
        Reply(body=GOOD.body, drip_seconds=0.05),
        Reply(body=GOOD.body[:200], content_length=len(GOOD.body)),
    ],
    ids=["none", "too slow", "cut off"],
)
def test_retry_after_no_whole_answer_keeps_the_request_id(origin, origin_client, reply):
    """A request that got no answer, or not all of it in time, is sent again with the same MS-RequestId."""
    origin.answer(reply, GOOD)
    assert origin_client(request_timeout_seconds=1).list_licenses(RESOURCE) == ROWS[RESOURCE]
    first, second = _ids(origin)
    assert first == second


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_retry_after_an_answer_has_a_new_request_id(origin, origin_client, status):
    """After any answer the id is new; the correlation id stays for the whole call."""
    origin.answer(_fault(status), GOOD)
    assert origin_client().list_licenses(RESOURCE) == ROWS[RESOURCE]
    first, second = _ids(origin)
    assert first[0] != second[0]
    assert first[1] == second[1]


def test_request_after_time_out_keeps_the_request_id(origin, origin_client):
    """Microsoft: after a timeout the retry must carry the same value."""
    origin.answer(Reply(delay_seconds=3), GOOD)
    assert origin_client(request_timeout_seconds=1).list_licenses(RESOURCE) == ROWS[RESOURCE]
    first, second = _ids(origin)
    assert first == second


def test_each_page_has_its_own_request_id_and_each_call_its_correlation_id(origin, origin_client):
    """Pages are answered requests, so their ids differ; another call is another correlation."""
    page = {"Value": [{}], "@nextLink": "?skip=1", "TotalCount": 1}
    origin.answer(Reply(body=page), Reply(body=page | {"@nextLink": None}), EMPTY)
    client = origin_client()
    client.list_licenses("licenses_usage")
    client.list_licenses("licenses_usage")
    ids = _ids(origin)
    assert len({request_id for request_id, _ in ids}) == 3
    assert ids[0][1] == ids[1][1] != ids[2][1]


def test_new_token_after_401_goes_out_under_the_same_correlation(origin, origin_client):
    """One new token, a new request id, the same correlation id."""
    origin.answer(_fault(401, "400", "Access denied"), GOOD)
    assert origin_client().list_licenses(RESOURCE) == ROWS[RESOURCE]
    first, second = origin.requests
    assert first.headers["authorization"] != second.headers["authorization"]
    assert first.headers["ms-requestid"] != second.headers["ms-requestid"]
    assert first.headers["ms-correlationid"] == second.headers["ms-correlationid"]


def test_second_401_is_final(origin, origin_client, entra):
    """A refreshed token that is refused too ends the call: one refresh, two requests."""
    origin.answer(_fault(401, "400", "Access denied"))
    client = origin_client()
    before = len(entra.token_requests)
    with pytest.raises(AccessTokenRefusedError):
        client.list_licenses(RESOURCE)
    assert len(origin.requests) == 2
    assert len(entra.token_requests) - before == 2


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (_fault(401, "900420", "audience"), AccessTokenRefusedError),
        (_fault(401, 900420, "audience"), AccessTokenRefusedError),
        (_fault(401, "900421", "MFA"), MfaRequiredError),
        (_fault(401, 900421, "MFA"), MfaRequiredError),
        (Reply(401, "Authentication failed. MFA required. (10001)"), MfaRequiredError),
        (Reply(401, "", reason="Authentication failed. MFA required. (10001)"), MfaRequiredError),
    ],
    ids=["900420", "900420 int", "900421", "900421 int", "10001 in body", "10001 in reason"],
)
def test_401_that_no_token_heals_fails_at_once(origin, origin_client, entra, answer, kind):
    """Wrong audience and missing MFA fail with the first answer, without a token being spent."""
    origin.answer(answer)
    client = origin_client()
    before = len(entra.token_requests)
    with pytest.raises(kind):
        client.list_licenses(RESOURCE)
    assert len(origin.requests) == 1
    assert len(entra.token_requests) - before == 1


@pytest.mark.parametrize("status", [400, 403, 404, 405, 406, 409, 412])
def test_refused_request_is_not_repeated(origin, origin_client, status):
    """A 4xx that no waiting heals costs one request."""
    origin.answer(_fault(status, "3000", "Invalid property"))
    with pytest.raises(ApiError) as caught:
        origin_client().list_licenses(RESOURCE)
    assert caught.value.status_code == status
    assert len(origin.requests) == 1
    assert caught.value.correlation_id == origin.requests[0].headers["ms-correlationid"]


@pytest.mark.parametrize("status", [408, 500, 503])
def test_attempts_are_bounded(origin, origin_client, status):
    """A service that keeps failing gets as many requests as the policy says, then the error of its kind."""
    origin.answer(_fault(status))
    with pytest.raises(ServiceError):
        origin_client(retry=RetryPolicy(attempts=2, total_seconds=5)).list_licenses(RESOURCE)
    assert len(origin.requests) == 2


def test_throttling_is_borne_until_the_deadline(origin, origin_client):
    """However often a 429 comes, it is waited out; what ends it is the total deadline, with the seconds to wait."""
    busy = _fault(429, Retry_After="1")
    retry = RetryPolicy(attempts=2, total_seconds=6, back_off_seconds=0.01)
    origin.answer(busy, busy, GOOD)
    assert origin_client(retry=retry).list_licenses(RESOURCE) == ROWS[RESOURCE]
    origin.reset()
    origin.answer(busy)
    with at_once(), pytest.raises(ThrottledError) as caught:
        origin_client(retry=retry).list_licenses(RESOURCE)
    assert caught.value.retry_after_seconds == 1
    assert len(origin.requests) > 2


def test_retries_end_at_the_total_deadline(origin, origin_client):
    """A second attempt against a silent server gets what is left of the total, and not a time-out of its own."""
    origin.answer(Reply(delay_seconds=30))
    with at_once(9), pytest.raises(TransportError):
        origin_client(request_timeout_seconds=5, retry=RetryPolicy(attempts=5, total_seconds=6)).list_licenses(RESOURCE)
    assert len(origin.requests) == 2


def test_request_with_a_new_token_has_what_is_left_of_the_total(origin, origin_client):
    """The first answer comes late, and is a 401: after it, nothing may take longer than retry_total_seconds leave."""
    origin.answer(Reply(401, {"code": "400"}, delay_seconds=2), Reply(delay_seconds=60))
    with at_once(), pytest.raises(TransportError):
        origin_client(request_timeout_seconds=40, retry=RetryPolicy(attempts=2, total_seconds=4)).list_licenses(
            RESOURCE
        )
    assert len(origin.requests) >= 2


def test_header_that_repeats_the_token_shows_no_part_of_it(origin, origin_client, logs):
    """Shortened for the log, it is nothing that Airflow's masker knows."""
    origin.answer(lambda request: Reply(body=GOOD.body, headers={"MS-CV": request.headers["authorization"]}))
    origin_client().list_licenses(RESOURCE)
    token = origin.requests[0].headers["authorization"].removeprefix("Bearer ")
    assert "MS-CV" in logs.text
    assert token[:20] not in logs.text


def test_support_is_told_what_it_asks_for(origin, origin_client, logs):
    """Both ids in error and message; the log of a failure has MS-CV and Date too, and what answers gave instead."""
    origin.answer(_fault(503, MS_CV="cv.1"), _fault(403, "2032", "Access denied"))
    with pytest.raises(ApiError) as caught:
        origin_client().list_licenses(RESOURCE)
    first, second = origin.requests
    ids = f"[MS-RequestId {second.headers['ms-requestid']}, MS-CorrelationId {second.headers['ms-correlationid']}]"
    assert caught.value.request_id == second.headers["ms-requestid"]
    assert str(caught.value).endswith(ids)
    told = [line for line in logs.of("airflow_partnercenter.api.reading") if first.headers["ms-requestid"] in line]
    assert any("503" in line and "MS-CV cv.1, Date " in line for line in told)
    assert any("trying again" in line for line in told)


def test_request_without_an_answer_is_named_too(origin, origin_client):
    """Nobody but the sender knows its id then."""
    origin.answer(Reply(reset=True))
    with pytest.raises(TransportError) as caught:
        origin_client(retry=RetryPolicy(attempts=1, total_seconds=5)).list_licenses(RESOURCE)
    assert caught.value.request_id == origin.requests[0].headers["ms-requestid"]
    assert caught.value.request_id in str(caught.value)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_honoured_and_never_undercut(origin, origin_client, logs, status, form):
    """The next request comes when the service asked for it, not sooner and not much later."""
    arrivals: list[float] = []

    def busy(_):
        arrivals.append(time.time())
        then = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
        return _fault(status, Retry_After="1" if form == "seconds" else then)

    def good(_):
        arrivals.append(time.time())
        return GOOD

    origin.answer(busy, good)
    origin_client().list_licenses(RESOURCE)
    assert len(arrivals) == 2
    # A date has whole seconds only, so two seconds ahead are more than one.
    assert 1 <= arrivals[1] - arrivals[0] < 3.5
    assert 1 <= float(re.search(r"trying again in ([\d.]+) s", logs.text)[1]) <= 2.6


@pytest.mark.parametrize(("status", "kind"), [(429, ThrottledError), (503, ServiceError)])
def test_wait_beyond_the_deadline_frees_the_worker_at_once(origin, origin_client, status, kind):
    """A wait longer than the total deadline is raised at once with the seconds to stay away."""
    origin.answer(_fault(status, Retry_After="3600"))
    with at_once(), pytest.raises(kind) as caught:
        origin_client().list_licenses(RESOURCE)
    assert caught.value.retry_after_seconds == 3600
    assert len(origin.requests) == 1


def test_documented_throttling_body_without_a_header_is_honoured(origin, origin_client):
    """The gateway's sentence names the wait where the header is missing."""
    origin.answer(Reply(429, {"statusCode": 429, "message": "Rate limit is exceeded. Try again in 57 seconds."}))
    with pytest.raises(ThrottledError) as caught:
        origin_client().list_licenses(RESOURCE)
    assert caught.value.retry_after_seconds == 57


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_not_followed_and_no_token_leaves(origin, origin_client, other_origin, status):
    """A redirect is an error; the host it names is never contacted."""
    origin.answer(Reply(status, headers={"Location": f"{other_origin.url}/v1/analytics/licenses/deployment"}))
    with pytest.raises(ApiError, match="redirect"):
        origin_client().list_licenses(RESOURCE)
    assert other_origin.requests == []
    assert len(origin.requests) == 1


@pytest.mark.parametrize("location", ["https://[bad", "/caf\xe9"], ids=repr)
def test_redirect_to_nowhere_is_the_same_error(origin, origin_client, location):
    """An address that is none is not read."""
    origin.answer(Reply(302, headers={"Location": location}))
    with pytest.raises(ApiError, match="redirect"):
        origin_client().list_licenses(RESOURCE)


def test_body_of_a_redirect_is_bounded_too(origin, origin_client):
    """A small packed body that is enormous unpacked is refused, whatever the status."""
    packed = gzip.compress(b" " * (64 << 20))
    origin.answer(Reply(302, packed, headers={"Location": "/", "Content-Encoding": "gzip"}))
    with pytest.raises(ResponseFormatError, match="larger than"):
        origin_client(max_response_bytes=1 << 20).list_licenses(RESOURCE)


def test_no_cookie_is_kept(origin, origin_client):
    """Each request stands for itself: what a load balancer sets is not sent back."""
    origin.answer(Reply(503, headers={"Set-Cookie": "affinity=1; Path=/"}), GOOD)
    origin_client().list_licenses(RESOURCE)
    assert "cookie" not in origin.requests[1].headers


def test_redirect_to_the_same_host_is_not_followed_either(origin, origin_client):
    """There is no documented redirect; following one could lead out of the API."""
    origin.answer(Reply(302, headers={"Location": "/v1/other"}), GOOD)
    with pytest.raises(ApiError):
        origin_client().list_licenses(RESOURCE)
    assert len(origin.requests) == 1


def test_netrc_does_not_replace_the_token(origin, origin_client, monkeypatch, tmp_path):
    """A password in netrc for this host stays there."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password from-netrc\ndefault login other password other\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    origin.answer(GOOD)
    origin_client().list_licenses(RESOURCE)
    assert origin.requests[0].headers["authorization"].startswith("Bearer ")


def test_token_service_sees_no_netrc_password(emulator, make_client, monkeypatch, tmp_path):
    """The token request carries its own credentials only."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password from-netrc\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    make_client().list_licenses(RESOURCE)
    assert not any("authorization" in request.headers for request in emulator.token_requests)


@pytest.mark.parametrize("by", ["environment", "argument"])
def test_proxy_is_used_and_learns_no_token(origin, origin_client, monkeypatch, by):
    """HTTPS_PROXY or the connection's proxy carries the tunnel; its password goes to it alone, the token past it."""
    with ConnectProxy() as proxy:
        url = f"http://user:proxy-password@{proxy.address}"
        if by == "environment":
            monkeypatch.setenv("HTTPS_PROXY", url)
            for name in ("NO_PROXY", "no_proxy", "https_proxy"):
                monkeypatch.delenv(name, raising=False)
        origin.answer(GOOD)
        origin_client(**{"proxy": url} if by == "argument" else {}).list_licenses(RESOURCE)
        heads = list(proxy.heads)
    assert any(f"127.0.0.1:{origin.port}" in head for head in heads)
    assert all("Proxy-Authorization: Basic" in head and "Bearer" not in head for head in heads)
    assert origin.requests[0].headers["authorization"].startswith("Bearer ")
    assert "proxy-authorization" not in origin.requests[0].headers


def test_refusing_proxy_is_named_without_its_password(origin, origin_client):
    """The sentence blames the proxy; its password is in no text of the whole chain."""
    with ConnectProxy(refuse="Proxy Authentication Required") as proxy:
        client = origin_client(
            proxy=f"http://user:proxy-password@{proxy.address}", retry=RetryPolicy(attempts=1, total_seconds=5)
        )
        with pytest.raises(TransportError, match="proxy") as caught:
            client.list_licenses(RESOURCE)
    assert "proxy-password" not in _chain(caught.value)


def _chain(error: BaseException | None) -> str:
    texts = []
    while error is not None:
        texts.append(f"{error!r} {error}")
        error = error.__cause__ or error.__context__
    return " ".join(texts)


def test_our_ca_bundle_wins_over_the_environment(origin, origin_client, monkeypatch, tmp_path):
    """REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE beat a session's setting; they must not beat the connection's."""
    useless = tmp_path / "useless.pem"
    useless.write_text("")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(useless))
    origin.answer(GOOD)
    assert origin_client().list_licenses(RESOURCE) == ROWS[RESOURCE]


def test_unknown_certificate_is_refused(origin, origin_client, entra):
    """TLS is always verified; the sentence names ca_bundle."""
    client = origin_client(ca_bundle=entra.ca_bundle, retry=RetryPolicy(attempts=1, total_seconds=5))
    with pytest.raises(TransportError, match="ca_bundle"):
        client.list_licenses(RESOURCE)
    assert origin.requests == []


def test_ca_bundle_that_is_no_pem_is_named(origin, origin_client, tmp_path):
    """A file that holds no certificate is the connection's fault; the sentence says which field."""
    empty = tmp_path / "ca.pem"
    empty.write_text("not a certificate")
    with pytest.raises(PartnerCenterError, match="ca_bundle"):
        origin_client(ca_bundle=str(empty)).list_licenses(RESOURCE)


def test_plain_http_is_refused_before_anything_is_sent(origin_client):
    """The access token never travels in the clear, in a plain script neither."""
    with pytest.raises(ConfigurationError):
        origin_client(base_url="http://127.0.0.1:9").list_licenses(RESOURCE)


def test_unknown_cloud_is_a_configuration_error(origin_client):
    """A plain script gets one sentence for a misspelt cloud, too."""
    with pytest.raises(ConfigurationError, match="global"):
        origin_client(cloud="germany")


def test_truncated_body_is_asked_for_again(origin, origin_client):
    """An answer shorter than its Content-Length is never taken for whole."""
    origin.answer(Reply(body=GOOD.body[:200], content_length=len(GOOD.body)), GOOD)
    assert origin_client().list_licenses(RESOURCE) == ROWS[RESOURCE]
    assert len(origin.requests) == 2


def test_body_that_stays_truncated_is_a_transport_error(origin, origin_client):
    """A connection that is always cut off is no answer: retriable, as a later run may get through."""
    origin.answer(Reply(body=GOOD.body[:200], content_length=len(GOOD.body)))
    with pytest.raises(TransportError) as caught:
        origin_client(retry=RetryPolicy(attempts=2, total_seconds=5)).list_licenses(RESOURCE)
    assert caught.value.retriable


def test_body_cut_off_without_a_length_is_asked_for_again(origin, origin_client):
    """Without Content-Length only the JSON itself tells that something is missing."""
    origin.answer(Reply(body=GOOD.body[:200], content_length=-1), GOOD)
    assert origin_client().list_licenses(RESOURCE) == ROWS[RESOURCE]


def test_body_without_a_length_is_read_to_its_end(origin, origin_client):
    """An answer that ends with its connection is whole if its JSON is."""
    origin.answer(Reply(body=GOOD.body, content_length=-1))
    assert origin_client().list_licenses(RESOURCE) == ROWS[RESOURCE]


@pytest.mark.parametrize("part", ["drip_seconds", "head_drip_seconds"])
def test_slow_drip_ends_at_request_timeout_seconds(origin, origin_client, part):
    """The time-out is for one whole answer, not for each packet: a byte every 0.1 s does not hold a worker."""
    origin.answer(Reply(body=GOOD.body, **{part: 0.1}))
    client = origin_client(request_timeout_seconds=1, retry=RetryPolicy(attempts=1, total_seconds=60))
    with at_once(9), pytest.raises(TransportError, match="request_timeout_seconds"):
        client.list_licenses(RESOURCE)


def test_silent_server_ends_at_request_timeout_seconds(origin, origin_client):
    """No byte at all ends at the same limit, and the sentence names the setting."""
    origin.answer(Reply(delay_seconds=4))
    client = origin_client(request_timeout_seconds=1, retry=RetryPolicy(attempts=1, total_seconds=5))
    with pytest.raises(TransportError, match="request_timeout_seconds"):
        client.list_licenses(RESOURCE)


@pytest.mark.parametrize(
    ("encoding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)], ids=["gzip", "deflate"]
)
def test_compressed_answer_is_read(origin, origin_client, encoding, compress):
    """A compressed body is the same rows."""
    body = compress(GOOD.body)
    origin.answer(Reply(body=body, headers={"Content-Encoding": encoding}))
    assert origin_client().list_licenses(RESOURCE) == ROWS[RESOURCE]
    assert "gzip" in origin.requests[0].headers["accept-encoding"]


def test_large_compressed_answer_loses_nothing(origin, origin_client):
    """A body that grows a thousandfold when unpacked arrives to its last row."""
    rows = [{"customerName": "x" * 100, "licensesSold": number} for number in range(20_000)]
    reply = Reply(body={"Value": rows, "@nextLink": None, "TotalCount": len(rows)})
    origin.answer(Reply(body=gzip.compress(reply.content()), headers={"Content-Encoding": "gzip"}))
    read = origin_client().list_licenses("licenses_deployment")
    assert [row["licenses_sold"] for row in read] == list(range(20_000))


def test_damaged_compression_is_asked_for_again(origin, origin_client):
    """A gzip stream that is none or breaks off is no answer."""
    packed = gzip.compress(GOOD.body)
    origin.answer(
        Reply(body=b"no gzip at all", headers={"Content-Encoding": "gzip"}),
        Reply(body=packed[:100], headers={"Content-Encoding": "gzip"}),
        GOOD,
    )
    assert origin_client().list_licenses(RESOURCE) == ROWS[RESOURCE]
    assert len(origin.requests) == 3


def test_html_page_with_status_200_is_an_error_after_another_try(origin, origin_client):
    """A proxy's sign-in page is no empty result; it is asked for again, then said to be one."""
    origin.answer(Reply(body="<html><title>Sign in</title></html>", headers={"Content-Type": "text/html"}))
    with pytest.raises(ResponseFormatError, match="HTML"):
        origin_client(retry=RetryPolicy(attempts=2, total_seconds=5)).list_licenses(RESOURCE)
    assert len(origin.requests) == 2


@pytest.mark.parametrize("status", [201, 202, 204, 206])
def test_other_success_is_not_taken_for_rows(origin, origin_client, status):
    """Only 200 is documented; 206 would be a part of the rows."""
    origin.answer(Reply(status, GOOD.body if status != 204 else b""))
    with pytest.raises(ResponseFormatError, match=str(status)):
        origin_client().list_licenses(RESOURCE)


FAILURES = {
    "no answer": Reply(reset=True),
    "not JSON": Reply(body="<html>"),
    "wrong shape": Reply(body={"rows": []}),
    "wrong kind": Reply(body={"Value": [{"licensesSold": "many"}]}),
    "foreign link": Reply(body={"Value": [{}], "@nextLink": "https://evil.example/a"}),
    "wrong total": Reply(body={"Value": [{}], "TotalCount": 5}),
    "refused": _fault(403, "2032", "Access denied"),
    "service error": _fault(500, "800003", "Unexpected"),
    "redirect": Reply(302, headers={"Location": "/"}),
    "no content": Reply(204),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_every_error_of_a_read_names_its_correlation_id(origin, origin_client, failure):
    """Microsoft's support asks for MS-CorrelationId: whatever goes wrong, the sentence has it."""
    origin.answer(FAILURES[failure])
    reader = origin_client(retry=RetryPolicy(attempts=1, total_seconds=5)).iter_licenses("licenses_deployment")
    with pytest.raises(PartnerCenterError, match=reader.correlation_id):
        list(reader)
    assert {correlation_id for _, correlation_id in _ids(origin)} == {reader.correlation_id}


def test_every_log_line_of_a_read_names_its_correlation_id(origin, origin_client, logs):
    """Refresh, retry, pages and end: each line of ours can be found by the one id."""
    page = {"Value": [{}], "@nextLink": None, "TotalCount": 1}
    origin.answer(_fault(401, "400", "Access denied"), _fault(503), Reply(reset=True), Reply(body=page))
    reader = origin_client(retry=RetryPolicy(attempts=5, total_seconds=8)).iter_licenses("licenses_deployment")
    list(reader)
    lines = logs.of("airflow_partnercenter")
    assert len(lines) >= 5
    assert [line for line in lines if reader.correlation_id not in line] == []


@pytest.mark.parametrize(
    ("base_url", "words"),
    [
        ("https://127.0.0.1:9", "refused"),
        ("https://host.invalid", "resolved|proxy|answer"),
        ("https://127.0.0.1:99999", "port|answer"),
        ("https://a..b", "host|answer"),
    ],
)
def test_unreachable_host_is_one_sentence(origin_client, base_url, words):
    """No server, no name, no such port: one sentence with the host, nothing of the libraries' nesting."""
    client = origin_client(base_url=base_url, retry=RetryPolicy(attempts=1, total_seconds=5))
    with pytest.raises(PartnerCenterError, match=words) as caught:
        client.list_licenses(RESOURCE)
    assert base_url.removeprefix("https://") in str(caught.value)
    assert not re.search(r"object at 0x|Max retries|\n", str(caught.value))


def test_plain_text_port_is_recognised(origin_client):
    """A server that does not speak TLS is told apart from one that is down."""
    with ConnectProxy() as plain:
        client = origin_client(
            base_url=f"https://{plain.address}",
            request_timeout_seconds=1,
            retry=RetryPolicy(attempts=1, total_seconds=5),
        )
        with pytest.raises(TransportError, match=r"No (complete )?answer from Partner Center"):
            client.list_licenses(RESOURCE)


def test_idle_connection_closed_by_the_service_is_no_failure(origin, origin_client):
    """A pooled connection that the service has closed meanwhile costs nothing but a new one."""
    origin.answer(Reply(body=GOOD.body, headers={"Connection": "close"}), GOOD)
    client = origin_client()
    assert client.list_licenses(RESOURCE) == client.list_licenses(RESOURCE)
    assert len(origin.requests) == 2
