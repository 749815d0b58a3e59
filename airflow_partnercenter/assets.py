"""Airflow assets: the event that says which file was written, and the URI of a Partner Center resource.

``partnercenter://<host>/<tenant>/<resource>`` names what one partner tenant's Partner Center serves as ``resource``,
such as ``partnercenter://api.partnercenter.microsoft.com/contoso.com/licenses_deployment``; the tenant may be left out.
Airflow calls the functions named in the provider's metadata, also while it parses DAGs, so this module loads nothing
heavy.
"""

import json
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, quote, unquote, urlsplit

from airflow_partnercenter.exceptions import ConfigurationError
from airflow_partnercenter.locations import FileLocation

if TYPE_CHECKING:
    from airflow.providers.common.compat.openlineage.facet import Dataset
    from airflow.providers.common.compat.sdk import Asset

logger = logging.getLogger(__name__)

SCHEME = "partnercenter"
#: Keys of what the storage operator returns that its asset event tells too.
EVENT_KEYS = (
    "uri",
    "resource",
    "file_format",
    "row_count",
    "byte_count",
    "sha256",
    "processed_date_time",
    "correlation_id",
)
_RESOURCE = re.compile(r"(partner_|customer_)?licenses_(deployment|usage)")
_WANTED = (
    f"write {SCHEME}://<host>/<tenant>/<resource>, such as {SCHEME}://api.partnercenter.microsoft.com/contoso.com/"
)


def resource_uri(host: str, tenant_id: str | None, resource: str) -> str:
    """Return the URI of a resource, as an asset and in lineage."""
    return "/".join(filter(None, (f"{SCHEME}://{host.lower()}", tenant_id and quote(tenant_id.lower()), resource)))


def create_asset(
    *, host: str, resource: str, tenant_id: str | None = None, extra: dict[str, Any] | None = None
) -> "Asset":
    """Return the asset of a resource; Airflow's factory for this scheme."""
    from airflow.providers.common.compat.sdk import Asset

    return Asset(uri=resource_uri(host, tenant_id, resource), extra=extra)


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """Return the one spelling of a resource's URI; Airflow's handler for this scheme.

    :raises ValueError: it names no host or no resource; the message says how to write it.
    """
    *tenant, resource = uri.path.strip("/").split("/")
    if not uri.hostname or "@" in uri.netloc or len(tenant) > 1 or not _RESOURCE.fullmatch(resource) or uri.query:
        raise ValueError(f"{uri.geturl()} names no resource of Partner Center: {_WANTED}licenses_deployment.")
    return urlsplit(resource_uri(uri.netloc, unquote("".join(tenant)), resource))


def convert_asset_to_openlineage(asset: "Asset", lineage_context: Any) -> "Dataset":
    """Return the asset of a resource as an OpenLineage dataset; Airflow's converter for this scheme."""
    from airflow.providers.common.compat.openlineage.facet import Dataset

    namespace, name = openlineage_name(asset.uri)
    return Dataset(namespace=namespace, name=name)


def openlineage_name(uri: str) -> tuple[str, str]:
    """Return namespace and name of a resource as an OpenLineage dataset."""
    parsed = urlsplit(uri)
    return f"{parsed.scheme}://{parsed.netloc}", parsed.path.lstrip("/")


def check_outlets(outlets: Iterable[Any], destination: str) -> None:
    """Find out before anything is read whether there can be an asset of the destination, where an alias asks for one.

    :raises ConfigurationError: there cannot.
    """
    from airflow.providers.common.compat.sdk import AssetAlias

    if any(isinstance(outlet, AssetAlias) for outlet in outlets):
        _file_asset(destination)


def add_events(
    context: Mapping[str, Any], outlets: Iterable[Any], described: Mapping[str, Any], *, partitioned: bool | None
) -> None:
    """Tell what was written in the asset event of each outlet; an alias gets the file's own asset.

    :param context: of the running task; without ``outlet_events``, as in a unit test, nothing happens.
    :param described: what the storage operator returns.
    :param partitioned: whether events get the newest processed day as their partition key. None leaves it to the DAG:
        they do if its timetable is ``PartitionedAtRuntime``. Airflow starts no ordinary DAG on an event with a key.
    """
    from airflow.providers.common.compat.sdk import Asset, AssetAlias

    events = context.get("outlet_events")
    if events is None:
        return
    extra = {name: described[name] for name in EVENT_KEYS}
    newest = described["processed_date_time"]["max"]
    key = newest[:10] if newest and _is_partitioned(context, partitioned) else None
    for outlet in outlets:
        if isinstance(outlet, AssetAlias):
            events[outlet].add(_file_asset(described["uri"]), extra=_fit_for_alias(events[outlet], extra))
        elif isinstance(outlet, Asset) or type(outlet).__name__ in ("AssetNameRef", "AssetUriRef"):
            events[outlet].extra = extra
            _set_partition(events[outlet], key)


def _fit_for_alias(event: Any, extra: dict[str, Any]) -> dict[str, Any]:
    """Return the extra as the event of an alias can hold it: Airflow 2 and 3.0 put its values into a set.

    Airflow 3.0 does so in its API server, after the file is there, and fails the task: it gets a dictionary as JSON.
    """
    hashable: Callable[[dict[str, Any]], Any]
    if hasattr(event, "dataset_alias_events"):
        hashable = _HashableDict
    elif _is_airflow_3_0():
        hashable = json.dumps
    else:
        return extra
    return {name: hashable(value) if isinstance(value, dict) else value for name, value in extra.items()}


def _is_airflow_3_0() -> bool:
    from airflow import __version__

    return __version__.startswith("3.0.")


class _HashableDict(dict[str, Any]):
    """A dictionary that can be in a set."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))


def _is_partitioned(context: Mapping[str, Any], partitioned: bool | None) -> bool:
    if partitioned is not None:
        return partitioned
    timetable = getattr(context.get("dag"), "timetable", None)
    return bool(getattr(timetable, "partitioned_at_runtime", False))


def _set_partition(event: Any, key: str | None) -> None:
    if key is None:
        return
    if hasattr(event, "add_partitions"):
        event.add_partitions(key)
    else:
        logger.info("This Airflow has no partitions of assets; the event goes without partition key %s.", key)


def _file_asset(destination: str) -> "Asset":
    from airflow.providers.common.compat.sdk import Asset

    uri = FileLocation.of(destination).asset_uri
    try:
        return Asset(uri=uri)
    except ValueError as error:
        raise ConfigurationError(f"{uri} cannot be an asset ({error}): leave the AssetAlias out of outlets.") from error
