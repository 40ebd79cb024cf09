"""Dagster's own database, and who is using it.

Every command of ours that has runs holds an advisory lock on it, shared, for as long as it works there. Who gets that
lock exclusively knows that nobody else does, on any machine: only then is a run that is under way an orphan. A worker
holds a lock for each of its runs, too, so that its death is seen at once, wherever it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.engine import make_url

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.runtime.database import libpq_url
from tiktok_pipeline.warehouse.connection import place, reason

INSTANCE_LOCK = 7_011_010  # any number, the same on every machine
RUN_LOCKS = 7_011_011
# The server notices within 25 s that a machine is gone, and frees its locks.
NOTICED_WHEN_GONE = "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
CONNECT_TIMEOUT_SECONDS = 10


class DagsterStorage:
    """The database at `url`, held open by one connection, whose end frees the locks."""

    def __init__(self, url: str, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        self.url = url
        self.place = place(make_url(url))
        self._connection = connection

    def enter(self) -> None:
        """Be one of those who use it. Waits for somebody who is just looking for orphans."""
        self._connection.execute("select pg_advisory_lock_shared(%s)", (INSTANCE_LOCK,))

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Whether nobody else uses it; if so, nobody enters before the block ends. Afterwards we have entered."""
        found = self._connection.execute("select pg_try_advisory_lock(%s)", (INSTANCE_LOCK,)).fetchone()
        alone = found == (True,)
        self.enter()
        yield alone
        if alone:
            self._connection.execute("select pg_advisory_unlock(%s)", (INSTANCE_LOCK,))

    @contextmanager
    def holding(self, run_id: str) -> Iterator[None]:
        """Hold the run's lock while the block runs: its process lives."""
        self._connection.execute("select pg_advisory_lock(%s, hashtext(%s))", (RUN_LOCKS, run_id))
        try:
            yield
        finally:
            self._connection.execute("select pg_advisory_unlock(%s, hashtext(%s))", (RUN_LOCKS, run_id))

    def is_held(self, run_id: str) -> bool:
        """Whether a process that lives holds the run's lock."""
        with self._connection.transaction():
            found = self._connection.execute(
                "select pg_try_advisory_xact_lock(%s, hashtext(%s))", (RUN_LOCKS, run_id)
            ).fetchone()
        return found != (True,)


@contextmanager
def dagster_storage(url: str, variable: str) -> Iterator[DagsterStorage]:
    """The storage, connected while the block runs. Raises PipelineError that names `variable`."""
    given = conninfo_to_dict(libpq_url(url)).get("options", "")
    try:
        connection = psycopg.connect(
            libpq_url(url),
            autocommit=True,
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            options=f"{given} {NOTICED_WHEN_GONE}",
        )
    except psycopg.Error as error:
        raise PipelineError(
            f"Dagster's {place(make_url(url))}: {reason(error)}. Check {variable} and that the server runs."
        ) from None
    with connection:
        yield DagsterStorage(url, connection)
