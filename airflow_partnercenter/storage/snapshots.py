"""Parquet files that were written earlier, read back."""

from typing import TYPE_CHECKING

from airflow_partnercenter.storage.paths import open_path
from airflow_partnercenter.storage.store_errors import store_errors

if TYPE_CHECKING:
    import pandas as pd


def read_snapshots(folder_uri: str) -> "dict[str, pd.DataFrame]":
    """Return the Parquet files of a folder by name, oldest name first; empty if there is no such folder.

    :return: frames with nullable dtypes: a missing count is ``<NA>``.
    """
    import pandas as pd

    folder = open_path(f"{folder_uri.rstrip('/')}/")
    with store_errors(folder_uri):
        files = sorted(folder.glob("*.parquet"), key=lambda file: file.name) if folder.exists() else []
        frames = {}
        for file in files:
            with file.open("rb") as stream:  # type: ignore[no-untyped-call]
                frames[file.name] = pd.read_parquet(stream, dtype_backend="numpy_nullable")
    return frames
