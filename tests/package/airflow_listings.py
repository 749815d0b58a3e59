"""Print what ``airflow providers …`` lists, as JSON by command; run by the Python of a deployment under test.

One process for all, as each start of the command takes seconds. Imports nothing of the package or of its tests.
"""

import contextlib
import io
import json

COMMANDS = ("list", "hooks", "behaviours", "widgets", "links", "triggers", "configs")
DISTRIBUTION = "airflow-provider-partnercenter"


def main() -> None:
    """Run each command as Airflow's own command line does."""
    from airflow.cli.cli_parser import get_parser

    def listed(*command: str) -> list[object]:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            arguments = get_parser().parse_args(["providers", *command, "--output", "json"])
            arguments.func(arguments)
        rows: list[object] = json.loads(printed.getvalue())
        return rows

    found = {command: listed(command) for command in COMMANDS}
    if any(DISTRIBUTION in json.dumps(row) for row in found["list"]):
        found["get"] = listed("get", DISTRIBUTION, "--full")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
