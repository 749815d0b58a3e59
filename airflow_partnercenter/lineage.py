"""Lineage: what a task read and wrote, for OpenLineage and for Airflow's collector of hook lineage.

OpenLineage asks the operator when the task has ended, in a process forked from the worker's. So all it needs is kept
here while the task runs, and no connection is read later. Where the operator answers, OpenLineage does not look at the
collector, so nothing is counted twice.
"""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_partnercenter.assets import openlineage_name
from airflow_partnercenter.locations import FileLocation

if TYPE_CHECKING:
    import pyarrow as pa
    from airflow.providers.common.compat.openlineage.facet import InputDataset, OutputDataset
    from airflow.providers.openlineage.extractors import OperatorLineage

logger = logging.getLogger(__name__)


def report_input(reader: Any, uri: str) -> None:
    """Tell Airflow's collector what was read.

    :param reader: the hook or path that read it.
    """
    _report("add_input_asset", reader, uri)


def report_output(writer: Any, uri: str) -> None:
    """Tell Airflow's collector what was written.

    :param writer: the hook or path that wrote it.
    """
    _report("add_output_asset", writer, uri)


def _report(method: str, context: Any, uri: str) -> None:
    if not _is_read():
        return
    from airflow.providers.common.compat.lineage.hook import get_hook_lineage_collector

    try:
        collector = get_hook_lineage_collector()  # type: ignore[no-untyped-call]
        getattr(collector, method)(context=context, uri=uri)
    except Exception as error:  # data must not be lost because somebody's lineage reader fails
        logger.warning("Lineage of %s was not recorded: %s: %s", uri, type(error).__name__, error)


def _is_read() -> bool:
    """Return whether anybody reads hook lineage.

    Airflow asks itself the same before it makes its collector, and where nobody does, makes one that keeps nothing; but
    for that it imports the assets of all installed providers, at a tenth of a second a task.
    """
    try:
        from airflow.sdk import plugins_manager
    except ImportError:  # Airflow before 3.2
        return True
    readers = getattr(plugins_manager, "get_hook_lineage_readers_plugins", None)
    return readers is None or bool(readers())


class TaskLineage:
    """What one task reads and writes, noted while it runs.

    :param resource_uri: of the Partner Center resource.
    :param schema: of the rows.
    """

    def __init__(self, resource_uri: str, schema: "pa.Schema") -> None:
        self._resource_uri = resource_uri
        self._columns = {field.name: str(field.type) for field in schema}
        self._nulls: Counter[str] = Counter()
        self._row_count = 0
        self._expectations: Sequence[Mapping[str, Any]] = ()
        self._file: dict[str, Any] | None = None

    def note_rows(self, batch: "pa.RecordBatch") -> None:
        """Count rows, and nulls in each column; Arrow knows both already."""
        self._row_count += batch.num_rows
        self._nulls.update({name: batch[name].null_count for name in self._columns})

    def note_expectations(self, results: Sequence[Mapping[str, Any]]) -> None:
        """Keep what came out of the quality gate."""
        self._expectations = results

    def note_file(self, described: Mapping[str, Any], filesystem: Any) -> None:
        """Keep what was written.

        :param described: what the storage operator returns.
        :param filesystem: fsspec's, which knows the storage account of Azure; None for a local file.
        """
        namespace, name = FileLocation.of(described["uri"]).openlineage_name(filesystem)
        sizes = {"rowCount": described["row_count"], "size": described["byte_count"], "fileCount": 1}
        self._file = {"namespace": namespace, "name": name, "sizes": sizes}

    def to_openlineage(self) -> "OperatorLineage[Any, Any]":
        """Return the lineage in OpenLineage's own models."""
        from airflow.providers.openlineage.extractors import OperatorLineage

        return OperatorLineage(inputs=[self._input()], outputs=[self._output()] if self._file else [])

    def _input(self) -> "InputDataset":
        from airflow.providers.common.compat.openlineage.facet import InputDataset

        namespace, name = openlineage_name(self._resource_uri)
        return InputDataset(namespace=namespace, name=name, facets=self._schema(), inputFacets=self._quality())

    def _output(self) -> "OutputDataset":
        from airflow.providers.common.compat.openlineage.facet import OutputDataset, OutputStatisticsOutputDatasetFacet

        file = self._file or {}
        sizes = OutputStatisticsOutputDatasetFacet(**file["sizes"])
        return OutputDataset(
            namespace=file["namespace"],
            name=file["name"],
            facets=self._schema(),
            outputFacets={"outputStatistics": sizes},
        )

    def _schema(self) -> dict[str, Any]:
        from airflow.providers.common.compat.openlineage.facet import SchemaDatasetFacet, SchemaDatasetFacetFields

        fields = [SchemaDatasetFacetFields(name=name, type=kind) for name, kind in self._columns.items()]
        return {"schema": SchemaDatasetFacet(fields=fields)}

    def _quality(self) -> dict[str, Any]:
        """Return what is known of the rows read; OpenLineage has such facets for inputs only."""
        from openlineage.client.facet_v2 import data_quality_metrics_input_dataset as metrics

        columns = {name: metrics.ColumnMetrics(nullCount=self._nulls[name]) for name in self._columns}
        facets: dict[str, Any] = {
            "dataQualityMetrics": metrics.DataQualityMetricsInputDatasetFacet(
                rowCount=self._row_count, columnMetrics=columns
            )
        }
        if self._expectations:
            facets["dataQualityAssertions"] = _assertions(self._expectations)
        return facets


def _assertions(results: Sequence[Mapping[str, Any]]) -> Any:
    import attrs
    from openlineage.client.facet_v2 import data_quality_assertions_dataset as quality

    # Older clients know only whether it holds.
    known = {field.name for field in attrs.fields(quality.Assertion)}
    assertions = []
    for result in results:
        values = {
            "assertion": result["name"],
            "success": result["passed"],
            "severity": "error" if result["on_failure"] == "fail" else "warn",
            "name": result["name"],
            "description": result["message"],
            "expected": str(result["expected"]),
            "actual": str(result["observed"]),
        }
        assertions.append(quality.Assertion(**{name: value for name, value in values.items() if name in known}))
    return quality.DataQualityAssertionsDatasetFacet(assertions=assertions)
