"""Numbered, forward, plain-SQL migrations from `sql/migrations`, applied once each.

yoyo keeps the list of what was applied. Its own lock is a row that a killed process would leave behind, so
processes are kept apart by an advisory lock, which PostgreSQL frees when its holder dies.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from yoyo import get_backend, read_migrations

from tiktok_pipeline.project_files import project_file
from tiktok_pipeline.warehouse.connection import Warehouse

MIGRATION_LOCK = 7_011_001  # any number, the same in every process


def migrate(warehouse: Warehouse) -> list[str]:
    """Apply what is missing; the names applied now, oldest first. Safe to run twice and at once."""
    with _alone(warehouse):
        backend = _backend(warehouse)
        try:
            waiting = backend.to_apply(_all())
            backend.apply_migrations(waiting)
            return [migration.id for migration in waiting]
        finally:
            backend.connection.close()


def pending(warehouse: Warehouse) -> list[str]:
    """Names of the migrations that this database still lacks, oldest first."""
    with warehouse.transaction() as cursor:
        cursor.execute("select to_regclass('_yoyo_migration') is not null as known")
        known = cursor.fetchone()
        if not known or not known["known"]:
            return [migration.id for migration in _all()]
        cursor.execute("select migration_id from _yoyo_migration")
        applied = {row["migration_id"] for row in cursor.fetchall()}
    return [migration.id for migration in _all() if migration.id not in applied]


def _all() -> Any:  # yoyo has no types
    return read_migrations(str(project_file("sql/migrations")))


def _backend(warehouse: Warehouse) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return get_backend(warehouse.url.render_as_string(hide_password=False))


@contextmanager
def _alone(warehouse: Warehouse) -> Iterator[None]:
    connection: psycopg.Connection[tuple[object, ...]]
    with warehouse.engine.connect() as pooled:
        connection = pooled.connection.driver_connection  # type: ignore[assignment]
        connection.execute("select pg_advisory_lock(%s)", (MIGRATION_LOCK,))
        try:
            yield
        finally:
            connection.execute("select pg_advisory_unlock(%s)", (MIGRATION_LOCK,))
