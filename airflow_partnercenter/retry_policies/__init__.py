"""Retry policies: what a failure means for Airflow's own retries."""
