"""Daily, honest snapshots of TikTok accounts, in Dagster and PostgreSQL."""
