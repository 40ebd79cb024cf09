"""A PostgreSQL for a benchmark: DATABASE_URL's server when given, else an embedded one. Nothing is left behind."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy.engine import make_url

from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.embedded import EmbeddedServer
from tiktok_pipeline.warehouse.migrations import migrate


@contextmanager
def fresh_database() -> Iterator[str]:
    """Address of a migrated, empty database that is dropped when the block ends."""
    with _server() as server_url:
        name = f"bench_{uuid.uuid4().hex[:8]}"
        with psycopg.connect(libpq(server_url), autocommit=True) as connection:
            connection.execute(f'create database "{name}"'.encode())
            url = make_url(server_url).set(database=name).render_as_string(hide_password=False)
            try:
                warehouse = Warehouse(url)
                migrate(warehouse)
                warehouse.close()
                yield url
            finally:
                connection.execute(f'drop database "{name}" with (force)'.encode())


@contextmanager
def _server() -> Iterator[str]:
    given = os.environ.get("DATABASE_URL")
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory() as folder, EmbeddedServer(Path(folder) / "pg") as server:
        yield server.url("postgres")


def libpq(url: str) -> str:
    """The same address as libpq reads it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
