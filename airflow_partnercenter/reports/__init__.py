"""Licence reports from the snapshots in the lake: frames in, frames and one HTML page out.

Imports neither Airflow nor the API client, so that a user's own task or notebook can build a report too. The
tables need pandas alone; the page also needs the extra ``[reports]``.
"""

from airflow_partnercenter.reports.csv_files import to_csv
from airflow_partnercenter.reports.falls import describe_falls, find_falls
from airflow_partnercenter.reports.licenses import LicenseReport, build_license_report

__all__ = ["LicenseReport", "build_license_report", "describe_falls", "find_falls", "to_csv"]
