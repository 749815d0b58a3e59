"""The emulator as a server and as a witness: start and stop, records, scripted and broken answers."""

import json
import socket
import ssl
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from airflow_partnercenter.emulator import Answer, Emulator
from tests.support.patience import PATIENCE, at_once

PATH = "/v1/customers"


def test_requests_are_recorded_in_order(caller):
    """Method, path, query, headers in lower case, and the form of a token request."""
    caller.get(
        "/partner/v1/analytics/commercial/usage/license?filter=a%20eq%20%27b%27&top=5", headers={"X-Locale": "de-DE"}
    )
    token_request, api_request = caller.emulator.requests
    assert (token_request.method, token_request.form["grant_type"]) == ("POST", "refresh_token")
    assert api_request.path == "/partner/v1/analytics/commercial/usage/license"
    assert api_request.query == {"filter": "a eq 'b'", "top": "5"}
    assert api_request.raw_query == "filter=a%20eq%20%27b%27&top=5"
    assert api_request.headers["x-locale"] == "de-DE"
    assert caller.emulator.token_requests == [token_request]
    assert caller.emulator.api_requests == [api_request]


def test_discovery_is_neither_token_nor_api_request(caller):
    """Counting token requests must not count MSAL's look around."""
    caller.get("/contoso.example/v2.0/.well-known/openid-configuration", token=None)
    assert len(caller.emulator.requests) == 1
    assert caller.emulator.token_requests == caller.emulator.api_requests == []


def test_scripted_answer_comes_once_and_then_all_is_normal(caller):
    """A gateway's body has no byte order mark; headers are the script's."""
    body = {"statusCode": 429, "message": "Rate limit is exceeded. Try again in 57 seconds."}
    caller.emulator.answer_next(Answer(status=429, body=body, headers={"Retry-After": "57"}), path="/customers")
    token = caller.token()
    throttled = caller.get(PATH, token)
    assert (throttled.status_code, throttled.headers["Retry-After"]) == (429, "57")
    assert json.loads(throttled.content) == body
    assert throttled.content.startswith(b"{")
    assert caller.get(PATH, token).status_code == 200
    assert len(caller.emulator.api_requests) == 2


def test_scripted_answers_skip_repeat_and_queue(caller):
    """Two requests pass, two are refused, then the next script has its turn."""
    caller.emulator.answer_next(Answer(status=503), path=PATH, skip=2, times=2)
    caller.emulator.answer_next(Answer(status=500, body="oops"), path=PATH)
    token = caller.token()
    assert [caller.get(PATH, token).status_code for _ in range(6)] == [200, 200, 503, 503, 500, 200]


def test_scripted_answer_for_the_token_endpoint(caller):
    """Any path can be scripted; other paths are left alone."""
    caller.emulator.answer_next(Answer(status=503, headers={"Retry-After": "1"}), path="/oauth2/")
    assert caller.get(PATH, "no token").status_code == 401
    assert caller.ask_token().status_code == 503
    assert caller.ask_token().status_code == 200


def test_scripted_json_may_have_a_byte_order_mark(caller):
    """For faults that the emulator does not know of."""
    caller.emulator.answer_next(Answer(status=403, body={"code": 2032}, bom=True))
    assert caller.get(PATH, "any").content == b'\xef\xbb\xbf{"code": 2032}'


def test_closed_connection_looks_broken_to_a_client(caller):
    """No status, no body; the next request is answered."""
    token = caller.token()
    caller.emulator.answer_next(Answer(close=True), path=PATH)
    with pytest.raises(requests.ConnectionError):
        caller.get(PATH, token)
    assert caller.get(PATH, token).status_code == 200
    assert len(caller.emulator.api_requests) == 2


@pytest.mark.parametrize(
    "body", [None, {"Value": [1, 2, 3], "@nextLink": None, "TotalCount": 3}], ids=["normal", "own"]
)
def test_truncated_answer_looks_broken_to_a_client(caller, body):
    """The length promises more than comes, be the answer scripted or the normal one."""
    token = caller.token()
    caller.emulator.answer_next(Answer(body=body, truncate=10), path=PATH)
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        caller.get(PATH, token)
    assert caller.get(PATH, token).status_code == 200


def test_delayed_answer_is_the_normal_one(caller):
    """Late, but complete; a client that does not wait so long gives up."""
    token = caller.token()
    caller.emulator.answer_next(Answer(delay_seconds=0.3), path=PATH, times=2)
    started = time.monotonic()
    assert caller.get(PATH, token).status_code == 200
    assert time.monotonic() - started >= 0.3
    with pytest.raises(requests.exceptions.ReadTimeout):
        caller.get(PATH, token, timeout=0.1)


def test_more_headers_can_be_put_on_a_normal_answer(caller):
    """The body stays."""
    caller.emulator.answer_next(Answer(headers={"MS-CV": "mine", "X-More": "1"}), path=PATH)
    answer = caller.get(PATH)
    assert (answer.headers["MS-CV"], answer.headers["X-More"], answer.status_code) == ("mine", "1", 200)
    assert json.loads(answer.content)["totalCount"] == 40


def test_parallel_requests_are_all_answered_and_recorded(caller):
    """Clients that read pages in parallel get what they ask for."""
    token, counts = caller.token(), []

    def ask(skip: int) -> None:
        answer = caller.get(f"/partner/v1/analytics/commercial/usage/license?top=5&skip={skip}", token)
        counts.append(len(json.loads(answer.content)["Value"]))

    threads = [threading.Thread(target=ask, args=(5 * number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [5] * 12
    assert {request.query["skip"] for request in caller.emulator.api_requests} == {str(5 * n) for n in range(12)}


def test_answers_on_an_open_connection_do_not_wait_for_the_network(shared):
    """Nagle's algorithm is off: with it, each answer would wait 40 ms for a confirmation of its headers."""
    durations = []
    with requests.Session() as session:
        for _ in range(10):
            started = time.monotonic()
            session.get(f"{shared.emulator.base_url}{PATH}", verify=shared.emulator.ca_bundle, timeout=PATIENCE)
            durations.append(time.monotonic() - started)
    assert min(durations) < 0.03


def test_stop_is_quick_and_frees_port_and_certificate(capfd):
    """Even with a connection kept open and a request waiting; nothing is printed, and the record stays."""
    emulator = Emulator()
    emulator.start()
    session = requests.Session()
    session.get(f"{emulator.base_url}{PATH}", verify=emulator.ca_bundle, timeout=PATIENCE)
    emulator.answer_next(Answer(delay_seconds=60))
    url, bundle, port = emulator.base_url, emulator.ca_bundle, urlsplit(emulator.base_url).port
    waiting = threading.Thread(target=_ask_in_vain, args=(url, bundle))
    waiting.start()
    while len(emulator.requests) < 2:
        time.sleep(0.01)
    with at_once(2):
        emulator.stop()
    waiting.join(PATIENCE)
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    assert not Path(bundle).parent.exists()
    assert len(emulator.requests) == 2
    assert "".join(capfd.readouterr()) == ""


def test_stop_is_quick_after_a_failure_too(caller, capfd):
    """A connection that is half closed, because the application failed, does not hold up the end."""
    caller.emulator.partner.rows = None  # any use of it is a failure
    answer = caller.get("/v1/analytics/licenses/usage")
    with at_once(1):
        caller.emulator.stop()
    assert answer.status_code == 500
    assert "Cancel" not in capfd.readouterr().err


def test_client_that_does_not_hang_up_is_cut_off(caller):
    """A connection to be broken ends even if the client says nothing more."""
    caller.emulator.answer_next(Answer(close=True))
    context = ssl.create_default_context(cafile=caller.emulator.ca_bundle)
    address = ("127.0.0.1", urlsplit(caller.emulator.base_url).port)
    with socket.create_connection(address, 5) as plain, context.wrap_socket(plain, server_hostname="127.0.0.1") as tls:
        tls.sendall(b"GET /v1/customers HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert tls.recv(100) == b""
        time.sleep(1.5)
        assert len(caller.emulator._listener._server.server_state.connections) == 0


def test_stop_happens_once():
    """Stopping what has stopped is no error, and it can start again."""
    emulator = Emulator()
    for _ in range(2):
        emulator.start()
        assert requests.get(f"{emulator.base_url}/", verify=emulator.ca_bundle, timeout=PATIENCE).status_code == 401
        emulator.stop()
        emulator.stop()


def test_starting_twice_is_refused(shared):
    """The first server would be out of reach, and never stopped."""
    with pytest.raises(RuntimeError, match="running already"):
        shared.emulator.start()


def test_taken_port_is_an_error_in_the_callers_thread(shared):
    """Nobody waits for a server that cannot start."""
    port = urlsplit(shared.emulator.base_url).port
    with pytest.raises(OSError, match="in use"):
        Emulator(port=port).start()


def test_certificate_is_needed(shared):
    """TLS is real: without the bundle the connection fails."""
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(shared.emulator.base_url, timeout=PATIENCE, verify=True)


def test_connection_is_ready_for_the_environment(shared):
    """All values are JSON; overrides go where they belong, and None removes."""
    emulator = shared.emulator
    assert json.loads(json.dumps(emulator.connection())) == {
        "conn_type": "partner_center",
        "host": emulator.base_url,
        "login": emulator.client_id,
        "password": emulator.client_secret,
        "extra": {
            "tenant_id": emulator.tenant_id,
            "refresh_token": emulator.refresh_token,
            "authority": emulator.authority,
            "ca_bundle": emulator.ca_bundle,
        },
    }
    changed = emulator.connection(password="other", refresh_token=None, auth_mode="app_only", host=None)
    assert changed["password"] == "other"
    assert "host" not in changed
    assert changed["extra"]["auth_mode"] == "app_only"
    assert "refresh_token" not in changed["extra"]


def _ask_in_vain(url: str, bundle: str) -> None:
    """Ask for something that will not come."""
    with pytest.raises(requests.ConnectionError):
        requests.get(url, verify=bundle, timeout=PATIENCE)
