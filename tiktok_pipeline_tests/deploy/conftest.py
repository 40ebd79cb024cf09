"""A world for services: a sandbox with connected accounts, databases, and a host that runs the services."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.capturing import Pipeline
from tiktok_pipeline_tests.conftest import database
from tiktok_pipeline_tests.deploy.services import Host


class Installation:
    """A sandbox, an empty database, and the host. `connect` after the service `migrate` has run."""

    def __init__(self, host: Host, sandbox: SandboxProcess, url: str) -> None:
        self.host = host
        self.sandbox = sandbox
        self.warehouse = Warehouse(url)

    def connect(self, accounts: int) -> list[int]:
        connected = Pipeline(self.warehouse, self.sandbox, self.host.keys_file).connect(accounts)
        self.sandbox.reset_requests()
        return connected

    def rows(self, statement: str, *parameters: Any) -> list[dict[str, Any]]:
        return rows(self.warehouse, statement, *parameters)

    def count(self, what: str) -> int:
        return int(self.rows(f"select count(*) as n from {what}")[0]["n"])

    def today(self) -> dt.date:
        day: dt.date = self.rows("select ops.day_of(ops.now(), 'UTC') as day")[0]["day"]
        return day


Install = Callable[..., Installation]


@pytest.fixture
def install(server_url: str, tmp_path: Path) -> Iterator[Install]:
    """Makes an installation of these compose files, with further secrets and settings of the sandbox."""
    with ExitStack() as stack:

        def made(
            *files: str, secrets: dict[str, str] | None = None, limit: int = 600, **world: Any
        ) -> Installation:
            return stack.enter_context(_installed(server_url, tmp_path, files, secrets or {}, limit, world))

        yield made


@contextmanager
def _installed(
    server_url: str,
    folder: Path,
    files: tuple[str, ...],
    secrets: dict[str, str],
    limit: int,
    world: dict[str, Any],
) -> Iterator[Installation]:
    with (
        SandboxProcess(limit=limit, even=True, counter_step_seconds=86_400, **world) as sandbox,
        database(server_url, "services") as url,
        database(server_url, "services_dagster") as dagster_url,
    ):
        settings = {
            "ENVIRONMENT": "test",
            "TIKTOK_API_BASE_URL": sandbox.base_url,
            "TIKTOK_CLIENT_KEY": sandbox.client_key,
            "TIKTOK_REQUESTS_PER_MINUTE": str(limit),
            "PORTAL_URL": "https://stores.example.com",
            "TIKTOK_REDIRECT_URI": "https://stores.example.com/auth/callback",
            "START_DATE": (dt.datetime.now(dt.UTC).date() - dt.timedelta(days=2)).isoformat(),
        }
        given = {
            "database_url": url,
            "dagster_postgres_url": dagster_url,
            "tiktok_client_secret": sandbox.client_secret,
            "operator_password_hash": _password_hash(),
        }
        host = Host(folder, files, settings=settings, secrets=given | secrets)
        installation = Installation(host, sandbox, url)
        try:
            yield installation
        finally:
            installation.warehouse.close()
            host.close()


def _password_hash() -> str:
    from tiktok_pipeline.portal.operator.password import password_hash

    return password_hash("four words are enough")
