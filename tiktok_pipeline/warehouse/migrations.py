"""Numbered, forward, plain-SQL migrations from `sql/migrations`, applied once each.

yoyo keeps the list of what was applied. Its own lock is a row that a killed process would leave behind, so
processes are kept apart by an advisory lock, which PostgreSQL frees when its holder dies.

Whoever waits for a table that a reader holds makes everybody behind it wait: a migration waits for moments only,
gives up its place, and tries again.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random
from yoyo import get_backend, read_migrations

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.project_files import project_file
from tiktok_pipeline.warehouse.connection import Warehouse

MIGRATION_LOCK = 7_011_001  # any number, the same in every process


REST_SECONDS = (1.0, 2.0)  # between two tries, so that whoever waited behind a migration gets its turn


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a migration may wait for a lock, how often it tries, and how long one of its statements may take."""

    lock_seconds: float = 2
    lock_tries: int = 30
    statement_minutes: float = 60


class MigrationStopped(PipelineError):
    """A migration got no lock or took too long. It is undone as a whole; those before it stay applied."""


def migrate(warehouse: Warehouse, limits: Limits = Limits()) -> list[str]:
    """Apply what is missing; the names applied now, oldest first. Safe to run twice and at once.

    Raises MigrationStopped when one of them reaches one of the limits.
    """
    with _alone(warehouse):
        waiting = pending(warehouse)
        try:
            for attempt in Retrying(
                retry=retry_if_exception_type(psycopg.errors.LockNotAvailable),
                stop=stop_after_attempt(limits.lock_tries),
                wait=wait_random(*REST_SECONDS),
                reraise=True,
            ):
                with attempt:
                    _apply(warehouse, limits)
        except psycopg.errors.LockNotAvailable:
            raise MigrationStopped(
                f"{_first_pending(warehouse)}: {limits.lock_tries} times, another session held a table of it for more "
                f"than {limits.lock_seconds:g} s{_oldest_transaction(warehouse)}. It is not applied. "
                "End that session or wait for it, then run: tiktok-pipeline db migrate"
            ) from None
        except psycopg.errors.QueryCanceled:
            raise MigrationStopped(
                f"{_first_pending(warehouse)}: a statement took more than {limits.statement_minutes:g} min. It is not "
                "applied. Set MIGRATION_STATEMENT_MINUTES higher, then run: tiktok-pipeline db migrate"
            ) from None
        return waiting


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


def _apply(warehouse: Warehouse, limits: Limits) -> None:
    backend = _backend(warehouse, limits)
    try:
        backend.apply_migrations(backend.to_apply(_all()))
    finally:
        backend.connection.close()


def _all() -> Any:  # yoyo has no types
    return read_migrations(str(project_file("sql/migrations")))


def _backend(warehouse: Warehouse, limits: Limits) -> Any:
    # In the address, because yoyo opens a connection of its own for each migration.
    said = warehouse.url.query.get("options", "")
    options = (
        f"{said if isinstance(said, str) else ' '.join(said)} -c lock_timeout={limits.lock_seconds * 1000:.0f} "
        f"-c statement_timeout={limits.statement_minutes * 60_000:.0f}"
    )
    url = warehouse.url.update_query_dict({"options": options.strip()})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return get_backend(url.render_as_string(hide_password=False))


def _first_pending(warehouse: Warehouse) -> str:
    return next(iter(pending(warehouse)), "migrations")


def _oldest_transaction(warehouse: Warehouse) -> str:
    """Who is likely to hold it, in words."""
    found = warehouse.execute("runtime/oldest_transaction")
    return (
        "; the oldest open transaction is {who} since {since:%H:%M:%S} UTC".format(**found[0])
        if found
        else ""
    )


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
