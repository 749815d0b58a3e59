"""Extra links: buttons on a task in Airflow's UI."""
