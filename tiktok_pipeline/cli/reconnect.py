"""`tiktok-pipeline reconnect`: links for the accounts that a person must reconnect, as CSV."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from tiktok_pipeline.cli.numbers import LARGEST_ID
from tiktok_pipeline.hub.campaign import write_campaign
from tiktok_pipeline.hub.disconnecting import require_accounts
from tiktok_pipeline.runtime.credentials import connect_links
from tiktok_pipeline.runtime.database import migrated_warehouse, shared_database
from tiktok_pipeline.settings import load_settings


def reconnect(
    accounts: Annotated[
        list[int] | None,
        typer.Argument(min=1, max=LARGEST_ID, help="Numbers of accounts, whatever their status."),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every account that needs to be reconnected.")
    ] = False,
    ending_within: Annotated[
        int | None,
        typer.Option(min=1, max=400, help="With --all: also those whose grant ends within so many days."),
    ] = None,
) -> None:
    """Make a reconnect link for each account; CSV on standard output, to be sent to the stores."""
    if bool(accounts) == everything or (ending_within is not None and not everything):
        raise typer.BadParameter("give numbers of accounts, or --all (with or without --ending-within)")
    settings = load_settings()
    with shared_database(settings) as url, migrated_warehouse(settings, url) as warehouse:
        if accounts:
            require_accounts(warehouse, accounts)
        written = write_campaign(
            warehouse,
            connect_links(warehouse, settings),
            sys.stdout,
            settings.zone,
            account_ids=accounts,
            ending_within=ending_within,
        )
    typer.echo(f"{written} links made, each good once and for {settings.connect_link_days} days", err=True)
