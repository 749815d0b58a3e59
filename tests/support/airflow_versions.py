"""Which Airflow runs the suite, and what a test says when it needs another."""

from importlib.metadata import version

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

AIRFLOW = Version(version("apache-airflow"))


def needs_airflow(versions: str) -> None:
    """Skip the module that says this before it imports what other versions of Airflow lack."""
    if AIRFLOW not in SpecifierSet(versions):
        pytest.skip(f"needs Airflow {versions}, this is {AIRFLOW}", allow_module_level=True)


def skip_what_this_airflow_lacks(items: list[pytest.Item]) -> None:
    """Skip tests marked ``airflow(">=3.1")`` on other versions, with the reason."""
    for item in items:
        for marker in item.iter_markers("airflow"):
            if AIRFLOW not in SpecifierSet(marker.args[0]):
                item.add_marker(pytest.mark.skip(reason=f"needs Airflow {marker.args[0]}, this is {AIRFLOW}"))
