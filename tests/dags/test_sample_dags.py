"""The sample DAGs, run by Airflow itself against the emulator."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from airflow_partnercenter.emulator import Emulator
from tests.support.mail import MailServer

SAMPLE_DAGS = Path(__file__).parents[2] / "dags"
TODAY = date(2026, 11, 22)
DAG_IDS = {"partner_center_licenses_report", "partner_center_licenses_to_xcom"}


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """A generated partner, ready as the default connection."""
    with Emulator(today=TODAY) as running:
        monkeypatch.setenv("AIRFLOW_CONN_PARTNER_CENTER_DEFAULT", json.dumps(running.connection()))
        yield running


@pytest.fixture(scope="module")
def dag_bag() -> Any:
    """The sample DAGs as Airflow sees them, registered in its database."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
    from airflow.utils.db import initdb

    initdb()
    DagBundlesManager().sync_bundles_to_db()
    bag = DagBag(dag_folder=str(SAMPLE_DAGS))
    sync_bag_to_db(bag, "dags-folder", None)
    return bag


def run(dag_bag: Any, dag_id: str, conf: dict[str, Any] | None = None) -> Any:
    """Run a DAG with a null logical date, as the UI and the command line start it."""
    return dag_bag.dags[dag_id].test(logical_date=None, run_conf=conf)


def states(dag_run: Any) -> dict[str, str]:
    """Return the state of each task of a run."""
    return {task.task_id: str(task.state) for task in dag_run.get_task_instances()}


def xcom(dag_run: Any, task_id: str) -> Any:
    """Return what a task returned."""
    return dag_run.get_task_instance(task_id).xcom_pull(task_ids=task_id)


def test_dags_import_without_errors(dag_bag: Any) -> None:
    """Airflow finds every sample DAG and no import error."""
    assert dag_bag.import_errors == {}
    assert set(dag_bag.dags) == DAG_IDS


def test_rows_reach_the_summary_task_through_xcom(dag_bag: Any, emulator: Emulator) -> None:
    """The twelve-line DAG returns the rows of the documented request and sums the seats."""
    dag_run = run(dag_bag, "partner_center_licenses_to_xcom")

    rows = xcom(dag_run, "list_licenses")
    assert [(row["service_name"], row["licenses_sold"]) for row in rows] == [("crm", 626), ("o365", 3793)]
    assert xcom(dag_run, "licenses_sold_per_service") == {"crm": 626, "o365": 3793}
    assert [request.path for request in emulator.api_requests] == ["/v1/analytics/licenses/deployment"]


def test_documented_answer_reaches_xcom_exactly(dag_bag: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The 487 documented bytes become these two rows, and no other field."""
    with Emulator(data="documented") as documented:
        monkeypatch.setenv("AIRFLOW_CONN_PARTNER_CENTER_DEFAULT", json.dumps(documented.connection()))
        dag_run = run(dag_bag, "partner_center_licenses_to_xcom")

    assert xcom(dag_run, "list_licenses") == [
        {
            "prorated_deployment_percent": 0.0,
            "licenses_sold": 343,
            "processed_date_time": "2017-03-10T00:00:00.000000Z",
            "service_name": "crm",
            "channel": "reseller",
        },
        {
            "prorated_deployment_percent": 1.0,
            "licenses_sold": 4464,
            "processed_date_time": "2017-03-14T03:25:16.360000Z",
            "service_name": "o365",
            "channel": "reseller",
        },
    ]


def test_report_grows_by_one_snapshot_a_day_and_reruns_change_nothing(
    dag_bag: Any, emulator: Emulator, tmp_path: Path
) -> None:
    """Each processed date gets one file, the report counts them all, and a second run writes the same."""
    conf = {"lake": tmp_path.as_uri()}
    emulator.today = date(2026, 11, 21)
    run(dag_bag, "partner_center_licenses_report", conf)
    emulator.today = TODAY
    dag_run = run(dag_bag, "partner_center_licenses_report", conf)

    folder = tmp_path / "licenses_deployment"
    assert [file.name for file in sorted(folder.iterdir())] == ["2026-11-20.parquet", "2026-11-21.parquet"]
    returned = xcom(dag_run, "write_report")
    assert returned["uri"] == f"{tmp_path.as_uri()}/licenses_report.html"
    newest = pd.read_parquet(folder / "2026-11-21.parquet")
    assert returned["licenses_sold"] == newest["licenses_sold"].sum()
    before = {file: file.read_bytes() for file in folder.iterdir()}

    again = run(dag_bag, "partner_center_licenses_report", conf)

    assert states(again) == dict.fromkeys(states(again), "success")
    assert {file: file.read_bytes() for file in folder.iterdir()} == before


def test_report_does_without_the_older_resource_when_it_is_empty(
    dag_bag: Any, emulator: Emulator, tmp_path: Path
) -> None:
    """The older resource has been seen empty since 2021: its task is skipped, the report is written."""
    from airflow_partnercenter.emulator import Answer

    empty = {"totalCount": 0, "items": [], "attributes": {"objectType": "Collection"}}
    emulator.answer_next(Answer(status=200, body=empty), path="/v1/analytics/licenses/deployment", times=9)

    dag_run = run(dag_bag, "partner_center_licenses_report", {"lake": tmp_path.as_uri()})

    assert states(dag_run)["store_partner_licenses_deployment"] == "skipped"
    assert states(dag_run)["write_report"] == "success"
    assert (tmp_path / "licenses_report.html").stat().st_size > 10_000


def test_alert_is_skipped_where_nothing_fell(dag_bag: Any, emulator: Emulator, tmp_path: Path) -> None:
    """A first snapshot has nothing to fall from: the report is written, nobody is alarmed."""
    dag_run = run(dag_bag, "partner_center_licenses_report", {"lake": tmp_path.as_uri()})

    assert states(dag_run)["alert"] == "skipped"
    assert xcom(dag_run, "write_report")["falls"] == []


def test_alert_names_who_fell_in_the_log_and_by_mail(
    dag_bag: Any, emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logs: Any
) -> None:
    """A customer that lost more than the threshold is in the task's log, and in the mail if there is an address."""
    conf = {"lake": tmp_path.as_uri()}
    emulator.today = date(2026, 11, 21)
    run(dag_bag, "partner_center_licenses_report", conf)
    emulator.today = TODAY

    dag_run = run(dag_bag, "partner_center_licenses_report", conf)

    returned, files = xcom(dag_run, "write_report"), sorted((tmp_path / "licenses_deployment").iterdir())
    before, now = (
        pd.read_parquet(file).groupby("customer_name")["licenses_deployed"].sum().get("Dahlström Engineering S.r.l.")
        for file in files
    )
    sentence = f"Customer Dahlström Engineering S.r.l.: seats deployed fell from {before} to {now} (\u221211.1%)."
    assert (before, now) == (90, 80)
    assert returned["falls"] == [sentence]
    assert states(dag_run)["alert"] == "success"
    assert sentence in logs.text
    assert len(json.dumps(returned)) < 4_000

    with MailServer() as server:
        extra = {"from_email": "licences@partner.example", "disable_ssl": True, "disable_tls": True}
        connection = {"conn_type": "smtp", "host": "127.0.0.1", "port": server.port, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(connection))
        evil = {"fall_percent": 0, "fall_seats": 1, "alert_email": "owner@partner.example"}
        told = run(dag_bag, "partner_center_licenses_report", conf | evil)
    assert states(told)["alert"] == "success"
    [mail] = server.mails
    assert mail["to"] == "owner@partner.example"
    assert mail["subject"] == f"Partner Center licences: {xcom(told, 'write_report')['fall_count']} fell"
    text = mail.get_body(("html",)).get_content()
    assert sentence in text
    assert returned["uri"] in text


def test_csv_files_beside_the_page_hold_every_customer(dag_bag: Any, emulator: Emulator, tmp_path: Path) -> None:
    """The page links to the files, and their customers are all customers of the snapshot."""
    run(dag_bag, "partner_center_licenses_report", {"lake": tmp_path.as_uri()})

    [snapshot] = (tmp_path / "licenses_deployment").iterdir()
    customers = pd.read_csv(tmp_path / "licenses_report_customers.csv")
    assert customers["licenses_sold"].sum() == pd.read_parquet(snapshot)["licenses_sold"].sum()
    page = (tmp_path / "licenses_report.html").read_text()
    for file in tmp_path.glob("licenses_report_*.csv"):
        assert f'<a href="{file.name}">' in page
    assert "Usage beside deployment" in page


def test_names_in_the_alert_are_neither_templates_nor_markup(dag_bag: Any) -> None:
    """Customers choose their names: the mail shows them as they are."""
    import runpy

    from airflow.providers.smtp.notifications.smtp import SmtpNotifier

    class Task:
        def xcom_pull(self, task_ids: str) -> dict[str, Any]:
            return {"falls": ["{{ conn.partner_center_default.password }} <script>"], "uri": "s3://a@b/c?<"}

    names = runpy.run_path(str(SAMPLE_DAGS / "partner_center_licenses_report.py"))
    mail = SmtpNotifier(to="owner@partner.example", html_content=names["ALERT"])
    mail.render_template_fields({"ti": Task()})  # type: ignore[typeddict-item]
    assert "<li>{{ conn.partner_center_default.password }} &lt;script&gt;</li>" in mail.html_content
    assert "s3://a@b/c?&lt;" in mail.html_content
