"""The tables of the hub's own PostgreSQL database, streamed by a server-side cursor, in one snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql as composed
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from tiktok_pipeline.importing.sources import SourceError, SourceRow, SourceTable, not_read, read_columns
from tiktok_pipeline.importing.tables import TABLES, Table
from tiktok_pipeline.project_files import sql
from tiktok_pipeline.runtime.database import libpq_url
from tiktok_pipeline.warehouse.connection import CONNECT_TIMEOUT_SECONDS, place, reason

ROWS_PER_FETCH = 5_000


class DatabaseTable:
    """A table of a database. Values come as PostgreSQL writes them, times in UTC."""

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        where: str,
        schema: str,
        table: Table,
        columns: list[str],
        estimate: int,
    ) -> None:
        self.table = table
        self.place = f"{where}, {schema}.{table.name}"
        self.size = estimate
        self.done = 0
        self._connection = connection
        self._schema = schema
        self._columns = read_columns(table, columns, self.place)
        self.ignored = not_read(table, columns)

    def rows(self) -> Iterator[SourceRow]:
        """Every row with its number, from 1. Raises SourceError when the database goes away or forbids it."""
        self.done = 0
        # Only what is needed leaves the database: not the hub's tokens.
        statement = composed.SQL("select {} from {}").format(
            composed.SQL(", ").join(
                composed.SQL("{}::text").format(composed.Identifier(c)) for c in self._columns
            ),
            composed.Identifier(self._schema, self.table.name),
        )
        try:
            with self._connection.cursor(f"import_{self.table.name}") as cursor:
                cursor.itersize = ROWS_PER_FETCH
                cursor.execute(statement)
                for row in cursor:
                    self.done += 1
                    yield self.done, dict(zip(self._columns, row, strict=True)), None
        except psycopg.Error as error:
            raise SourceError(f"{self.place}: {reason(error)}.") from None


@contextmanager
def database_tables(url: str, schema: str) -> Iterator[list[SourceTable]]:
    """The tables of the database at `url` that can be imported, as they are now, until the block ends."""
    address = _checked(url)
    where = place(address)
    try:
        connection = psycopg.connect(
            libpq_url(address.render_as_string(hide_password=False)),
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            options="-c timezone=UTC -c datestyle=ISO",
        )
    except psycopg.Error as error:
        raise SourceError(f"{where}: {reason(error)}. Check the address of SOURCE.") from None
    with connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ  # four tables of one moment
        connection.read_only = True
        try:
            with connection.cursor() as cursor:
                cursor.execute(
                    sql("importing/source_tables").encode(), {"schema": schema, "names": list(TABLES)}
                )
                found = {name: (columns, estimate) for name, columns, estimate in cursor}
        except psycopg.Error as error:
            raise SourceError(f"{where}: {reason(error)}.") from None
        if not found:
            raise SourceError(f"{where}: schema {schema} has no {', '.join(TABLES)}. Is it another --schema?")
        yield [
            DatabaseTable(connection, where, schema, TABLES[name], *found[name])
            for name in TABLES
            if name in found
        ]


def _checked(url: str) -> URL:
    # What SQLAlchemy says of a wrong address may quote the password.
    try:
        address = make_url(url.replace("postgres://", "postgresql://", 1))
    except (ArgumentError, ValueError):
        address = None
    if address is None or not address.database:
        raise SourceError("SOURCE: must look like postgresql://user@host:5432/database.")
    return address
