"""An Airflow on this machine, for looking and for tests: a home of its own, SQLite, loopback, nobody has to log in.

Not for a network: whoever reaches it is an administrator.
"""

from airflow_partnercenter.local_airflow.deployment import LocalAirflow
from airflow_partnercenter.local_airflow.processes import ComponentEndedError
from airflow_partnercenter.local_airflow.settings import airflow_settings, sample_dags

__all__ = ["ComponentEndedError", "LocalAirflow", "airflow_settings", "sample_dags"]
