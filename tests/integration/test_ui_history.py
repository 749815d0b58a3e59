"""The made-up past of the UI is what the sample DAG would have stored."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from airflow_partnercenter.emulator import Emulator
from airflow_partnercenter.operators.partner_center import PartnerCenterLicensesToObjectStorageOperator
from airflow_partnercenter.ui.history import write_history, write_report


def test_history_is_what_the_operator_stores_on_each_day(tmp_path: Path, connect: Callable[..., None]) -> None:
    """Names and rows of all files, for four days of the four resources; the report counts them all."""
    lake = tmp_path / "lake"
    with Emulator(customers=3) as emulator:
        assert write_history(emulator, lake, days=4) == 4
        connect(emulator)
        today, expected = datetime.now(UTC).date(), tmp_path / "expected"
        assert emulator.today == today
        for age in (4, 3, 2, 1):
            emulator.today = today - timedelta(days=age)
            for resource in ("licenses_deployment", "licenses_usage", "partner_licenses_deployment"):
                PartnerCenterLicensesToObjectStorageOperator(
                    task_id="store",
                    resource=resource,
                    destination=f"{(expected / resource).as_uri()}/{{processed_date}}.parquet",
                ).execute({})
    names = {folder.name: sorted(file.name for file in folder.iterdir()) for folder in expected.iterdir()}
    names["partner_licenses_deployment"] = names["partner_licenses_deployment"][-2:]
    for resource, files in names.items():
        assert sorted(file.name for file in (lake / resource).iterdir()) == files
        for file in files:
            pd.testing.assert_frame_equal(
                pd.read_parquet(lake / resource / file), pd.read_parquet(expected / resource / file)
            )

    write_report(lake)

    page = (lake / "licenses_report.html").read_text()
    newest = pd.read_parquet(sorted((lake / "licenses_deployment").iterdir())[-1])
    assert f"{newest['licenses_sold'].sum():,}" in page
    assert "Usage beside deployment" in page
    assert "Prorated deployment percent" in page
    assert len(list(lake.glob("licenses_report_*.csv"))) == 7
