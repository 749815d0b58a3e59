"""Tests of the API client, which knows nothing of Airflow."""
