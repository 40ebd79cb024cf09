"""`tiktok-pipeline db …`: the tables."""

from __future__ import annotations

import typer

from tiktok_pipeline.runtime.database import shared_database
from tiktok_pipeline.settings import load_settings
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.migrations import migrate as apply_migrations
from tiktok_pipeline.warehouse.migrations import pending

app = typer.Typer(help="The database and its tables.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    pass  # keeps `migrate` a word of its own while it is the only command


@app.command()
def migrate() -> None:
    """Apply the migrations that are missing. Safe to repeat, and from several machines at once."""
    with shared_database(load_settings()) as url:
        warehouse = Warehouse(url)
        try:
            pending(warehouse)  # says in one line that the database is away
            applied = apply_migrations(warehouse)
        finally:
            warehouse.close()
    for name in applied:
        typer.echo(f"applied {name}")
    if not applied:
        typer.echo("nothing to apply: the database is up to date")
