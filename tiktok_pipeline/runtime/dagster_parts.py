"""One of Dagster's processes alone, for containers, units and more machines; `serve` is all of them in one.

The code server and the workers have the runs: they need every setting and a data folder that lasts. Daemon and
webserver need nothing but Dagster's database, where the code server is, and the broker when there is one.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from tiktok_pipeline.runtime.children import Child
from tiktok_pipeline.runtime.credentials import open_vault
from tiktok_pipeline.runtime.dagster import (
    DEFINITIONS,
    LOCATION,
    dagster_beside,
    dagster_with_code_server,
    write_instance_file,
)
from tiktok_pipeline.runtime.data_folder import DataFolder
from tiktok_pipeline.runtime.database import migrated_warehouse
from tiktok_pipeline.settings import Settings, SettingsError
from tiktok_pipeline.vault.refresh import STOP_SECONDS
from tiktok_pipeline.warehouse.connection import psycopg2_url

WORKSPACE = "load_from:\n  - grpc_server: {{host: {host}, port: {port}, location_name: {location}}}\n"
QUEUE = "dagster"


@contextmanager
def code_server(settings: Settings, host: str, port: int) -> Iterator[Child]:
    """The process that has the definitions, and the runs when there are no workers.

    The runs that died with the one before are failed, and retried by the daemon, two minutes after it starts.
    """
    _require_for_runs(settings)
    with (
        DataFolder(settings.data_dir) as folder,
        _checked_database(settings) as url,
        dagster_with_code_server(settings, folder, url) as dagster,
        _in_foreground(
            "code server",
            [
                "dagster",
                "api",
                "grpc",
                "-h",
                host,
                "-p",
                str(port),
                "-m",
                DEFINITIONS,
                "--location-name",
                LOCATION,
            ],
            dagster.environment,
            STOP_SECONDS,
        ) as child,
    ):
        yield child


@contextmanager
def worker(settings: Settings, runs: int, drain_minutes: int) -> Iterator[Child]:
    """A process that executes at most `runs` runs at once. Asked to stop, it takes no more and finishes these."""
    _require_for_runs(settings)
    settings.require("celery_broker_url")
    with (
        DataFolder(settings.data_dir) as folder,
        _checked_database(settings) as url,
        dagster_beside(settings, folder, url) as dagster,
    ):
        dagster.wait_until_prepared()
        command = [
            "celery",
            "-A",
            "tiktok_pipeline.workers.app",
            "worker",
            "-Q",
            QUEUE,
            "-c",
            str(runs),
            "-n",
            f"celery@{_name(folder)}",
        ]
        with _in_foreground("worker", command, dagster.environment, drain_minutes * 60) as child:
            yield child


@contextmanager
def daemon(settings: Settings, code_server: tuple[str, int]) -> Iterator[Child]:
    """The process that has the schedules, the sensors and the queue of runs."""
    with _beside_code_server(settings, code_server) as (environment, workspace):
        command = ["dagster._daemon", "run", "-w", workspace]
        with _in_foreground("daemon", command, environment, STOP_SECONDS) as child:
            yield child


@contextmanager
def webserver(
    settings: Settings, code_server: tuple[str, int], host: str, port: int, *, read_only: bool
) -> Iterator[Child]:
    """The Dagster UI. It has no login: keep it behind a proxy that has one."""
    with _beside_code_server(settings, code_server) as (environment, workspace):
        command = ["dagster_webserver", "-h", host, "-p", str(port), "-w", workspace]
        if read_only:
            command.append("--read-only")
        with _in_foreground("webserver", command, environment, STOP_SECONDS) as child:
            yield child


def daemon_lives(settings: Settings) -> bool:
    """Whether the daemon has given a sign of life lately; asked beside it, with its settings."""
    with _beside_code_server(settings, ("127.0.0.1", 1), owned=False) as (environment, _):
        command = [sys.executable, "-m", "dagster._daemon", "liveness-check"]
        return subprocess.run(command, env=environment, check=False).returncode == 0


def worker_lives(settings: Settings) -> bool:
    """Whether the worker of this data folder answers through the broker; asked beside it, with its settings."""
    settings.require("celery_broker_url")
    assert settings.celery_broker_url is not None
    environment = dict(os.environ) | {"CELERY_BROKER_URL": settings.celery_broker_url.get_secret_value()}
    ping = ["inspect", "ping", "-t", "10", "-d", f"celery@{_name(DataFolder(settings.data_dir))}"]
    command = [sys.executable, "-m", "celery", "-A", "tiktok_pipeline.workers.app", *ping]
    return subprocess.run(command, env=environment, check=False).returncode == 0


def _name(folder: DataFolder) -> str:
    """Of the worker: no other machine and no other folder of this one has it."""
    return f"{socket.gethostname()}-{zlib.crc32(str(folder.path).encode()):08x}"


def _require_for_runs(settings: Settings) -> None:
    settings.require("database_url", "tiktok_client_key", "tiktok_client_secret")
    settings.require_key_ring()


@contextmanager
def _checked_database(settings: Settings) -> Iterator[str]:
    """Address of the database, which has all migrations and whose tokens this key ring opens."""
    assert settings.database_url is not None
    url = settings.database_url.get_secret_value()
    with migrated_warehouse(settings, url) as warehouse, open_vault(warehouse, settings):
        pass
    yield url


@contextmanager
def _beside_code_server(
    settings: Settings, code_server: tuple[str, int], *, owned: bool = True
) -> Iterator[tuple[dict[str, str], str]]:
    """Environment and workspace file of a process that has no runs: it gets no secret but these addresses."""
    settings.require("dagster_postgres_url")
    assert settings.dagster_postgres_url is not None
    folder = DataFolder(settings.data_dir)
    environment = dict(os.environ) | {
        "DAGSTER_POSTGRES_URL": psycopg2_url(settings.dagster_postgres_url.get_secret_value()),
        "DAGSTER_HOME": str(folder.dagster_home),
        "PYTHONUNBUFFERED": "1",
    }
    if settings.celery_broker_url is not None:
        environment["CELERY_BROKER_URL"] = settings.celery_broker_url.get_secret_value()
    workspace = folder.dagster_home / "workspace.yaml"
    if not owned:
        yield environment, str(workspace)
        return
    with folder:
        write_instance_file(settings, folder)
        host, port = code_server
        workspace.write_text(WORKSPACE.format(host=host, port=port, location=LOCATION), encoding="utf-8")
        yield environment, str(workspace)


def _in_foreground(
    name: str, command: list[str], environment: dict[str, str], polite_seconds: float
) -> Child:
    return Child(
        name,
        [sys.executable, "-m", *command],
        environment=environment,
        log_file=None,
        polite_seconds=polite_seconds,
    )


def address(code_server: str) -> tuple[str, int]:
    """Host and port of HOST:PORT; SettingsError when it is not that."""
    host, colon, port = code_server.rpartition(":")
    if not (colon and host and port.isdigit()):
        raise SettingsError(f"--code-server {code_server}: not an address. Write it as HOST:PORT.")
    return host, int(port)
