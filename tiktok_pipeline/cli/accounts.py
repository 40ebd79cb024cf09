"""`tiktok-pipeline account …`: the TikTok accounts of the stores."""

from __future__ import annotations

import secrets
from typing import Annotated
from urllib.parse import unquote

import typer
from rich.console import Console
from rich.table import Table

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.hub.accounts import NEEDED_SCOPES, connect_account, list_accounts
from tiktok_pipeline.hub.stores import require_store
from tiktok_pipeline.runtime.credentials import oauth_client, open_vault, redirect_uri
from tiktok_pipeline.runtime.database import migrated_warehouse, shared_database
from tiktok_pipeline.settings import Settings, load_settings
from tiktok_pipeline.tiktok.errors import TikTokError
from tiktok_pipeline.warehouse.connection import Warehouse

# By TikTok's code; what follows is the command that gives a new code.
WHAT_TO_DO = {
    "invalid_grant": "A code is valid once and for a short time: open the address again",
    "invalid_request": "Check that TIKTOK_REDIRECT_URI is as registered with the app, then get a new code",
    "invalid_client": "Check TIKTOK_CLIENT_KEY and TIKTOK_CLIENT_SECRET, then get a new code",
}

app = typer.Typer(help="TikTok accounts.", no_args_is_help=True)


@app.command()
def add(
    code: Annotated[str, typer.Argument(help="The store's code.")],
    auth_code: Annotated[
        str | None,
        typer.Option(help="The `code` of the address that TikTok returned to. Without: where to get one."),
    ] = None,
) -> None:
    """Connect a TikTok account to a store: first the address to open, then with the code it gives."""
    settings = load_settings()
    settings.require("tiktok_client_key", "tiktok_client_secret", "tiktok_redirect_uri")
    settings.require_key_ring()
    if settings.tiktok_pkce != "off":
        raise PipelineError(
            f"store {code}: with TIKTOK_PKCE={settings.tiktok_pkce} the address and the code belong to one browser. "
            f"Use the portal: tiktok-pipeline store link {code}"
        )
    with shared_database(settings) as url, migrated_warehouse(settings, url) as warehouse:
        if auth_code is None:
            _say_where_to_get_a_code(warehouse, settings, code)
        else:
            _connect(warehouse, settings, code, auth_code)


def _say_where_to_get_a_code(warehouse: Warehouse, settings: Settings, store_code: str) -> None:
    with warehouse.transaction() as cursor:
        require_store(cursor, store_code)
    address = oauth_client(settings).authorize_url(
        settings.tiktok_authorize_url,
        redirect_uri(settings),
        NEEDED_SCOPES,
        state=secrets.token_urlsafe(16),
    )
    typer.echo(f"Store {store_code}: its person in charge opens this address and agrees:", err=True)
    typer.echo(address)
    typer.echo(
        "Then copy the value of `code` from the address TikTok returns to (up to the next &), and run, within "
        f"minutes:\ntiktok-pipeline account add {store_code} --auth-code 'CODE'",
        err=True,
    )


def _connect(warehouse: Warehouse, settings: Settings, store_code: str, auth_code: str) -> None:
    oauth = oauth_client(settings)
    try:
        with open_vault(warehouse, settings) as vault:
            account = connect_account(
                warehouse,
                vault,
                oauth,
                store_code=store_code,
                # In the address bar a code ends like %2A1%214608.va; TikTok wants *1!4608.va (Login Kit).
                auth_code=unquote(auth_code),
                redirect_uri=redirect_uri(settings),
                client_key=oauth.client_key,
            )
    except TikTokError as refused:
        what_to_do = WHAT_TO_DO.get(refused.code, "Try again with a new code")
        raise PipelineError(
            f"store {store_code}: not connected: {refused}. {what_to_do}: tiktok-pipeline account add {store_code}"
        ) from None
    typer.echo(f"account {account.id} (store {store_code}): connected as {account.open_id}")
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
    Console().print(table if accounts else "no accounts yet: tiktok-pipeline account add STORE")
