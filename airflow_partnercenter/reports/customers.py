"""What to do about each customer, in the words partners act on. Imports pandas, no Airflow."""

import pandas as pd

from airflow_partnercenter.reports.periods import SINCE, Periods
from airflow_partnercenter.reports.tables import by_unused, compare, named, sums

ACTION_NEEDED = "action needed"
ACTIVATION_OPPORTUNITY = "activation opportunity"
NO_ACTION = "no action"
NOT_KNOWN = "not known"
ACTIONS = (ACTION_NEEDED, ACTIVATION_OPPORTUNITY, NO_ACTION, NOT_KNOWN)
FALLING_MEASURES = ("licenses_sold", "licenses_deployed")


def customers_table(found: Periods, *, fall_percent: float) -> pd.DataFrame:
    """Return the customers with their seats, changes and action, most unused seats first.

    ``licenses_to_activate`` and ``licenses_over_deployed`` are the seats not deployed, and those deployed beyond
    what was sold, of each (service, product) on its own: 50 spare seats of one product do not make up for 5 missing
    of another. Their difference is ``licenses_unused``. ``falls`` says by more than how many percent what fell.
    """
    key = ["customer_tenant_id"]
    table = compare(found, key).join(_per_product(found.now))
    gone = table["row_count"] == 0
    spare = ["licenses_to_activate", "licenses_over_deployed"]
    table[spare] = table[spare].mask(gone, 0)
    table["falling"] = falling(table, fall_percent)
    table["action"] = _actions(table)
    return by_unused(named(table, found.together(), key[0], "customer_name"), "customer_name")


def falling(table: pd.DataFrame, fall_percent: float) -> pd.Series:
    """Return where seats sold or deployed fell by more than so many percent, since either earlier date."""
    fell = pd.Series(False, index=table.index)
    for suffix in SINCE.values():
        for name in FALLING_MEASURES:
            before, change = table[f"{name}_before{suffix}"], table[f"{name}_change{suffix}"]
            fell |= (-100 * change > fall_percent * before).fillna(False).astype(bool)
    return fell


def actions_table(by_customer: pd.DataFrame) -> pd.DataFrame:
    """Return one row per action with the customers and seats it is about; the rows sum to the totals."""
    columns = ["licenses_sold", "licenses_deployed", "licenses_to_activate", "licenses_over_deployed"]
    grouped = by_customer.assign(customer_count=1).groupby("action")
    table = grouped[["customer_count"]].sum().join(grouped[columns].sum(min_count=1)).reindex(ACTIONS)
    empty = table["customer_count"].isna()
    table.loc[empty, ["customer_count", *columns]] = 0
    return table.astype({"customer_count": "int64", **dict.fromkeys(columns, "Int64")}).reset_index()


def _per_product(now: pd.DataFrame) -> pd.DataFrame:
    """Return per customer the seats not deployed and the seats deployed beyond those sold, product by product."""
    cells = sums(now, ["customer_tenant_id", "service_code", "product_id"])["licenses_unused"]
    both = pd.DataFrame({"licenses_to_activate": cells.clip(lower=0), "licenses_over_deployed": (-cells).clip(lower=0)})
    return both.groupby(level="customer_tenant_id").sum(min_count=1)


def _actions(table: pd.DataFrame) -> pd.Series:
    """Return the action of each customer; what needs somebody now comes before what can be won."""
    action = pd.Series(NO_ACTION, index=table.index, dtype="string")
    action = action.mask((table["licenses_to_activate"] > 0).fillna(False), ACTIVATION_OPPORTUNITY)
    action = action.mask(table["licenses_unused"].isna(), NOT_KNOWN)
    needed = table["falling"] | (table["licenses_over_deployed"] > 0).fillna(False)
    return action.mask(needed, ACTION_NEEDED)
