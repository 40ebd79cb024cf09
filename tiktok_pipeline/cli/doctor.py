"""`tiktok-pipeline doctor`: is everything in place? One line each."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import requests
import typer
from rich.console import Console
from sqlalchemy.engine import make_url

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.runtime.credentials import open_vault
from tiktok_pipeline.runtime.database import libpq_url, shared_database
from tiktok_pipeline.settings import Settings, SettingsError, load_settings
from tiktok_pipeline.vault.keyring import read_key_ring
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.migrations import pending

OLDEST_POSTGRESQL = 15
REACH_SECONDS = 5.0


class _Report:
    """One line per check; remembers whether there was a problem."""

    def __init__(self) -> None:
        self.console = Console(soft_wrap=True, highlight=False)
        self.healthy = True

    def check(self, name: str, look: Callable[[], str]) -> bool:
        """Print what `look` says; a PipelineError or a failing query is a problem. Whether it was fine."""
        try:
            self._print("[green]ok     [/]", name, look())
        except (PipelineError, psycopg.Error) as problem:
            self.healthy = False
            self._print("[red]problem[/]", name, str(problem).strip().splitlines()[0])
            return False
        return True

    def _print(self, verdict: str, name: str, text: str) -> None:
        self.console.print(f"{verdict} {name:<17}", end="")
        self.console.print(text, markup=False)


def doctor() -> None:
    """Check settings, TikTok, database, migrations, key ring, Dagster's storage; exit code 1: a problem."""
    report = _Report()
    found: list[Settings] = []

    def settings_load() -> str:
        found.append(load_settings())
        found[0].require("tiktok_client_key", "tiktok_client_secret", "tiktok_redirect_uri")
        return f"environment {found[0].environment}, days in {found[0].reporting_timezone}"

    report.check("settings", settings_load)
    if found:
        settings = found[0]
        report.check("TikTok", lambda: _tiktok(settings))
        _check_database(report, settings)
    if not report.healthy:
        raise typer.Exit(1)


def _check_database(report: _Report, settings: Settings) -> None:
    try:
        with shared_database(settings) as url:
            warehouse = Warehouse(url)
            try:
                if report.check("database", lambda: _database(warehouse)):
                    migrated = report.check("migrations", lambda: _migrations(warehouse))
                    report.check("key ring", lambda: _key_ring(warehouse, settings, migrated))
                    report.check("Dagster storage", lambda: _dagster_storage(settings, warehouse))
            finally:
                warehouse.close()
    except PipelineError as error:
        problem = error
        report.check("database", lambda: _raise(problem))


def _raise(error: PipelineError) -> str:
    raise error


def _tiktok(settings: Settings) -> str:
    try:
        answer = requests.get(settings.tiktok_api_base_url, timeout=REACH_SECONDS, allow_redirects=False)
    except requests.RequestException as error:
        raise PipelineError(
            f"{settings.tiktok_api_base_url}: no answer within {REACH_SECONDS:.0f} s ({type(error).__name__})."
            " Check TIKTOK_API_BASE_URL, the network and the proxy."
        ) from None
    return f"{settings.tiktok_api_base_url} answers (HTTP {answer.status_code})"


def _database(warehouse: Warehouse) -> str:
    with warehouse.transaction() as cursor:
        cursor.execute("select current_setting('server_version_num')::integer / 10000 as version")
        [row] = cursor.fetchall()
    where = warehouse.url.render_as_string(hide_password=True)
    if row["version"] < OLDEST_POSTGRESQL:
        raise PipelineError(
            f"{where}: PostgreSQL {row['version']}. Version {OLDEST_POSTGRESQL} or newer is needed."
        )
    return f"PostgreSQL {row['version']} at {where}"


def _migrations(warehouse: Warehouse) -> str:
    if missing := pending(warehouse):
        raise SettingsError(f"{len(missing)} to apply, from {missing[0]}. Run: tiktok-pipeline db migrate")
    return "all applied"


def _key_ring(warehouse: Warehouse, settings: Settings, migrated: bool) -> str:
    if not settings.keys_file.exists() and settings.encryption_keys_file is None:
        registered = migrated and warehouse.execute("vault/registered_keys")
        if not registered:
            return f"{settings.keys_file} will be made when the first account is connected"
    if migrated:
        open_vault(warehouse, settings)
    read_key_ring(settings.keys_file)
    return f"{settings.keys_file} opens"


def _dagster_storage(settings: Settings, warehouse: Warehouse) -> str:
    if settings.dagster_postgres_url is not None:
        url = make_url(settings.dagster_postgres_url.get_secret_value())
    else:
        url = warehouse.url.set(database=f"{warehouse.url.database}_dagster")
    plain = libpq_url(url.render_as_string(hide_password=False))
    try:
        psycopg.connect(plain, connect_timeout=10).close()
    except psycopg.OperationalError as error:
        if "does not exist" in str(error) and settings.dagster_postgres_url is None:
            return f"database {url.database} will be made at the first start"
        raise PipelineError(
            f"database {url.database}: {str(error).strip().splitlines()[-1]}. Check DAGSTER_POSTGRES_URL."
        ) from None
    return f"database {url.database}"
