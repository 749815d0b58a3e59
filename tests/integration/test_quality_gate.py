"""Expectations of the storage operator: what is refused leaves the earlier file, what only warns is told."""

import json
import os
from datetime import UTC, datetime

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AssetAlias

from airflow_partnercenter.emulator import Answer
from airflow_partnercenter.exceptions import ConfigurationError, ExpectationError
from airflow_partnercenter.operators.partner_center import PartnerCenterLicensesToObjectStorageOperator

COMMERCIAL = "/analytics/commercial/"


def _task(destination, **arguments):
    arguments = {"resource": "licenses_deployment"} | arguments
    return PartnerCenterLicensesToObjectStorageOperator(task_id="t", destination=str(destination), **arguments)


def _page(*rows: dict) -> Answer:
    return Answer(200, {"Value": list(rows), "@nextLink": None, "TotalCount": len(rows)})


GOOD = {
    "customerTenantId": "c",
    "productId": "p",
    "serviceCode": "o365",
    "channel": "reseller",
    "licensesDeployed": 3,
    "licensesSold": 5,
}


@pytest.fixture
def old(tmp_path):
    """Return an earlier file."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"earlier")
    return path


@pytest.mark.parametrize(
    ("expectation", "row"),
    [
        ({"row_count_at_least": 2}, {}),
        ({"processed_within_days": 1}, {"processedDateTime": "2017-03-14T03:25:16Z"}),
        ({"deployed_at_most_sold": True}, {"licensesDeployed": 6}),
        ({"no_null_keys": True}, {"productId": None}),
    ],
    ids=lambda value: next(iter(value), "same row"),
)
def test_broken_expectation_fails_at_once_and_leaves_the_earlier_file(emulator, connect, old, expectation, row):
    """No retry, as the next one would read the same; the cause is typed and holds all results."""
    connect(emulator)
    emulator.answer_next(_page(GOOD | row), COMMERCIAL, times=2)
    with pytest.raises(AirflowFailException) as caught:
        _task(old.as_uri(), expectations={"fail": expectation}).execute({})
    cause = caught.value.__cause__
    assert isinstance(cause, ExpectationError)
    assert [(result["name"], result["passed"]) for result in cause.results] == [(next(iter(expectation)), False)]
    assert old.read_bytes() == b"earlier"
    assert os.listdir(old.parent) == [old.name]

    described = _task(old.as_uri(), expectations={"warn": expectation}).execute({})
    assert described["expectations"] == [result | {"on_failure": "warn"} for result in cause.results]
    assert old.read_bytes() != b"earlier"


def test_results_are_returned_as_plain_json(entra, connect, tmp_path):
    """Every expectation is told, whether it held or not; without any there is no such key."""
    connect(entra)
    uri = f"{tmp_path.as_uri()}/a.parquet"
    asked = {"warn": {"row_count_at_least": 10**6, "processed_within_days": 36500}, "fail": {"no_null_keys": True}}
    described = _task(uri, expectations=asked).execute({})
    results = described["expectations"]
    assert json.loads(json.dumps(results)) == results
    assert results[0] == {
        "name": "row_count_at_least",
        "on_failure": "warn",
        "expected": 10**6,
        "observed": described["row_count"],
        "passed": False,
        "message": f"{described['row_count']} rows, at least 1,000,000 expected",
    }
    assert results[1]["observed"] == described["processed_date_time"]["min"]
    assert [result["passed"] for result in results] == [False, True, True]
    assert "expectations" not in _task(uri).execute({})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"expectations": {"fail": {"row_count": 1}}}, ["row_count_at_least"]),
        ({"expectations": {"fail": {"active_at_most_qualified": True}}}, ["licenses_active", "licenses_deployment"]),
        ({"resource": "licences", "expectations": {"fail": {"no_null_keys": True}}}, ["licences"]),
        ({"destination_name": "x" * 3000 + ".csv", "outlets": [AssetAlias("files")]}, ["AssetAlias"]),
    ],
    ids=["unknown", "not for the resource", "unknown resource", "no asset can have that name"],
)
def test_what_cannot_work_is_refused_before_anything_is_read(emulator, connect, tmp_path, arguments, words):
    """One sentence, no retry, no request."""
    connect(emulator)
    name = arguments.pop("destination_name", "a.csv")
    with pytest.raises(AirflowFailException) as caught:
        _task(f"{tmp_path.as_uri()}/{name}", **arguments).execute({})
    assert isinstance(caught.value.__cause__, ConfigurationError)
    assert all(word in str(caught.value) for word in words)
    assert emulator.requests == []
    assert os.listdir(tmp_path) == []


def test_limits_may_be_templates(entra, connect, tmp_path):
    """Numbers and switches come from parameters; an empty one leaves its expectation out."""
    connect(entra)
    task = _task(
        f"{tmp_path.as_uri()}/a.csv",
        expectations={
            "warn": {"row_count_at_least": "{{ params.rows }}", "processed_within_days": "{{ params.days or '' }}"},
            "fail": {"no_null_keys": "{{ params.strict }}"},
        },
    )
    task.render_template_fields({"params": {"rows": 7, "days": None, "strict": True}})
    described = task.execute({})
    assert [(result["name"], result["expected"]) for result in described["expectations"]] == [
        ("row_count_at_least", 7),
        ("no_null_keys", True),
    ]


def test_aggregated_rows_are_named_by_what_they_are_aggregated_by(emulator, connect, tmp_path):
    """With ``group_by`` the columns that were summed over are null in every row, and no key."""
    connect(emulator)
    expectations = {"fail": {"no_null_keys": True, "deployed_at_most_sold": True}}
    described = _task(f"{tmp_path.as_uri()}/a.csv", group_by=["serviceCode"], expectations=expectations).execute({})
    assert all(result["passed"] for result in described["expectations"])
    emulator.answer_next(_page({"serviceCode": None, "licensesSold": 1}), COMMERCIAL)
    with pytest.raises(AirflowFailException, match="service_code"):
        _task(f"{tmp_path.as_uri()}/a.csv", group_by=["serviceCode"], expectations=expectations).execute({})


def test_second_read_is_judged_by_itself(emulator, connect, tmp_path):
    """Rows of a doubtful first read do not count for the second."""
    connect(emulator)
    count = len(emulator.partner.rows("deployment"))
    emulator.answer_next(
        Answer(200, {"Value": [GOOD | {"productId": None}], "@nextLink": None, "TotalCount": 5}), COMMERCIAL
    )
    described = _task(
        f"{tmp_path.as_uri()}/a.csv", expectations={"fail": {"no_null_keys": True}, "warn": {"row_count_at_least": 1}}
    ).execute({})
    assert [result["observed"] for result in described["expectations"]] == [0, count]


def test_today_is_recent(emulator, connect, tmp_path):
    """Data that the service processed today passes the strictest limit."""
    connect(emulator)
    now = datetime.now(UTC).isoformat()
    emulator.answer_next(_page(GOOD | {"processedDateTime": now}), COMMERCIAL)
    described = _task(f"{tmp_path.as_uri()}/a.csv", expectations={"fail": {"processed_within_days": 0}}).execute({})
    assert described["expectations"][0]["passed"] is True
