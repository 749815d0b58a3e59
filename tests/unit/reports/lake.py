"""A made-up partner with a month of daily snapshots, and what they hold, counted by loops alone."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pandas as pd

Rows = list[dict[str, Any]]
LAST_DAY = datetime(2026, 11, 21, tzinfo=UTC)
PRODUCTS = {
    "o365": (
        "Microsoft 365 Business Premium",
        "Office 365 E3",
        "OFFICE 365 BUSINESS ESSENTIALS",
        "Microsoft 365 Apps for Enterprise",
        "Exchange Online (Plan 1)",
        "Microsoft 365 F3",
        "Microsoft Defender for Office 365 (Plan 2) with Extended Threat Protection and Attack Simulation",
        "Domestic and International Calling Plan",
        "Visio Plan 2",
        "Project Plan 3",
    ),
    "crm": (
        "Dynamics 365 Sales Enterprise Edition",
        "Dynamics 365 Customer Service Professional",
        "DYNAMICS AX TASK",
        "Dynamics 365 Business Central Essentials",
    ),
}
SERVICE_NAMES = {"o365": "Microsoft Office 365", "crm": "Microsoft Dynamics"}
WORDS = ("Contoso", "Fabrikam", "Northwind", "Adventure", "Tailspin", "Wingtip", "Litware", "Proseware")
KINDS = ("Bakeries", "Logistics GmbH", "Health & Care", "Schools", "Engineering Ltd.")


def license_row(**values: Any) -> dict[str, Any]:
    """Return a row of `licenses_deployment`, of one customer and product unless told otherwise."""
    return {
        "service_code": "o365",
        "service_name": SERVICE_NAMES.get(values.get("service_code", "o365"), ""),
        "channel": "reseller",
        "customer_tenant_id": "0112A436-B14E-4888-967B-CA4BB2CF1234",
        "customer_name": "TEST COMPANY",
        "product_id": "54B84594-9C77-4499-8D65-5E0D5F410E78",
        "product_name": "Office 365 E3",
        "licenses_deployed": 4,
        "licenses_sold": 9,
        "processed_date_time": datetime(2026, 11, 20, tzinfo=UTC),
        "additional_fields": None,
        **values,
    }


def license_frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return rows as the lake's Parquet files read: nullable counts, UTC times."""
    frame = pd.DataFrame(rows, columns=list(license_row()))
    counts = {"licenses_deployed": "Int64", "licenses_sold": "Int64"}
    return frame.astype({**counts, "processed_date_time": "datetime64[us, UTC]"})


def partner_frame(rows: list[tuple[str, float | None, int, datetime]]) -> pd.DataFrame:
    """Return (service, percent, sold, time) as a snapshot of `partner_licenses_deployment`."""
    names = ["service_name", "prorated_deployment_percent", "licenses_sold", "processed_date_time"]
    frame = pd.DataFrame(rows, columns=names).assign(channel="reseller", additional_fields=None)
    types = {"prorated_deployment_percent": "float64", "licenses_sold": "Int64"}
    return frame.astype({**types, "processed_date_time": "datetime64[us, UTC]"})


class Lake:
    """Thirty daily files of forty customers; crm is processed every third day and its rows repeat in between."""

    def __init__(self, days: int = 30, customers: int = 40, seed: int = 7) -> None:
        self.random = Random(seed)  # noqa: S311 - test data, the same each time
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self.subscriptions = [row for number in range(customers) for row in self._subscriptions(number)]
        served: dict[str, list[dict[str, Any]]] = {}
        for day in range(days):
            time = LAST_DAY - timedelta(days=days - 1 - day)
            if day != days // 2:  # one day nothing was fetched
                for service, lag in (("o365", 0), ("crm", 3)):
                    if service == "o365" or day % 3 == 2 or service not in served:
                        served[service] = self._processed(service, time - timedelta(days=lag))
                self.rows[f"{time:%Y-%m-%d}.parquet"] = [*served["o365"], *served["crm"]]

    def _subscriptions(self, number: int) -> list[dict[str, Any]]:
        name = f"{WORDS[number % len(WORDS)]} {KINDS[number // len(WORDS)]}"
        tenant = str(UUID(int=self.random.getrandbits(128)))
        rows = []
        for service, products in PRODUCTS.items():
            for product in self.random.sample(products, self.random.randint(1, len(products) // 2)):
                sold = self.random.choice((5, 10, 25, 60, 120, 300))
                row = license_row(service_code=service, product_name=product, product_id=f"{product}-id")
                deployed = int(sold * self.random.uniform(0.3, 0.9))
                rows.append(
                    row
                    | {
                        "customer_tenant_id": tenant,
                        "customer_name": name,
                        "sold": sold,
                        "deployed": deployed,
                    }
                )
        return rows

    def _processed(self, service: str, time: datetime) -> list[dict[str, Any]]:
        rows = []
        for row in self.subscriptions:
            if row["service_code"] != service:
                continue
            if self.random.random() < 0.04:
                row["sold"] += self.random.choice((-10, -5, 5, 5, 10, 25)) if row["sold"] > 10 else 5
            if self.random.random() < 0.3:
                row["deployed"] = max(0, row["deployed"] + self.random.randint(-1, 3))
            counts = {"licenses_sold": row["sold"], "licenses_deployed": row["deployed"]}
            rows.append({name: value for name, value in row.items() if name not in {"sold", "deployed"}} | counts)
            rows[-1]["processed_date_time"] = time + timedelta(hours=3, minutes=25)
        return rows

    @property
    def licenses(self) -> dict[str, pd.DataFrame]:
        """The snapshots of `licenses_deployment`."""
        return {name: license_frame(rows) for name, rows in self.rows.items()}

    @property
    def partner(self) -> dict[str, pd.DataFrame]:
        """The snapshots of `partner_licenses_deployment`."""
        result = {}
        for name, rows in self.rows.items():
            found: dict[str, list[dict[str, Any]]] = {}
            for row in rows:
                found.setdefault(row["service_code"], []).append(row)
            result[name] = partner_frame(
                [
                    (
                        service,
                        round(
                            100 * sum(r["licenses_deployed"] for r in part) / sum(r["licenses_sold"] for r in part),
                            2,
                        ),
                        sum(r["licenses_sold"] for r in part),
                        part[0]["processed_date_time"],
                    )
                    for service, part in found.items()
                ]
            )
        return result


def chosen(files: dict[str, Rows]) -> dict[tuple[str, date], Rows]:
    """Return the rows of each service and date from the newest file that holds them, by loops alone."""
    result: dict[tuple[str, date], Rows] = {}
    for name in sorted(files):
        found: dict[tuple[str, date], Rows] = defaultdict(list)
        for row in files[name]:
            found[row["service_code"], row["processed_date_time"].date()].append(row)
        result.update(found)
    return result


def expected(files: dict[str, Rows], *keys: str) -> dict[tuple[str, ...], list[int]]:
    """Return key -> [sold, deployed, unused, change of each], of rows that have all their counts."""
    rows, result = chosen(files), defaultdict(lambda: [0] * 6)
    for service in {service for service, _ in rows}:
        days = sorted(day for code, day in rows if code == service)
        for day, sign in zip(days[-1:-3:-1], (1, -1), strict=False):
            for row in rows[service, day]:
                numbers = row["licenses_sold"], row["licenses_deployed"]
                total = result[tuple(str(row[key]).lower() for key in keys)]
                for place, number in enumerate((*numbers, numbers[0] - numbers[1])):
                    total[place] += number * (sign == 1)
                    total[place + 3] += sign * number * (len(days) > 1)
    return dict(result)


SUITE = (("EXO", "Exchange", 0.9), ("TEAMS", "Teams", 0.6))


def usage_rows(rows: Rows) -> Rows:
    """Return what `licenses_usage` would say of rows of deployment: one row per workload of each."""
    result = []
    for row in rows:
        workloads = SUITE if row["service_code"] == "o365" else (("CRM", "Microsoft Dynamics CRM", 0.7),)
        for code, name, share in workloads:
            deployed = row["licenses_deployed"]
            use = {
                "workload_code": code,
                "workload_name": name,
                "licenses_active": None if deployed is None else round(deployed * share),
                "licenses_qualified": row["licenses_sold"],
            }
            result.append({key: value for key, value in (row | use).items() if not key.startswith("licenses_d")})
    return [{key: value for key, value in row.items() if key != "licenses_sold"} for row in result]


def usage_frame(rows: Rows) -> pd.DataFrame:
    """Return rows of `licenses_usage` as the lake's Parquet files read."""
    frame = pd.DataFrame(rows, columns=list(usage_rows([license_row()])[0]))
    counts = {"licenses_active": "Int64", "licenses_qualified": "Int64"}
    return frame.astype({**counts, "processed_date_time": "datetime64[us, UTC]"})


def harder_lake(folder: Path) -> Path:
    """Write a month of Parquet files of all four resources in which all that a report must tell occurs."""
    lake = Lake()
    ids = list(dict.fromkeys(row["customer_tenant_id"] for row in lake.subscriptions))
    names, partner = sorted(lake.rows), lake.partner
    for number, name in enumerate(names):
        lake.rows[name] = [
            _harder(row, ids.index(row["customer_tenant_id"]), number - len(names)) for row in lake.rows[name]
        ]
        lake.rows[name] = [row for row in lake.rows[name] if row]
    partner_usage = {
        name: frame.drop(columns=["licenses_sold"])
        .rename(columns={"prorated_deployment_percent": "prorated_licenses_usage_percent"})
        .assign(workload_name="Exchange")
        for name, frame in partner.items()
    }
    usage = {
        name: usage_frame(usage_rows([row for row in rows if row["customer_tenant_id"] not in ids[10:12]]))
        for name, rows in lake.rows.items()
    }
    for resource, frames in (
        ("licenses_deployment", lake.licenses),
        ("licenses_usage", usage),
        ("partner_licenses_deployment", partner),
        ("partner_licenses_usage", partner_usage),
    ):
        (folder / resource).mkdir()
        for name, frame in frames.items():
            frame.to_parquet(folder / resource / name)
    return folder


def _harder(row: dict[str, Any], customer: int, age: int) -> dict[str, Any]:
    """Return a row as the customer's story has it; ``age`` is -1 in the newest file. Empty: not in the file."""
    sold = row["licenses_sold"]
    if customer == 0 and age >= -1 and row["service_code"] == "o365":
        return row | {"licenses_deployed": sold // 5}  # fell since the last snapshot
    if customer == 1:
        return row | {"licenses_deployed": sold + 3}  # more deployed than sold
    if customer == 2 and age >= -9:
        return {}  # left within the month
    if customer == 3 and age >= -1:
        return {}  # left with the newest file
    if customer == 4 and age < -1:
        return {}  # new
    if customer in (5, 9):
        return row | {"licenses_deployed": None}  # never a count
    if customer == 6 and row["product_name"] == PRODUCTS["o365"][0]:
        return row | {"licenses_sold": None}
    if customer == 7:
        return row | {"licenses_deployed": sold}  # all is well
    if customer == 8:
        return row | {"licenses_sold": 0, "licenses_deployed": 0}
    return row
