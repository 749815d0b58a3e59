"""The made-up partner, built once for all tests of reports."""

import pytest

from tests.unit.reports.lake import Lake


@pytest.fixture(scope="session")
def lake() -> Lake:
    """Return the month of the made-up partner."""
    return Lake()
