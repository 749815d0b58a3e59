"""The report's numbers by another route: SQL over the Parquet files, no pandas."""

# ruff: noqa: S608 - the queries are put together from this file's own words

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

_ROWS = """
CREATE TABLE {kind}_rows AS
SELECT lower(customer_tenant_id) AS customer, lower(product_id) AS product, service_code AS service, channel,
       customer_name, product_name, service_name, {columns},
       CAST(processed_date_time AT TIME ZONE 'UTC' AS DATE) AS day, parse_filename(filename) AS file
FROM read_parquet('{folder}/*.parquet', filename = true)
QUALIFY file = max(file) OVER (PARTITION BY {unit}, day);
CREATE TABLE {kind}_days AS
SELECT *, dense_rank() OVER (PARTITION BY {unit} ORDER BY day DESC) = 1 AS is_now,
          dense_rank() OVER (PARTITION BY {unit} ORDER BY day DESC) = 2 AS is_previous,
          row_number() OVER (PARTITION BY {unit} ORDER BY distance, day) = 1 AND distance <= 7 AS is_month
FROM (SELECT *, CASE WHEN age BETWEEN 23 AND 37 THEN abs(age - 30) ELSE 99 END AS distance
      FROM (SELECT DISTINCT {unit}, day, max(day) OVER (PARTITION BY {unit}) - day AS age FROM {kind}_rows));
"""
_PERIOD = "SELECT r.* FROM {kind}_rows r JOIN {kind}_days d USING ({unit}, day) WHERE d.is_{period}"
# Cell by cell: unknown on either date is left out, absent on one date counts 0 there.
_CHANGE = """
WITH cells AS (
    SELECT {cell}, {when} AS is_after, sum({name}) AS value, count(*) > count({name}) AS unknown
    FROM ({now} UNION ALL BY NAME {before})
    WHERE ({unit}) IN (SELECT ({unit}) FROM ({before})) GROUP BY ALL
), pairs AS (
    SELECT {cell}, coalesce(sum(value) FILTER (NOT is_after), 0) AS before,
           coalesce(sum(value) FILTER (is_after), 0) AS after, bool_or(unknown) AS unknown
    FROM cells GROUP BY {cell}
)
SELECT {keys}, sum(before)::BIGINT AS before, sum(after - before)::BIGINT AS change
FROM pairs WHERE NOT unknown GROUP BY {keys}
"""
DEPLOYMENT = {
    "kind": "deployment",
    "unit": "service",
    "cell": "service, channel, customer, product",
    "names": ("sold", "deployed"),
    "columns": "licenses_sold AS sold, licenses_deployed AS deployed",
}
USAGE = {
    "kind": "usage",
    "unit": "service, workload",
    "cell": "service, channel, customer, product, workload",
    "names": ("qualified", "active"),
    "columns": ("workload_code AS workload, workload_name, licenses_qualified AS qualified, licenses_active AS active"),
}


class Recomputed:
    """The lake's numbers as SQL counts them."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, lake: Path) -> None:
        self._connection = connection
        for spec, resource in ((DEPLOYMENT, "licenses_deployment"), (USAGE, "licenses_usage")):
            connection.execute(_ROWS.format(folder=lake / resource, **spec))

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Return the rows of a query."""
        cursor = self._connection.execute(query)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def one(self, query: str) -> Any:
        """Return the one value of a query."""
        [[value]] = [list(row.values()) for row in self.rows(query)]
        return value

    def period(self, spec: dict[str, Any], period: str) -> str:
        """Return the query of the rows of now, previous or month."""
        return _PERIOD.format(kind=spec["kind"], unit=spec["unit"], period=period)

    def measures(self, keys: str, spec: dict[str, Any] = DEPLOYMENT, also: str = "") -> dict[Any, dict[str, Any]]:
        """Return per key the sums of now, of the rows with both counts, and both changes of both counts.

        :param keys: one key, or several with a comma; a constant such as ``1`` for everything
        """
        first, second = spec["names"]
        both = f"FILTER ({first} IS NOT NULL AND {second} IS NOT NULL)"
        found = {
            self._key(row, keys): row
            for row in self.rows(
                f"SELECT {keys}, sum({first})::BIGINT AS {first}, sum({second})::BIGINT AS {second}, "
                f"(sum({first}) {both})::BIGINT AS base, (sum({second}) {both})::BIGINT AS part, "
                f"count(*) AS row_count, max(day) AS day {also} FROM ({self.period(spec, 'now')}) GROUP BY {keys}"
            )
        }
        gone = {first: 0, second: 0, "base": 0, "part": 0, "row_count": 0}
        for since in ("previous", "month"):
            for name in spec["names"]:
                for key, row in self._changes(keys, spec, name, since).items():
                    found.setdefault(key, dict(gone))
                    found[key][f"{name}_{since}"] = row["change"]
                    found[key][f"{name}_{since}_before"] = row["before"]
        return found

    def _changes(self, keys: str, spec: dict[str, Any], name: str, since: str) -> dict[Any, dict[str, Any]]:
        now, before = (self.period(spec, period) for period in ("now", since))
        before = before.replace("SELECT r.*", "SELECT r.*, false AS after")
        now = now.replace("SELECT r.*", "SELECT r.*, true AS after")
        query = _CHANGE.format(
            cell=spec["cell"], unit=spec["unit"], name=name, now=now, before=before, keys=keys, when="after"
        )
        return {self._key(row, keys): row for row in self.rows(query)}

    @staticmethod
    def _key(row: dict[str, Any], keys: str) -> Any:
        values = [row[key.strip()] for key in keys.split(",")]
        return values[0] if len(values) == 1 else tuple(values)

    def customers(self, fall_percent: float) -> dict[str, dict[str, Any]]:
        """Return per customer the numbers, the seats product by product, and the action."""
        found = self.measures("customer")
        sides = self.rows(
            "SELECT customer, (sum(unused) FILTER (unused > 0))::BIGINT AS activate, "
            "(-sum(unused) FILTER (unused < 0))::BIGINT AS beyond FROM ("
            "SELECT customer, service, product, sum(sold - deployed) AS unused "
            f"FROM ({self.period(DEPLOYMENT, 'now')}) GROUP BY ALL) GROUP BY customer"
        )
        by_customer = {row["customer"]: row for row in sides}
        names = self.rows("SELECT customer, arg_max(customer_name, day) AS name FROM deployment_rows GROUP BY customer")
        for row in names:
            if row["customer"] not in found:
                continue
            customer = found[row["customer"]]
            spare = by_customer.get(row["customer"], {})
            for name in ("activate", "beyond"):
                customer[name] = None if customer["base"] is None else spare.get(name) or 0
            customer["name"] = row["name"]
            customer["action"] = _action(customer, fall_percent)
        return found


def fallen(row: dict[str, Any], fall_percent: float) -> list[tuple[str, str]]:
    """Return (name, since) of what fell by more than so many percent."""
    return [
        (name, since)
        for since in ("previous", "month")
        for name in ("sold", "deployed")
        if row.get(f"{name}_{since}") is not None
        and -100 * row[f"{name}_{since}"] > fall_percent * row[f"{name}_{since}_before"]
    ]


def _action(row: dict[str, Any], fall_percent: float) -> str:
    if row["beyond"] or fallen(row, fall_percent):
        return "action needed"
    if row["base"] is None:
        return "not known"
    return "activation opportunity" if row["activate"] else "no action"


@contextmanager
def recomputed(lake: Path) -> Iterator[Recomputed]:
    """Open a lake's files."""
    with duckdb.connect() as connection:
        yield Recomputed(connection, lake)
