"""Print what ``airflow providers …`` lists, as JSON by command; run by the Python of a deployment under test.

One process for all, as each start of the command takes seconds. Imports nothing of the package or of its tests.
"""

import contextlib
import io
import json
import sys

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


def print_form() -> None:
    """Print our connection's fields as the UI of Airflow 3 is told of them; in a process that did nothing before."""
    from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService

    [meta] = [meta for meta in HookMetaService.hook_meta_data() if meta.connection_type == "partner_center"]
    print(json.dumps({"fields": list(meta.extra_fields), "login": meta.standard_fields.login.title}))


if __name__ == "__main__":
    print_form() if sys.argv[1:] == ["form"] else main()
