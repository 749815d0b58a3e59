"""docs/upgrading.md: the columns it names exist, and its code runs."""

import re
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG, task

from airflow_partnercenter.api.resources import RESOURCES

PAGE = (Path(__file__).parents[3] / "docs" / "upgrading.md").read_text()


# --8<-- [start:percent]
def with_percents(licenses):
    """Add the rate of deployment in percent points; where nothing is sold there is none."""
    sold = licenses["licenses_sold"].where(licenses["licenses_sold"] > 0)
    return licenses.assign(deployment_percent=(licenses["licenses_deployed"] / sold * 100).round(2))


# --8<-- [end:percent]


# --8<-- [start:frame]
@task
def licenses_of_the_day() -> int:
    """What was a script: the same frame, without its token, its pages and its retries."""
    from airflow_partnercenter.hooks.partner_center import PartnerCenterHook

    licenses = PartnerCenterHook().get_df("licenses_deployment")
    return int(licenses["licenses_sold"].sum())


# --8<-- [end:frame]


def _columns(*names: str) -> set[str]:
    return {field.column for name in names for field in RESOURCES[name].fields}


def test_every_column_of_the_superseded_resources_has_a_row():
    """The left column of the table has them all, and no other."""
    table = PAGE.split("| column of the superseded |", 1)[1].split("\n\n", 1)[0]
    left = [name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split(" | ")[0])]
    superseded = _columns(*(name for name, resource in RESOURCES.items() if not resource.is_commercial))
    assert {name for name in left if name not in ("o365", "crm")} == superseded


def test_columns_said_to_be_the_same_are_there():
    """And so are the new ones."""
    new = _columns("licenses_deployment", "licenses_usage")
    table = PAGE.split("| column of the superseded |", 1)[1].split("\n\n", 1)[0]
    for row in table.splitlines()[2:]:
        left, right = row.strip("| ").split(" | ")
        if right.startswith("the same"):
            assert set(re.findall(r"`(\w+)`", left)) <= new
    assert {"customer_tenant_id", "product_id", "service_code", "service_name"} <= new


def test_percent_is_in_points_and_missing_where_nothing_is_sold(entra, connect):
    """As the superseded resources had it."""
    import pandas as pd

    from airflow_partnercenter.hooks.partner_center import PartnerCenterHook

    connect(entra)
    frame = PartnerCenterHook().get_df("licenses_deployment").head(2)
    frame["licenses_sold"] = pd.array([8, 0], dtype="Int64")
    frame["licenses_deployed"] = pd.array([6, 1], dtype="Int64")
    assert with_percents(frame)["deployment_percent"].tolist() == [75.0, pd.NA]


def test_the_task_returns_what_the_hook_reads(entra, connect):
    """The function under the decorator is the script that is left."""
    connect(entra)
    with DAG("moved"):
        moved = licenses_of_the_day
    assert moved.function() > 0
