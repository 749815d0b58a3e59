"""A local Partner Center and Microsoft Entra ID, over TLS on 127.0.0.1, for demos and tests without an account.

It knows nothing of this package's client: it is written from Microsoft's documentation, so the two check one another.
Needs ``pip install 'airflow-provider-partnercenter[emulator]'`` to run.
"""

from typing import TYPE_CHECKING, Any

from airflow_partnercenter.emulator.scripts import Answer, Request
from airflow_partnercenter.emulator.server import Emulator

if TYPE_CHECKING:
    from airflow_partnercenter.emulator.pytest_plugin import partner_center_emulator

__all__ = ["Answer", "Emulator", "Request", "partner_center_emulator"]


def __getattr__(name: str) -> Any:
    """Return the pytest fixture only when it is asked for, so that a demo does not import pytest."""
    if name == "partner_center_emulator":
        from airflow_partnercenter.emulator.pytest_plugin import partner_center_emulator

        return partner_center_emulator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
