"""Links from a task to its file, to Microsoft's page of the resource, and to Partner Center itself.

Airflow 3 asks for them in the worker when a task ends, with the operator that ran; Airflow 2 in the webserver, with one
rebuilt from its database, to which static data and XCom are all there is. Airflow's UI shows ``http(s)`` addresses and
no others: a file without a web address has no link.
"""

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import TaskInstanceKey

#: XCom in which the storage operator leaves the web address of its file.
FILE_ADDRESS_KEY = "file_web_address"

_PARTNER_CENTER = "https://partner.microsoft.com/dashboard/home"
_ALL_RESOURCES = "https://learn.microsoft.com/en-us/partner-center/developer/partner-center-analytics-resources"


class FileLink(BaseOperatorLink):
    """The file, in the console of its cloud."""

    name = "File"

    def get_link(self, operator: Any, *, ti_key: "TaskInstanceKey") -> str:
        """Return the address that the task left, or empty text."""
        from airflow.providers.common.compat.sdk import XCom

        if hasattr(operator, "file_web_address"):
            return operator.file_web_address or ""
        return XCom.get_value(ti_key=ti_key, key=FILE_ADDRESS_KEY) or ""


class ReportLink(BaseOperatorLink):
    """The report that a task has written: ``web_address`` in what the task returns.

    For tasks of your own: ``task.operator_extra_links = [ReportLink()]``; where a task is made by a decorator, it is
    ``my_function().operator``. :func:`airflow_partnercenter.storage.file_web_address` gives the address of a file.
    """

    name = "Report"

    def get_link(self, operator: Any, *, ti_key: "TaskInstanceKey") -> str:
        """Return the address that the task returned, or empty text."""
        from airflow.providers.common.compat.sdk import XCom

        returned = XCom.get_value(ti_key=ti_key, key="return_value")
        return (isinstance(returned, dict) and returned.get("web_address")) or ""


class ResourceDocumentationLink(BaseOperatorLink):
    """Microsoft's documentation of the resource."""

    name = "Microsoft's documentation"

    def get_link(self, operator: Any, *, ti_key: "TaskInstanceKey") -> str:
        """Return the page of the resource; that of all resources, where a template names it and is not rendered."""
        from airflow_partnercenter.api.resources import RESOURCES

        resource = RESOURCES.get(getattr(operator, "resource", ""))
        return resource.page if resource else _ALL_RESOURCES


class PartnerCenterLink(BaseOperatorLink):
    """Partner Center itself."""

    name = "Partner Center"

    def get_link(self, operator: Any, *, ti_key: "TaskInstanceKey") -> str:
        """Return the address of Partner Center's home page."""
        return _PARTNER_CENTER
