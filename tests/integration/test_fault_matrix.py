"""Each fault of the emulator, in a parallel and in a sequential read: what comes out, and what becomes of the file."""

import json
import os
import socket

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_partnercenter import exceptions
from airflow_partnercenter.api.wire.retrying import RetryPolicy
from airflow_partnercenter.emulator import Emulator
from airflow_partnercenter.exceptions import PartnerCenterError, TransportError
from airflow_partnercenter.hooks.partner_center import PartnerCenterHook
from airflow_partnercenter.operators.partner_center import PartnerCenterLicensesToObjectStorageOperator
from tests.conftest import TODAY
from tests.support.outcomes import CASES, EXPECTED, Error, Rows
from tests.support.reliability import PAGE, with_table

RESOURCE = "licenses_deployment"
ROWS_A_PAGE = 7
#: The third page, asked for by ``skip`` or by the service's link.
THIRD = f"skip={2 * ROWS_A_PAGE}"
OFTEN = 1000
#: The data that ``data_replaced`` puts in place.
NEW_DAY = "2030-01-01T00:00:00.000000Z"


class ImpatientHook(PartnerCenterHook):
    """The hook, with two attempts and hardly a pause between them; less patience where none would help."""

    def __init__(self, case):
        super().__init__()
        # No wait is as long as the emulator keeps an idle connection, 5 s: to meet its end would be another fault.
        self.retry = RetryPolicy(attempts=2, total_seconds=10 if case == "once" else 4, back_off_seconds=0.01)


@pytest.fixture(scope="module")
def matrix_emulator():
    """Run one emulator for the whole matrix; each test leaves no fault behind."""
    with Emulator(customers=8, max_page_size=ROWS_A_PAGE, today=TODAY) as emulator:
        yield emulator


@pytest.fixture
def faulty(matrix_emulator, connect):
    """Return the emulator, connected and without faults."""
    matrix_emulator.clear_faults()
    matrix_emulator.requests.clear()
    connect(matrix_emulator, request_timeout_seconds=3)
    yield matrix_emulator
    matrix_emulator.clear_faults()


def _inject(emulator, fault, case):
    """Put a fault where the case wants it."""
    declared = Emulator.FAULTS[fault]
    if "/v1/" not in declared.path or fault == "data_replaced":
        # A fault of Entra ID hits its requests; data are replaced from the third request to Partner Center on.
        skip = 2 if fault == "data_replaced" and case == "once" else 0
        emulator.inject(fault, skip=skip, times=OFTEN if case != "once" else None)
    elif case == "everywhere":
        emulator.inject(fault, times=OFTEN)
    else:
        emulator.inject(fault, THIRD, times=1 if case == "once" else OFTEN)


def _row(record):
    """Return a served row as it must come out, written down once more."""
    return {
        "service_code": record["serviceCode"],
        "service_name": record["serviceName"],
        "channel": record["channel"],
        "customer_tenant_id": record["customerTenantId"],
        "customer_name": record["customerName"],
        "product_id": record["productId"],
        "product_name": record["productName"],
        "licenses_deployed": record["licensesDeployed"],
        "licenses_sold": record["licensesSold"],
        "processed_date_time": f"{record['processedDateTime']}.000000Z",
    }


def _rows_of(outcome, case, emulator):
    """Return the rows that an outcome stands for."""
    rows = [_row(record) for record in emulator.partner.rows("deployment")]
    assert len(rows) > 4 * ROWS_A_PAGE
    new = [
        row
        | {
            "licenses_deployed": row["licenses_deployed"] + 1,
            "licenses_sold": row["licenses_sold"] + 1,
            "processed_date_time": NEW_DAY,
        }
        for row in rows
    ]
    first, last = 2 * ROWS_A_PAGE, 3 * ROWS_A_PAGE
    made = {
        "served": rows,
        "repeated": [*rows[:first], *rows[first - 1 : last - 1], *rows[last:]],
        "rotated": [*rows[-1:], *rows[:-1]],
        "replaced": new,
        "none": [],
    }[outcome.of]
    hit = range(len(rows)) if case == "everywhere" else range(first, last)
    return [row | (outcome.page if place in hit else {}) for place, row in enumerate(made)]


def test_every_fault_has_an_outcome():
    """No fault of the emulator goes without an expectation, and none is expected that is not there."""
    assert set(EXPECTED) == set(Emulator.FAULTS)


#: A request that fails everywhere fails on the first page as on the third: once is enough.
RUNS = [
    (fault, case)
    for fault, expected in EXPECTED.items()
    for case in CASES
    if not (case == "everywhere" and isinstance(expected.everywhere, Error) and expected.everywhere == expected.always)
]


@pytest.mark.parametrize("workers", [4, 1], ids=["parallel", "sequential"])
@pytest.mark.parametrize(("fault", "case"), RUNS, ids=map(" ".join, RUNS))
def test_read_that_meets_a_fault(faulty, fault, workers, case):
    """Either exactly the rows, in order, or exactly the error, with its sentence and the correlation id."""
    expected = EXPECTED[fault].of(case, parallel=workers > 1)
    _inject(faulty, fault, case)
    hook = ImpatientHook(case)
    if isinstance(expected, Rows):
        rows = hook.list_licenses(RESOURCE, max_parallel_requests=workers)
        assert rows == _rows_of(expected, case, faulty)
        return
    with pytest.raises(PartnerCenterError) as caught:
        hook.list_licenses(RESOURCE, max_parallel_requests=workers)
    _check_error(caught.value, expected)


@pytest.mark.parametrize("fault", EXPECTED)
def test_file_of_a_run_that_meets_a_fault(faulty, fault, tmp_path, monkeypatch):
    """A failed run leaves the earlier file byte for byte, another one writes all rows; no stray file is left."""
    folder, temp = tmp_path / "out", tmp_path / "temp"
    folder.mkdir()
    temp.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temp))
    path = folder / "licenses.jsonl"
    path.write_bytes(b"earlier \x00 bytes")
    expected = EXPECTED[fault].of("always", parallel=True)
    _inject(faulty, fault, "always")
    run = PartnerCenterLicensesToObjectStorageOperator(task_id="t", resource=RESOURCE, destination=f"file://{path}")
    run.hook = ImpatientHook("always")
    if isinstance(expected, Rows):
        assert run.execute({})["row_count"] == len(_rows_of(expected, "always", faulty))
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        assert rows == _rows_of(expected, "always", faulty)
    else:
        with pytest.raises((PartnerCenterError, AirflowFailException)) as caught:
            run.execute({})
        error = caught.value.__cause__ if isinstance(caught.value, AirflowFailException) else caught.value
        _check_error(error, expected)
        assert error.retriable is isinstance(caught.value, PartnerCenterError)
        assert path.read_bytes() == b"earlier \x00 bytes"
    assert os.listdir(folder) == ["licenses.jsonl"]
    assert os.listdir(temp) == []


def test_refused_connection_is_an_error_that_leaves_the_earlier_file(faulty, connect, tmp_path):
    """Nobody listens: the only fault that the emulator cannot have itself."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"https://127.0.0.1:{closed.getsockname()[1]}"
    connect(faulty, host=address)
    path = tmp_path / "licenses.jsonl"
    path.write_bytes(b"earlier")
    run = PartnerCenterLicensesToObjectStorageOperator(task_id="t", resource=RESOURCE, destination=f"file://{path}")
    run.hook = ImpatientHook("always")
    with pytest.raises(TransportError, match="the connection was refused; check host and port"):
        run.execute({})
    assert path.read_bytes() == b"earlier"


def _check_error(error, expected):
    """Compare an error with an outcome: its class in the public tree, its sentence, its correlation id."""
    public = next(kind for kind in type(error).__mro__ if kind.__module__ == exceptions.__name__)
    assert public is expected.kind
    assert expected.says in str(error)
    assert error.correlation_id in str(error)


def test_page_has_the_table_of_these_outcomes():
    """docs/reliability.md says what the tests demand; ``python -m tests.support.reliability`` writes it anew."""
    text = PAGE.read_text()
    assert with_table(text) == text
