"""Connecting to PostgreSQL: one pool per process, plain psycopg 3 cursors, no ORM.

The pool is SQLAlchemy's (20 connections at most); what runs on it is SQL from files with bound parameters.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.rows import DictRow, dict_row
from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.pool import ConnectionPoolEntry

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.project_files import sql
from tiktok_pipeline.tracing import span

POOL_SIZE = 20
POOL_IDLE_SECONDS = 30
POOL_WAIT_SECONDS = 30  # for a connection, when all are in use
CONNECT_TIMEOUT_SECONDS = 10
REST_SECONDS = 1
# A host that vanished must not keep its locks until the operating system's own keep-alive, two hours on Linux.
KEEPALIVE = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}

# libpq gives no error code for a failed connection, only these words.
REFUSED = re.compile(
    r"authentication failed|no password supplied|does not exist|no pg_hba.conf entry|permission denied|"
    r"invalid connection option|role .* is not permitted"
)


class DatabaseUnavailable(PipelineError):
    """PostgreSQL cannot be reached; it may be in a minute."""


class DatabaseRefused(PipelineError):
    """PostgreSQL refused the login or has no such database: waiting does not help."""


# What passes when the database is back: a restart, a failover (a moment in which nothing can be written among it), a
# deadlock, a serialization failure.
AWAY = (
    DatabaseUnavailable,
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.ReadOnlySqlTransaction,
)


def psycopg3_url(url: str) -> URL:
    """The same address, to be opened with psycopg 3 whichever driver it names."""
    return make_url(url).set(drivername="postgresql+psycopg")


def psycopg2_url(url: str) -> str:
    """The same address, to be opened with psycopg2, as Dagster's storage needs it."""
    return make_url(url).set(drivername="postgresql+psycopg2").render_as_string(hide_password=False)


def place(url: URL) -> str:
    """Where a database is, in words. Of the address only name and host, as its query may hold a password."""
    host = url.host or url.query.get("host") or "the default host"
    return f"database {url.database} on {host if isinstance(host, str) else ', '.join(host)}"


def reason(error: BaseException) -> str:
    """The first line of an error's text, without a full stop; libpq's further lines are questions."""
    text = str(error).strip()
    return text.splitlines()[0].rstrip(".") if text else type(error).__name__


class Warehouse:
    """A pool of connections to one PostgreSQL database.

    Cheap to make: nothing connects before the first transaction. Safe to share between threads.
    """

    def __init__(
        self, url: str, *, application_name: str = "tiktok_pipeline", named: str = "DATABASE_URL"
    ) -> None:
        self.named = named  # the setting to check when it cannot be reached
        self.url = psycopg3_url(url)
        self.engine: Engine = create_engine(
            self.url,
            pool_size=POOL_SIZE,
            pool_timeout=POOL_WAIT_SECONDS,
            max_overflow=0,
            pool_recycle=POOL_IDLE_SECONDS,
            pool_use_lifo=True,
            pool_reset_on_return=None,  # whoever takes a connection gives it back without an open transaction
            connect_args={
                "autocommit": True,
                "connect_timeout": CONNECT_TIMEOUT_SECONDS,
                "application_name": application_name,
                **KEEPALIVE,
            },
        )
        event.listen(self.engine, "checkin", _note_time)
        event.listen(self.engine, "checkout", _try_after_a_rest)

    @contextmanager
    def transaction(self) -> Iterator[psycopg.Cursor[DictRow]]:
        """A cursor whose work commits together when the block ends, and rolls back when it raises.

        Rows are dictionaries. Raises DatabaseUnavailable or DatabaseRefused when no connection can be made.
        """
        with (
            self._connection() as connection,
            connection.transaction(),
            connection.cursor(row_factory=dict_row) as cursor,
        ):
            yield cursor

    @contextmanager
    def session(self) -> Iterator[psycopg.Connection[DictRow]]:
        """One connection for many transactions, which temporary tables live on; it is closed when the block ends.

        Every statement commits by itself, unless it is in a `transaction()` of the connection. Rows are dictionaries.
        """
        with self._connection() as connection:
            connection.row_factory = dict_row
            try:
                yield connection
            finally:
                connection.close()

    def execute(self, name: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Run the one statement of `sql/<name>.sql` by itself; its rows, or an empty list.

        It commits with its own round trip, where a transaction takes three: what is done a thousand times a
        second is done here.
        """
        with self._connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
            return run(cursor, name, parameters)

    def close(self) -> None:
        """Close all connections; the warehouse can be used again afterwards."""
        self.engine.dispose()

    @contextmanager
    def _connection(self) -> Iterator[psycopg.Connection[Any]]:
        try:
            pooled = self.engine.raw_connection()
        except PoolExhausted:
            raise DatabaseUnavailable(
                f"{place(self.url)}: all {POOL_SIZE} connections of this process are in use. Try again in a minute."
            ) from None
        except (DBAPIError, psycopg.OperationalError) as error:
            unreachable = self._unreachable(error)
            raise (DatabaseRefused if REFUSED.search(unreachable) else DatabaseUnavailable)(
                unreachable
            ) from None
        connection: psycopg.Connection[Any] = pooled.driver_connection  # type: ignore[assignment]
        try:
            yield connection
        finally:
            if connection.closed:
                pooled.invalidate()
            pooled.close()

    def _unreachable(self, error: Exception) -> str:
        cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
        return f"{place(self.url)}: {reason(cause)}. Check {self.named} and that the server runs."


def _note_time(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info["rests_since"] = time.monotonic()


def _try_after_a_rest(connection: psycopg.Connection[Any], record: ConnectionPoolEntry, _proxy: Any) -> None:
    """A connection that has rested may belong to a server that restarted meanwhile: the pool makes a new one."""
    if time.monotonic() - record.info.get("rests_since", time.monotonic()) < REST_SECONDS:
        return
    try:
        connection.execute("select 1")
    except psycopg.OperationalError as error:
        raise DisconnectionError(str(error)) from error


def run(
    cursor: psycopg.Cursor[DictRow], name: str, parameters: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Run `sql/<name>.sql` on an open cursor, inside the caller's transaction."""
    with span(f"SQL {name}", db_system_name="postgresql"):
        cursor.execute(sql(name).encode(), parameters or {})
        return cursor.fetchall() if cursor.description else []
