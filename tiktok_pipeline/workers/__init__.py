"""Dagster's runs on many machines: Celery carries them to workers, PostgreSQL knows which of them live."""
