"""What every test can ask for: a PostgreSQL of its own, migrated and empty."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.migrations import migrate
from tiktok_pipeline_tests.building import DatabaseClock
from tiktok_pipeline_tests.places import quick_place


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """Address of a PostgreSQL server: TEST_DATABASE_URL when given, else an embedded one."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield given
        return
    from tiktok_pipeline.warehouse.embedded import EmbeddedServer

    # Not under pytest's own folder: another session may close or prune that while the server runs as another user.
    with (
        tempfile.TemporaryDirectory(dir=quick_place()) as folder,
        EmbeddedServer(Path(folder) / "pg") as server,
    ):
        url = server.url("postgres")
        _hurry(url)
        yield url


def _hurry(url: str) -> None:
    """Let the operating system write when it likes: no test cuts the power, and dropping a database waits for disks."""
    with psycopg.connect(
        make_url(url).set(drivername="postgresql").render_as_string(False), autocommit=True
    ) as c:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            c.execute(f"alter system set {setting} = off".encode())
        c.execute("select pg_reload_conf()")


@pytest.fixture(scope="session")
def migrated_template(server_url: str) -> Iterator[str]:
    """Name of a migrated database that each test's own is copied from."""
    with database(server_url, "template") as url:
        warehouse = Warehouse(url)
        migrate(warehouse)
        warehouse.close()
        yield make_url(url).database or ""


@pytest.fixture
def database_url(server_url: str, migrated_template: str) -> Iterator[str]:
    """Address of a migrated, empty database of the test's own."""
    with database(server_url, "test", template=migrated_template) as url:
        yield url


@pytest.fixture
def warehouse(database_url: str) -> Iterator[Warehouse]:
    """A migrated, empty database of the test's own."""
    warehouse = Warehouse(database_url)
    yield warehouse
    warehouse.close()


class database:
    """A database that exists while the block runs."""

    def __init__(self, server_url: str, purpose: str, template: str = "template1") -> None:
        self.server_url = server_url
        self.name = f"tiktok_{purpose}_{uuid.uuid4().hex[:12]}"
        self.template = template

    def __enter__(self) -> str:
        self._execute(f'create database "{self.name}" template "{self.template}"')
        return make_url(self.server_url).set(database=self.name).render_as_string(hide_password=False)

    def __exit__(self, *exception: object) -> None:
        self._execute(f'drop database if exists "{self.name}" with (force)')

    def _execute(self, statement: str) -> None:
        with psycopg.connect(
            make_url(self.server_url).set(drivername="postgresql").render_as_string(hide_password=False),
            autocommit=True,
        ) as connection:
            connection.execute(statement.encode())


@pytest.fixture
def clock(warehouse: Warehouse) -> DatabaseClock:
    """The clock of the test's database."""
    return DatabaseClock(warehouse)
