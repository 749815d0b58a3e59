"""What was tested, in README.md: a table made of the committed results."""

import json
from typing import Any

from tests.compatibility.environments import REPOSITORY, Environment

RESULTS = REPOSITORY / "docs" / "compatibility.json"
README = REPOSITORY / "README.md"
_BEGIN, _END = "<!-- what was tested -->\n", "<!-- end of what was tested -->\n"


def record(environments: list[Environment]) -> None:
    """Take the last results of these environments into ``docs/compatibility.json``, and write README's table.

    :raises SystemExit: a result is missing, is of a part of the suite, or has failures.
    """
    results = {each["name"]: each for each in json.loads(RESULTS.read_text())} if RESULTS.exists() else {}
    for environment in environments:
        result = json.loads((environment.folder / "result.json").read_text())
        if result["exit_code"] or result["quick"]:
            raise SystemExit(f"{environment.name}: not a whole run without failures")
        results[environment.name] = result
    RESULTS.write_text(json.dumps([results[name] for name in sorted(results)], indent=2) + "\n")
    before, _, rest = README.read_text().partition(_BEGIN)
    after = rest.partition(_END)[2]
    README.write_text(f"{before}{_BEGIN}\n{table(list(results.values()))}\n{_END}{after}")


def table(results: list[dict[str, Any]]) -> str:
    """Return the results as a table."""
    rows = ["| Airflow | Python | packages of | passed | skipped |", "|---|---|---|---|---|"]
    return "\n".join(rows)
