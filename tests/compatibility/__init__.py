"""The suite on every Airflow we claim to run on, from the built wheel: ``python -m tests.compatibility``."""
