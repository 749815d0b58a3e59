"""Every number that the page prints, recomputed with SQL over the Parquet files."""

# ruff: noqa: RUF001, S608 - the page prints true minus signs; the queries are put together from this file's own words

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from airflow_partnercenter.reports import LicenseReport, build_license_report
from airflow_partnercenter.storage import read_snapshots
from tests.unit.reports.lake import harder_lake
from tests.unit.reports.markup import Page
from tests.unit.reports.recomputed import DEPLOYMENT, USAGE, Recomputed, fallen, recomputed

FALL_PERCENT = 10.0
RESOURCES = ("licenses_deployment", "licenses_usage", "partner_licenses_deployment", "partner_licenses_usage")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with customers that come, go, fall, lack counts and deploy more than they bought."""
    return harder_lake(tmp_path_factory.mktemp("lake"))


@pytest.fixture(scope="module")
def sql(files: Path) -> Iterator[Recomputed]:
    """The other route."""
    with recomputed(files) as found:
        yield found


@pytest.fixture(scope="module")
def report(files: Path) -> LicenseReport:
    """The report of the lake's files."""
    deployment, usage, partner, partner_usage = (read_snapshots((files / name).as_uri()) for name in RESOURCES)
    return build_license_report(deployment, partner, usage, partner_usage, fall_percent=FALL_PERCENT)


@pytest.fixture(scope="module")
def page(report: LicenseReport) -> Page:
    """Its page."""
    return Page(report.to_html(generated_at=datetime(2026, 11, 22, 17, 29, tzinfo=UTC)))


def number(value: int | None) -> str:
    """Write a count as the page should."""
    return "–" if value is None else f"{value:,}".replace("-", "−")


def rate(part: int | None, base: int | None) -> str:
    """Write a rate as the page should."""
    return f"{100 * part / base:,.1f}%" if part is not None and base else "–"


def signed(value: float | None, decimals: int = 0, unit: str = "") -> str:
    """Write a change as the page should."""
    if value is None:
        return "–"
    text = f"{value:+,.{decimals}f}".replace("-", "−")
    return (text if re.search("[1-9]", text) else "±" + text[1:]) + unit


def day(value: date | None) -> str:
    """Write a date as the page should."""
    return "–" if value is None else f"{value.day} {value:%b} {value.year}"


def measures(row: dict[str, Any], third: str | None = None) -> list[str]:
    """Write the eight numbers of a row of seats."""
    unused = None if row["base"] is None else row["base"] - row["part"]
    return [
        number(row["sold"]),
        number(row["deployed"]),
        number(unused if third is None else row[third]),
        rate(row["part"], row["base"]),
        *(signed(row.get(f"{name}_{since}")) for since in ("previous", "month") for name in ("sold", "deployed")),
    ]


def added(rows: Any, third: str | None = None) -> list[str]:
    """Write the sums of rows."""
    sums = {
        name: sum(known) if (known := [row[name] for row in rows if row.get(name) is not None]) else None
        for name in {name for row in rows for name, value in row.items() if isinstance(value, int)}
        | {"base", "part", third or "sold"}
    }
    return measures({"sold": None, "deployed": None} | sums, third)


def test_services(page: Page, sql: Recomputed) -> None:
    """Seats, rate and changes of each service, and of all."""
    names = {"crm": "Microsoft Dynamics crm", "o365": "Microsoft Office 365 o365"}
    found = sql.measures("service")
    everything = sql.measures("1")[1]
    assert page.cells("services")[2:] == [
        *([names[service], *measures(found[service])] for service in sorted(found)),
        ["Total", *measures(everything)],
    ]


def test_headline(page: Page, sql: Recomputed) -> None:
    """Seats sold, deployed and unused, and the rate, each with its change since the last snapshot and in 30 days."""
    row = sql.measures("1")[1]
    pp = {since: _rate_change(sql, since) for since in ("previous", "month")}
    unused = {
        since: sum(
            part["unused"] * part["sign"]
            for part in sql.rows(
                f"SELECT sum(sold - deployed)::BIGINT AS unused, sign FROM ({_known_on_both(sql, since)}) GROUP BY sign"
            )
        )
        for since in ("previous", "month")
    }
    expected = [
        ("Seats sold", number(row["sold"]), *(signed(row[f"sold_{since}"]) for since in pp)),
        ("Seats deployed", number(row["deployed"]), *(signed(row[f"deployed_{since}"]) for since in pp)),
        ("Deployment rate", rate(row["part"], row["base"]), *(signed(pp[since], 1, " pp") for since in pp)),
        ("Seats unused", number(row["base"] - row["part"]), *(signed(unused[since]) for since in pp)),
    ]
    text = " ".join(page.seen.split())
    for name, value, last, month in expected:
        assert f"{name} {value} {last} since last snapshot {month} in 30 days" in text


def _rate_change(sql: Recomputed, since: str) -> float:
    """Return the rate's change over the services that have the earlier date."""
    before = sql.period(DEPLOYMENT, since)
    now = f"SELECT * FROM ({sql.period(DEPLOYMENT, 'now')}) WHERE service IN (SELECT service FROM ({before}))"
    old, new = (
        sql.one(f"SELECT 100 * sum(deployed) / sum(sold) FROM ({rows}) WHERE sold IS NOT NULL AND deployed IS NOT NULL")
        for rows in (before, now)
    )
    return float(new - old)


def _known_on_both(sql: Recomputed, since: str) -> str:
    """Return a query of the rows of both dates whose (service, channel, customer, product) lacks no count on either."""
    before = sql.period(DEPLOYMENT, since)
    both = (
        f"SELECT *, 1 AS sign FROM ({sql.period(DEPLOYMENT, 'now')}) WHERE service IN (SELECT service FROM ({before})) "
        f"UNION ALL SELECT *, -1 AS sign FROM ({before})"
    )
    cell = "PARTITION BY service, channel, customer, product"
    return f"SELECT * FROM ({both}) QUALIFY count(*) OVER ({cell}) = count(sold - deployed) OVER ({cell})"


def test_products(page: Page, sql: Recomputed) -> None:
    """Seats, rate and changes of each product, most unused first, adding up to the total."""
    found = sql.measures("service, product", also=", any_value(product_name) AS name")
    rows = page.cells("products")[2:]
    assert rows.pop() == ["Total", *measures(sql.measures("1")[1])]
    expected = sorted([f"{row['name']} {service}", *measures(row)] for (service, _), row in found.items())
    assert sorted(rows) == expected
    unused = [int(row[3].replace(",", "").replace("−", "-")) for row in rows if row[3] != "–"]
    assert unused == sorted(unused, reverse=True)


def test_bars_of_products(page: Page, sql: Recomputed) -> None:
    """The chart says unused and sold of the ten products with most unused seats."""
    found = sql.measures("service, product", also=", any_value(product_name) AS name").items()
    largest = sorted(
        (-(row["base"] - row["part"]), row["name"], key[0], row["base"]) for key, row in found if row["base"]
    )
    text = " ".join(page.seen.split())
    for unused, name, service, base in largest[:10]:
        assert f"{name} {service} {number(-unused)} unused of {number(base)}" in text


def test_actions_and_their_customers(page: Page, sql: Recomputed) -> None:
    """Each customer stands under what there is to do, with its numbers; the groups add up to all customers."""
    customers = sql.customers(FALL_PERCENT)
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in customers.values():
        groups.setdefault(row["action"], []).append(row)
    assert set(groups) == {"action needed", "activation opportunity", "no action", "not known"}
    expected = [[action.capitalize(), *_group(groups[action])] for action in groups]
    rows = page.cells("actions")[1:]
    assert rows.pop() == ["Total", *_group(list(customers.values()))]
    assert sorted(rows) == sorted(expected)

    rows = page.cells("activation")[2:]
    group = sorted(groups["activation opportunity"], key=lambda row: (-row["activate"], row["name"]))
    assert rows.pop() == [f"{len(group)} customers", *added(group, "activate")]
    if len(group) > 25:
        assert rows.pop() == [f"{len(group) - 25} other customers", *added(group[25:], "activate")]
    assert rows == [[row["name"], *measures(row, "activate")] for row in group[:25]]

    rows = page.cells("needed")[1:]
    needed = groups["action needed"]
    total = [added(needed, name)[2] for name in ("activate", "beyond")]
    assert rows.pop() == [f"{len(needed)} customers", "", *added(needed)[:2], *total, added(needed)[3]]
    assert len(needed) <= 25
    assert sorted(rows) == sorted(_needed(row) for row in needed)
    by_name = {row["name"]: row for row in needed}
    stake = [
        max(row["beyond"], *(-row[f"{name}_{since}"] for name, since in fallen(row, FALL_PERCENT)), 0)
        for row in (by_name[cells[0]] for cells in rows)
    ]
    assert stake == sorted(stake, reverse=True)


def _group(rows: list[dict[str, Any]]) -> list[str]:
    """Write the numbers of a group of customers."""
    return [number(len(rows)), *added(rows)[:2], added(rows, "activate")[2], added(rows, "beyond")[2]]


def _needed(row: dict[str, Any]) -> list[str]:
    """Write the row of a customer that needs action, with the reasons."""
    why = [] if row["row_count"] else ["No licences any more"]
    if row["beyond"]:
        why.append(f"{row['beyond']:,} {'seat' if row['beyond'] == 1 else 'seats'} deployed beyond those sold")
    order = [(since, -row[f"{name}_{since}"], name) for name, since in fallen(row, FALL_PERCENT)]
    for since, fall, name in sorted(order, key=lambda part: (part[0] == "month", -part[1], part[2])):
        before = row[f"{name}_{since}_before"]
        words = {"previous": "since last snapshot", "month": "in 30 days"}[since]
        why.append(f"{name.capitalize()} {before:,} → {before - fall:,} (−{100 * fall / before:,.1f}%) {words}")
    spare = [number(row["activate"]), number(row["beyond"])]
    return [row["name"], " ".join(why), number(row["sold"]), number(row["deployed"]), *spare, measures(row)[3]]


def test_usage_beside_deployment(page: Page, sql: Recomputed) -> None:
    """Seats qualified and active of each workload, the rate, what is deployed beside, and their changes."""
    found = sql.measures("service, workload", USAGE, also=", any_value(workload_name) AS name")
    beside = {
        (row["service"], row["workload"]): row
        for row in sql.rows(
            "SELECT service, workload, sum(sold)::BIGINT AS sold, sum(deployed)::BIGINT AS deployed "
            f"FROM ({sql.period(DEPLOYMENT, 'now')}) JOIN (SELECT DISTINCT service, workload, product FROM "
            f"({sql.period(USAGE, 'now')})) USING (service, product) GROUP BY ALL"
        )
    }
    expected = []
    text = " ".join(page.seen.split())
    for key in sorted(found):
        row, deployed = found[key], beside[key]["deployed"]
        changes = []
        for since in ("previous", "month"):
            before = sql.one(
                f"SELECT 100 * sum(active) / sum(qualified) FROM ({sql.period(USAGE, since)}) "
                f"WHERE ({USAGE['unit']}) = {key} AND active IS NOT NULL AND qualified IS NOT NULL"
            )
            points = 100 * row["part"] / row["base"] - before
            changes += [signed(row[f"active_{since}"]), signed(points, 1, " pp")]
        name = f"{row['name']} {key[0]}, {day(row['day'])}"
        counts = [number(row["qualified"]), number(row["active"]), rate(row["part"], row["base"]), number(deployed)]
        expected.append([name, *counts, *changes])
        told = f"{row['active']:,} active, {deployed:,} deployed, {beside[key]['sold']:,} sold"
        assert f"{row['name']} {key[0]} {told}" in text
    assert page.cells("workloads")[2:] == expected


@pytest.mark.parametrize(
    ("table", "resource", "percent", "keys"),
    [
        ("partner", "partner_licenses_deployment", "prorated_deployment_percent", "service_name, channel"),
        (
            "partner-usage",
            "partner_licenses_usage",
            "prorated_licenses_usage_percent",
            "service_name, workload_name, channel",
        ),
    ],
)
def test_older_percents(
    page: Page, sql: Recomputed, files: Path, table: str, resource: str, percent: str, keys: str
) -> None:
    """The older resources' percents, with every digit served, and their change to the date before."""
    sold = ", licenses_sold AS sold" if table == "partner" else ", NULL AS sold"
    rows = sql.rows(
        f"SELECT {keys} {sold}, {percent} AS percent, CAST(processed_date_time AT TIME ZONE 'UTC' AS DATE) AS day "
        f"FROM read_parquet('{files / resource}/*.parquet', filename = true) "
        f"QUALIFY row_number() OVER (PARTITION BY {keys}, day ORDER BY filename DESC) = 1 ORDER BY {keys}, day DESC"
    )
    expected = []
    for key in sorted({tuple(row[name] for name in keys.split(", ")) for row in rows}):
        now, before = [row for row in rows if tuple(row[name] for name in keys.split(", ")) == key][:2]
        name = f"{key[0]} {key[1]}" if table == "partner" else f"{key[1]} {key[0]} {key[2]}"
        counts = [number(now["sold"]), signed(now["sold"] - before["sold"])] if table == "partner" else []
        points = [f"{now['percent']:,}%", signed(now["percent"] - before["percent"], 2, " pp")]
        expected.append([name, *counts, *points, day(now["day"]), day(before["day"])])
    assert page.cells(table)[1:] == expected


def test_data_quality(page: Page, sql: Recomputed, files: Path) -> None:
    """Dates, snapshots, rows, gaps and customers without data are those of the files."""
    expected = []
    for resource, kind, first, second in (
        ("licenses_deployment", "deployment", "sold", "deployed"),
        ("licenses_usage", "usage", "qualified", "active"),
    ):
        spec = {"deployment": DEPLOYMENT, "usage": USAGE}[kind]
        for service in ("crm", "o365"):
            now, previous, month = (
                sql.one(f"SELECT max(day) FROM {kind}_days WHERE is_{period} AND service = '{service}'")
                for period in ("now", "previous", "month")
            )
            held = sql.one(f"SELECT count(DISTINCT day) FROM {kind}_rows WHERE service = '{service}'")
            rows = f"FROM ({sql.period(spec, 'now')}) WHERE service = '{service}'"
            counts = [
                sql.one(f"SELECT count(*) {rows}"),
                sql.one(f"SELECT count(*) - count({first} - {second}) {rows}"),
            ]
            expected.append(
                [f"{service} {resource}", day(now), day(previous), day(month), *map(number, (held, *counts))]
            )
    assert page.cells("dates")[1:] == expected

    sources = page.cells("sources")[1:]
    assert {row[0] for row in sources} == set(RESOURCES)
    for resource, *cells in sources:
        names = sorted(file.stem for file in (files / resource).iterdir())
        read = sql.one(f"SELECT count(*) FROM read_parquet('{files / resource}/*.parquet')")
        unit = {"licenses_deployment": "service_code", "licenses_usage": "service_code, workload_code"}.get(
            resource, "service_name, channel" + (", workload_name" if "usage" in resource else "")
        )
        kept = sql.one(
            f"SELECT count(*) FROM (SELECT 1 FROM read_parquet('{files / resource}/*.parquet', filename = true) "
            f"QUALIFY filename = max(filename) OVER (PARTITION BY {unit}, "
            "CAST(processed_date_time AT TIME ZONE 'UTC' AS DATE)))"
        )
        assert cells == [number(len(names)), names[0], names[-1], number(read), number(read - kept), "0"]

    text = " ".join(page.seen.split())
    now = sql.period(DEPLOYMENT, "now")
    sold, deployed = (sql.one(f"SELECT count(*) - count({name}) FROM ({now})") for name in ("sold", "deployed"))
    assert f"Of the newest rows {sold} had no count of seats sold and {deployed} none of seats deployed." in text
    without = sql.rows(
        f"SELECT customer_name AS name FROM ({now}) GROUP BY ALL HAVING count(sold - deployed) = 0 ORDER BY name"
    )
    told = ", ".join(row["name"] for row in without)
    assert without
    assert (
        f"{len(without)} customer{'s' if len(without) > 1 else ''} without data (no row has both counts): {told}."
        in text
    )
    silent = sql.rows(
        f"SELECT customer_name AS name FROM ({now}) WHERE customer NOT IN (SELECT customer FROM "
        f"({sql.period(USAGE, 'now')})) GROUP BY ALL HAVING sum(sold) > 0 ORDER BY name"
    )
    assert silent
    assert ", ".join(row["name"] for row in silent) in text
    for kind, resource in (("deployment", "licenses_deployment"), ("usage", "licenses_usage")):
        for row in sql.rows(
            "SELECT *, quantile_cont(days, 0.5) OVER (PARTITION BY service) AS usual FROM (SELECT service, day, "
            "lag(day) OVER (PARTITION BY service ORDER BY day) AS after, day - after AS days "
            f"FROM (SELECT DISTINCT service, day FROM {kind}_rows)) QUALIFY days > 1.5 * usual"
        ):
            gap = f"nothing between {day(row['after'])} and {day(row['day'])} ({row['days']} days)."
            assert f"Gap in {row['service']}, {resource}: {gap}" in text


def test_trend_legends_and_axes(page: Page, report: LicenseReport, sql: Recomputed) -> None:
    """The charts name each service's newest numbers, and the trend holds each date's sums."""
    text = " ".join(page.seen.split())
    for row in sql.measures("service").values():
        assert (
            f"Sold {number(row['sold'])} Deployed {number(row['deployed'])} ({rate(row['part'], row['base'])})" in text
        )
    counted = sql.rows(
        "SELECT service, day, sum(sold)::BIGINT AS sold, sum(deployed)::BIGINT AS deployed FROM deployment_rows "
        "GROUP BY ALL ORDER BY service, day"
    )
    assert [
        (row.service_code, row.processed_date.date(), row.licenses_sold, row.licenses_deployed)
        for row in report.trend.itertuples()
    ] == [tuple(row.values()) for row in counted]


def test_no_table_is_left_out(page: Page) -> None:
    """A table added to the page needs a test here."""
    checked = {"services", "products", "actions", "activation", "needed", "workloads", "partner", "partner-usage"}
    assert set(page.tables) == checked | {"dates", "sources"}
