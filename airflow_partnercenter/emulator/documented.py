"""The example answers of Microsoft's documentation, byte for byte."""

import json
from functools import cache
from importlib.resources import files

from airflow_partnercenter.emulator.partner import Customer, Kind, Row

BOM = b"\xef\xbb\xbf"

# the one customer of the newer endpoints' examples
CUSTOMERS = [Customer("0112a436-b14e-4888-967b-ca4bb2cf1234", "TEST COMPANY", "testcompany.example")]

_DEFAULT_HEADERS = {"MS-CV": "f0trvmq8mEScHcFS.0", "MS-ServerId": "102030524"}
_HEADERS = {
    "partner_licenses_usage": {"MS-CV": "wk0/vjugzEe0Z9cv.0", "MS-ServerId": "101112012"},
    "customer_licenses_deployment": {"MS-CV": "deEp2Wy6DUitMCYA.0", "MS-ServerId": "102030524"},
    "customer_licenses_usage": {"MS-CV": "0mufM0K1kEOoR7oI.0", "MS-ServerId": "030020525"},
}


@cache
def body(name: str) -> bytes:
    """Return the bytes of a documented body, with its byte order mark."""
    return (files("airflow_partnercenter.emulator") / "documented" / f"{name}.wire.bin").read_bytes()


def headers(name: str) -> dict[str, str]:
    """Return the response headers that the page prints; the pages of the newer endpoints copied the first page's."""
    return _HEADERS.get(name, _DEFAULT_HEADERS)


def commercial_name(kind: Kind) -> str:
    """Return the name of the body of a newer endpoint."""
    return f"commercial_{kind}_license"


def rows(kind: Kind) -> list[Row]:
    """Return the rows of a newer endpoint's example."""
    found: list[Row] = json.loads(body(commercial_name(kind)).removeprefix(BOM))["Value"]
    return found


def counts(kind: Kind) -> tuple[str, str]:
    """Return the names of the counts as the examples print them; ``licenseActive`` is the page's own misspelling."""
    return ("licensesDeployed", "licensesSold") if kind == "deployment" else ("licenseActive", "licensesQualified")
