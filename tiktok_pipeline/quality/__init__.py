"""What is checked in the data: rules, expectations, their verdicts by day, quarantine. No Dagster here."""
