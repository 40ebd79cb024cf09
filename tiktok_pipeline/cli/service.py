"""`tiktok-pipeline service …`: the services that may call the API."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tiktok_pipeline.hub.services import (
    LONGEST_OVERLAP_MINUTES,
    SCOPES,
    add_service,
    list_services,
    revoke_service,
    rotate_service,
)
from tiktok_pipeline.runtime.database import migrated_warehouse, shared_database
from tiktok_pipeline.settings import load_settings

app = typer.Typer(help="Services that may call the API.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The service's name, which is its client_id.")]


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits, _ and -; at most 50.")],
    scope: Annotated[list[str] | None, typer.Option(help=f"{', '.join(SCOPES)}; several times.")] = None,
    store: Annotated[
        list[str] | None, typer.Option(help="Only this store, by code; several times. Left out: all.")
    ] = None,
) -> None:
    """Add a service and show its secret, this once."""
    settings = load_settings()
    with shared_database(settings) as url, migrated_warehouse(settings, url) as warehouse:
        secret = add_service(warehouse, name, scope or ["read"], store)
    typer.echo(f"service {name}: added. Its secret, which is shown only now:", err=True)
    typer.echo(secret)


@app.command()
def rotate(
    name: Name,
    overlap_minutes: Annotated[
        int, typer.Option(min=0, max=LONGEST_OVERLAP_MINUTES, help="How long the old secret is good still.")
    ] = 24 * 60,
) -> None:
    """Give a service another secret and show it, this once."""
    settings = load_settings()
    with shared_database(settings) as url, migrated_warehouse(settings, url) as warehouse:
        secret = rotate_service(warehouse, name, overlap_minutes)
    typer.echo(
        f"service {name}: the old secret ends in {overlap_minutes} min. The new one, shown only now:",
        err=True,
    )
    typer.echo(secret)


@app.command()
def revoke(name: Name) -> None:
    """Give a service no more tokens; those it has end within minutes."""
    settings = load_settings()
    with shared_database(settings) as url, migrated_warehouse(settings, url) as warehouse:
        revoke_service(warehouse, name)
    typer.echo(f"service {name}: revoked")


@app.command("list")
def list_all() -> None:
    """List the services: what they may do, and when they were last seen."""
    settings = load_settings()
    with shared_database(settings) as url, migrated_warehouse(settings, url) as warehouse:
        services = list_services(warehouse)
    if not services:
        typer.echo("there are no services. Add one: tiktok-pipeline service add NAME --scope read")
        return
    table = Table("name", "scopes", "stores", "added", "last token", "state")
    for one in services:
        seen = one.last_token_at
        table.add_row(
            one.name,
            " ".join(one.scopes),
            " ".join(one.stores) if one.stores else "all",
            f"{one.added_at.astimezone(settings.zone):%Y-%m-%d}",
            f"{seen.astimezone(settings.zone):%Y-%m-%d %H:%M}" if seen else "never",
            "in use" if one.revoked_at is None else f"revoked {one.revoked_at:%Y-%m-%d}",
        )
    Console().print(table)
