"""Arrow batches become one complete file at any ObjectStoragePath: whole or not at all.

The file is spooled to the worker's disk first and put in place in one step, since closing an object-store stream
commits what was written so far, also when an exception is the reason for closing it.
"""

from airflow_partnercenter.storage.destinations import PROCESSED_DATE, Destination
from airflow_partnercenter.storage.paths import filesystem_of, open_path
from airflow_partnercenter.storage.snapshots import read_snapshots
from airflow_partnercenter.storage.spool import SpooledFile, write_whole
from airflow_partnercenter.storage.web_addresses import file_web_address

__all__ = [
    "PROCESSED_DATE",
    "Destination",
    "SpooledFile",
    "file_web_address",
    "filesystem_of",
    "open_path",
    "read_snapshots",
    "write_whole",
]
