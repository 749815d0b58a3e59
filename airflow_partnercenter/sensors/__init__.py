"""Sensors: wait for fresh data."""
