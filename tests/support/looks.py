"""What triggers leave behind: a look under way goes on in its thread when the event loop of its triggers has ended."""

import sys


def wait_for_looks() -> None:
    """Wait for the looks of event loops that have ended, so that no request of theirs is taken for one of the next."""
    # Most tests know no trigger, and Airflow's take a second to import.
    sharing = sys.modules.get("airflow_partnercenter.triggers.sharing")
    for loop, polls in list(getattr(sharing, "_POLLS", {}).items()):
        if loop.is_closed():
            polls._executor.shutdown()
