"""A destination: a checked place whose names can be told, or a typed error that repeats no key."""

import re
from collections.abc import Iterator
from types import SimpleNamespace

from airflow_partnercenter.exceptions import PartnerCenterError
from airflow_partnercenter.locations import FileLocation
from airflow_partnercenter.storage.destinations import Destination
from airflow_partnercenter.storage.paths import connection_id
from fuzz.promises import result_or_error, text_of

#: Where a key stands, it must not be repeated; the same word elsewhere is a word.
_KEY = "Keyword5a1c77"
_WITH_KEY = re.compile(rf"([a-z0-9+.-]*://)?[A-Za-z0-9]*(:|%3A){_KEY}@", re.IGNORECASE)
_FORMATS = (None, "parquet", "csv", "json", "jsonl", "xml")
_FILESYSTEM = SimpleNamespace(account_name="account", connection_string="AccountName=a;BlobEndpoint=https://a.blob.x")


def seeds() -> Iterator[bytes]:
    """Yield destinations of every kind."""
    for uri in (
        "s3://conn@bucket/licenses/{processed_date}.parquet",
        "abfs://conn@container/a.csv.gz",
        "abfss://container@account.dfs.core.windows.net/a.csv",
        "gs://bucket/a?b#c.jsonl",
        "file:///tmp/a.json",
        "local:/a.json",
        f"s3://key:{_KEY}@bucket/a.parquet",
        f"KEY%3A{_KEY}@bucket/a.csv",
        "s3://arn:aws:s3:eu-west-1:1:accesspoint/name/a.csv",
        "/tmp/a.csv",  # noqa: S108 - only parsed
    ):
        for place in range(len(_FORMATS)):
            yield bytes([place]) + uri.encode()


def check(data: bytes) -> None:
    """Check a destination, fill in a day, and tell its names."""
    file_format, uri = _FORMATS[data[0] % len(_FORMATS)] if data else None, text_of(data[1:])
    parsed = result_or_error(lambda: Destination.parse(uri, file_format))
    if isinstance(parsed, PartnerCenterError):
        assert not (_WITH_KEY.match(uri) and _KEY.lower() in str(parsed).lower()), parsed
        return
    assert not _WITH_KEY.match(uri), uri
    final = parsed.at("2026-11-20")
    assert final.is_final
    connection_id(final.uri)
    location = FileLocation.of(final.uri)
    assert location.scheme == location.scheme.lower()
    assert location.key
    assert location.asset_uri
    location.openlineage_name(_FILESYSTEM)
    address = location.web_address(_FILESYSTEM)
    assert address is None or address.startswith("https://")
