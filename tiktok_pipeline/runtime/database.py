"""The database that a command works on: the one of DATABASE_URL, or the embedded one of the data folder."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql as composed
from sqlalchemy.engine import make_url

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.runtime.data_folder import DataFolder, DataFolderTaken
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.warehouse.connection import Warehouse, place, reason
from tiktok_pipeline.warehouse.embedded import EmbeddedServer, running_url
from tiktok_pipeline.warehouse.migrations import Limits, migrate, pending

EMBEDDED_DATABASE = "tiktok"
STARTING_SECONDS = 30.0  # how long the owner of a data folder may take to start its server


@contextmanager
def owned_database(settings: Settings, folder: DataFolder) -> Iterator[str]:
    """Address of the database, for the owner of `folder`: the embedded server runs while the block does."""
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    with EmbeddedServer(folder.postgres) as server:
        ensure_database(server.url("postgres"), EMBEDDED_DATABASE)
        yield server.url(EMBEDDED_DATABASE)


@contextmanager
def shared_database(settings: Settings) -> Iterator[str]:
    """Address of the database, for a short command: an embedded server that runs already is used as it is."""
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    folder = DataFolder(settings.data_dir)
    try:
        folder.own()
    except DataFolderTaken as taken:
        yield _running(folder, taken)
        return
    try:
        with owned_database(settings, folder) as url:
            yield url
    finally:
        folder.release()


@contextmanager
def migrated_warehouse(settings: Settings, url: str) -> Iterator[Warehouse]:
    """The database at `url` with all tables. An embedded one is brought up to date; another must be."""
    warehouse = Warehouse(url)
    try:
        if settings.database_url is None:
            migrate(warehouse, migration_limits(settings))
        elif missing := pending(warehouse):
            raise PipelineError(
                f"database {warehouse.url.database}: lacks {len(missing)} migration(s), from {missing[0]}. "
                "Run: tiktok-pipeline db migrate"
            )
        yield warehouse
    finally:
        warehouse.close()


def migration_limits(settings: Settings) -> Limits:
    """How long a migration may wait, and take."""
    return Limits(
        lock_seconds=settings.migration_lock_seconds, statement_minutes=settings.migration_statement_minutes
    )


def ensure_database(url: str, name: str) -> None:
    """Create the database `name` on the server of `url` when there is none.

    Raises PipelineError when the server cannot be reached or the right to create databases is missing.
    """
    try:
        with psycopg.connect(libpq_url(url), autocommit=True, connect_timeout=10) as connection:
            known = connection.execute("select 1 from pg_database where datname = %s", (name,)).fetchone()
            if known is None:
                connection.execute(composed.SQL("create database {}").format(composed.Identifier(name)))
    except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
        return  # another process was first
    except psycopg.errors.InsufficientPrivilege:
        raise PipelineError(
            f"database {name}: missing, and user {make_url(url).username} may not create databases. "
            "Create it, or set DAGSTER_POSTGRES_URL to a database that exists."
        ) from None
    except psycopg.OperationalError as error:
        raise PipelineError(
            f"{place(make_url(url))}: {reason(error)}. Check DATABASE_URL and that the server runs."
        ) from None


def libpq_url(url: str) -> str:
    """The same address as libpq reads it, whichever driver it names."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    address, mark, query = plain.partition("?")
    return address + mark + query.replace("+", "%20")  # SQLAlchemy writes a space as +, libpq wants %20


def _running(folder: DataFolder, taken: DataFolderTaken) -> str:
    """The server of the folder's owner; it may be starting just now."""
    deadline = time.monotonic() + STARTING_SECONDS
    while (url := running_url(folder.postgres, EMBEDDED_DATABASE)) is None:
        if time.monotonic() > deadline:
            raise taken
        time.sleep(0.1)
    ensure_database(running_url(folder.postgres, "postgres") or url, EMBEDDED_DATABASE)
    return url
