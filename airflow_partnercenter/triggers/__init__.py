"""Triggers: wait for fresh data without a worker, and start DAGs when it arrives."""
