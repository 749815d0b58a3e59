"""Expectations, as a template renders them: results that are plain JSON, or a typed error."""

import json
from collections.abc import Iterator

import pyarrow as pa

from airflow_partnercenter.api.pages.decoding import RowDecoder
from airflow_partnercenter.api.resources import RESOURCES
from airflow_partnercenter.exceptions import ExpectationError, PartnerCenterError
from airflow_partnercenter.expectations import EXPECTATIONS, ExpectedRows, QualityGate, require
from fuzz.promises import is_plain, require_printable, result_or_error, text_of

_RESOURCES = list(RESOURCES.values())


def _rows(resource_name: str) -> pa.RecordBatch:
    """Return a few rows that break what there is to break."""
    records = [
        {},
        {"processedDateTime": "2017-03-14T03:25:16.36+00:00", "licensesSold": 1, "licensesDeployed": 2},
        {"processedDateTime": "9999-12-31T23:59:59Z", "licensesActive": 2, "licensesQualified": 1},
    ]
    return RowDecoder(RESOURCES[resource_name]).to_batch(records)


_ROWS = {resource.name: _rows(resource.name) for resource in _RESOURCES}


def seeds() -> Iterator[bytes]:
    """Yield every expectation with every kind of limit."""
    for name in EXPECTATIONS:
        for limit in (1, 0, -1, True, False, None, "", "1000", "true", "\u0663", 1.5, [1], "9" * 50):
            for level in ("warn", "fail"):
                yield b"\x05" + json.dumps({level: {name: limit}}).encode()
    yield b"\x05" + json.dumps({"fail": {"row_count_at_least": "9" * 5_000}}).encode()
    for other in ("", "null", "[]", '{"stop": {}}', '{"fail": []}', '{"fail": {"x": 1}}', "[" * 2_000):
        yield b"\x00" + other.encode()


def check(data: bytes) -> None:
    """Make a gate, watch some rows, and take its results."""
    resource = _RESOURCES[data[0] % len(_RESOURCES)] if data else _RESOURCES[0]
    rows = ExpectedRows(resource.name, resource.columns, resource.key)
    gate = result_or_error(lambda: QualityGate(text_of(data[1:]), rows))
    if isinstance(gate, PartnerCenterError):
        return
    gate.watch(_ROWS[resource.name])
    results = gate.results()
    assert is_plain(results)
    for result in results:
        require_printable(result["message"])
    outcome = result_or_error(lambda: require(results, resource.name))
    assert outcome is None or isinstance(outcome, ExpectationError)
