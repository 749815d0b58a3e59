"""The URI of a Partner Center resource as an asset, and what the collector of hook lineage is told."""

import subprocess
import sys
from collections.abc import Callable

import pytest
from airflow.providers.common.compat.assets import Asset, AssetAlias
from airflow.providers.openlineage.utils.utils import translate_airflow_asset

from airflow_partnercenter import assets
from airflow_partnercenter.api.resources import RESOURCES
from airflow_partnercenter.hooks.partner_center import PartnerCenterHook
from airflow_partnercenter.operators.partner_center import (
    PartnerCenterLicensesToObjectStorageOperator,
    PartnerCenterListLicensesOperator,
)
from tests.support.airflow_versions import AIRFLOW

try:
    from airflow.sdk.lineage import HookLineageCollector
except ImportError:  # before Airflow 3.2
    from airflow.lineage.hook import HookLineageCollector

HOST = "partnercenter://api.partnercenter.microsoft.com"


def _asset_factories() -> dict[str, Callable[..., Asset]]:
    """Return what Airflow knows of the providers, under the name that it has there."""
    try:
        from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime as Manager
    except ImportError:
        from airflow.providers_manager import ProvidersManager as Manager
    manager = Manager()
    return manager.asset_factories if hasattr(manager, "asset_factories") else manager.dataset_factories


@pytest.mark.parametrize("resource", RESOURCES)
def test_every_resource_can_be_an_asset(resource):
    """Airflow finds handler, factory and converter through the provider's metadata, and they agree on one URI."""
    uri = f"{HOST}/contoso.com/{resource}"
    assert Asset(uri=f"PartnerCenter://API.partnercenter.microsoft.com/Contoso.com/{resource}/").uri == uri
    made = _asset_factories()["partnercenter"](
        host="api.partnercenter.microsoft.com", tenant_id="contoso.com", resource=resource, extra={"a": 1}
    )
    assert (made.uri, made.extra) == (uri, {"a": 1})
    dataset = translate_airflow_asset(made, None)
    assert (dataset.namespace, dataset.name) == (HOST, f"contoso.com/{resource}")


def test_tenant_may_be_left_out():
    """A deployment with one partner needs no tenant in its assets."""
    assert Asset(uri=f"{HOST}/licenses_usage").uri == f"{HOST}/licenses_usage"
    odd = assets.create_asset(host="h", tenant_id="a b", resource="licenses_usage")
    assert odd.uri == odd.normalized_uri == "partnercenter://h/a%20b/licenses_usage"
    assert assets.create_asset(host="h:8443", resource="licenses_usage").uri == "partnercenter://h:8443/licenses_usage"


@pytest.mark.parametrize(
    "uri",
    [
        "partnercenter:///licenses_usage",
        "partnercenter://host",
        "partnercenter://host/licences_usage",
        "partnercenter://host/licenses",
        "partnercenter://host/a/b/licenses_usage",
        "partnercenter://user@host/licenses_usage",
        "partnercenter://host/licenses_usage?a=b",
    ],
)
def test_uri_that_names_no_resource_is_refused_where_the_dag_is_parsed(uri):
    """A typo would be an asset that nothing ever updates; Airflow 2 warns of it; a user is dropped until 3.1."""
    if AIRFLOW.major < 3 or (AIRFLOW.release < (3, 1) and "@" in uri):
        with pytest.warns(UserWarning, match="names no resource of Partner Center|should not contain auth info"):
            Asset(uri=uri)
        return
    with pytest.raises(ValueError, match=r"partnercenter://<host>/<tenant>/<resource>"):
        Asset(uri=uri)


@pytest.mark.airflow("<3")
def test_alias_event_of_airflow_2_can_be_put_into_a_set():
    """Airflow 2 makes a set of the values in such an event's extra, after the file is there: that must not fail."""
    added = []

    class Accessor:
        dataset_alias_events = ()

        def add(self, asset: Asset, extra: dict[str, object]) -> None:
            added.append((asset.uri, frozenset(extra.items())))

    described = dict.fromkeys(assets.EVENT_KEYS) | {"uri": "s3://conn@b/a.csv", "processed_date_time": {"max": None}}
    alias = AssetAlias("files")
    assets.add_events({"outlet_events": {alias: Accessor()}}, [alias], described, partitioned=True)
    [(uri, extra)] = added
    assert uri == "s3://b/a.csv"
    assert dict(extra) == described


@pytest.fixture
def collector(monkeypatch):
    """Return a collector as Airflow has it where a lineage reader is installed."""
    collector = HookLineageCollector()
    monkeypatch.setattr(
        "airflow.providers.common.compat.sdk.get_hook_lineage_collector", lambda: collector, raising=False
    )
    if AIRFLOW.release < (3, 2):
        # where older releases of common.compat look
        monkeypatch.setattr("airflow.lineage.hook.get_hook_lineage_collector", lambda: collector)
    else:
        monkeypatch.setattr("airflow.sdk.plugins_manager.get_hook_lineage_readers_plugins", lambda: [object])
    return collector


@pytest.mark.airflow(">=3.2")  # which can be asked; before, the collector is always there
def test_where_nobody_reads_lineage_no_assets_of_other_providers_are_imported(entra, connect, tmp_path):
    """Airflow's collector would bring in every provider's asset code, which takes a tenth of a second a task."""
    connect(entra)
    code = """
import sys
from airflow_partnercenter.operators.partner_center import PartnerCenterLicensesToObjectStorageOperator
PartnerCenterLicensesToObjectStorageOperator(
    task_id="t", resource="licenses_deployment", destination=sys.argv[1]
).execute({})
assert "airflow.providers.amazon.aws.hooks.s3" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code, f"{tmp_path.as_uri()}/a.parquet"], check=True)


def _collected(collector: HookLineageCollector) -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
    collected = collector.collected_assets
    return tuple([(info.asset.uri, info.count) for info in side] for side in (collected.inputs, collected.outputs))


def _uri(emulator, resource: str) -> str:
    return f"partnercenter://{emulator.base_url.removeprefix('https://')}/{emulator.tenant_id}/{resource}"


def test_each_read_of_the_hook_is_told_once(entra, connect, collector):
    """Whatever method reads, the collector hears of the resource; asking for the customers is no licence read."""
    connect(entra)
    hook = PartnerCenterHook()
    hook.list_licenses("licenses_usage")
    hook.get_df("licenses_deployment")
    list(hook.iter_licenses("partner_licenses_usage"))
    hook.list_customers()
    expected = [(_uri(entra, name), 1) for name in ("licenses_usage", "licenses_deployment", "partner_licenses_usage")]
    assert _collected(collector) == (expected, [])


def test_storage_operator_tells_one_input_and_one_output(entra, connect, collector, tmp_path):
    """The file is counted once, without the connection that leads to it."""
    connect(entra)
    PartnerCenterLicensesToObjectStorageOperator(
        task_id="t", resource="licenses_deployment", destination=f"{tmp_path.as_uri()}/a.csv"
    ).execute({})
    assert _collected(collector) == ([(_uri(entra, "licenses_deployment"), 1)], [(f"{tmp_path.as_uri()}/a.csv", 1)])


def test_list_operator_tells_one_input(entra, connect, collector):
    """Rows in XCom are no file."""
    connect(entra)
    PartnerCenterListLicensesOperator(task_id="t", resource="licenses_usage").execute({})
    assert _collected(collector) == ([(_uri(entra, "licenses_usage"), 1)], [])


def test_failing_collector_costs_no_data(entra, connect, collector, logs, monkeypatch):
    """Somebody's broken lineage reader is a warning in the log; the rows are there."""
    connect(entra)

    def fail(**_: object) -> None:
        raise RuntimeError("broken reader")

    collector.add_input_asset = collector.add_input_dataset = fail  # the second on Airflow 2
    assert PartnerCenterHook().list_licenses("licenses_usage")
    [warning] = logs.of("airflow_partnercenter.lineage")
    assert "broken reader" in warning
