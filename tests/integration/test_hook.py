"""The hook, from an Airflow connection to rows, batches and frames."""

import json
import socket

import pandas as pd
import pyarrow as pa
import pytest

from airflow_partnercenter.emulator import Answer, Emulator
from airflow_partnercenter.exceptions import ConfigurationError, ResponseFormatError, ThrottledError
from airflow_partnercenter.hooks.partner_center import PartnerCenterHook
from tests.support.documented import ROWS, query_of
from tests.support.patience import at_once


@pytest.mark.parametrize("resource", ROWS)
def test_documented_answer_becomes_exactly_its_rows(documented, connect, resource):
    """Every documented body, served byte for byte, becomes the rows written out by hand."""
    connect(documented)
    assert PartnerCenterHook().list_licenses(resource, **query_of(resource)) == ROWS[resource]


@pytest.mark.parametrize("emulator", [{"max_page_size": 3}], indirect=True, ids=["pages of three"])
def test_iterator_yields_a_batch_a_page(emulator, connect):
    """Batches have the schema announced, and add up to the rows of the list."""
    connect(emulator)
    hook = PartnerCenterHook()
    reader = hook.iter_licenses("licenses_deployment")
    batches = list(reader)
    assert len(batches) > 2
    assert all(isinstance(batch, pa.RecordBatch) and batch.schema == reader.schema for batch in batches)
    assert reader.row_count == len(hook.list_licenses("licenses_deployment"))


@pytest.mark.parametrize("resource", ROWS)
def test_frame_has_nullable_types_and_na_where_the_service_left_out(documented, connect, resource):
    """Counts Int64, percents Float64, texts string, times UTC; what is missing is NA, also in an all-empty column."""
    connect(documented)
    frame = PartnerCenterHook().get_df(resource, **query_of(resource))
    assert list(frame.columns) == [*ROWS[resource][0], "additional_fields"]
    for name, dtype in frame.dtypes.items():
        if name == "processed_date_time":
            assert str(dtype) == "datetime64[us, UTC]"
        elif name.startswith("licenses_"):
            assert dtype == pd.Int64Dtype()
        elif name.endswith("_percent"):
            assert dtype == pd.Float64Dtype()
        else:
            assert isinstance(dtype, pd.StringDtype)
    assert frame["additional_fields"].isna().all()
    for name in ("service_code", "workload_code"):
        if resource.startswith("customer_") and name in frame:
            assert frame[name].tolist() == [pd.NA] * len(frame)


def test_connection_bounds_how_long_a_request_is_tried_again(emulator, connect):
    """A wait beyond ``retry_total_seconds`` is left to the task's retries: the error says how long it is, at once."""
    connect(emulator, retry_total_seconds=2)
    emulator.inject("throttled_sentence", times=100)
    with at_once(), pytest.raises(ThrottledError) as caught:
        PartnerCenterHook().list_licenses("licenses_deployment")
    assert caught.value.retry_after_seconds


def test_connection_bounds_the_size_of_an_answer(emulator, connect):
    """An answer beyond ``max_response_megabytes``, unpacked, is refused instead of filling the worker's memory."""
    connect(emulator, max_response_megabytes=1)
    emulator.answer_next(Answer(200, b'{"Value":[' + b" " * (1 << 20) + b'],"TotalCount":0}'))
    with pytest.raises(ResponseFormatError, match="larger than 1,048,576 bytes"):
        PartnerCenterHook().list_licenses("licenses_deployment")


def test_empty_frame_has_the_same_columns_and_types(emulator, connect):
    """An empty result is a frame like any other, without rows."""
    connect(emulator)
    hook = PartnerCenterHook()
    empty = hook.get_df("licenses_deployment", filter_expression="customerName eq 'nobody'")
    assert len(empty) == 0
    assert empty.dtypes.equals(hook.get_df("licenses_deployment").dtypes)


def test_query_reaches_the_service(emulator, connect):
    """Filter, grouping, day and page size do what they say."""
    connect(emulator)
    hook = PartnerCenterHook()
    every = hook.list_licenses("licenses_deployment")
    o365 = hook.list_licenses("licenses_deployment", filter_expression="serviceCode eq 'o365'", page_size=2)
    assert o365 == [row for row in every if row["service_code"] == "o365"]
    grouped = hook.list_licenses("licenses_deployment", group_by=["serviceCode"])
    assert {row["service_code"]: row["licenses_sold"] for row in grouped} == {
        code: sum(row["licenses_sold"] for row in every if row["service_code"] == code) for code in ("o365", "crm")
    }
    assert all(row["customer_name"] is None for row in grouped)
    day = hook.list_licenses("licenses_deployment", processed_date_time="2026-11-10")
    assert {row["processed_date_time"] for row in day} == {"2026-11-10T00:00:00.000000Z"}


def test_hook_keeps_its_client(emulator, connect):
    """Many calls of one hook sign in once."""
    connect(emulator)
    hook = PartnerCenterHook()
    assert hook.get_conn() is hook.get_conn()
    hook.list_licenses("licenses_usage")
    hook.list_licenses("licenses_deployment")
    assert len(emulator.token_requests) == 1


def test_settings_of_the_connection_reach_the_wire(emulator, connect):
    """Locale, application name and path prefix come from the connection."""
    connect(emulator, locale="de-DE", application_name="Reports", commercial_prefix="/v1")
    PartnerCenterHook().list_licenses("licenses_usage")
    (request,) = emulator.api_requests
    assert request.path == "/v1/analytics/commercial/usage/license"
    assert request.headers["x-locale"] == "de-DE"
    assert request.headers["ms-partnercenter-application"] == "Reports"


def test_connection_from_a_uri_works(emulator, monkeypatch):
    """The URI form of AIRFLOW_CONN_* moves the port into a field of its own; the address is the same."""
    from airflow.providers.common.compat.sdk import Connection

    fields = emulator.connection()
    extra = json.dumps(fields.pop("extra"))
    monkeypatch.setenv("AIRFLOW_CONN_BY_URI", Connection(conn_id="by_uri", extra=extra, **fields).get_uri())
    assert PartnerCenterHook("by_uri").test_connection()[0]


def test_working_connection_says_so(entra, connect):
    """The Test button says who signed in, and how."""
    connect(entra)
    works, sentence = PartnerCenterHook().test_connection()
    assert works
    assert entra.tenant_id in sentence
    assert "app_user" in sentence


def test_connection_test_asks_for_one_row(emulator, connect):
    """Testing costs one token and one row."""
    connect(emulator)
    PartnerCenterHook().test_connection()
    (request,) = emulator.api_requests
    assert request.query["top"] == "1"
    assert len(emulator.token_requests) == 1


TROUBLE = {
    "missing tenant": ({"tenant_id": None}, ["tenant_id", "missing"]),
    "missing application": ({"login": None}, ["login", "missing"]),
    "missing refresh token": ({"refresh_token": None}, ["refresh_token", "missing"]),
    "masked secret": ({"password": "***"}, ["password", "***"]),
    "wrong secret": ({"password": "wrong-secret"}, ["client secret", "password"]),
    "expired secret": ({"password": Emulator.EXPIRED_CLIENT_SECRET}, ["expired", "password"]),
    "wrong tenant": ({"tenant_id": "other.example"}, ["tenant_id"]),
    "expired refresh token": (
        {"refresh_token": Emulator.REFRESH_TOKENS["expired"]},
        ["refresh token has expired", "sign the service account in again"],
    ),
    "no MFA": ({"refresh_token": Emulator.REFRESH_TOKENS["no_mfa"]}, ["multi-factor", "sign in again"]),
    "app only": ({"auth_mode": "app_only"}, ["app_user", "refresh token"]),
    "wrong path": ({"commercial_prefix": "/nowhere"}, ["commercial_prefix"]),
    "plain http": ({"host": "http://127.0.0.1:1"}, ["host", "https://"]),
    "unreachable host": ({"host": "https://127.0.0.1:9"}, ["127.0.0.1:9", "refused", "host"]),
    "unreachable login": ({"authority": "https://127.0.0.1:9"}, ["127.0.0.1:9", "token service"]),
    "unresolvable host": ({"host": "https://partner-center.invalid"}, ["partner-center.invalid"]),
    "no CA file": ({"ca_bundle": "/no/such.pem"}, ["ca_bundle", "/no/such.pem"]),
}


@pytest.mark.parametrize("case", TROUBLE)
def test_connection_in_trouble_gets_one_sentence(entra, connect, case):
    """What is wrong and how to mend it, in one sentence, within seconds and without a traceback or a secret."""
    changes, words = TROUBLE[case]
    connect(entra, **changes)
    with at_once(10):
        works, sentence = PartnerCenterHook().test_connection()
    assert not works
    assert "\n" not in sentence
    assert "Traceback" not in sentence
    for word in words:
        assert word in sentence
    for secret in (entra.client_secret, entra.refresh_token, "wrong-secret"):
        assert secret not in sentence


def test_wrong_certificate_gets_one_sentence(entra, connect, other_origin):
    """A certificate of an unknown authority is named with the field to set."""
    connect(entra, ca_bundle=other_origin.ca_bundle)
    works, sentence = PartnerCenterHook().test_connection()
    assert not works
    assert "ca_bundle" in sentence


def test_wrong_host_that_answers_gets_one_sentence(entra, connect, origin, both_ca):
    """A host that is no Partner Center answers 404 or a page of its own."""
    connect(entra, host=origin.url, ca_bundle=both_ca)
    works, sentence = PartnerCenterHook().test_connection()
    assert not works
    assert "404" in sentence
    assert "host" in sentence


def test_unexpected_error_is_named_without_its_text(emulator, connect, logs, monkeypatch):
    """Whatever breaks below may repeat what it was sent: its kind is shown, and the log says where it came from."""
    connect(emulator)
    sent = f"{emulator.client_secret} {emulator.refresh_token} canary-of-no-masker"

    def broken(*_, **__):
        raise RuntimeError(f"cannot resolve; was asked to send {sent}") from KeyError(sent)

    monkeypatch.setattr(socket, "getaddrinfo", broken)
    works, sentence = PartnerCenterHook().test_connection()
    assert not works
    assert "The connection test was ended by an unexpected RuntimeError." in sentence
    assert "\n" not in sentence
    assert "in broken" in logs.text
    for secret in sent.split():
        assert secret not in sentence
        assert secret not in logs.text


def test_missing_connection_gets_one_sentence():
    """A connection that does not exist is named, with what to do."""
    works, sentence = PartnerCenterHook("no_such_connection").test_connection()
    assert not works
    assert "no_such_connection" in sentence
    assert "create" in sentence
    with pytest.raises(ConfigurationError, match="no_such_connection"):
        PartnerCenterHook("no_such_connection").list_licenses("licenses_usage")


def test_connection_test_is_impatient(emulator, connect):
    """A person waits: a service that asks for an hour is reported at once."""
    connect(emulator)
    emulator.answer_next(Answer(429, {"statusCode": 429}, {"Retry-After": "3600"}), "/partner/v1", times=9)
    with at_once():
        works, sentence = PartnerCenterHook().test_connection()
    assert not works
    assert "429" in sentence


def test_no_secret_in_reprs_of_the_hook(emulator, connect):
    """Neither the hook nor its client shows what the connection holds."""
    connect(emulator)
    hook = PartnerCenterHook()
    hook.list_licenses("licenses_usage")
    shown = f"{hook!r} {hook.get_conn()!r} {vars(hook)!r}"
    token = emulator.api_requests[0].headers["authorization"].removeprefix("Bearer ")
    for secret in (emulator.client_secret, emulator.refresh_token, token):
        assert secret not in shown
