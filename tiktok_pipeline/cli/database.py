"""`tiktok-pipeline db …`: the tables."""

from __future__ import annotations

import typer

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.runtime.database import migration_limits, shared_database
from tiktok_pipeline.settings import load_settings
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.migrations import migrate as apply_migrations
from tiktok_pipeline.warehouse.migrations import pending
from tiktok_pipeline.warehouse.roles import ROLES, apply_roles, roles_applied

app = typer.Typer(help="The database and its tables.", no_args_is_help=True)


@app.command()
def migrate() -> None:
    """Apply the migrations that are missing. Safe to repeat, and from several machines at once."""
    settings = load_settings()
    with shared_database(settings) as url:
        warehouse = Warehouse(url)
        try:
            pending(warehouse)  # says in one line that the database is away
            applied = apply_migrations(warehouse, migration_limits(settings))
            if applied and roles_applied(warehouse):
                apply_roles(warehouse)  # new tables have nobody's rights yet
        finally:
            warehouse.close()
    for name in applied:
        typer.echo(f"applied {name}")
    if not applied:
        typer.echo("nothing to apply: the database is up to date")


@app.command()
def roles() -> None:
    """Make the database roles and give each only what it needs. Safe to repeat."""
    with shared_database(load_settings()) as url:
        warehouse = Warehouse(url)
        try:
            if missing := pending(warehouse):
                raise PipelineError(
                    f"database {warehouse.url.database}: lacks {len(missing)} migration(s). "
                    "Run: tiktok-pipeline db migrate"
                )
            apply_roles(warehouse)
        finally:
            warehouse.close()
    typer.echo(f"roles: {', '.join(ROLES)}: each has its rights, none has a login yet")
    typer.echo(
        "Give them one, e.g.: alter role vault login password '…'; then DATABASE_URL=postgresql://pipeline:…"
    )
    typer.echo("and VAULT_DATABASE_URL=postgresql://vault:… at the same database.")
