"""Microsoft's documented licence answers, and the rows that each must become, written out by hand."""

from importlib.resources import files
from typing import Any

CUSTOMER_ID = "0112a436-b14e-4888-967b-ca4bb2cf1234"

_MARCH_9 = "2017-03-09T00:00:00.000000Z"
_MARCH_10 = "2017-03-10T00:00:00.000000Z"
_MARCH_14 = "2017-03-14T03:25:16.360000Z"
_OCTOBER = "2018-10-14T00:00:00.000000Z"

#: file name -> resource, columns, rows
_TABLES: dict[str, tuple[str, tuple[str, ...], list[tuple[Any, ...]]]] = {
    "partner_licenses_deployment": (
        "partner_licenses_deployment",
        ("prorated_deployment_percent", "licenses_sold", "processed_date_time", "service_name", "channel"),
        [(0.0, 343, _MARCH_10, "crm", "reseller"), (1.0, 4464, _MARCH_14, "o365", "reseller")],
    ),
    "partner_licenses_usage": (
        "partner_licenses_usage",
        ("prorated_licenses_usage_percent", "workload_name", "processed_date_time", "service_name", "channel"),
        [
            (0.0, "Microsoft Dynamics CRM", _MARCH_10, "crm", "reseller"),
            (0.0, "SharePoint", _MARCH_10, "crm", "reseller"),
            (0.0, "Exchange", _MARCH_9, "o365", "reseller"),
            (0.0, "SharePoint", _MARCH_9, "o365", "reseller"),
            (0.0, "Skype For Business", _MARCH_9, "o365", "reseller"),
        ],
    ),
    "customer_licenses_deployment": (
        "customer_licenses_deployment",
        (
            "customer_id",
            "customer_name",
            "product_name",
            "service_code",
            "service_name",
            "channel",
            "licenses_deployed",
            "licenses_sold",
            "deployment_percent",
            "processed_date_time",
        ),
        [
            (CUSTOMER_ID, "DT DEMO CSP CUSTOMER 005", product, None, "o365", "reseller", 0, sold, 0.0, _MARCH_14)
            for product, sold in (
                ("OFFICE 365 BUSINESS ESSENTIALS", 1),
                ("EXCHANGE ONLINE (PLAN 1)", 5),
                ("EXCHANGE ONLINE ARCHIVING FOR EXCHANGE ONLINE", 2),
            )
        ],
    ),
    "customer_licenses_usage": (
        "customer_licenses_usage",
        (
            "customer_id",
            "customer_name",
            "product_name",
            "service_code",
            "service_name",
            "channel",
            "workload_code",
            "workload_name",
            "licenses_active",
            "licenses_qualified",
            "usage_percent",
            "processed_date_time",
        ),
        [
            (
                CUSTOMER_ID,
                "DT DEMO CSP CUSTOMER 005",
                product,
                None,
                "o365",
                "reseller",
                None,
                workload,
                0,
                qualified,
                0.0,
                _MARCH_9,
            )
            for product, workload, qualified in (
                ("OFFICE 365 BUSINESS ESSENTIALS", "Exchange", 1),
                ("OFFICE 365 BUSINESS ESSENTIALS", "SharePoint", 1),
                ("OFFICE 365 BUSINESS ESSENTIALS", "Skype For Business", 1),
                ("EXCHANGE ONLINE (PLAN 1)", "Exchange", 5),
                ("EXCHANGE ONLINE ARCHIVING FOR EXCHANGE ONLINE", "Exchange", 2),
            )
        ],
    ),
    "commercial_deployment_license": (
        "licenses_deployment",
        (
            "service_code",
            "service_name",
            "channel",
            "customer_tenant_id",
            "customer_name",
            "product_id",
            "product_name",
            "licenses_deployed",
            "licenses_sold",
            "processed_date_time",
        ),
        [
            (code, name, "reseller", CUSTOMER_ID.upper(), "TEST COMPANY", product_id, product, 0, sold, _OCTOBER)
            for code, name, product_id, product, sold in (
                ("crm", "Microsoft Dynamics", "54B84594-9C77-4499-8D65-5E0D5F410E78", "DYNAMICS AX TASK", 9),
                (
                    "o365",
                    "Microsoft Office 365",
                    "D3B4FE1F-9992-4930-8ACB-CA6EC609365E",
                    "DOMESTIC AND INTERNATIONAL CALLING PLAN",
                    5,
                ),
            )
        ],
    ),
    "commercial_usage_license": (
        "licenses_usage",
        (
            "workload_code",
            "workload_name",
            "service_code",
            "service_name",
            "channel",
            "customer_tenant_id",
            "customer_name",
            "product_id",
            "product_name",
            "licenses_active",
            "licenses_qualified",
            "processed_date_time",
        ),
        [
            (
                code,
                name,
                "o365",
                "Microsoft Office 365",
                "reseller",
                CUSTOMER_ID.upper(),
                "TEST COMPANY",
                product_id,
                product,
                0,
                1,
                _OCTOBER,
            )
            for code, name, product_id, product in (
                ("SPO", "SharePoint", "6FD2C87F-B296-42F0-B197-1E91E994B900", "OFFICE 365 ENTERPRISE E3"),
                ("EXO", "Exchange", "45A2423B-E884-448D-A831-D9E139C52D2F", "EXCHANGE ONLINE PROTECTION"),
            )
        ],
    ),
}

#: resource -> rows
ROWS: dict[str, list[dict[str, Any]]] = {
    resource: [dict(zip(columns, row, strict=True)) for row in rows] for resource, columns, rows in _TABLES.values()
}
_FILES = {resource: name for name, (resource, _, _) in _TABLES.items()}


def query_of(resource: str) -> dict[str, str]:
    """Return the query arguments without which a resource cannot be read."""
    return {"customer_id": CUSTOMER_ID} if resource.startswith("customer_") else {}


def wire_bytes(resource: str) -> bytes:
    """Return the documented body with its byte order mark; the file comes with the emulator."""
    return (files("airflow_partnercenter.emulator") / "documented" / f"{_FILES[resource]}.wire.bin").read_bytes()
