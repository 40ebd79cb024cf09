"""Dagster on this machine: its home, its database, its processes. Dagster itself is not imported here."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import requests
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.project_files import project_file
from tiktok_pipeline.runtime.children import Child
from tiktok_pipeline.runtime.data_folder import DataFolder
from tiktok_pipeline.runtime.database import ensure_database, libpq_url
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.warehouse.connection import psycopg2_url

READY_SECONDS = 120.0
DEFINITIONS = "tiktok_pipeline.definitions"
LOCATION = "tiktok_pipeline"  # as in workspace.yaml: what people switched on or off is kept under this name
WORKSPACE = f"load_from:\n  - grpc_server: {{{{socket: {{socket}}, location_name: {LOCATION}}}}}\n"
INSTANCE_LOCK = 7_011_010  # any number, the same on every machine


class DagsterFailed(PipelineError):
    """A Dagster process did not start, or did not finish its work."""


class DagsterHere:
    """Dagster with `folder` as its home, storing beside the database `database_url`.

    Made by `dagster_beside`, which also fails the runs that a crash left behind.
    """

    def __init__(self, folder: DataFolder, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.environment = environment
        self._preparing: Child | None = None

    def fail_orphaned_runs(self) -> None:
        """Begin to fail the runs that a crash left behind; everything else waits until that is done."""
        self._preparing = self._start("orphaned runs", "tiktok_pipeline.defs.maintenance.orphaned_runs")

    def wait_until_prepared(self) -> None:
        """Wait for the orphaned runs; raises DagsterFailed when Dagster's storage does not work."""
        preparing, self._preparing = self._preparing, None
        if preparing is not None and preparing.wait(READY_SECONDS) != 0:
            raise DagsterFailed(f"Dagster's storage cannot be used. See {preparing.log_file}")

    def _start(self, name: str, *command: str) -> Child:
        log_file = self.folder.logs / f"{name.replace(' ', '_')}.log"
        return Child(name, [sys.executable, "-m", *command], environment=self.environment, log_file=log_file)

    def daily_job(self, first: str, last: str) -> Child:
        """The daily job, begun as one run over the dates from `first` to `last` (YYYY-MM-DD)."""
        self.wait_until_prepared()
        return self._start("daily job", "tiktok_pipeline.defs.run_daily", "--from", first, "--to", last)

    @contextmanager
    def serving(self, host: str, port: int) -> Iterator[list[Child]]:
        """Webserver, daemon and the code server they share; ready when the block begins.

        With one each, as `workspace.yaml` would have it, the definitions are loaded twice, at 130 MB each. The
        code server ends last, and its socket is ours alone.
        """
        self.wait_until_prepared()
        with TemporaryDirectory(prefix="tiktok-pipeline-") as short_path:  # a socket's path must be short
            socket = f"{short_path}/code"
            workspace = self.folder.dagster_home / "workspace.yaml"
            workspace.write_text(WORKSPACE.format(socket=json.dumps(socket)), encoding="utf-8")
            code_server = ("dagster", "api", "grpc", "--socket", socket, "--module-name", DEFINITIONS)
            from_workspace = ("-w", str(workspace))
            with (
                self._start("code server", *code_server, "--location-name", LOCATION) as code,
                self._start("daemon", "dagster._daemon", "run", *from_workspace) as daemon,
                self._start(
                    "webserver", "dagster_webserver", "-h", host, "-p", str(port), *from_workspace
                ) as web,
            ):
                children = [code, daemon, web]
                _wait_until_ready(host, port, children)
                yield children


@contextmanager
def dagster_beside(settings: Settings, folder: DataFolder, database_url: str) -> Iterator[DagsterHere]:
    """Dagster, prepared: home, database, environment, and no run left over from a crash.

    Runs are failed as orphans only by the one process, over all machines, that holds the instance. That takes
    a few seconds and goes on while the block begins.
    """
    storage_url = _storage_url(settings, database_url)
    folder.dagster_home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(project_file("dagster.yaml"), folder.dagster_home / "dagster.yaml")
    dagster = DagsterHere(folder, _environment(settings, folder, database_url, storage_url))
    with psycopg.connect(libpq_url(storage_url), autocommit=True, connect_timeout=10) as holder:
        alone = holder.execute("select pg_try_advisory_lock(%s)", (INSTANCE_LOCK,)).fetchone()
        if alone == (True,):
            dagster.fail_orphaned_runs()
        yield dagster


def _storage_url(settings: Settings, database_url: str) -> str:
    if settings.dagster_postgres_url is not None:
        return settings.dagster_postgres_url.get_secret_value()
    ours = make_url(database_url)
    name = f"{ours.database}_dagster"
    ensure_database(database_url, name)
    return ours.set(database=name).render_as_string(hide_password=False)


def _environment(
    settings: Settings, folder: DataFolder, database_url: str, storage_url: str
) -> dict[str, str]:
    """Our environment, and every setting in it, so that children see the same values as we do."""
    environment = dict(os.environ)
    for name, value in settings:
        if isinstance(value, SecretStr):
            environment[name.upper()] = value.get_secret_value()
        elif isinstance(value, Path):
            environment[name.upper()] = str(value.expanduser().resolve())
        elif value is not None:
            environment[name.upper()] = str(value)
    return environment | {
        "DATABASE_URL": database_url,
        "DAGSTER_POSTGRES_URL": psycopg2_url(storage_url),
        "DAGSTER_HOME": str(folder.dagster_home),
        "ENCRYPTION_KEYS_FILE": str(settings.keys_file.expanduser().resolve()),
        "PYTHONUNBUFFERED": "1",
    }


def _wait_until_ready(host: str, port: int, children: list[Child]) -> None:
    reachable = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104 - listening is the user's choice
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        for child in children:
            child.require()
        with contextlib.suppress(requests.RequestException):
            if requests.get(f"http://{reachable}:{port}/server_info", timeout=2).ok:
                return
        time.sleep(0.1)
    raise DagsterFailed(f"webserver: no answer within {READY_SECONDS:.0f} s. See {children[-1].log_file}")
