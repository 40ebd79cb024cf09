"""`tiktok-pipeline doctor`: is everything in place? One line each, and nothing is made or changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import psycopg
import requests
import typer
from rich.console import Console
from sqlalchemy.engine import make_url

from tiktok_pipeline.alerts.heartbeat import Beat, last_beat
from tiktok_pipeline.alerts.routes import summary
from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.quality.broken import broken_now
from tiktok_pipeline.runtime.credentials import vault_warehouse
from tiktok_pipeline.runtime.dagster_storage import dagster_storage
from tiktok_pipeline.runtime.data_folder import DataFolder
from tiktok_pipeline.runtime.database import shared_database
from tiktok_pipeline.runtime.portal import require_portal_settings
from tiktok_pipeline.settings import Settings, load_settings
from tiktok_pipeline.tiktok.circuit import open_circuits
from tiktok_pipeline.vault.keyring import read_key_ring
from tiktok_pipeline.vault.registry import must_fit
from tiktok_pipeline.warehouse.connection import Warehouse, place
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

    def warn(self, name: str, text: str) -> None:
        """Print what is no problem of the set-up."""
        self._print("[yellow]warning[/]", name, text)

    def _print(self, verdict: str, name: str, text: str) -> None:
        self.console.print(f"{verdict} {name:<17}", end="")
        self.console.print(text, markup=False)


def doctor() -> None:
    """Check settings, TikTok, database, migrations, key ring, Dagster's storage; exit code 1: a problem.

    Nothing is made or changed; what does not exist yet is said.
    """
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
        if settings.operator_password_hash is not None:
            report.check("portal", lambda: _portal(settings))
        if settings.channels:
            report.check(
                "alerts", lambda: f"{summary(settings.channels)}; tiktok-pipeline alerts test tries them"
            )
        if settings.database_url is None and not _embedded_exists(settings):
            _say_what_will_be_made(report, settings)
        else:
            _check_database(report, settings)
    if not report.healthy:
        raise typer.Exit(1)


def _portal(settings: Settings) -> str:
    require_portal_settings(settings)
    return f"{settings.portal_url}, {'with' if settings.operator_totp_secret else 'without'} a second factor"


def _embedded_exists(settings: Settings) -> bool:
    return (DataFolder(settings.data_dir).postgres / "PG_VERSION").exists()


def _say_what_will_be_made(report: _Report, settings: Settings) -> None:
    missing = "no embedded database yet: it is made by the first command that needs it"
    report.check("database", lambda: missing)
    report.check("key ring", lambda: _key_ring(settings, registered={}))
    if settings.dagster_postgres_url is not None:
        report.check("Dagster storage", lambda: _dagster_storage(settings, None))


def _check_database(report: _Report, settings: Settings) -> None:
    try:
        with shared_database(settings) as url:
            warehouse = Warehouse(url)
            try:
                if report.check("database", lambda: _database(warehouse)):
                    report.check("migrations", lambda: _migrations(warehouse, settings))
                    for down in _open_circuits(warehouse):
                        report.check("circuit", partial(_raise, PipelineError(down)))
                    if broken := _broken(warehouse):
                        report.warn(
                            "data", f"{broken} things are broken; tiktok-pipeline broken says what to do"
                        )
                    if (latest := _last_beat(warehouse)) is not None:
                        report.check("daemon", partial(_daemon, latest, settings))
                    report.check(
                        "key ring", lambda: _key_ring(settings, _registered_keys(warehouse, settings))
                    )
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
    where = place(warehouse.url)
    if row["version"] < OLDEST_POSTGRESQL:
        raise PipelineError(
            f"{where}: PostgreSQL {row['version']}. Version {OLDEST_POSTGRESQL} or newer is needed."
        )
    return f"PostgreSQL {row['version']}, {where}"


def _migrations(warehouse: Warehouse, settings: Settings) -> str:
    missing = pending(warehouse)
    if not missing:
        return "all applied"
    if settings.database_url is None:
        return f"{len(missing)} to apply, from {missing[0]}: the next command that needs them does"
    raise PipelineError(f"{len(missing)} to apply, from {missing[0]}. Run: tiktok-pipeline db migrate")


def _open_circuits(warehouse: Warehouse) -> list[str]:
    """What TikTok does not answer just now; nothing before the migrations."""
    try:
        return open_circuits(warehouse)
    except psycopg.errors.UndefinedTable:
        return []


def _broken(warehouse: Warehouse) -> int:
    """How many things are broken right now; none before the migrations."""
    try:
        return len(broken_now(warehouse))
    except psycopg.errors.UndefinedTable:
        return 0


def _last_beat(warehouse: Warehouse) -> Beat | None:
    """When a daemon was last at work; None when none ever was, or before the migrations."""
    try:
        return last_beat(warehouse)
    except psycopg.errors.UndefinedTable:
        return None


def _daemon(latest: Beat, settings: Settings) -> str:
    said = f"last at work {latest.minutes:,.0f} min ago"
    if latest.minutes > settings.daemon_silent_minutes:
        raise PipelineError(
            f"silent since {latest.last_at.astimezone(settings.zone):%Y-%m-%d %H:%M}: nothing is captured or told. "
            "Start it: tiktok-pipeline serve, or the service that runs the daemon."
        )
    return said


def _registered_keys(warehouse: Warehouse, settings: Settings) -> dict[int, dict[str, Any]]:
    """The keys that the database knows, by id; none before its migrations."""
    url = settings.vault_database_url
    try:
        with vault_warehouse(warehouse, url.get_secret_value() if url else None) as own:
            rows = own.execute("vault/registered_keys")
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
        return {}
    return {row["key_id"]: row for row in rows}


def _key_ring(settings: Settings, registered: Mapping[int, dict[str, Any]]) -> str:
    # Opening the vault would make a ring, or register its keys.
    settings.require_key_ring()
    if not registered and not settings.keys_file.exists():
        return f"no {settings.keys_file} yet: it is made by the first command that needs it"
    must_fit(settings.keys_file, read_key_ring(settings.keys_file), settings.environment, registered)
    return f"{settings.keys_file} opens"


def _dagster_storage(settings: Settings, warehouse: Warehouse | None) -> str:
    if settings.dagster_postgres_url is not None:
        url, variable = make_url(settings.dagster_postgres_url.get_secret_value()), "DAGSTER_POSTGRES_URL"
    else:
        assert warehouse is not None
        url = warehouse.url.set(database=f"{warehouse.url.database}_dagster")
        variable = "DATABASE_URL"
    try:
        with dagster_storage(url.render_as_string(hide_password=False), variable) as storage:
            return storage.place
    except PipelineError as error:
        if "does not exist" in str(error) and settings.dagster_postgres_url is None:
            return f"no database {url.database} yet: it is made at the first start"
        raise
