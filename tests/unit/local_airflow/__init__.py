"""Tests of the local Airflow."""
