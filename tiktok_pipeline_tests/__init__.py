"""Tests: unit (no Dagster, no database), integration (real PostgreSQL, sandbox), defs, e2e."""
