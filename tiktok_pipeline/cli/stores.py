"""`tiktok-pipeline store …`: the stores and who is in charge of them."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tiktok_pipeline.hub.stores import add_store, list_stores
from tiktok_pipeline.runtime.credentials import connect_links
from tiktok_pipeline.runtime.database import migrated_warehouse, shared_database
from tiktok_pipeline.settings import load_settings

app = typer.Typer(help="Stores.", no_args_is_help=True)


@app.command()
def add(
    code: Annotated[str, typer.Argument(help="Lower-case letters, digits, _ and -; at most 50.")],
    name: Annotated[str, typer.Argument(help="What people call the store.")],
    pic: Annotated[str, typer.Option(help="The person in charge, who connects its TikTok accounts.")],
    contact: Annotated[str | None, typer.Option(help="How to reach the person in charge.")] = None,
) -> None:
    """Add a store."""
    settings = load_settings()
    with shared_database(settings) as url, migrated_warehouse(settings, url) as warehouse:
        store = add_store(warehouse, code, name, pic, contact)
    typer.echo(f"store {store.code}: added. Connect its account: tiktok-pipeline account add {store.code}")


@app.command()
def link(
    code: Annotated[str, typer.Argument(help="The store's code.")],
    account: Annotated[
        int | None,
        typer.Option(help="Only this account may reconnect with the link; without: any may connect."),
    ] = None,
) -> None:
    """Make a link with which the person in charge connects a TikTok account, on a phone, once."""
    settings = load_settings()
    with shared_database(settings) as url, migrated_warehouse(settings, url) as warehouse:
        made = connect_links(warehouse, settings).make(code, account, made_by="cli")
    until = made.expires_at.astimezone(settings.zone)
    typer.echo(
        f"Store {code}: send this link to its person in charge. It works once, until {until:%Y-%m-%d}:",
        err=True,
    )
    typer.echo(made.url)


@app.command("list")
def list_all() -> None:
    """List the stores."""
    settings = load_settings()
    with shared_database(settings) as url, migrated_warehouse(settings, url) as warehouse:
        stores = list_stores(warehouse)
    table = Table("store", "name", "person in charge", "contact")
    for store in stores:
        table.add_row(store.code, store.name, store.pic, store.contact or "")
    Console().print(table if stores else "no stores yet: tiktok-pipeline store add CODE NAME --pic NAME")
