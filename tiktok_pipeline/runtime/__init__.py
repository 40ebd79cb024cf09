"""One machine: its data folder, the processes it runs, the database they share, and Dagster beside them."""
