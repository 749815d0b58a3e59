"""Asset events, links and lineage of the storage operator, through Airflow's own task runner and database."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, Asset, AssetAlias, task
from airflow.utils.session import create_session
from sqlalchemy import delete, select

from airflow_partnercenter.emulator import Emulator
from airflow_partnercenter.operators.partner_center import (
    PartnerCenterLicensesToObjectStorageOperator,
    PartnerCenterListLicensesOperator,
)
from tests.support import airflow_dags
from tests.support.airflow_versions import AIRFLOW

try:
    from airflow.models.asset import AssetDagRunQueue, AssetEvent
except ImportError:  # Airflow 2
    from airflow.models.dataset import DatasetDagRunQueue as AssetDagRunQueue
    from airflow.models.dataset import DatasetEvent as AssetEvent

HAS_PARTITIONS = AIRFLOW.release >= (3, 3)
needs_partitions = pytest.mark.airflow(">=3.3")

TODAY = date(2026, 11, 22)
NEWEST = "2026-11-21"
SNAPSHOTS = Asset("licence_snapshots")
FILES = AssetAlias("licence_files")


def _store(task_id: str = "store", **arguments: Any) -> PartnerCenterLicensesToObjectStorageOperator:
    arguments.setdefault("destination", "{{ params.lake }}/{processed_date}.parquet")
    return PartnerCenterLicensesToObjectStorageOperator(task_id=task_id, resource="licenses_deployment", **arguments)


def _dag(dag_id: str, schedule: Any = None) -> DAG:
    return DAG(
        dag_id, schedule=schedule, start_date=datetime(2026, 1, 1, tzinfo=UTC), params={"lake": "file:///nowhere"}
    )


def _dags() -> list[DAG]:
    with _dag("writes") as writes:
        _store(outlets=[SNAPSHOTS, FILES])
        PartnerCenterListLicensesOperator(task_id="list", resource="{{ 'partner_licenses_deployment' }}")
    with _dag("expects_too_much") as expects_too_much:
        _store(outlets=[SNAPSHOTS], expectations={"fail": {"row_count_at_least": 10**6}})
    with _dag("maps") as maps:
        PartnerCenterLicensesToObjectStorageOperator.partial(
            task_id="store", resource="licenses_deployment", outlets=[FILES]
        ).expand(destination=["{{ params.lake }}/a.parquet", "{{ params.lake }}/b.csv"])
    with _dag("listens_to_the_asset", [SNAPSHOTS]) as listens_to_the_asset:

        @task(inlets=[SNAPSHOTS])
        def received(*, inlet_events: Any) -> dict[str, Any]:
            return inlet_events[SNAPSHOTS][-1].extra

        received()
    with _dag("listens_to_the_alias", [FILES]) as listens_to_the_alias:

        @task(inlets=[FILES])
        def received_by_alias(*, inlet_events: Any) -> dict[str, Any]:
            return inlet_events[FILES][-1].extra

        received_by_alias()
    return [writes, expects_too_much, maps, listens_to_the_asset, listens_to_the_alias]


def _dags_with_partitions() -> list[DAG]:
    from airflow.sdk import IdentityMapper, PartitionedAssetTimetable, PartitionedAtRuntime

    with _dag("writes_partitions", PartitionedAtRuntime()) as writes_partitions:
        _store(outlets=[SNAPSHOTS, FILES])
    with _dag("writes_both_ways") as writes_both_ways:
        _store("as_asked", outlets=[SNAPSHOTS], partition_asset_events=True)
        _store("never", outlets=[SNAPSHOTS], partition_asset_events=False)
        _store("by_reference", outlets=[Asset.ref(name=SNAPSHOTS.name)])
    timetable = PartitionedAssetTimetable(assets=SNAPSHOTS, default_partition_mapper=IdentityMapper())
    with _dag("listens_to_partitions", timetable) as listens_to_partitions:

        @task
        def nothing() -> None:
            """Be there."""

        nothing()
    return [writes_partitions, writes_both_ways, listens_to_partitions]


@pytest.fixture(scope="module")
def dags() -> dict[str, DAG]:
    """Return the DAGs of this module, registered in Airflow's database and not paused."""
    from airflow.models.dag import DagModel

    airflow_dags.prepare_database()
    bag = airflow_dags.registered([*_dags(), *(_dags_with_partitions() if HAS_PARTITIONS else [])])
    with create_session() as session:
        for model in session.scalars(select(DagModel).where(DagModel.dag_id.in_(bag.dags))):
            model.is_paused = False
    return bag.dags


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """A generated partner, ready as the default connection."""
    with Emulator(customers=3, today=TODAY) as running:
        monkeypatch.setenv("AIRFLOW_CONN_PARTNER_CENTER_DEFAULT", json.dumps(running.connection()))
        yield running


@pytest.fixture(autouse=True)
def _no_events_yet(dags: dict[str, DAG]) -> None:
    models = [AssetDagRunQueue, AssetEvent]
    if HAS_PARTITIONS:
        from airflow.models.asset import AssetPartitionDagRun, PartitionedAssetKeyLog

        models[1:1] = [PartitionedAssetKeyLog, AssetPartitionDagRun]
    with create_session() as session:
        for model in models:
            session.execute(delete(model))


def _events() -> list[tuple[str, str, dict[str, Any], str | None]]:
    """Return task, asset URI, extra and partition key of each event, oldest first."""
    with create_session() as session:
        return [
            (
                event.source_task_id,
                (event.asset if hasattr(event, "asset") else event.dataset).uri,
                event.extra,
                getattr(event, "partition_key", None),
            )
            for event in session.scalars(select(AssetEvent).order_by(AssetEvent.id))
        ]


def _waiting() -> tuple[set[str], set[tuple[str, str]]]:
    """Return the DAGs that Airflow will start, and the partition-aware ones with the key they will get."""
    with create_session() as session:
        started = set(session.scalars(select(AssetDagRunQueue.target_dag_id)))
        if not HAS_PARTITIONS:
            return started, set()
        from airflow.models.asset import AssetPartitionDagRun

        partitions = session.scalars(select(AssetPartitionDagRun))
        return started, {(run.target_dag_id, run.partition_key) for run in partitions}


def _run(dags: dict[str, DAG], dag_id: str, lake: Path) -> Any:
    return airflow_dags.run(dags[dag_id], {"lake": lake.as_uri()})


def _xcom(dag_run: Any, task_id: str, **which: Any) -> Any:
    return dag_run.get_task_instance(task_id).xcom_pull(task_ids=task_id, **which)


def _of_alias(extra: dict[str, Any]) -> dict[str, Any]:
    """Return the extra as Airflow 3.0 can store it in the event of an alias: without a dictionary in it."""
    if AIRFLOW.release[:2] != (3, 0):
        return extra
    return extra | {"processed_date_time": json.dumps(extra["processed_date_time"])}


def test_downstream_dags_receive_what_was_written(dags, emulator, tmp_path):
    """The DAGs on the asset and on the alias are started, and read address, sizes, days and ids from the event."""
    dag_run = _run(dags, "writes", tmp_path)

    described = _xcom(dag_run, "store")
    extra = {name: value for name, value in described.items() if name != "columns"}
    assert described["uri"] == f"{tmp_path.as_uri()}/{NEWEST}.parquet"
    by_alias = _of_alias(extra)
    assert _events() == [("store", SNAPSHOTS.uri, extra, None), ("store", described["uri"], by_alias, None)]
    assert _waiting() == ({"listens_to_the_asset", "listens_to_the_alias"}, set())
    assert _xcom(_run(dags, "listens_to_the_asset", tmp_path), "received") == extra
    assert _xcom(_run(dags, "listens_to_the_alias", tmp_path), "received_by_alias") == by_alias


def test_events_hold_no_secret(dags, emulator, tmp_path):
    """Neither credentials nor tokens leave with an event."""
    _run(dags, "writes", tmp_path)
    token = emulator.api_requests[0].headers["authorization"].removeprefix("Bearer ")
    for secret in (emulator.client_secret, emulator.refresh_token, token):
        assert secret not in json.dumps(_events())


@needs_partitions
def test_partitioned_dag_hands_on_the_processed_day(dags, emulator, tmp_path):
    """A DAG that is partitioned at run time starts the partition-aware ones by the newest day; an alias has no key."""
    _run(dags, "writes_partitions", tmp_path)
    assert [(uri, key) for _, uri, _, key in _events()] == [
        (SNAPSHOTS.uri, NEWEST),
        (f"{tmp_path.as_uri()}/{NEWEST}.parquet", None),
    ]
    ordinary, partitioned = _waiting()
    assert partitioned == {("listens_to_partitions", NEWEST)}
    assert ordinary == {"listens_to_the_alias"}, "Airflow starts no ordinary DAG on an event with a key"


@needs_partitions
def test_partition_is_up_to_the_argument_in_an_ordinary_dag(dags, emulator, tmp_path):
    """It may be asked for or ruled out; a reference to an asset is an outlet like the asset."""
    _run(dags, "writes_both_ways", tmp_path)
    assert {(task_id, uri, key) for task_id, uri, _, key in _events()} == {
        ("as_asked", SNAPSHOTS.uri, NEWEST),
        ("never", SNAPSHOTS.uri, None),
        ("by_reference", SNAPSHOTS.uri, None),
    }


def test_broken_expectation_emits_no_event_and_writes_no_file(dags, emulator, tmp_path):
    """Downstream DAGs do not start on data that was refused."""
    dag_run = _run(dags, "expects_too_much", tmp_path)
    assert str(dag_run.get_task_instance("store").state) == "failed"
    assert _events() == []
    assert list(tmp_path.iterdir()) == []


def test_each_mapped_task_has_its_own_event(dags, emulator, tmp_path):
    """Two destinations are two files and two assets."""
    _run(dags, "maps", tmp_path)
    assert {uri for _, uri, _, _ in _events()} == {f"{tmp_path.as_uri()}/{name}" for name in ("a.parquet", "b.csv")}


@pytest.mark.airflow(">=3.0")
def test_links_lead_to_microsofts_page_and_to_partner_center(dags, emulator, tmp_path):
    """They are there for both operators, a template in ``resource`` included; a local file has no web address."""
    dag_run = _run(dags, "writes", tmp_path)
    pages = "https://learn.microsoft.com/en-us/partner-center/developer/"
    for task_id, page in (("store", "get-licenses-deployment"), ("list", "get-partner-licenses-deployment")):
        assert _xcom(dag_run, task_id, key="_link_ResourceDocumentationLink") == f"{pages}{page}-information"
        assert _xcom(dag_run, task_id, key="_link_PartnerCenterLink") == "https://partner.microsoft.com/dashboard/home"
    assert not _xcom(dag_run, "store", key="_link_FileLink")


@pytest.mark.airflow("<3")
def test_webserver_of_airflow_2_makes_the_links(dags, emulator, tmp_path):
    """It knows the DAG from the database: where a template names the resource, the page is that of all."""
    dag_run = _run(dags, "writes", tmp_path)
    from airflow.models.serialized_dag import SerializedDagModel

    stored = SerializedDagModel.get_dag("writes")
    pages = "https://learn.microsoft.com/en-us/partner-center/developer/"
    for task_id, page in (
        ("store", "get-licenses-deployment-information"),
        ("list", "partner-center-analytics-resources"),
    ):
        task, ti = stored.get_task(task_id), dag_run.get_task_instance(task_id)
        assert task.get_extra_links(ti, "Microsoft's documentation") == f"{pages}{page}"
        assert task.get_extra_links(ti, "Partner Center") == "https://partner.microsoft.com/dashboard/home"
    assert not stored.get_task("store").get_extra_links(dag_run.get_task_instance("store"), "File")
