"""What authors of DAGs do with operators, sensors, triggers and the hook, one file a habit."""
