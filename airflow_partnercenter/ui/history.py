"""The days before today: what the sample DAG would have stored if it had run on each of them, and its report."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from airflow_partnercenter.api.client import PartnerCenterClient
    from airflow_partnercenter.emulator import Emulator

#: How many days of each resource a report can show: the older ones' percents are those of two dates.
_MOST_DAYS = {"partner_licenses_deployment": 2, "partner_licenses_usage": 2}
_RESOURCES = ("licenses_deployment", "licenses_usage", *_MOST_DAYS)


def write_history(emulator: "Emulator", lake: Path, *, days: int) -> int:
    """Store the snapshots of the days up to yesterday, one Parquet file per processed date; return how many days.

    One client reads them all: a task a day would spend its time on starting.

    :param emulator: a running one; its date is moved, and follows the clock afterwards.
    :param lake: the folder of the snapshots.
    """
    today = datetime.now(UTC).date()
    with _client(emulator) as client:
        for age in range(days, 0, -1):
            emulator.today = today - timedelta(days=age)
            for resource in _RESOURCES:
                if age <= _MOST_DAYS.get(resource, days):
                    _store_snapshot(client, resource, lake / resource)
    emulator.today = None
    return len(list((lake / "licenses_deployment").glob("*.parquet")))


def write_report(lake: Path) -> None:
    """Write the report of all snapshots, as the sample DAG does."""
    from airflow_partnercenter.reports import build_license_report

    deployment, usage, partner_deployment, partner_usage = (_read(lake / resource) for resource in _RESOURCES)
    report = build_license_report(deployment, partner_deployment, usage, partner_usage)
    names = {table: f"licenses_report_{table}.csv" for table in report.to_csv()}
    for table, content in report.to_csv().items():
        (lake / names[table]).write_bytes(content)
    (lake / "licenses_report.html").write_text(report.to_html(csv_names=names), encoding="utf-8")


def _client(emulator: "Emulator") -> "PartnerCenterClient":
    from airflow_partnercenter.api.client import PartnerCenterClient
    from airflow_partnercenter.api.entra.credentials import AppUserCredentials
    from airflow_partnercenter.api.wire.network import Network

    return PartnerCenterClient(
        AppUserCredentials(emulator.tenant_id, emulator.client_id, emulator.client_secret, emulator.refresh_token),
        base_url=emulator.base_url,
        authority=emulator.authority,
        network=Network(ca_bundle=emulator.ca_bundle),
    )


def _store_snapshot(client: "PartnerCenterClient", resource: str, folder: Path) -> None:
    from airflow_partnercenter.file_formats import WRITERS

    reader = client.iter_licenses(resource)
    batches = list(reader)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{str(reader.newest)[:10]}.parquet").open("wb") as file:
        writer = WRITERS["parquet"](file, reader.schema, {"resource": resource})
        for batch in batches:
            writer.write(batch)
        writer.close()


def _read(folder: Path) -> "dict[str, pd.DataFrame]":
    import pandas as pd

    return {file.name: pd.read_parquet(file, dtype_backend="numpy_nullable") for file in sorted(folder.iterdir())}
