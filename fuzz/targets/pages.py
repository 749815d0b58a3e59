"""A body of a licence resource: typed rows or a typed error, the same by the fast way and the slow one."""

import json
from collections.abc import Iterator
from typing import Any

from airflow_partnercenter.api.pages.columnar import ColumnReader
from airflow_partnercenter.api.pages.decoding import RowDecoder, schema_of
from airflow_partnercenter.api.pages.envelope import decode_records
from airflow_partnercenter.api.resources import RESOURCES
from airflow_partnercenter.emulator import documented
from airflow_partnercenter.exceptions import PartnerCenterError
from airflow_partnercenter.rows import to_rows
from fuzz.promises import is_plain, result_or_error

_RESOURCES = list(RESOURCES.values())
_BODIES = (
    "partner_licenses_deployment",
    "partner_licenses_usage",
    "customer_licenses_deployment",
    "customer_licenses_usage",
    "commercial_deployment_license",
    "commercial_usage_license",
)
#: Arrow's columns for one byte of JSON: ``{},`` becomes a row of eleven nulls.
_MOST_BYTES_FOR_ONE = 64


def seeds() -> Iterator[bytes]:
    """Yield the documented bodies, each first as the answer of its own resource, and some that differ a little."""
    for place, name in enumerate(_BODIES):
        body = documented.body(name)
        yield bytes([place]) + body
        yield bytes([place]) + body.removeprefix(documented.BOM)
    row = json.loads(documented.body(_BODIES[4]).removeprefix(documented.BOM))["Value"][0]
    odd: list[dict[str, Any]] = [
        {"Value": [], "@nextLink": None, "TotalCount": 0},
        {"Value": None, "TotalCount": 0},
        {"Value": [row | {"licensesSold": "63", "licensesDeployed": 206.0}], "@nextLink": "?skip=1", "TotalCount": "1"},
        {"Value": [row | {"processedDateTime": "2017-03-14T03:25:16.3612345+05:30", "new": [1]}], "TotalCount": 1},
        {"Value": [row | {"licensesSold": 2**63 - 1, "customerName": "\u00e9\U0001f600\x00"}, {}], "TotalCount": 2},
    ]
    for envelope in odd:
        yield b"\x04" + json.dumps(envelope).encode()
        yield b"\x04" + json.dumps(envelope, ensure_ascii=False).encode()


def check(data: bytes) -> None:
    """Decode a body both ways."""
    resource, body = _RESOURCES[data[0] % len(_RESOURCES)] if data else _RESOURCES[0], data[1:]
    slow = result_or_error(lambda: _read_slowly(RowDecoder(resource), body))
    page = result_or_error(lambda: RowDecoder(resource).decode(body))
    if isinstance(page, PartnerCenterError):
        assert type(page) is type(slow), (page, slow)
        return
    page.rows.validate(full=True)
    assert page.rows.nbytes <= _MOST_BYTES_FOR_ONE * len(body) + 1024, (page.rows.nbytes, len(body))
    rows = to_rows(page.rows)
    assert is_plain(rows)
    fast = ColumnReader(resource, schema_of(resource)).read(body) if resource.is_commercial else None
    if fast is not None:
        assert not isinstance(slow, PartnerCenterError), slow
        assert (to_rows(slow[0]), *slow[1:]) == (to_rows(fast.rows), fast.stated_total, fast.next_link)


def _read_slowly(decoder: RowDecoder, body: bytes) -> tuple[Any, ...]:
    page = decode_records(body)
    return decoder.to_batch(page.rows), page.stated_total, page.next_link
