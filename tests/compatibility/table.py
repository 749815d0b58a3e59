"""What was tested, in README.md: a table made of the committed results."""

import json
from typing import Any

from tests.compatibility.environments import ENVIRONMENTS, REPOSITORY, Environment

RESULTS = REPOSITORY / "docs" / "compatibility.json"
README = REPOSITORY / "README.md"
BEGIN, END = "<!-- what was tested -->\n", "<!-- end of what was tested -->\n"


def results() -> list[dict[str, Any]]:
    """Return the committed results, in the order of the environments."""
    found = {each["name"]: each for each in json.loads(RESULTS.read_text())} if RESULTS.exists() else {}
    return [found[each.name] for each in ENVIRONMENTS if each.name in found]


def record(environments: list[Environment]) -> None:
    """Take the last results of these environments into ``docs/compatibility.json``, and write README's table.

    :raises SystemExit: one of them has failures, has not been run, or not all of it.
    """
    known = {each["name"]: each for each in results()}
    for environment in environments:
        file = environment.folder / "result.json"
        result = json.loads(file.read_text()) if file.exists() else {"exit_code": None}
        if result["exit_code"] != 0 or result["partial"]:
            raise SystemExit(f"{environment.name}: no whole run without failures; see its pytest.log")
        known[environment.name] = result
    RESULTS.write_text(json.dumps(list(known.values()), indent=2) + "\n")
    before, _, rest = README.read_text().partition(BEGIN)
    README.write_text(f"{before}{BEGIN}\n{table(results())}\n{END}{rest.partition(END)[2]}")


def table(found: list[dict[str, Any]]) -> str:
    """Return results as a table: what was run, on packages of which day, and what came out."""
    if not found:
        return ""
    rows = [
        "| Airflow | Python | packages before | tests | passed | failed | skipped | on |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for each in found:
        packages = each["packages_before"] + (", ours at their lowest" if each["lowest"] else "")
        which = "those that meet Airflow" if each["quick"] else "all"
        rows.append(
            f"| {each['airflow']} | {each['python']} | {packages} | {which} | {each['passed']:,} | {each['failed']:,} "
            f"| {each['skipped']:,} | {each['tested_on']} |"
        )
    return "\n".join(rows) + "\n"
