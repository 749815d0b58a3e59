"""The six licence resources, each one declaration: path, fields, key.

A field is called in a table as on the wire, camelCase turned to snake_case; nothing is renamed.
Sources: the page named with each resource, and
https://learn.microsoft.com/en-us/partner-center/developer/partner-center-analytics-resources (read 2026-11-20)
"""

from dataclasses import dataclass
from enum import Enum
from functools import cache

from airflow_partnercenter.exceptions import ConfigurationError
from airflow_partnercenter.rows import snake_case

#: Of declared fields, which are few, but asked for with every page.
_column = cache(snake_case)


class Kind(Enum):
    """What a field holds."""

    TEXT = "text"
    #: Whole number of licences.
    COUNT = "count"
    #: Percent points as served: 0 to 100 and above, never rescaled or clamped.
    PERCENT = "percent points"
    #: UTC; without an offset on the wire it is UTC too.
    TIME = "UTC time"


@dataclass(frozen=True, slots=True)
class Field:
    """One declared field of a resource.

    :param wire: name in Microsoft's JSON.
    :param kind: what it holds, with its unit.
    :param aliases: other spellings of the name that Microsoft's own examples use.
    """

    wire: str
    kind: Kind = Kind.TEXT
    aliases: tuple[str, ...] = ()

    @property
    def column(self) -> str:
        """Name in rows, tables and files."""
        return _column(self.wire)


@dataclass(frozen=True, slots=True)
class Resource:
    """One licence resource.

    :param name: as in Microsoft's page titles; the ``resource`` argument of every public method.
    :param path: below the base URL; ``{customer_id}`` and ``{commercial_prefix}`` are filled in.
    :param fields: declared columns, in the order of every table and file.
    :param key: columns that together name one row, unless the service repeats it (rows carry no
        subscription ID).
    :param page: Microsoft's documentation.
    :param superseded_by: the resource to use instead, if Microsoft names one.
    """

    name: str
    path: str
    fields: tuple[Field, ...]
    key: tuple[str, ...]
    page: str
    superseded_by: str | None = None

    @property
    def is_commercial(self) -> bool:
        """Whether it is one of the superseding resources, which can be queried and come in pages."""
        return self.superseded_by is None

    @property
    def needs_customer(self) -> bool:
        """Whether one request returns the rows of one customer."""
        return "{customer_id}" in self.path

    @property
    def columns(self) -> tuple[str, ...]:
        """Declared column names."""
        return tuple(field.column for field in self.fields)


_PAGES = "https://learn.microsoft.com/en-us/partner-center/developer/"

_PROCESSED = Field("processedDateTime", Kind.TIME)
_SERVICE_CODE = Field("serviceCode")
_SERVICE_NAME = Field("serviceName")
_CHANNEL = Field("channel")
_CUSTOMER_ID = Field("customerId")
_CUSTOMER_NAME = Field("customerName")
_PRODUCT_NAME = Field("productName")
_WORKLOAD_CODE = Field("workloadCode")
_WORKLOAD_NAME = Field("workloadName")
_SOLD = Field("licensesSold", Kind.COUNT)
_DEPLOYED = Field("licensesDeployed", Kind.COUNT)
# The usage page's table says licensesActive, its example licenseActive.
_ACTIVE = Field("licensesActive", Kind.COUNT, aliases=("licenseActive",))
_QUALIFIED = Field("licensesQualified", Kind.COUNT)
_SERVICE = (_SERVICE_CODE, _SERVICE_NAME, _CHANNEL)
_CUSTOMER_PRODUCT = (Field("customerTenantId"), _CUSTOMER_NAME, Field("productId"), _PRODUCT_NAME)

RESOURCES = {
    resource.name: resource
    for resource in (
        Resource(
            name="partner_licenses_deployment",
            path="/v1/analytics/licenses/deployment",
            fields=(
                Field("proratedDeploymentPercent", Kind.PERCENT),
                _SOLD,
                _PROCESSED,
                _SERVICE_NAME,
                _CHANNEL,
            ),
            key=("service_name", "channel", "processed_date_time"),
            page=_PAGES + "get-partner-licenses-deployment-information",
            superseded_by="licenses_deployment",
        ),
        Resource(
            name="partner_licenses_usage",
            path="/v1/analytics/licenses/usage",
            fields=(
                Field("proratedLicensesUsagePercent", Kind.PERCENT),
                _WORKLOAD_NAME,
                _PROCESSED,
                _SERVICE_NAME,
                _CHANNEL,
            ),
            key=("service_name", "channel", "workload_name", "processed_date_time"),
            page=_PAGES + "get-partner-licenses-usage-information",
            superseded_by="licenses_usage",
        ),
        Resource(
            name="customer_licenses_deployment",
            path="/v1/customers/{customer_id}/analytics/licenses/deployment",
            fields=(
                _CUSTOMER_ID,
                _CUSTOMER_NAME,
                _PRODUCT_NAME,
                _SERVICE_CODE,
                _SERVICE_NAME,
                _CHANNEL,
                _DEPLOYED,
                _SOLD,
                Field("deploymentPercent", Kind.PERCENT),
                _PROCESSED,
            ),
            key=("customer_id", "product_name", "service_name", "channel"),
            page=_PAGES + "get-customer-licenses-deployment-information",
            superseded_by="licenses_deployment",
        ),
        Resource(
            name="customer_licenses_usage",
            path="/v1/customers/{customer_id}/analytics/licenses/usage",
            fields=(
                _CUSTOMER_ID,
                _CUSTOMER_NAME,
                _PRODUCT_NAME,
                _SERVICE_CODE,
                _SERVICE_NAME,
                _CHANNEL,
                _WORKLOAD_CODE,
                _WORKLOAD_NAME,
                _ACTIVE,
                _QUALIFIED,
                Field("usagePercent", Kind.PERCENT),
                _PROCESSED,
            ),
            key=("customer_id", "product_name", "workload_name", "service_name", "channel"),
            page=_PAGES + "get-customer-licenses-usage-information",
            superseded_by="licenses_usage",
        ),
        # The syntax line of both pages below has /v1/analytics/commercial/…/license/, their example
        # /partner/v1/analytics/commercial/…/license. The example's form is the one other analytics of that
        # generation use; the prefix is a connection setting.
        Resource(
            name="licenses_deployment",
            path="{commercial_prefix}/analytics/commercial/deployment/license",
            fields=(*_SERVICE, *_CUSTOMER_PRODUCT, _DEPLOYED, _SOLD, _PROCESSED),
            key=("customer_tenant_id", "product_id", "service_code", "channel"),
            page=_PAGES + "get-licenses-deployment-information",
        ),
        Resource(
            name="licenses_usage",
            path="{commercial_prefix}/analytics/commercial/usage/license",
            fields=(
                _WORKLOAD_CODE,
                _WORKLOAD_NAME,
                *_SERVICE,
                *_CUSTOMER_PRODUCT,
                _ACTIVE,
                _QUALIFIED,
                _PROCESSED,
            ),
            key=("customer_tenant_id", "product_id", "workload_code", "service_code", "channel"),
            page=_PAGES + "get-licenses-usage-information",
        ),
    )
}


def get_resource(name: str) -> Resource:
    """Return the declaration of a resource.

    :raises ConfigurationError: there is no such resource; the message lists those there are.
    """
    try:
        return RESOURCES[name]
    except (KeyError, TypeError):
        raise ConfigurationError(
            f"There is no licence resource {name!r}. Use one of: {', '.join(RESOURCES)}."
        ) from None
