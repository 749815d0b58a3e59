"""Microsoft's side: sign-in, requests, pages, rows. No Airflow, no pandas: usable in a plain script."""
