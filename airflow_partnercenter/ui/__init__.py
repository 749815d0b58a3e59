"""A real Airflow with its UI, on the emulator: all sample DAGs, 60 days of snapshots, a connection that works."""

from airflow_partnercenter.ui.running import run_ui

__all__ = ["run_ui"]
