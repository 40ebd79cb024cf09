"""Dagster on this machine: its home, its database, its processes. Dagster itself is not imported here."""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from tempfile import TemporaryDirectory

import requests
from sqlalchemy.engine import make_url

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.project_files import project_file
from tiktok_pipeline.runtime.children import Child
from tiktok_pipeline.runtime.dagster_storage import DagsterStorage, dagster_storage
from tiktok_pipeline.runtime.data_folder import DataFolder
from tiktok_pipeline.runtime.database import ensure_database
from tiktok_pipeline.runtime.environment import child_environment
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.vault.refresh import STOP_SECONDS
from tiktok_pipeline.warehouse.connection import psycopg2_url

READY_SECONDS = 120.0
CODE_SERVER_KNOWN_SECONDS = 105.0  # it starts within half a minute; the daemon looks for it once a minute
DEFINITIONS = "tiktok_pipeline.definitions"
LOCATION = "tiktok_pipeline"  # as in workspace.yaml: what people switched on or off is kept under this name
WORKSPACE = f"load_from:\n  - grpc_server: {{{{socket: {{socket}}, location_name: {LOCATION}}}}}\n"
ORPHANED_RUNS = "tiktok_pipeline.defs.maintenance.orphaned_runs"
NOT_ALONE = (
    "{place}: another tiktok-pipeline is using it, so runs that a crash of others left behind stay as they are. "
    "They are failed when `serve` starts alone, or by the daemon after max_runtime (4 hours).\n"
)


class DagsterFailed(PipelineError):
    """A Dagster process did not start, or did not finish its work."""


class DagsterHere:
    """Dagster with `folder` as its home, storing beside the database `database_url`.

    Made by `dagster_beside` or `dagster_in_charge`, which also fail the runs that a crash left behind.
    """

    def __init__(self, folder: DataFolder, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.owner = f"{socket.gethostname()}:{folder.path}"
        self.environment = {**environment, "TIKTOK_PIPELINE_OWNER": self.owner}
        self._preparing: Child | None = None

    def fail_orphaned_runs(self) -> None:
        """Begin to fail all runs that are under way; everything else waits until that is done."""
        self._preparing = self._start("orphaned runs", ORPHANED_RUNS)

    def fail_own_orphaned_runs(self) -> None:
        """Begin to fail the runs that an earlier command of this data folder left behind."""
        self._preparing = self._start("orphaned runs", ORPHANED_RUNS, "--owner", self.owner)

    def note_orphaned_runs(self) -> Child:
        """Note the runs that are under way, to be failed once the daemon knows the code server that starts next."""
        noted = self.folder.path / "orphans_noted"
        noted.unlink(missing_ok=True)
        later = ("--noted", str(noted), "--later", str(CODE_SERVER_KNOWN_SECONDS))
        noting = self._start("orphaned runs", ORPHANED_RUNS, *later)
        deadline = time.monotonic() + READY_SECONDS
        while not noted.exists():
            if noting.exit_code is not None or time.monotonic() > deadline:
                noting.stop()
                raise DagsterFailed(f"Dagster's storage cannot be used. See {noting.log_file}")
            time.sleep(0.1)
        return noting

    def wait_until_prepared(self) -> None:
        """Wait for the orphaned runs; raises DagsterFailed when Dagster's storage does not work."""
        preparing, self._preparing = self._preparing, None
        if preparing is not None and preparing.wait(READY_SECONDS) != 0:
            raise DagsterFailed(f"Dagster's storage cannot be used. See {preparing.log_file}")

    def _start(self, name: str, *command: str) -> Child:
        log_file = self.folder.logs / f"{name.replace(' ', '_')}.log"
        return Child(
            name,
            [sys.executable, "-m", *command],
            environment=self.environment,
            log_file=log_file,
            polite_seconds=STOP_SECONDS,  # a run may be waiting for TikTok's answer to a refresh
        )

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
            address = f"{short_path}/code"
            workspace = self.folder.dagster_home / "workspace.yaml"
            workspace.write_text(WORKSPACE.format(socket=json.dumps(address)), encoding="utf-8")
            code_server = ("dagster", "api", "grpc", "--socket", address, "--module-name", DEFINITIONS)
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
    """Dagster, prepared: home, database, environment, and no run left over from a crash of this data folder.

    A run of anybody else is left alone, unless the storage is embedded: then the owner of the folder knows
    that there is nobody else. It takes a few seconds to fail runs, and goes on while the block begins.
    """
    with _storage(settings, database_url) as storage:
        dagster = _prepared(settings, folder, database_url, storage)
        storage.enter()
        if _embedded(settings):
            dagster.fail_orphaned_runs()
        else:
            dagster.fail_own_orphaned_runs()
        yield dagster


@contextmanager
def dagster_in_charge(settings: Settings, folder: DataFolder, database_url: str) -> Iterator[DagsterHere]:
    """As `dagster_beside`, for the process that serves: all runs that a crash left behind are failed.

    On a storage that another of our commands is using now, only this data folder's are, and stderr says so.
    """
    with _storage(settings, database_url) as storage:
        dagster = _prepared(settings, folder, database_url, storage)
        with storage.alone() as alone:
            if alone:
                dagster.fail_orphaned_runs()
            else:
                sys.stderr.write(NOT_ALONE.format(place=storage.place))
                dagster.fail_own_orphaned_runs()
            dagster.wait_until_prepared()
        yield dagster


@contextmanager
def dagster_with_code_server(
    settings: Settings, folder: DataFolder, database_url: str
) -> Iterator[DagsterHere]:
    """As `dagster_in_charge`, for a code server whose daemon is elsewhere and runs already.

    Where workers have the runs, a restart of the code server orphans none.
    """
    with _storage(settings, database_url) as storage, ExitStack() as stack:
        dagster = _prepared(settings, folder, database_url, storage)
        with storage.alone() as alone:
            if alone:
                stack.enter_context(dagster.note_orphaned_runs())
        yield dagster


def _prepared(
    settings: Settings, folder: DataFolder, database_url: str, storage: DagsterStorage
) -> DagsterHere:
    write_instance_file(settings, folder)
    return DagsterHere(folder, _environment(settings, folder, database_url, storage.url))


def write_instance_file(settings: Settings, folder: DataFolder) -> None:
    """Make the folder's Dagster home, with our `dagster.yaml`; with workers' run launcher where there is a broker."""
    folder.dagster_home.mkdir(parents=True, exist_ok=True)
    names = (
        ["dagster.yaml"] if settings.celery_broker_url is None else ["dagster.yaml", "dagster.celery.yaml"]
    )
    text = "\n".join(project_file(name).read_text(encoding="utf-8") for name in names)
    (folder.dagster_home / "dagster.yaml").write_text(text, encoding="utf-8")


def _embedded(settings: Settings) -> bool:
    return settings.database_url is None and settings.dagster_postgres_url is None


def _storage(settings: Settings, database_url: str) -> AbstractContextManager[DagsterStorage]:
    if settings.dagster_postgres_url is not None:
        url = settings.dagster_postgres_url.get_secret_value()
        return dagster_storage(url, "DAGSTER_POSTGRES_URL")
    ours = make_url(database_url)
    name = f"{ours.database}_dagster"
    ensure_database(database_url, name)
    return dagster_storage(ours.set(database=name).render_as_string(hide_password=False), "DATABASE_URL")


def _environment(
    settings: Settings, folder: DataFolder, database_url: str, storage_url: str
) -> dict[str, str]:
    return child_environment(settings, folder, database_url) | {
        "DAGSTER_POSTGRES_URL": psycopg2_url(storage_url),
        "DAGSTER_HOME": str(folder.dagster_home),
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
