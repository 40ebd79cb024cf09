"""`tiktok-pipeline store …`: the stores and who is in charge of them."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tiktok_pipeline.cli.numbers import LARGEST_ID
from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.history.deletion import delete_store
from tiktok_pipeline.hub.disconnecting import disable, enable
from tiktok_pipeline.hub.overview import store_line
from tiktok_pipeline.hub.stores import add_store, change_store, list_stores
from tiktok_pipeline.runtime.credentials import connect_links
from tiktok_pipeline.runtime.database import migrated_warehouse, shared_database
from tiktok_pipeline.settings import load_settings

app = typer.Typer(help="Stores.", no_args_is_help=True)
Code = Annotated[str, typer.Argument(help="The store's code.")]


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
    code: Code,
    account: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=LARGEST_ID,
            help="Only this account may reconnect with the link; without: any may connect.",
        ),
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


@app.command()
def change(
    code: Code,
    name: Annotated[str | None, typer.Option(help="What people call the store.")] = None,
    pic: Annotated[str | None, typer.Option(help="The person in charge.")] = None,
    contact: Annotated[str | None, typer.Option(help="How to reach them; '' for none.")] = None,
) -> None:
    """Change a store's name, person in charge or contact; what is left out stays."""
    settings = load_settings()
    with shared_database(settings) as url, migrated_warehouse(settings, url) as warehouse:
        store = store_line(warehouse, code).store
        store = change_store(
            warehouse,
            code,
            store.name if name is None else name,
            store.pic if pic is None else pic,
            store.contact if contact is None else contact,
        )
    typer.echo(
        f"store {store.code}: {store.name}, {store.pic}{f', {store.contact}' if store.contact else ''}"
    )


@app.command("disable")
def disable_store(code: Code) -> None:
    """Disable all accounts of a store: nothing is captured of them, tokens and history stay."""
    settings = load_settings()
    with shared_database(settings) as url, migrated_warehouse(settings, url) as warehouse:
        accounts = store_line(warehouse, code).accounts
        disabled = disable(warehouse, *(account.id for account in accounts))
    typer.echo(f"store {code}: {len(disabled)} of its {len(accounts)} account(s) disabled now")


@app.command("enable")
def enable_store(code: Code) -> None:
    """Enable all accounts of a store again."""
    settings = load_settings()
    with shared_database(settings) as url, migrated_warehouse(settings, url) as warehouse:
        accounts = store_line(warehouse, code).accounts
        enabled = enable(warehouse, *(account.id for account in accounts))
    typer.echo(f"store {code}: {len(enabled)} of its {len(accounts)} account(s) enabled now")
    if waiting := [str(account) for account, status in enabled.items() if status != "CONNECTED"]:
        typer.echo(
            f"account {', '.join(waiting)}: must be reconnected: tiktok-pipeline store link {code}", err=True
        )


@app.command()
def delete(
    code: Code,
    confirm: Annotated[
        str | None, typer.Option(metavar="CODE", help="The code once more; asked for when left out.")
    ] = None,
) -> None:
    """Delete a store with its accounts, tokens and whole history. Disabling it is the normal act."""
    settings = load_settings()
    with shared_database(settings) as url, migrated_warehouse(settings, url) as warehouse:
        line = store_line(warehouse, code)
        typer.echo(
            f"store {code} ({line.store.name}): its {len(line.accounts)} account(s), their tokens and links, and "
            "everything captured, imported and derived of them will be gone for ever. Disabling it instead keeps "
            f"the history: tiktok-pipeline store disable {code}",
            err=True,
        )
        if confirm is None:
            confirm = typer.prompt(f"Type {code} to delete it", err=True)
        if confirm.strip() != code:
            raise PipelineError(f"store {code}: not deleted, as its code was not typed.")
        deleted = delete_store(warehouse, code, actor="cli")
    seen = f"; {deleted.days:,} days of the chain say so" if deleted.days else ""
    typer.echo(f"store {code}: deleted{seen}")


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
