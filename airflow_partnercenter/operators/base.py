"""What every read of a licence resource has in common: arguments, the read itself, lineage, links."""

from collections.abc import Callable, Sequence
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.sdk import AirflowSkipException, BaseOperator

from airflow_partnercenter.exceptions import ConfigurationError, EmptyResultError
from airflow_partnercenter.hooks.partner_center import PartnerCenterHook
from airflow_partnercenter.imports import uninterrupted
from airflow_partnercenter.lineage import TaskLineage
from airflow_partnercenter.links.partner_center import PartnerCenterLink, ResourceDocumentationLink

if TYPE_CHECKING:
    from typing import TypeVar

    from airflow.providers.common.compat.sdk import BaseOperatorLink
    from airflow.providers.openlineage.extractors import OperatorLineage

    from airflow_partnercenter.api.client import LicenseReader, QueryArguments

    T = TypeVar("T")

OnEmpty = Literal["allow", "skip", "fail"]
OnCustomerError = Literal["fail", "skip"]


class PartnerCenterLicensesOperator(BaseOperator):
    """What every read of a licence resource has in common; use one of the operators below.

    :param resource: one of ``partner_licenses_deployment``, ``partner_licenses_usage``,
        ``customer_licenses_deployment``, ``customer_licenses_usage``, ``licenses_deployment``, ``licenses_usage``.
        (templated)
    :param customer_id: GUID of the customer, or a list of them; for the ``customer_*`` resources. (templated)
    :param filter_expression: Microsoft's ``filter``, such as ``serviceCode eq 'o365'``; for ``licenses_*``. (templated)
    :param group_by: API field names to aggregate by, such as ``["serviceCode"]``; for ``licenses_*``. (templated)
    :param processed_date_time: day or time, ISO 8601, for which Microsoft processed the data; default the latest; for
        ``licenses_*``. (templated)
    :param page_size: rows per page, at most and by default 10 000; for ``licenses_*``.
    :param max_parallel_requests: requests in flight at most; 1 reads strictly one after the other.
    :param on_customer_error: what a customer that answers 403 or 404 does: ``fail`` the task, or be left out and listed
        (``skip``).
    :param on_empty: what a result without rows does: ``allow``, ``skip`` the task, or ``fail`` it.
    :param partner_center_conn_id: connection of type ``partner_center``. (templated)
    """

    template_fields: Sequence[str] = (
        "resource",
        "customer_id",
        "filter_expression",
        "group_by",
        "processed_date_time",
        "partner_center_conn_id",
    )
    ui_color = "#e8f1fb"
    operator_extra_links: "Sequence[BaseOperatorLink]" = (ResourceDocumentationLink(), PartnerCenterLink())

    def __init__(
        self,
        *,
        resource: str,
        customer_id: str | Sequence[str] | None = None,
        filter_expression: str | None = None,
        group_by: Sequence[str] | None = None,
        processed_date_time: str | date | None = None,
        page_size: int | None = None,
        max_parallel_requests: int = 4,
        on_customer_error: OnCustomerError = "fail",
        on_empty: OnEmpty = "allow",
        partner_center_conn_id: str = PartnerCenterHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.resource = resource
        self.customer_id = customer_id
        self.filter_expression = filter_expression
        self.group_by = group_by
        self.processed_date_time = processed_date_time
        self.page_size = page_size
        self.max_parallel_requests = max_parallel_requests
        self.on_customer_error = on_customer_error
        self.on_empty = on_empty
        self.partner_center_conn_id = partner_center_conn_id
        self._lineage: TaskLineage | None = None

    @cached_property
    def hook(self) -> PartnerCenterHook:
        """The hook; built on first use."""
        return PartnerCenterHook(self.partner_center_conn_id)

    @property
    def _query(self) -> "QueryArguments":
        return {
            "customer_id": self.customer_id,
            "filter_expression": self.filter_expression,
            "group_by": self.group_by,
            "processed_date_time": self.processed_date_time,
            "page_size": self.page_size,
            "max_parallel_requests": self.max_parallel_requests,
            "on_customer_error": self.on_customer_error,
        }

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> "OperatorLineage[Any, Any] | None":
        """Return what this task read and wrote, for OpenLineage; also asked for when it failed."""
        return self._lineage.to_openlineage() if self._lineage else None

    def _read_whole(self, consume: "Callable[[LicenseReader, TaskLineage], T]") -> "T":
        """Return what ``consume`` makes of a complete read, which starts with a clean sheet when it is done again."""

        def consume_noting(reader: "LicenseReader") -> "T":
            self._lineage = TaskLineage(self.hook.resource_uri(self.resource), reader.schema)
            return consume(reader, self._lineage)

        return self.hook.read_whole(self.resource, consume_noting, **self._query)

    def _check_query(self) -> None:
        """Check what is asked for.

        :raises ConfigurationError: an argument is wrong, missing, or not for this resource.
        """
        with uninterrupted():
            from airflow_partnercenter.api.query import build_query, listed_once

        self.customer_id = listed_once(self.customer_id)
        build_query(self.resource, **self._query)

    def _check_choice(self, name: str, choices: tuple[object, ...]) -> None:
        if getattr(self, name) not in choices:
            raise ConfigurationError(f"{name} is {getattr(self, name)!r}: use one of {', '.join(map(str, choices))}.")

    def _meet_emptiness(self, row_count: int) -> None:
        """Do what ``on_empty`` says if there are no rows."""
        if row_count or self.on_empty == "allow":
            return
        sentence = f"Partner Center returned no rows for {self.resource}"
        if self.on_empty == "skip":
            raise AirflowSkipException(f"{sentence}; skipping, as on_empty says.")
        raise EmptyResultError(f"{sentence}, and on_empty is 'fail'.")
