"""Hooks: an Airflow connection becomes a Partner Center client."""
