"""`tiktok-pipeline account disable | enable | disconnect`: accounts out of service, and back."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from tiktok_pipeline.cli.numbers import LARGEST_ID
from tiktok_pipeline.cli.progress import progress_bars
from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.hub import disconnecting
from tiktok_pipeline.runtime.credentials import oauth_client, open_vault
from tiktok_pipeline.runtime.database import migrated_warehouse, shared_database
from tiktok_pipeline.settings import load_settings
from tiktok_pipeline.tiktok.oauth import OAuthClient
from tiktok_pipeline.vault import TokenVault

MOST_FAILURES_SHOWN = 10

Number = Annotated[
    int, typer.Argument(min=1, max=LARGEST_ID, help="The account's number, as `account list` shows it.")
]


def disable(account: Number) -> None:
    """Capture nothing of an account any more; tokens and history stay, and it can be enabled again."""
    settings = load_settings()
    with shared_database(settings) as url, migrated_warehouse(settings, url) as warehouse:
        changed = disconnecting.disable(warehouse, account)
    typer.echo(f"account {account}: {'disabled' if changed else 'was disabled already'}")


def enable(
    account: Annotated[
        int | None, typer.Argument(min=1, max=LARGEST_ID, help="The account's number.")
    ] = None,
    disconnected: Annotated[
        bool, typer.Option("--disconnected", help="All that were disconnected: they ask to be reconnected.")
    ] = False,
) -> None:
    """Capture an account again; it must be reconnected first when its grant has ended."""
    if (account is None) != disconnected:
        raise typer.BadParameter("give an account's number, or --disconnected for all that were disconnected")
    settings = load_settings()
    with shared_database(settings) as url, migrated_warehouse(settings, url) as warehouse:
        wanted = disconnecting.disconnected_accounts(warehouse) if account is None else [account]
        changed = disconnecting.enable(warehouse, *wanted)
    if account is None:
        typer.echo(f"{len(changed)} accounts enabled. Make links for them: tiktok-pipeline reconnect --all")
    elif account not in changed:
        typer.echo(f"account {account}: was not disabled")
    else:
        what_to_do = (
            f" Make a link for it: tiktok-pipeline reconnect {account}"
            if changed[account] == "NEED_RECONNECT"
            else ""
        )
        typer.echo(f"account {account}: enabled, {changed[account]}.{what_to_do}")


def disconnect(
    account: Annotated[
        int | None, typer.Argument(min=1, max=LARGEST_ID, help="The account's number.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every account that has tokens; asks for a typed confirmation.")
    ] = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="Forget the tokens without telling TikTok, when it cannot be reached."),
    ] = False,
) -> None:
    """Give an account's grant back to TikTok and forget its tokens; its history stays."""
    if (account is None) != everything:
        raise typer.BadParameter("give an account's number, or --all for every account")
    settings = load_settings()
    settings.require("tiktok_client_key", "tiktok_client_secret")
    settings.require_key_ring()
    oauth = oauth_client(settings)
    with (
        shared_database(settings) as url,
        migrated_warehouse(settings, url) as warehouse,
        open_vault(warehouse, settings) as vault,
    ):
        if account is None:
            _disconnect_all(vault, oauth, force=force)
            return
        revoked = disconnecting.disconnect(vault, oauth, account, force=force)
    if revoked:
        typer.echo(f"account {account}: disconnected, and TikTok has revoked its grant")
    elif force:
        typer.echo(
            f"account {account}: its tokens are forgotten. TikTok was not told: its grant goes on there."
        )
    else:
        typer.echo(f"account {account}: disconnected; there was no grant left to revoke")


def _disconnect_all(vault: TokenVault, oauth: OAuthClient, *, force: bool) -> None:
    count = len(disconnecting.stored_accounts(vault))
    if not count:
        typer.echo("no account has tokens: nothing to disconnect")
        return
    sentence = f"disconnect {count} accounts"
    typed = typer.prompt(
        f"Each will need its person in charge to connect it again. Type: {sentence}", err=True
    )
    if typed.strip() != sentence:
        raise PipelineError(f"nothing was changed: that was not '{sentence}'.")
    with progress_bars(Console(stderr=True)) as progress:
        task = progress.add_task("accounts", total=count)
        result = disconnecting.disconnect_all(vault, oauth, force=force, done=lambda: progress.advance(task))
    typer.echo(f"{result.disconnected} accounts disconnected")
    failed = result.failures
    for number, why in list(failed.items())[:MOST_FAILURES_SHOWN]:
        typer.echo(f"account {number}: {why}", err=True)
    if failed or result.left:
        raise PipelineError(
            f"{len(failed)} accounts failed and {result.left} were not tried; they are as they were. Run it again: "
            "it goes on with what is left (--force forgets tokens without telling TikTok)."
        )
    typer.echo("To ask for new connections: tiktok-pipeline account enable --disconnected")
