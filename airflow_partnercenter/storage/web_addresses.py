"""Where a person finds a file in a browser: as Airflow's configuration says, else the console of the file's cloud."""

import json
from typing import Any
from urllib.parse import quote

from airflow.providers.common.compat.sdk import conf

from airflow_partnercenter.exceptions import ConfigurationError
from airflow_partnercenter.locations import FileLocation
from airflow_partnercenter.storage.paths import filesystem_of, open_path, require_scheme

_EXAMPLE = '{"s3://bucket/folder": "https://reports.example"}'


def file_web_address(uri: str, filesystem: Any = None) -> str | None:
    """Return where a person finds a file in a browser, or None: local files and private stores have no such page.

    ``[partner_center] file_web_addresses`` comes first: of the folders that hold the file, the innermost one.

    :param uri: ``scheme://[connection@]bucket/key`` or ``file:///path``.
    :param filesystem: fsspec's, if the file was opened already; it knows region and account. No key and no signature of
        it is used.
    :raises ConfigurationError: the option is not such an object, or the URI cannot be opened.
    """
    require_scheme(uri)
    file = FileLocation.of(uri).uri
    holding = {folder: address for folder, address in _configured().items() if file.startswith(folder)}
    if holding:
        folder = max(holding, key=len)
        return f"{holding[folder]}/{quote(file.removeprefix(folder))}"
    return FileLocation.of(uri).web_address(filesystem or filesystem_of(open_path(uri)))


def _configured() -> dict[str, str]:
    """Return the web address of each folder, whose URI ends with a slash and names no connection."""
    text = conf.get("partner_center", "file_web_addresses", fallback="") or "{}"
    try:
        addresses = {
            FileLocation.of(f"{folder.rstrip('/')}/").uri: address.rstrip("/")
            for folder, address in json.loads(text).items()
        }
    except (AttributeError, ValueError):
        addresses = {"": ""}
    if not all(address.startswith(("https://", "http://")) for address in addresses.values()):
        raise ConfigurationError(
            f"[partner_center] file_web_addresses in Airflow's configuration is not a JSON object like {_EXAMPLE}."
        )
    return addresses
