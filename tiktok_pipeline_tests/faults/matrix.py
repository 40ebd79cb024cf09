"""Runs rows of the fault matrix: a fresh database for each, the fault, the invariants, the recovery, the invariants."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
import time
import traceback
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import psycopg
from sqlalchemy.engine import make_url

from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.embedded import EmbeddedServer
from tiktok_pipeline.warehouse.migrations import migrate
from tiktok_pipeline_tests.faults.disk import NoDisk, small_disk
from tiktok_pipeline_tests.faults.events import NoBroker
from tiktok_pipeline_tests.faults.mutants import MUTANTS
from tiktok_pipeline_tests.faults.rows import Row
from tiktok_pipeline_tests.faults.worker import WINDOW_SECONDS
from tiktok_pipeline_tests.faults.world import World
from tiktok_pipeline_tests.places import quick_place


@dataclass
class Case:
    """What one row with one seed came to. `skipped` says why it could not be injected on this machine."""

    row: Row
    seed: int
    injections: int = 0
    violations: list[str] = field(default_factory=list)
    seconds: float = 0.0
    recovery_seconds: float = 0.0
    skipped: str | None = None

    def __str__(self) -> str:
        return f"row {self.row.number} ({self.row.fault}), seed {self.seed}"


class Matrix:
    """A PostgreSQL server and a sandbox of its own, for as many cases as wanted; `sandbox` are settings of that."""

    def __init__(self, **sandbox: Any) -> None:
        self._settings = {"accounts": 20, "videos": 45, **sandbox}

    def __enter__(self) -> Self:
        self._all = contextlib.ExitStack()
        self.folder = Path(
            self._all.enter_context(tempfile.TemporaryDirectory(prefix="faults-", dir=quick_place()))
        )
        self.sandbox = self._all.enter_context(
            SandboxProcess(
                **self._settings,
                even=True,
                limit=0,
                window_seconds=WINDOW_SECONDS,
                counter_step_seconds=86_400,
            )
        )
        self.server = self._all.enter_context(EmbeddedServer(self.folder / "pg"))
        # No test cuts the power: what the operating system has is safe. Commits are still waited for.
        for setting in ("fsync", "full_page_writes"):
            _execute(self.server, f"alter system set {setting} = off")
        _execute(self.server, "select pg_reload_conf()")
        _make_template(self.server)
        return self

    def __exit__(self, *exception: object) -> None:
        self._all.close()

    def run(self, row: Row, seed: int, *, broken: str | None = None) -> Case:
        """One row with one seed; `broken` names a mutant that the workers run with."""
        case = Case(row, seed)
        began = time.monotonic()
        try:
            with self.world(seed, broken=broken, own_server=row.own_server) as world:
                self._judge(case, world)
        except (NoDisk, NoBroker) as reason:
            case.skipped = str(reason)
        case.seconds = time.monotonic() - began
        return case

    def _judge(self, case: Case, world: World) -> None:
        row = case.row
        try:
            if row.before is not None:
                row.before(world)
            for statement in MUTANTS[world.broken].tables if world.broken else ():
                world.rows(statement)
            world.connect(row.accounts)
            case.injections = row.inject(world)
            case.violations += [f"after the fault, {found}" for found in world.violations(settled=False)]
            world.recover()
            case.violations += world.settled_violations()
            case.recovery_seconds = world.recovery_seconds
            if case.injections == 0:
                case.violations.append("the fault was not injected")
        except NoBroker:
            raise
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            case.violations.append(
                f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"
            )
            case.violations += world.broke

    @contextmanager
    def world(self, seed: int, *, broken: str | None = None, own_server: bool = False) -> Iterator[World]:
        """A fresh database, with nothing connected; `own_server`: on a server whose disk is small."""
        self.sandbox.clear_faults()
        self.sandbox.set_clock()
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=self.folder)))
            server = self.server
            if own_server:
                disk = stack.enter_context(small_disk(folder / "disk"))
                server = stack.enter_context(EmbeddedServer(disk / "pg"))
                _execute(server, "alter system set max_wal_size = '48MB'")
                _make_template(server)
            name = f"faults_{uuid.uuid4().hex[:12]}"
            _execute(server, f"create database {name} template template_of_faults")
            world = World(server, self.sandbox, folder, name, seed, broken)
            try:
                yield world
            finally:
                world.close()
                with contextlib.suppress(psycopg.Error):
                    _execute(server, f"drop database {name} with (force)")


def _make_template(server: EmbeddedServer) -> None:
    _execute(server, "create database template_of_faults")
    url = make_url(server.url()).set(database="template_of_faults")
    warehouse = Warehouse(url.render_as_string(hide_password=False))
    migrate(warehouse)
    warehouse.close()


def _execute(server: EmbeddedServer, statement: str) -> None:
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(statement.encode())


def machine() -> str:
    """The machine in words, for a table of figures."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        cores = subprocess.run(["nproc"], capture_output=True, text=True, check=True).stdout.strip()
        return f"{cores} virtual cores"
    return "one machine"
