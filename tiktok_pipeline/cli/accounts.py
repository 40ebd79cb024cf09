"""`tiktok-pipeline account …`: the TikTok accounts of the stores."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tiktok_pipeline.hub.accounts import connect_account, list_accounts
from tiktok_pipeline.runtime.credentials import oauth_client, open_vault, redirect_uri
from tiktok_pipeline.runtime.database import migrated_warehouse, shared_database
from tiktok_pipeline.settings import load_settings

app = typer.Typer(help="TikTok accounts.", no_args_is_help=True)


@app.command()
def add(
    code: Annotated[str, typer.Argument(help="The store's code.")],
    auth_code: Annotated[str, typer.Option(help="The `code` of the address that TikTok returned to.")],
) -> None:
    """Connect a TikTok account to a store with an authorization code."""
    settings = load_settings()
    settings.require("tiktok_client_key", "tiktok_client_secret", "tiktok_redirect_uri")
    with shared_database(settings) as url, migrated_warehouse(settings, url) as warehouse:
        oauth = oauth_client(settings)
        account = connect_account(
            warehouse,
            open_vault(warehouse, settings),
            oauth,
            store_code=code,
            auth_code=auth_code,
            redirect_uri=redirect_uri(settings),
            client_key=oauth.client_key,
        )
    typer.echo(f"account {account.id} (store {code}): connected as {account.open_id}")
    if account.missing_scopes:
        typer.echo(
            f"not granted: {', '.join(account.missing_scopes)}. What needs them stays empty.", err=True
        )


@app.command("list")
def list_all() -> None:
    """List the accounts and how they are."""
    settings = load_settings()
    with shared_database(settings) as url, migrated_warehouse(settings, url) as warehouse:
        accounts = list_accounts(warehouse)
    table = Table("account", "store", "name")
    table.add_column("status", no_wrap=True)
    for name in ("why", "last capture", "grant ends"):
        table.add_column(name)
    for account in accounts:
        table.add_row(
            str(account.id),
            account.store_code,
            account.display_name or account.open_id,
            account.status,
            account.status_reason or "",
            account.last_sync_at.astimezone(settings.zone).strftime("%Y-%m-%d %H:%M")
            if account.last_sync_at
            else "",
            account.refresh_token_expires_at.astimezone(settings.zone).strftime("%Y-%m-%d"),
        )
    Console().print(table if accounts else "no accounts yet: tiktok-pipeline account add STORE --auth-code …")
