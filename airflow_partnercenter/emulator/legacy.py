"""The answers of the older licence endpoints (A to D), computed from the rows of the newer ones.

Null properties are left out, as the service does: rows of one customer have neither ``customerId`` nor ``serviceCode``.
"""

from collections.abc import Sequence
from datetime import date

from airflow_partnercenter.emulator.catalogue import SERVICES
from airflow_partnercenter.emulator.partner import Kind, Row

Item = dict[str, object]

_MIDNIGHT_SERVICES = {service.code for service in SERVICES if service.processed_at_midnight}
_SUMS: dict[Kind, tuple[str, str, tuple[str, ...]]] = {
    "deployment": ("licensesDeployed", "licensesSold", ("serviceCode", "channel")),
    "usage": ("licensesActive", "licensesQualified", ("serviceCode", "channel", "workloadName")),
}


def collection(items: Sequence[Item], **more: object) -> dict[str, object]:
    """Return items in the envelope of the older endpoints."""
    return {"totalCount": len(items), "items": items, **more, "attributes": {"objectType": "Collection"}}


def partner_items(kind: Kind, rows: Sequence[Row]) -> list[Item]:
    """Return one item for each service (and workload), with the percentage over all its rows."""
    part, whole, fields = _SUMS[kind]
    groups: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[field] for field in fields), []).append(row)
    return [_partner_item(kind, group, _sum(group, part), _sum(group, whole)) for group in groups.values()]


def customer_items(kind: Kind, rows: Sequence[Row]) -> list[Item]:
    """Return one item for each product (and workload) of a customer."""
    return [_customer_item(kind, row) for row in rows]


def percent(part: int, whole: int) -> float:
    """Return a share in percent points with two decimals; 0 of 0 is 0."""
    return round(100 * part / whole, 2) if whole else 0.0


def _sum(rows: Sequence[Row], count: str) -> int:
    """Return the sum of a count over rows."""
    return sum(int(row[count] or 0) for row in rows)


def _partner_item(kind: Kind, group: Sequence[Row], part: int, whole: int) -> Item:
    """Return the item of a group of rows."""
    numbers: Item = (
        {"proratedDeploymentPercent": percent(part, whole), "licensesSold": whole}
        if kind == "deployment"
        else {"proratedLicensesUsagePercent": percent(part, whole), "workloadName": group[0]["workloadName"]}
    )
    return numbers | _common(group[0], f"PartnerLicenses{kind.title()}Insights")


def _customer_item(kind: Kind, row: Row) -> Item:
    """Return the item of a row."""
    names: Item = {"customerName": row["customerName"], "productName": row["productName"]}
    part, whole, _ = _SUMS[kind]
    share = percent(int(row[part] or 0), int(row[whole] or 0))
    numbers: Item = (
        {part: row[part], "deploymentPercent": share, whole: row[whole]}
        if kind == "deployment"
        else {part: row[part], whole: row[whole], "usagePercent": share, "workloadName": row["workloadName"]}
    )
    return names | numbers | _common(row, f"CustomerLicenses{kind.title()}Insights")


def _common(row: Row, object_type: str) -> Item:
    """Return what every item ends with."""
    return {
        "processedDateTime": _processed(str(row["processedDateTime"])[:10], str(row["serviceCode"])),
        "serviceName": row["serviceCode"],
        "channel": row["channel"],
        "attributes": {"objectType": object_type},
    }


def _processed(day: str, service_code: str) -> str:
    """Return the time a service was processed, with an offset; not every service is done at midnight."""
    if service_code in _MIDNIGHT_SERVICES:
        return f"{day}T00:00:00+00:00"
    number = date.fromisoformat(day).toordinal()
    # two digits without a zero at the end: the service writes no trailing zeros
    hundredths = 10 * (number % 10) + 1 + number % 9
    return f"{day}T03:{number * 7 % 60:02}:{number * 13 % 60:02}.{hundredths:02}+00:00"
