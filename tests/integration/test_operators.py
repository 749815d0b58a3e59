"""The two operators, from the emulator to XCom and to files."""

import gzip
import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet
import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowException, AirflowFailException, AirflowSkipException

from airflow_partnercenter import __version__
from airflow_partnercenter.emulator import Answer, Emulator
from airflow_partnercenter.exceptions import (
    AuthenticationError,
    ConfigurationError,
    EmptyResultError,
    IncompleteResultError,
    ResultTooLargeError,
    ServiceError,
    ThrottledError,
)
from airflow_partnercenter.get_provider_info import MAX_XCOM_BYTES
from airflow_partnercenter.operators.partner_center import (
    PartnerCenterLicensesToObjectStorageOperator,
    PartnerCenterListLicensesOperator,
)
from airflow_partnercenter.operators.xcom_size import fitting
from tests.support.documented import CUSTOMER_ID, ROWS, query_of
from tests.support.lazy_sequence import LazySequence
from tests.unit.test_storage import _read_back as read_back

SUFFIXES = ["parquet", "csv", "csv.gz", "json", "json.gz", "jsonl", "jsonl.gz"]
COMMERCIAL = "/analytics/commercial/"
BOTH = [PartnerCenterListLicensesOperator, PartnerCenterLicensesToObjectStorageOperator]


def _list(**arguments):
    return PartnerCenterListLicensesOperator(task_id="t", **arguments).execute({})


def _store(destination, **arguments):
    arguments.setdefault("resource", "licenses_deployment")
    return PartnerCenterLicensesToObjectStorageOperator(task_id="t", destination=str(destination), **arguments).execute(
        {}
    )


def _total(count: int) -> Answer:
    return Answer(200, {"Value": [{"licensesSold": 1}], "@nextLink": None, "TotalCount": count})


EMPTY = Answer(200, {"Value": [], "@nextLink": None, "TotalCount": 0}, bom=True)


@pytest.fixture
def temp(monkeypatch, tmp_path):
    """Return a temporary folder of this test's own, to see what is left in it."""
    folder = tmp_path / "temp"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.mark.parametrize("resource", ROWS)
def test_documented_answer_goes_through_xcom(documented, connect, resource):
    """What the operator returns survives XCom's JSON unchanged, and is exactly the documented rows."""
    connect(documented)
    rows = _list(resource=resource, **query_of(resource))
    assert json.loads(json.dumps(rows)) == rows == ROWS[resource]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("resource", ROWS)
def test_documented_answer_goes_into_every_format(documented, connect, tmp_path, resource, suffix):
    """Every documented body reads back from every format as exactly its rows."""
    connect(documented)
    path = tmp_path / f"licenses.{suffix}"
    described = _store(f"file://{path}", resource=resource, **query_of(resource))
    if "csv" in suffix:
        import csv

        text = gzip.decompress(path.read_bytes()).decode() if suffix.endswith("gz") else path.read_text()
        rows = list(csv.DictReader(text.splitlines()))
        expected = [
            {name: "" if value is None else str(value) for name, value in row.items()} | {"additional_fields": ""}
            for row in ROWS[resource]
        ]
        for row in (*rows, *expected):
            row.update({name: float(row[name]) for name in row if name.endswith("_percent")})
        assert rows == expected
    else:
        assert read_back(path) == ROWS[resource]
    content = path.read_bytes()
    times = [row["processed_date_time"] for row in ROWS[resource]]
    correlation_id = described.pop("correlation_id")
    assert correlation_id in {request.headers["ms-correlationid"] for request in documented.api_requests}
    assert described == {
        "uri": f"file://{path}",
        "resource": resource,
        "file_format": suffix.removesuffix(".gz"),
        "row_count": len(ROWS[resource]),
        "byte_count": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "processed_date_time": {"min": min(times), "max": max(times)},
        "columns": [*ROWS[resource][0], "additional_fields"],
    }


@pytest.mark.parametrize("suffix", SUFFIXES[1:])
def test_second_run_writes_the_same_bytes(documented, connect, tmp_path, suffix):
    """A re-run of unchanged data changes nothing but the ids; a Parquet file holds them, a text file does not."""
    connect(documented)
    first = _store(f"file://{tmp_path}/a.{suffix}")
    second = _store(f"file://{tmp_path}/a.{suffix}")
    first.pop("correlation_id")
    second.pop("correlation_id")
    assert first == second
    assert json.loads(json.dumps(first)) == first


def test_parquet_file_says_where_it_comes_from(emulator, connect, tmp_path):
    """Resource, query, Microsoft's correlation ID, version and row count are in its metadata; no secret is."""
    connect(emulator)
    described = _store(f"file://{tmp_path}/a.parquet", filter_expression="serviceCode eq 'o365'", page_size=5)
    metadata = pa.parquet.read_metadata(tmp_path / "a.parquet").metadata
    told = {key.decode(): value.decode() for key, value in metadata.items() if key.startswith(b"partner_center.")}
    assert json.loads(told.pop("partner_center.query")) == {
        "filter_expression": "serviceCode eq 'o365'",
        "on_customer_error": "fail",
    }
    assert told == {
        "partner_center.resource": "licenses_deployment",
        "partner_center.correlation_id": described["correlation_id"],
        "partner_center.package_version": __version__,
        # pyarrow before 18 cannot say at the end of a file what it did not know at the beginning
        **({"partner_center.row_count": str(described["row_count"])} if int(pa.__version__.split(".")[0]) > 17 else {}),
    }


def test_parquet_file_of_many_customers_does_not_list_them(emulator, connect, tmp_path):
    """Their rows do; a hundred thousand of them would make every reader of the footer wait."""
    connect(emulator)
    customers = [customer.id for customer in emulator.partner.customers]
    _store(f"file://{tmp_path}/a.parquet", resource="customer_licenses_usage", customer_id=customers)
    query = pa.parquet.read_metadata(tmp_path / "a.parquet").metadata[b"partner_center.query"]
    assert json.loads(query)["customer_id"] == f"{len(customers)} customers"


@pytest.mark.parametrize("emulator", [{"customers": 6, "max_page_size": 4}], indirect=True, ids=["pages of four"])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_pages_become_one_file(emulator, connect, tmp_path, suffix):
    """The rows of all pages are in the file, in order, equal to those of the list."""
    connect(emulator)
    described = _store(f"file://{tmp_path}/a.{suffix}")
    rows = _list(resource="licenses_deployment")
    assert described["row_count"] == len(rows) > 8
    expected = [(row["product_id"], row["licenses_sold"]) for row in rows]
    assert [(row["product_id"], row["licenses_sold"]) for row in read_back(tmp_path / f"a.{suffix}")] == expected


@pytest.mark.parametrize("emulator", [{"max_page_size": 4}], indirect=True, ids=["pages of four"])
@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("existing", [True, False], ids=["earlier file", "no file"])
def test_read_that_fails_on_page_two_leaves_everything_as_it_was(emulator, connect, tmp_path, temp, suffix, existing):
    """The earlier file is the same byte for byte, and no stray file is in its folder or in the temporary one."""
    connect(emulator)
    folder = tmp_path / "out"
    path = folder / f"a.{suffix}"
    if existing:
        folder.mkdir()
        path.write_bytes(b"earlier \x00 bytes")
    emulator.answer_next(Answer(403, {"code": "2032", "description": "Access denied"}), COMMERCIAL, skip=1, times=9)
    with pytest.raises(AirflowFailException):
        _store(f"file://{path}")
    assert [file.name for file in folder.glob("**/*")] == ([path.name] if existing else [])
    if existing:
        assert path.read_bytes() == b"earlier \x00 bytes"
    assert os.listdir(temp) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_result_that_does_not_add_up_leaves_the_earlier_file(emulator, connect, tmp_path, temp, suffix):
    """Two doubtful reads are an error that Airflow retries; no short file appears."""
    connect(emulator)
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(b"earlier")
    emulator.answer_next(_total(5), COMMERCIAL, times=2)
    with pytest.raises(IncompleteResultError):
        _store(f"file://{path}")
    assert path.read_bytes() == b"earlier"
    assert os.listdir(temp) == []
    assert len(emulator.api_requests) == 2


def test_second_read_that_adds_up_is_the_file(emulator, connect, tmp_path):
    """After a doubtful read the file holds the rows of the second one alone."""
    connect(emulator)
    emulator.answer_next(_total(5), COMMERCIAL)
    described = _store(f"file://{tmp_path}/a.jsonl")
    assert described["row_count"] == len(emulator.partner.rows("deployment"))
    assert len((tmp_path / "a.jsonl").read_text().splitlines()) == described["row_count"]


def test_list_over_the_limit_is_refused_with_the_way_out(entra, connect):
    """Nothing is pushed; the sentence names the storage operator and both sizes."""
    connect(entra)
    rows = _list(resource="licenses_deployment")
    size = len(json.dumps(rows, ensure_ascii=False).encode())
    assert _list(resource="licenses_deployment", max_xcom_bytes=size) == rows
    with pytest.raises(AirflowFailException, match="PartnerCenterLicensesToObjectStorageOperator") as caught:
        _list(resource="licenses_deployment", max_xcom_bytes=size - 1)
    assert isinstance(caught.value.__cause__, ResultTooLargeError)
    assert f"{size:,}" in str(caught.value)
    change = str(caught.value).splitlines()[1:]
    assert [line.strip() for line in change] == [
        "PartnerCenterLicensesToObjectStorageOperator(",
        'destination="s3://connection@bucket/licenses_deployment/{processed_date}.parquet",',
    ]


def test_limit_of_the_configuration_holds_where_the_task_sets_none(entra, connect, monkeypatch):
    """``[partner_center] max_xcom_bytes`` is read when the task runs; a task's own limit wins; nonsense is named."""
    connect(entra)
    size = len(json.dumps(_list(resource="partner_licenses_usage"), ensure_ascii=False).encode())
    monkeypatch.setenv("AIRFLOW__PARTNER_CENTER__MAX_XCOM_BYTES", str(size - 1))
    with pytest.raises(AirflowFailException, match=f"max_xcom_bytes={size - 1:,}"):
        _list(resource="partner_licenses_usage")
    assert _list(resource="partner_licenses_usage", max_xcom_bytes=size)
    monkeypatch.setenv("AIRFLOW__PARTNER_CENTER__MAX_XCOM_BYTES", "plenty")
    with pytest.raises(AirflowFailException, match="'plenty'"):
        _list(resource="partner_licenses_usage")


@pytest.mark.parametrize("limit", ["50000", 0, -1, 1.5, True])
def test_limit_that_is_no_size_is_refused_before_anything_is_read(entra, connect, monkeypatch, limit):
    """A task's own and the configuration's are named in one sentence, whatever the rows would have been."""
    connect(entra)
    before = len(entra.requests)
    with pytest.raises(AirflowFailException, match=f"^max_xcom_bytes {limit!r} is not a whole number of at least 1.$"):
        _list(resource="licenses_deployment", max_xcom_bytes=limit)
    monkeypatch.setenv("AIRFLOW__PARTNER_CENTER__MAX_XCOM_BYTES", "0")
    with pytest.raises(AirflowFailException, match=r"\[partner_center\] max_xcom_bytes is '0'"):
        _list(resource="licenses_deployment")
    assert len(entra.requests) == before


def _refuse_all_but_the_first(emulator) -> list[str]:
    fault = {"code": "2032", "description": "The partner has no delegated rights. " * 5, "data": [], "source": "x"}
    first, *others = (customer.id for customer in emulator.partner.customers)
    for customer in others:
        emulator.answer_next(Answer(403, fault), f"/customers/{customer}/")
    return [first, *others]


def test_skipped_customers_count_for_the_limit(emulator, connect):
    """They are pushed too: rows that fit by themselves are refused where the list beside them does not fit."""
    connect(emulator)
    asked = {"resource": "customer_licenses_deployment", "on_customer_error": "skip"}
    customers = _refuse_all_but_the_first(emulator)
    size = len(json.dumps(_list(customer_id=customers[0], **asked), ensure_ascii=False).encode())
    with pytest.raises(AirflowFailException, match=rf"{len(customers) - 1} skipped customers [\d,]+, more") as caught:
        _list(customer_id=customers, max_xcom_bytes=size + 100, **asked)
    assert isinstance(caught.value.__cause__, ResultTooLargeError)


@pytest.mark.parametrize("emulator", [{"customers": 40}], indirect=True, ids=["forty customers"])
@pytest.mark.parametrize("limit", [6_500, 2_000, 1])
def test_description_lists_skipped_customers_within_the_limit(emulator, connect, tmp_path, monkeypatch, logs, limit):
    """Errors are shortened first, then customers are missing; the count and the log have all of them."""
    connect(emulator)
    monkeypatch.setenv("AIRFLOW__PARTNER_CENTER__MAX_XCOM_BYTES", str(limit))
    customers = _refuse_all_but_the_first(emulator)
    described = _store(
        f"file://{tmp_path}/a.csv",
        resource="customer_licenses_deployment",
        customer_id=customers,
        on_customer_error="skip",
    )
    listed = described["skipped_customers"]
    assert described["skipped_customer_count"] == len(customers) - 1
    assert len(json.dumps(listed, ensure_ascii=False).encode()) <= max(limit, 2)
    assert [customer["customer_id"] for customer in listed] == customers[1 : len(listed) + 1]
    assert {6_500: len(listed) == len(customers) - 1, 2_000: 5 < len(listed) < 15, 1: not listed}[limit]
    assert all(customer["error"].startswith("The partner has no") for customer in listed)
    assert f"XCom lists {len(listed)} of them" in logs.text
    assert all(f"Customer {customer} is left out" in logs.text for customer in customers[1:])


def test_nonsense_for_a_limit_is_found_before_the_read(emulator, connect, tmp_path, monkeypatch):
    """With the file in place it would be too late."""
    connect(emulator)
    monkeypatch.setenv("AIRFLOW__PARTNER_CENTER__MAX_XCOM_BYTES", "plenty")
    with pytest.raises(AirflowFailException, match="'plenty'"):
        _store(f"file://{tmp_path}/a.csv", on_customer_error="skip")
    assert emulator.requests == []


def test_batch_of_the_fan_out_lists_all_its_customers():
    """249 of 250, each with the longest error that Partner Center's answers give, fit into the default limit."""
    skipped = [
        {"customer_id": str(UUID(int=number)), "status_code": 403, "code": "2032", "error": "x" * 400}
        for number in range(249)
    ]
    listed = fitting(skipped, MAX_XCOM_BYTES)
    assert [customer | {"error": None} for customer in listed] == [customer | {"error": None} for customer in skipped]
    assert {customer["error"] for customer in listed} == {"x" * 49 + "…"}


@pytest.mark.parametrize("emulator", [{"customers": 60}], indirect=True, ids=["sixty customers"])
def test_limit_is_48_kib_where_nobody_sets_one(emulator, connect):
    """Airflow's configuration needs no section of ours."""
    connect(emulator)
    with pytest.raises(AirflowFailException, match="max_xcom_bytes=49,152"):
        _list(resource="licenses_deployment")


@pytest.mark.parametrize("kind", ["list", "store"])
def test_empty_result_is_up_to_on_empty(emulator, connect, tmp_path, kind):
    """Allow returns it, skip skips, fail fails without a retry; skipping and failing leave the earlier file."""
    connect(emulator)
    emulator.answer_next(EMPTY, COMMERCIAL, times=3)
    path = tmp_path / "a.json"

    def run(on_empty):
        if kind == "list":
            return _list(resource="licenses_usage", on_empty=on_empty)
        return _store(f"file://{path}", resource="licenses_usage", on_empty=on_empty)

    path.write_text("earlier")
    with pytest.raises(AirflowSkipException):
        run("skip")
    with pytest.raises(AirflowFailException) as caught:
        run("fail")
    assert isinstance(caught.value.__cause__, EmptyResultError)
    assert path.read_text() == "earlier"
    result = run("allow")
    if kind == "list":
        assert result == []
    else:
        assert result["row_count"] == 0
        assert result["processed_date_time"] == {"min": None, "max": None}
        assert json.loads(path.read_text()) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_empty_file_has_its_columns(emulator, connect, tmp_path, suffix):
    """An empty result that is allowed is a complete file of its format without rows."""
    connect(emulator)
    emulator.answer_next(EMPTY, COMMERCIAL)
    _store(f"file://{tmp_path}/a.{suffix}")
    assert read_back(tmp_path / f"a.{suffix}") == []


def test_existing_file_is_up_to_if_exists(emulator, connect, tmp_path):
    """Skip and fail send no request to Partner Center and leave the file; replace replaces it."""
    connect(emulator)
    path = tmp_path / "a.jsonl"
    path.write_text("earlier")
    with pytest.raises(AirflowSkipException):
        _store(f"file://{path}", if_exists="skip")
    with pytest.raises(AirflowFailException, match="exists"):
        _store(f"file://{path}", if_exists="fail")
    assert path.read_text() == "earlier"
    assert emulator.requests == []
    _store(f"file://{path}")
    assert path.read_text() != "earlier"
    path.unlink()
    assert _store(f"file://{path}", if_exists="skip")["row_count"] > 0


def test_processed_date_names_the_file(emulator, connect, tmp_path, temp):
    """The newest day of the rows is the file's name, so a second run on the same data finds its file."""
    connect(emulator)
    uri = f"file://{tmp_path}/out/{{processed_date}}.parquet"
    described = _store(uri)
    newest = described["processed_date_time"]["max"][:10]
    assert described["uri"] == f"file://{tmp_path}/out/{newest}.parquet"
    assert os.listdir(tmp_path / "out") == [f"{newest}.parquet"]
    with pytest.raises(AirflowSkipException):
        _store(uri, if_exists="skip")
    with pytest.raises(AirflowFailException):
        _store(uri, if_exists="fail")
    assert os.listdir(temp) == []


def test_processed_date_of_an_empty_result_is_one_sentence(emulator, connect, tmp_path):
    """Without rows there is no date; the sentence says what to set."""
    connect(emulator)
    emulator.answer_next(EMPTY, COMMERCIAL)
    with pytest.raises(AirflowFailException, match="on_empty"):
        _store(f"file://{tmp_path}/{{processed_date}}.csv")
    assert os.listdir(tmp_path) == []


BAD_DESTINATIONS = [
    "",
    "licenses.csv",
    "/tmp/licenses.csv",  # noqa: S108
    "file://tmp/licenses.csv",
    "s3://bucket",
    "file:///tmp/licenses",
    "file:///tmp/licenses.parquet.gz",
    "s3://no_such_connection@bucket/a.csv",
    "nosuchscheme://bucket/a.csv",
    "abfs://reports@account.dfs.core.windows.net/a.csv",
    "file:///proc/no/a.csv",
]


@pytest.mark.parametrize("destination", BAD_DESTINATIONS, ids=repr)
def test_bad_destination_is_one_sentence(emulator, connect, destination):
    """What is wrong with the destination and how to write it, as a failure that is not retried."""
    connect(emulator)
    with pytest.raises(AirflowFailException) as caught:
        _store(destination)
    assert isinstance(caught.value.__cause__, ConfigurationError)
    assert "\n" not in str(caught.value)
    if destination != "file:///proc/no/a.csv":
        assert emulator.requests == [], "a destination that cannot work is found before anything is read"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"resource": "licences"}, ["licences", "licenses_deployment"]),
        ({"resource": "customer_licenses_usage"}, ["customer_id"]),
        ({"resource": "customer_licenses_usage", "customer_id": "contoso.com"}, ["customer_id", "GUID"]),
        ({"resource": "partner_licenses_usage", "group_by": ["serviceCode"]}, ["group_by", "licenses_usage"]),
        ({"resource": "licenses_usage", "on_empty": "ignore"}, ["on_empty", "allow"]),
        ({"resource": "licenses_usage", "group_by": 5}, ["group_by", "list of API field names"]),
    ],
)
@pytest.mark.parametrize("kind", ["list", "store"])
def test_wrong_argument_is_one_sentence_without_a_request(emulator, connect, tmp_path, arguments, words, kind):
    """Wrong arguments fail at once, without a retry and before anything is sent."""
    connect(emulator)
    with pytest.raises(AirflowFailException) as caught:
        _list(**arguments) if kind == "list" else _store(f"file://{tmp_path}/a.csv", **arguments)
    assert isinstance(caught.value.__cause__, ConfigurationError)
    assert all(word in str(caught.value) for word in words)
    assert emulator.requests == []
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("argument", "choices"),
    [
        ({"if_exists": "overwrite"}, "replace, skip, fail"),
        ({"partition_asset_events": "yes"}, "None, True, False"),
    ],
    ids=["if_exists", "partition_asset_events"],
)
def test_wrong_choice_is_one_sentence(entra, connect, tmp_path, argument, choices):
    """The choices are named, and nothing is written."""
    connect(entra)
    with pytest.raises(AirflowFailException, match=choices):
        _store(f"file://{tmp_path}/a.csv", **argument)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("kind", ["list", "store"])
def test_customers_of_another_task_are_asked_for_once(entra, connect, tmp_path, kind):
    """Each item may be a request to Airflow's server."""
    connect(entra)
    customers = LazySequence([customer.id for customer in entra.partner.customers])
    query = {"resource": "customer_licenses_deployment", "customer_id": customers}
    assert _list(**query) if kind == "list" else _store(f"file://{tmp_path}/a.csv", **query)
    assert customers.times_asked == 1


@pytest.mark.parametrize("kind", ["list", "store"])
def test_missing_connection_is_one_sentence_without_a_retry(tmp_path, kind):
    """A connection that does not exist is named and not tried three times."""
    missing = {"partner_center_conn_id": "no_such_connection"}
    with pytest.raises(AirflowFailException, match="no_such_connection") as caught:
        _list(resource="licenses_usage", **missing) if kind == "list" else _store(f"file://{tmp_path}/a.csv", **missing)
    assert isinstance(caught.value.__cause__, ConfigurationError)


@pytest.mark.parametrize("kind", ["list", "store"])
def test_error_that_no_retry_heals_fails_the_task_at_once(entra, connect, tmp_path, kind):
    """A wrong secret is AirflowFailException, with our error as its cause and the same sentence."""
    connect(entra, password="wrong-secret")
    with pytest.raises(AirflowFailException) as caught:
        _list(resource="licenses_usage") if kind == "list" else _store(f"file://{tmp_path}/a.csv")
    assert isinstance(caught.value.__cause__, AuthenticationError)
    assert str(caught.value) == str(caught.value.__cause__)


def test_expired_refresh_token_fails_the_task_at_once(entra, connect):
    """Nobody should find the same expired token tried three times."""
    connect(entra, refresh_token=Emulator.REFRESH_TOKENS["expired"])
    with pytest.raises(AirflowFailException, match="sign the service account in again"):
        _list(resource="licenses_usage")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(429, {"statusCode": 429}, {"Retry-After": "7200"}), ThrottledError),
        (Answer(503, "busy", {"Retry-After": "7200"}), ServiceError),
    ],
    ids=["429", "503"],
)
def test_retriable_error_passes_through(emulator, connect, answer, kind):
    """Airflow's own retries take over where a later run may succeed; a retry policy can read the wait."""
    connect(emulator)
    emulator.answer_next(answer, COMMERCIAL, times=9)
    with pytest.raises(kind) as caught:
        _list(resource="licenses_usage")
    assert caught.value.retry_after_seconds == 7200


@pytest.mark.parametrize("operator", BOTH, ids=lambda operator: operator.__name__)
def test_template_fields_are_attributes(operator):
    """Airflow renders them by name; each is assigned unchanged."""
    arguments = {"destination": "x"} if "destination" in operator.template_fields else {}
    task = operator(task_id="t", resource="{{ a }}", **arguments)
    assert isinstance(operator.template_fields, tuple)
    assert all(hasattr(task, name) for name in operator.template_fields)
    assert task.resource == "{{ a }}"


def test_templates_render_without_a_logical_date(entra, connect, tmp_path):
    """A run started from the UI may have none: run id, parameters and None arguments render all the same."""
    connect(entra)
    context = {"run_id": "manual__1", "logical_date": None, "params": {"resource": "licenses_usage", "day": None},
               "conn": "partner_center_default"}  # fmt: skip
    task = PartnerCenterLicensesToObjectStorageOperator(
        task_id="t",
        resource="{{ params.resource }}",
        destination=f"file://{tmp_path}/{{{{ run_id }}}}/{{processed_date}}.csv",
        customer_id=None,
        filter_expression="{{ '' }}",
        group_by=["{{ 'serviceCode' }}"],
        processed_date_time="{{ params.day or '' }}",
        partner_center_conn_id="{{ conn }}",
        file_format="{{ '' }}",
    )
    task.render_template_fields(context)
    assert (task.resource, task.customer_id, task.group_by) == ("licenses_usage", None, ["serviceCode"])
    assert task.destination == f"file://{tmp_path}/manual__1/{{processed_date}}.csv"
    assert _rendered(task) == {}


def _rendered(task) -> dict[str, object]:
    return {name: value for name in task.template_fields if "{{" in str(value := getattr(task, name))}


def test_rendered_operator_runs(entra, connect):
    """Empty text, as a template renders a missing value, asks for nothing."""
    connect(entra)
    task = PartnerCenterListLicensesOperator(
        task_id="t",
        resource="{{ 'licenses_' ~ kind }}",
        filter_expression="{{ missing }}",
        processed_date_time="{{ missing }}",
        customer_id="{{ missing }}",
        partner_center_conn_id="partner_center_{{ name }}",
    )
    task.render_template_fields({"kind": "usage", "name": "default", "missing": ""})
    assert task.execute({}) == _list(resource="licenses_usage")


@pytest.mark.parametrize("operator", BOTH, ids=lambda operator: operator.__name__)
def test_operator_can_be_mapped(operator):
    """``partial().expand()`` constructs over customers; a misspelt argument is refused there too."""
    stored = "destination" in operator.template_fields
    with DAG("d", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
        mapped = operator.partial(
            task_id="mapped",
            resource="customer_licenses_usage",
            on_empty="skip",
            **{"destination": "file:///tmp/a.csv"} if stored else {},
        ).expand(customer_id=[CUSTOMER_ID, CUSTOMER_ID.upper()])
        assert mapped.operator_class is operator
        with pytest.raises(TypeError):
            operator.partial(task_id="wrong", customer="x").expand(resource=["licenses_usage"])
        with pytest.raises((TypeError, AirflowException)):  # the second on Airflow 2
            operator(task_id="wrong2", resource="licenses_usage", customer="x", destination="x")


def test_no_argument_takes_airflows_names():
    """``retries`` and ``pool`` are Airflow's; ours do not hide them."""
    task = PartnerCenterListLicensesOperator(task_id="t", resource="licenses_usage", retries=4, pool="p")
    assert (task.retries, task.pool) == (4, "p")


def test_no_secret_in_what_is_pushed_or_rendered(emulator, connect, tmp_path):
    """Results and rendered fields hold no token."""
    connect(emulator)
    described = _store(f"file://{tmp_path}/a.json")
    token = emulator.api_requests[0].headers["authorization"].removeprefix("Bearer ")
    pushed = json.dumps(described) + Path(tmp_path / "a.json").read_text()
    for secret in (emulator.client_secret, emulator.refresh_token, token):
        assert secret not in pushed
