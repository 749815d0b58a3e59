"""The quality gate: what each expectation sees, and that a misspelt one is refused with the right names."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from airflow_partnercenter.api.pages.decoding import RowDecoder
from airflow_partnercenter.api.resources import RESOURCES
from airflow_partnercenter.exceptions import ConfigurationError, ExpectationError
from airflow_partnercenter.expectations import EXPECTATIONS, ExpectedRows, QualityGate, require


def _rows(resource: str = "licenses_deployment") -> ExpectedRows:
    declared = RESOURCES[resource]
    return ExpectedRows(resource, declared.columns, declared.key)


def _batch(*records: dict, resource: str = "licenses_deployment") -> pa.RecordBatch:
    return RowDecoder(RESOURCES[resource]).to_batch(list(records))


def _record(**changes: object) -> dict:
    complete = {
        "customerTenantId": "c",
        "productId": "p",
        "serviceCode": "o365",
        "channel": "reseller",
        "licensesDeployed": 3,
        "licensesSold": 5,
        "processedDateTime": "2026-11-20T00:00:00Z",
    }
    return {name: value for name, value in (complete | changes).items() if value is not ...}


def _result(asked: dict, *batches: pa.RecordBatch, resource: str = "licenses_deployment") -> dict:
    gate = QualityGate({"fail": asked}, _rows(resource))
    for batch in batches:
        gate.watch(batch)
    [result] = gate.results()
    return result


@pytest.mark.parametrize(("limit", "passed"), [(1, True), (3, True), (4, False), ("3", True)])
def test_rows_of_all_batches_are_counted(limit, passed):
    """The count is that of the whole result; a number may come as text, as templates render it."""
    result = _result({"row_count_at_least": limit}, _batch(_record(), _record()), _batch(), _batch(_record()))
    assert (result["passed"], result["observed"], result["expected"]) == (passed, 3, int(limit))


@pytest.mark.parametrize(("age", "passed"), [(0, True), (3, True), (4, False)])
def test_oldest_processed_day_counts(age, passed):
    """One service that lags behind is what a person wants to hear of; days are calendar days in UTC."""
    today = datetime.now(UTC).date()
    oldest = today - timedelta(days=age)
    batches = (
        _batch(_record(processedDateTime=f"{today}T12:00:00Z")),
        _batch(_record(processedDateTime=f"{oldest}T00:00:01Z"), _record(processedDateTime=None)),
    )
    result = _result({"processed_within_days": 3}, *batches)
    assert result["passed"] is passed
    assert result["observed"] == f"{oldest}T00:00:01.000000Z"


def test_last_day_there_is_is_a_day_too():
    """Where a service writes the end of time for "never", it is seen like any other day."""
    result = _result({"processed_within_days": 3}, _batch(_record(processedDateTime="9999-12-31T23:59:59")))
    assert (result["passed"], result["observed"]) == (True, "9999-12-31T23:59:59.000000Z")


def test_no_processed_day_is_not_recent():
    """Who asks for recent data is not content with none."""
    result = _result({"processed_within_days": 3}, _batch(_record(processedDateTime=None)))
    assert (result["passed"], result["observed"]) == (False, None)
    assert _result({"processed_within_days": 3})["passed"] is False


@pytest.mark.parametrize(
    ("name", "resource", "lesser", "greater"),
    [
        ("deployed_at_most_sold", "licenses_deployment", "licensesDeployed", "licensesSold"),
        ("deployed_at_most_sold", "customer_licenses_deployment", "licensesDeployed", "licensesSold"),
        ("active_at_most_qualified", "licenses_usage", "licensesActive", "licensesQualified"),
    ],
)
def test_one_count_is_at_most_another(name, resource, lesser, greater):
    """Equal counts and unknown ones are fine; each row above is counted, over all batches."""
    fine = [{lesser: 5, greater: 5}, {lesser: None, greater: 5}, {lesser: 5, greater: None}, {}]
    assert _result({name: True}, _batch(*fine, resource=resource), resource=resource)["passed"] is True
    above = _batch({lesser: 6, greater: 5}, *fine, resource=resource)
    result = _result({name: True}, above, above, resource=resource)
    assert (result["passed"], result["observed"]) == (False, 2)
    assert "2 rows" in result["message"]


def test_row_without_a_part_of_its_key_is_counted_once():
    """Two missing parts are one broken row; a missing value elsewhere is none."""
    batch = _batch(
        _record(), _record(productId=None, channel=...), _record(customerTenantId=None), _record(licensesSold=None)
    )
    result = _result({"no_null_keys": True}, batch, _batch(_record()))
    assert (result["passed"], result["observed"]) == (False, 2)
    assert _result({"no_null_keys": "true"}, _batch(_record()))["passed"] is True


def test_warn_is_logged_and_fail_raises_with_all_results(logs):
    """The same expectation may warn at one limit and fail at another; the error names what failed and no more."""
    gate = QualityGate(
        {"warn": {"row_count_at_least": 5}, "fail": {"row_count_at_least": 2, "no_null_keys": True}}, _rows()
    )
    gate.watch(_batch(_record(productId=None)))
    with pytest.raises(ExpectationError) as caught:
        require(gate.results(), "licenses_deployment")
    assert str(caught.value).count("row_count_at_least: 1 rows, at least 2 expected") == 1
    assert "no_null_keys" in str(caught.value)
    assert "at least 5" not in str(caught.value)
    assert [result["on_failure"] for result in caught.value.results] == ["warn", "fail", "fail"]
    [warning] = logs.of("airflow_partnercenter.expectations")
    assert "at least 5 expected" in warning


@pytest.mark.parametrize(
    "asked", [None, {}, "", " ", {"fail": {}}, {"fail": {"no_null_keys": False, "row_count_at_least": ""}},
              {"warn": {"row_count_at_least": None, "no_null_keys": "False"}}], ids=repr
)  # fmt: skip
def test_nothing_asked_is_nothing_checked(asked):
    """Off by default, and an empty limit, as templates render it, leaves its expectation out."""
    gate = QualityGate(asked, _rows())
    gate.watch(_batch(_record(productId=None)))
    assert gate.results() == []
    require(gate.results(), "licenses_deployment")


def test_json_text_asks_for_the_same():
    """A DAG parameter can hold the whole argument."""
    assert [result["name"] for result in QualityGate('{"warn": {"no_null_keys": true}}', _rows()).results()] == [
        "no_null_keys"
    ]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"error": {"no_null_keys": True}}, ["'error'", "warn", "fail"]),
        ({"row_count_at_least": 5}, ["'row_count_at_least'", '{"fail": {"row_count_at_least"']),
        ({"fail": {"row_count": 5}}, ["'row_count'", *EXPECTATIONS]),
        ({"fail": ["no_null_keys"]}, ["no_null_keys", '{"fail"']),
        ({"fail": {"row_count_at_least": 0}}, ["row_count_at_least", "at least 1"]),
        ({"fail": {"row_count_at_least": True}}, ["row_count_at_least", "whole number"]),
        ({"fail": {"row_count_at_least": "many"}}, ["row_count_at_least", "whole number"]),
        ({"warn": {"processed_within_days": -1}}, ["processed_within_days", "whole number"]),
        ({"warn": {"processed_within_days": 1.5}}, ["processed_within_days", "whole number"]),
        ({"warn": {"no_null_keys": 1}}, ["no_null_keys", "true or false"]),
        ({"warn": {"active_at_most_qualified": True}}, ["licenses_deployment", "licenses_active"]),
        ("no_null_keys", ["JSON", '{"fail"']),
        (["no_null_keys"], ["no_null_keys", '{"fail"']),
    ],
    ids=repr,
)
def test_misspelt_expectation_is_refused_with_the_right_ones(asked, words):
    """One sentence with what is wrong and what there is."""
    with pytest.raises(ConfigurationError) as caught:
        QualityGate(asked, _rows())
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert "\n" not in str(caught.value)


def _cpu_seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


@pytest.mark.parametrize(
    "asked",
    [
        "[" * 2_000,
        {"fail": {"row_count_at_least": "9" * 5_000}},
        {"fail": {"row_count_at_least": 10**5_000}},
        {"warn": {"processed_within_days": 10**18}},
        {"warn": {"no_null_keys": 10**5_000}},
    ],
    ids=["nested", "text", "number", "beyond", "switch"],
)
def test_expectation_beyond_all_measure_is_refused_in_a_sentence(asked):
    """A template may render anything; Python itself does not print such numbers."""
    with pytest.raises(ConfigurationError, match="expectations") as refused:
        QualityGate(asked, ExpectedRows("licenses_deployment", (), ()))
    assert len(str(refused.value)) < 300


def test_watching_costs_next_to_nothing_beside_decoding():
    """All expectations of a deployment resource together take under 3 % of what making the batches takes."""
    records = [_record(productId=f"p{number}" if number % 97 else None) for number in range(10_000)]
    decoder = RowDecoder(RESOURCES["licenses_deployment"])
    decoding = min(_cpu_seconds(lambda: decoder.to_batch(records)) for _ in range(3))
    pages = [decoder.to_batch(records) for _ in range(20)]
    asked = {"row_count_at_least": 1, "processed_within_days": 3, "no_null_keys": True, "deployed_at_most_sold": True}
    gate = QualityGate({"warn": asked}, _rows())

    def watch_all() -> None:
        for page in pages:
            gate.watch(page)

    watch_all()
    assert min(_cpu_seconds(watch_all) for _ in range(5)) < 0.03 * decoding * len(pages)
