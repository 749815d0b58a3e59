"""The sample DAGs, run by Airflow itself against the emulator."""

import codecs
import dataclasses
import json
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, AirflowSkipException

from airflow_partnercenter.emulator import Answer, Emulator
from tests.support import airflow_dags
from tests.support.airflow_versions import AIRFLOW
from tests.support.mail import MailServer

SAMPLE_DAGS = Path(__file__).parents[2] / "dags"
TODAY = date(2026, 11, 22)
DAG_IDS = {
    "partner_center_backfill",
    "partner_center_customers_fan_out",
    "partner_center_licenses_report",
    "partner_center_licenses_to_xcom",
    "partner_center_on_new_snapshot",
    # started by an asset watcher, which came with Airflow 3
    *(["partner_center_on_new_data"] if AIRFLOW.major >= 3 else []),
}
needs_watchers = pytest.mark.airflow(">=3.0")


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """A generated partner, ready as the default connection."""
    with Emulator(today=TODAY) as running:
        monkeypatch.setenv("AIRFLOW_CONN_PARTNER_CENTER_DEFAULT", json.dumps(running.connection()))
        yield running


@pytest.fixture(scope="module")
def dag_bag() -> Any:
    """The sample DAGs as Airflow sees them, registered in its database."""
    return airflow_dags.registered(folder=SAMPLE_DAGS)


def run(dag_bag: Any, dag_id: str, conf: dict[str, Any] | None = None) -> Any:
    """Run a DAG with a null logical date, as the UI and the command line start it."""
    return airflow_dags.run(dag_bag.dags[dag_id], conf)


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


def test_dags_use_nothing_that_airflow_warns_of(dag_bag: Any) -> None:
    """Airflow shows the warnings of a file to its users; theirs would be the same in a copy of it."""
    assert dag_bag.captured_warnings == {}


def test_dags_explain_themselves_in_the_ui(dag_bag: Any) -> None:
    """Each has a sentence in the list, a page of its own, a tag, and for each parameter a title and a help text."""
    for dag in dag_bag.dags.values():
        assert 30 < len(dag.description) < 100, dag.dag_id
        assert dag.doc_md.startswith("### "), dag.dag_id
        assert len(dag.doc_md) > 200, dag.dag_id
        assert set(dag.tags) == {"partner_center"}
        for name in dag.params:
            param = dag.params.get_param(name)
            assert len(param.schema["title"]) < 60, (dag.dag_id, name)
            assert len(param.description) > 20, (dag.dag_id, name)


def test_forms_start_a_run_as_they_are(dag_bag: Any) -> None:
    """Airflow's form takes a text that may be empty for one that is missing, unless it may be null: no such default.

    Only the backfill asks for something: its days.
    """
    asked = {}
    for dag in dag_bag.dags.values():
        for name in dag.params:
            param = dag.params.get_param(name)
            optional = "null" in param.schema["type"]
            if (not optional and not param.has_value) or (not optional and param.value in ("", None)):
                asked.setdefault(dag.dag_id, []).append(name)
    assert asked == {"partner_center_backfill": ["from", "to"]}


def test_lake_of_the_environment_is_the_default_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """One variable leads all sample DAGs elsewhere; without it they say where they write."""
    import runpy

    for lake in ("s3://conn@bucket/lake", None):
        monkeypatch.delenv("PARTNER_CENTER_LAKE", raising=False)
        if lake:
            monkeypatch.setenv("PARTNER_CENTER_LAKE", lake)
        found = [runpy.run_path(str(file)).get("LAKE") for file in sorted(SAMPLE_DAGS.glob("*.py"))]
        assert [each for each in found if each] == [lake or "file:///tmp/partner_center"] * 4


def test_rows_reach_the_summary_task_through_xcom(dag_bag: Any, emulator: Emulator) -> None:
    """The twelve-line DAG returns the rows of the documented request and sums the seats."""
    dag_run = run(dag_bag, "partner_center_licenses_to_xcom")

    rows = xcom(dag_run, "list_licenses")
    assert [(row["service_name"], row["licenses_sold"]) for row in rows] == [("crm", 626), ("o365", 3793)]
    assert xcom(dag_run, "licenses_sold_per_service") == {"crm": 626, "o365": 3793}
    assert [request.path for request in emulator.api_requests] == ["/v1/analytics/licenses/deployment"]


def test_no_rows_skip_the_summary(dag_bag: Any, emulator: Emulator) -> None:
    """Microsoft has superseded the resource: where it is empty, nobody sums nothing, and the run has not failed."""
    emulator.inject("empty_result")
    dag_run = run(dag_bag, "partner_center_licenses_to_xcom")

    assert dag_run.state == "success"
    assert set(states(dag_run).values()) == {"skipped"}


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
    before = {file: pd.read_parquet(file) for file in folder.iterdir()}

    again = run(dag_bag, "partner_center_licenses_report", conf)

    assert states(again) == dict.fromkeys(states(again), "success")
    # the files hold the correlation ID of the read that wrote them, and so differ in that
    assert set(folder.iterdir()) == set(before)
    for file, frame in before.items():
        pd.testing.assert_frame_equal(pd.read_parquet(file), frame)


@needs_watchers
def test_new_data_is_stored_and_told_of(dag_bag: Any, emulator: Emulator, tmp_path: Path) -> None:
    """Started by hand there is no event; the file is that of the newest processed date, and a second run repeats it."""
    for _ in range(2):
        dag_run = run(dag_bag, "partner_center_on_new_data", {"lake": tmp_path.as_uri()})
        assert set(states(dag_run).values()) == {"success"}
        assert xcom(dag_run, "list_processed_dates") == []
        assert [file.name for file in (tmp_path / "licenses_deployment").iterdir()] == ["2026-11-21.parquet"]


@needs_watchers
def test_dates_are_those_of_the_watchers_event(dag_bag: Any) -> None:
    """The last one's; an event that a person made in the UI has no payload, and is no failure."""
    read = dag_bag.dags["partner_center_on_new_data"].get_task("list_processed_dates").python_callable
    old, new = ([{"service_code": "crm", "processed_date_time": day}] for day in ("2026-11-19", "2026-11-20"))
    told = [SimpleNamespace(extra={"payload": {"processed_dates": dates}}) for dates in (old, new)]
    by_hand = SimpleNamespace(extra={"from_rest_api": True})
    assert read(triggering_asset_events={"asset": told}) == new
    assert read(triggering_asset_events={"asset": [by_hand]}) == []
    assert read(triggering_asset_events=None) == []


class _EventsOfAnyAsset:
    """Stands where Airflow's events are: an asset is the key, which not every Airflow can hash."""

    def __init__(self, events: list[Any]) -> None:
        self._events = events

    def __getitem__(self, asset: Any) -> list[Any]:
        return self._events


def test_downstream_dag_skips_where_no_event_names_a_snapshot(dag_bag: Any) -> None:
    """None yet, or one that a person made in the UI."""
    read = dag_bag.dags["partner_center_on_new_snapshot"].get_task("most_unused_seats").python_callable
    for events in ([], [SimpleNamespace(extra={"from_rest_api": True})]):
        with pytest.raises(AirflowSkipException, match="No snapshot yet"):
            read(inlet_events=_EventsOfAnyAsset(events))


@needs_watchers
def test_new_data_dag_is_started_by_its_watcher(dag_bag: Any) -> None:
    """The asset's one watcher has the event trigger, with an interval that Partner Center may be asked at."""
    [asset] = dag_bag.dags["partner_center_on_new_data"].timetable.asset_condition.objects
    [watcher] = asset.watchers
    path, arguments = watcher.trigger.serialize() if hasattr(watcher.trigger, "serialize") else watcher.trigger
    assert path == "airflow_partnercenter.triggers.partner_center.PartnerCenterLicensesEventTrigger"
    assert (arguments["resource"], arguments["poll_interval"]) == ("licenses_deployment", 900)


@needs_watchers
def test_asset_name_means_one_thing_in_all_dags(dag_bag: Any) -> None:
    """Airflow knows an asset by its name: a file that names it without the watcher would take the watcher away."""
    watchers: dict[str, set[frozenset[str]]] = {}
    for dag in dag_bag.dags.values():
        scheduled = getattr(dag.timetable.asset_condition, "objects", [])
        used = [asset for task in dag.tasks for asset in [*task.inlets, *task.outlets]]
        for asset in [*scheduled, *used]:
            found = frozenset(watcher.name for watcher in asset.watchers)
            watchers.setdefault(asset.name, set()).add(found)
    assert watchers == {
        "partner_center_licenses_deployment": {frozenset()},
        "partner_center_new_licenses": {frozenset({"new_licenses_deployment"})},
    }


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


def test_new_snapshot_reaches_the_downstream_dag(dag_bag: Any, emulator: Emulator, tmp_path: Path) -> None:
    """The report's asset event names the file, and the DAG on the asset reads that file."""
    run(dag_bag, "partner_center_licenses_report", {"lake": tmp_path.as_uri()})
    downstream = run(dag_bag, "partner_center_on_new_snapshot")

    snapshot = pd.read_parquet(tmp_path / "licenses_deployment" / "2026-11-21.parquet")
    unused = (snapshot["licenses_sold"] - snapshot["licenses_deployed"]).groupby(snapshot["customer_name"]).sum()
    returned = {row["customer_name"]: row["unused"] for row in xcom(downstream, "most_unused_seats")}
    assert len(returned) == 10
    assert returned == unused[list(returned)].to_dict()
    assert min(returned.values()) >= unused.drop(list(returned)).max()


def _read(file: Path) -> pd.DataFrame:
    return pd.read_parquet(file, columns=["customer_id", "product_name", "licenses_sold", "processed_date_time"])


def _served(emulator: Emulator) -> list[tuple[str, str, int]]:
    """Return customer, product and seats of every row that the emulated partner has."""
    rows = emulator.partner.rows("deployment")
    return sorted((row["customerTenantId"].lower(), row["productName"], row["licensesSold"]) for row in rows)


def _stored(folder: Path) -> list[tuple[str, str, int]]:
    frames = [_read(file) for file in folder.glob("*.parquet")]
    rows = pd.concat(frames)[["customer_id", "product_name", "licenses_sold"]]
    return sorted(rows.itertuples(index=False, name=None))


def _fan_out(dag_bag: Any, lake: Path, batch_size: int = 250) -> tuple[Any, Path]:
    # Named each time: ``dag.test`` leaves the parameters of one run behind for the next.
    conf = {"lake": lake.as_uri(), "batch_size": batch_size}
    dag_run = run(dag_bag, "partner_center_customers_fan_out", conf)
    return dag_run, lake / "customer_licenses_deployment" / dag_run.run_id


def test_every_customer_is_in_exactly_one_file(dag_bag: Any, emulator: Emulator, tmp_path: Path) -> None:
    """Three batches of about the same size hold the rows served, each once, with a request for each customer."""
    dag_run, folder = _fan_out(dag_bag, tmp_path, batch_size=16)

    assert states(dag_run) == dict.fromkeys(states(dag_run), "success")
    plan = json.loads((folder / "customers.json").read_text())
    assert [customer["customer_id"] for customer in plan] == [customer.id for customer in emulator.partner.customers]
    for name, count in (("0000.parquet", 14), ("0001.parquet", 13), ("0002.parquet", 13)):
        own = [customer["customer_id"] for customer in plan if customer["file"] == name]
        assert len(own) == count
        assert set(_read(folder / name)["customer_id"]) <= set(own)
    assert _stored(folder) == _served(emulator)
    names = {task.rendered_map_index for task in dag_run.get_task_instances() if task.task_id == "store_batch"}
    assert names == {file.name for file in folder.glob("*.parquet")}
    asked = [request.path for request in emulator.api_requests if request.path.endswith("/deployment")]
    assert len(asked) == len(set(asked)) == 40


def test_customer_table_says_where_seats_can_be_activated(dag_bag: Any, emulator: Emulator, tmp_path: Path) -> None:
    """A line for each customer with seats sold, deployed and unused, and the rate; most unused first."""
    dag_run, folder = _fan_out(dag_bag, tmp_path)

    table = pd.read_csv(folder / "customers.csv")
    rows = pd.DataFrame(emulator.partner.rows("deployment"))
    sums = rows.groupby(rows["customerTenantId"].str.lower())[["licensesSold", "licensesDeployed"]].sum()
    unused = sums["licensesSold"] - sums["licensesDeployed"]
    by_customer = table.set_index("customer_id")
    assert list(table["customer_id"][: len(sums)]) == list(by_customer.index[: len(sums)])
    assert table["licenses_unused"].dropna().is_monotonic_decreasing
    for column, expected in (
        ("licenses_sold", sums["licensesSold"]),
        ("licenses_deployed", sums["licensesDeployed"]),
        ("licenses_unused", unused),
        ("deployment_percent", (100 * sums["licensesDeployed"] / sums["licensesSold"]).round(2)),
    ):
        assert by_customer[column].dropna().sort_index().tolist() == expected.sort_index().tolist(), column
    assert len(table) == 40
    returned = xcom(dag_run, "report_customers")
    assert returned["uri"] == f"{tmp_path.as_uri()}/{folder.relative_to(tmp_path)}/customers.csv"
    assert returned["licenses_sold"] == sums["licensesSold"].sum()
    assert (returned["customers"], returned["customers_left_out"]) == (40, 0)
    assert f"{sums['licensesSold'].sum():,}" in (folder / "customers.html").read_text()


def test_name_of_a_customer_is_no_formula_in_the_table(dag_bag: Any, emulator: Emulator, tmp_path: Path) -> None:
    """Customers choose their names, and the table is made to be opened in a spreadsheet, umlauts included."""
    customers, name = emulator.partner.customers, '=HYPERLINK("https://x.example"; "Söhne")'
    customers[3] = dataclasses.replace(customers[3], name=name)

    _, folder = _fan_out(dag_bag, tmp_path)

    assert (folder / "customers.csv").read_bytes().startswith(codecs.BOM_UTF8)
    table = pd.read_csv(folder / "customers.csv").set_index("customer_id")
    assert table.loc[customers[3].id, "customer_name"] == f"'{name}"


def test_customers_that_are_refused_or_have_no_rows_are_listed_not_lost(
    dag_bag: Any, emulator: Emulator, tmp_path: Path
) -> None:
    """One customer answers 403, another has no rows: both have their line in the table, which says which is which."""
    refused, empty = (customer.id for customer in emulator.partner.customers[3:5])
    emulator.inject("fault_text_code", path=f"/customers/{refused}/")
    emulator.inject("empty_result", path=f"/customers/{empty}/")

    dag_run, folder = _fan_out(dag_bag, tmp_path, batch_size=10)

    table = pd.read_csv(folder / "customers.csv").set_index("customer_id")
    assert len(table) == 40
    assert table.loc[refused, "left_out"] == "403 Access denied"
    assert table["left_out"].notna().sum() == 1
    assert table.loc[[refused, empty], "licenses_sold"].isna().all()
    returned = xcom(dag_run, "report_customers")
    assert (returned["customers_left_out"], returned["customers_without_rows"]) == (1, 1)


def test_customers_left_out_that_xcom_has_no_room_for_fail_the_table(
    dag_bag: Any, emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table that took a refused customer for one without rows would be wrong; the way out is in the error."""
    monkeypatch.setenv("AIRFLOW__PARTNER_CENTER__MAX_XCOM_BYTES", "300")
    for customer in emulator.partner.customers[3:7]:
        emulator.inject("fault_text_code", path=f"/customers/{customer.id}/")

    dag_run, folder = _fan_out(dag_bag, tmp_path, batch_size=10)

    assert states(dag_run)["report_customers"] == "failed"
    assert not (folder / "customers.csv").exists()
    sample = sys.modules[dag_bag.dags[dag_run.dag_id].get_task("report_customers").python_callable.__module__]
    batch = next(task for task in dag_run.get_task_instances() if (task.task_id, task.map_index) == ("store_batch", 0))
    with pytest.raises(AirflowFailException, match=r"leaves out 4 customers.*only 2: raise .*max_xcom_bytes"):
        sample.list_left_out([batch.xcom_pull(task_ids="store_batch", map_indexes=0)])


def test_customer_without_a_profile_has_its_line(dag_bag: Any, emulator: Emulator, tmp_path: Path) -> None:
    """Whether Partner Center leaves the profile out or says null."""
    customers = [{"id": customer.id, "companyProfile": None} for customer in emulator.partner.customers[:2]]
    del customers[1]["companyProfile"]
    emulator.answer_next(Answer(200, {"totalCount": 2, "items": customers}), "/v1/customers")

    dag_run, folder = _fan_out(dag_bag, tmp_path)

    assert states(dag_run) == dict.fromkeys(states(dag_run), "success")
    table = pd.read_csv(folder / "customers.csv")
    assert set(table["customer_id"]) == {customer["id"] for customer in customers}
    assert table["customer_name"].isna().all()


def test_partner_whose_customers_all_have_no_rows_gets_a_table_of_them(
    dag_bag: Any, emulator: Emulator, tmp_path: Path
) -> None:
    """The resource has been seen empty since 2021: every customer is listed, nothing is counted."""
    emulator.inject("empty_result", path="/customers/", times=1000)

    dag_run, folder = _fan_out(dag_bag, tmp_path)

    assert states(dag_run) == dict.fromkeys(states(dag_run), "success")
    assert len(pd.read_csv(folder / "customers.csv")) == 40
    assert xcom(dag_run, "report_customers")["customers_without_rows"] == 40


def test_too_many_batches_are_refused_with_the_size_to_choose(
    dag_bag: Any, emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More batches than [core] max_map_length fail before anything is written."""
    monkeypatch.setenv("AIRFLOW__CORE__MAX_MAP_LENGTH", "3")

    dag_run, folder = _fan_out(dag_bag, tmp_path, batch_size=10)

    assert states(dag_run)["list_customers"] == "failed"
    assert not folder.exists()
    again, folder = _fan_out(dag_bag, tmp_path, batch_size=14)
    assert states(again) == dict.fromkeys(states(again), "success")
    assert len(list(folder.glob("*.parquet"))) == 3


def test_run_keeps_its_batches_when_the_customers_change(dag_bag: Any, emulator: Emulator, tmp_path: Path) -> None:
    """Whoever runs `list_customers` again in the same run finds the list of before, in the same batches."""
    _, folder = _fan_out(dag_bag, tmp_path, batch_size=30)
    list_customers = dag_bag.dags["partner_center_customers_fan_out"].get_task("list_customers").python_callable
    before = (folder / "customers.json").read_bytes()
    emulator.requests.clear()

    batches = list_customers(f"file://{folder}", params={"batch_size": 30})

    assert [batch["file"] for batch in batches] == ["0000.parquet", "0001.parquet"]
    assert (folder / "customers.json").read_bytes() == before
    assert emulator.requests == []


@pytest.mark.parametrize("damage", ["moved", "missing", "stray", "cut", "unread"])
def test_files_that_are_not_as_written_fail_the_check(
    dag_bag: Any, emulator: Emulator, tmp_path: Path, damage: str
) -> None:
    """A customer in two files, a file that is gone, too many, of other rows or was never written: no report."""
    from airflow.providers.common.compat.sdk import AirflowFailException

    _, folder = _fan_out(dag_bag, tmp_path, batch_size=20)
    first, second = (folder / name for name in ("0000.parquet", "0001.parquet"))
    files = [{"uri": f"file://{file}", "row_count": len(_read(file))} for file in (first, second)]
    rows = pd.read_parquet(second)
    if damage == "moved":  # the same number of rows, one of them a customer of the other file
        rows.loc[0, "customer_id"] = _read(first)["customer_id"].iloc[0]
        rows.to_parquet(second)
    elif damage == "missing":
        second.unlink()
    elif damage == "stray":
        rows.to_parquet(folder / "0002.parquet")
    elif damage == "unread":  # as after somebody marked the task as done
        second.unlink()
        files.pop()
    else:
        rows.iloc[1:].to_parquet(second)
    report = dag_bag.dags["partner_center_customers_fan_out"].get_task("report_customers").python_callable

    with pytest.raises(
        AirflowFailException, match="not their customer's" if damage == "moved" else "files that this run"
    ):
        report([{"folder": f"file://{folder}", "file": "0000.parquet"}], files)


def _backfill(dag_bag: Any, lake: Path, first: str, last: str) -> Any:
    return run(dag_bag, "partner_center_backfill", {"lake": lake.as_uri(), "from": first, "to": last})


def _mapped_states(dag_run: Any, task_id: str) -> list[str]:
    tasks = [task for task in dag_run.get_task_instances() if task.task_id == task_id]
    return [str(task.state) for task in sorted(tasks, key=lambda task: task.map_index)]


def test_backfill_writes_a_file_for_each_processed_day(dag_bag: Any, emulator: Emulator, tmp_path: Path) -> None:
    """Days before the history have no rows and are skipped; each file has exactly the rows of its day."""
    emulator.partner.history_days = 10  # from 12 November on

    dag_run = _backfill(dag_bag, tmp_path, "2026-11-10", "2026-11-14")

    folder = tmp_path / "licenses_deployment"
    assert _mapped_states(dag_run, "store_day") == ["skipped", "skipped", "success", "success", "success"]
    names = [file.name for file in sorted(folder.iterdir())]
    assert names == [f"2026-11-{day}-processed.parquet" for day in (12, 13, 14)]
    for file in folder.iterdir():
        frame = pd.read_parquet(file)
        assert set(frame["processed_date_time"].dt.date.astype(str)) == {file.name[:10]}
        assert len(frame) == len(emulator.partner.rows("deployment", date.fromisoformat(file.name[:10])))


def test_backfill_goes_on_where_it_ended(dag_bag: Any, emulator: Emulator, tmp_path: Path) -> None:
    """The days that are there are neither asked for nor written again; the others follow."""
    _backfill(dag_bag, tmp_path, "2026-11-12", "2026-11-13")
    folder = tmp_path / "licenses_deployment"
    before = {file: (file.stat().st_mtime_ns, file.read_bytes()) for file in folder.iterdir()}
    emulator.requests.clear()

    dag_run = _backfill(dag_bag, tmp_path, "2026-11-11", "2026-11-15")

    assert {file: (file.stat().st_mtime_ns, file.read_bytes()) for file in before} == before
    assert len(list(folder.iterdir())) == 5
    asked = [request.query["processedDateTime"] for request in emulator.api_requests]
    assert sorted(asked) == ["2026-11-11", "2026-11-14", "2026-11-15"]  # Airflow runs mapped tasks in any order
    assert _mapped_states(dag_run, "store_day") == ["success"] * 3

    emulator.requests.clear()
    done = _backfill(dag_bag, tmp_path, "2026-11-11", "2026-11-15")

    assert emulator.requests == []
    assert _mapped_states(done, "store_day") == ["skipped"]
    assert str(done.state) == "success"


def test_backfilled_days_are_in_the_next_report(dag_bag: Any, emulator: Emulator, tmp_path: Path) -> None:
    """The report counts a backfilled day like one that was read in time."""
    _backfill(dag_bag, tmp_path, "2026-11-19", "2026-11-20")
    dag_run = run(dag_bag, "partner_center_licenses_report", {"lake": tmp_path.as_uri()})

    returned = xcom(dag_run, "write_report")
    assert returned["snapshot_count"] == 3
    assert returned["previous_dates"]["o365"] == "2026-11-20"


def test_answer_of_another_day_is_never_named_for_the_day_asked(
    dag_bag: Any, emulator: Emulator, tmp_path: Path
) -> None:
    """A service that answers with the nearest day it has: the file is that day's, and is there once."""
    from airflow_partnercenter.emulator import Answer

    friday = emulator.partner.rows("deployment", date(2026, 11, 13))
    emulator.answer_next(Answer(rows=lambda _: friday), path="processedDateTime=2026-11-14")

    dag_run = _backfill(dag_bag, tmp_path, "2026-11-13", "2026-11-14")

    assert [file.name for file in (tmp_path / "licenses_deployment").iterdir()] == ["2026-11-13-processed.parquet"]
    assert sorted(_mapped_states(dag_run, "store_day")) == ["skipped", "success"]


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        ("2026-11-14", "2026-11-13", "is after"),
        ("2026-11-14", "2999-01-01", "in the future"),
        ("2020-01-01", "2026-01-01", r"2,193 days"),
    ],
    ids=["backwards", "future", "too long"],
)
def test_range_that_cannot_work_is_one_sentence(dag_bag: Any, first: str, last: str, message: str) -> None:
    """Nothing is asked for."""
    from airflow.providers.common.compat.sdk import AirflowFailException

    list_days = dag_bag.dags["partner_center_backfill"].get_task("list_days").python_callable
    with pytest.raises(AirflowFailException, match=message):
        list_days(params={"from": first, "to": last, "lake": "file:///nowhere"})


def test_date_that_is_none_is_refused_before_the_run_starts(dag_bag: Any) -> None:
    """Airflow itself says which value it does not take."""
    try:
        from airflow.sdk.exceptions import ParamValidationError
    except ImportError:  # before Airflow 3.2
        from airflow.exceptions import ParamValidationError

    told = ValueError if AIRFLOW.release[:2] == (3, 2) else ParamValidationError
    with pytest.raises(told, match=r"13\.11\.2026"):
        run(dag_bag, "partner_center_backfill", {"from": "13.11.2026", "to": "2026-11-14"})


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
            fall = "{{ conn.partner_center_default.password }} <script>"
            return {"falls": [fall], "uri": "s3://a@b/c?<", "web_address": None}

    names = runpy.run_path(str(SAMPLE_DAGS / "partner_center_licenses_report.py"))
    mail = SmtpNotifier(to="owner@partner.example", html_content=names["ALERT_HTML"])
    mail.render_template_fields({"ti": Task(), "dag": DAG("alerts")})  # type: ignore[typeddict-item]
    assert "<li>{{ conn.partner_center_default.password }} &lt;script&gt;</li>" in mail.html_content
    assert "s3://a@b/c?&lt;" in mail.html_content


# A provider's notifier as its users know it: template fields, and no more than a text that goes somewhere.
CHAT = """
from pathlib import Path
from types import SimpleNamespace
from airflow.providers.common.compat.notifier import BaseNotifier

class ChatNotifier(BaseNotifier):
    template_fields = ("text",)

    def __init__(self, slack_webhook_conn_id, text):
        super().__init__()
        self.text = text

    def notify(self, context):
        Path({file!r}).write_text(self.text)
"""


def test_chat_is_told_where_the_commented_lines_are_taken(
    dag_bag: Any, emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy of the DAG with the two lines for Slack, and another notifier in its place: it is given the whole text."""
    (tmp_path / "copy").mkdir()
    (tmp_path / "chat_for_test.py").write_text(CHAT.format(file=str(tmp_path / "told")))
    monkeypatch.syspath_prepend(str(tmp_path))
    text = (SAMPLE_DAGS / "partner_center_licenses_report.py").read_text()
    for commented in ("from airflow.providers.slack", "notifiers.append(SlackWebhookNotifier("):
        assert text.count(f"    # {commented}") == 1
        text = text.replace(f"    # {commented}", f"    {commented}")
    for slack, ours in (
        ("airflow.providers.slack.notifications.slack_webhook", "chat_for_test"),
        ("SlackWebhookNotifier", "ChatNotifier"),
        ('"partner_center_licenses_report",\n', '"report_with_chat",\n'),
    ):
        assert slack in text
        text = text.replace(slack, ours)
    (tmp_path / "copy" / "report_with_chat.py").write_text(text)
    bag = airflow_dags.registered(folder=tmp_path / "copy")
    assert bag.import_errors == {}
    addresses = {tmp_path.as_uri(): "https://reports.partner.example/licences"}
    monkeypatch.setenv("AIRFLOW__PARTNER_CENTER__FILE_WEB_ADDRESSES", json.dumps(addresses))
    conf = {"lake": (tmp_path / "lake").as_uri(), "fall_percent": 0, "fall_seats": 1}
    emulator.today = date(2026, 11, 21)
    run(bag, "report_with_chat", conf)
    assert not (tmp_path / "told").exists()
    emulator.today = TODAY

    told = run(bag, "report_with_chat", conf)

    assert states(told)["alert"] == "success"
    falls = xcom(told, "write_report")["falls"]
    assert len(falls) > 1
    assert (tmp_path / "told").read_text().strip().splitlines() == [
        f"Services and customers that lost seats: {len(falls)}",
        *(f"- {fall}" for fall in falls),
        "The report: https://reports.partner.example/licences/lake/licenses_report.html",
    ]
    assert xcom(told, "write_report")["web_address"].startswith("https://reports.partner.example/")


def test_names_in_a_chat_are_no_commands_of_it() -> None:
    """Slack would call everybody for a customer who is called <!channel>."""
    import runpy

    import jinja2

    class Task:
        def xcom_pull(self, task_ids: str) -> dict[str, Any]:
            return {"falls": ["<!channel> {{ 1 }}"], "fall_count": 1, "uri": "s3://a/b", "web_address": None}

    names = runpy.run_path(str(SAMPLE_DAGS / "partner_center_licenses_report.py"))
    text = jinja2.Template(names["ALERT_TEXT"]).render(ti=Task())
    assert "- (!channel) {{ 1 }}" in text
    assert text.endswith("The report: s3://a/b")
