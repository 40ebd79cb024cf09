"""`tiktok-pipeline quarantine …`: the account-days that reports leave out, and letting them in again."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tiktok_pipeline.cli.dates import a_date
from tiktok_pipeline.cli.numbers import LARGEST_ID
from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.quality.quarantine import Quarantined, quarantined, release
from tiktok_pipeline.runtime.database import migrated_warehouse, shared_database
from tiktok_pipeline.settings import load_settings

app = typer.Typer(help="Account-days that reports leave out.", no_args_is_help=True)


@app.command("list")
def list_all(
    everything: Annotated[bool, typer.Option("--all", help="Also what was released.")] = False,
) -> None:
    """List what is in quarantine: which account-day, since when, which check found what."""
    settings = load_settings()
    with shared_database(settings) as url, migrated_warehouse(settings, url) as warehouse:
        found = quarantined(warehouse, released=everything)
    if not found:
        typer.echo("nothing is in quarantine")
        return
    table = Table("number", "account", "day", "endpoint", "check", "since", "why")
    for one in found:
        table.add_row(
            str(one.id),
            Text(f"{one.account_id} (store {one.store_code})"),
            str(one.day),
            one.endpoint,
            one.check_name,
            f"{one.since.astimezone(settings.zone):%Y-%m-%d %H:%M}",
            Text(_why(one)),
        )
    Console().print(table)
    typer.echo('Let one in again: tiktok-pipeline quarantine release NUMBER --note "why"')


@app.command("release")
def release_some(
    number: Annotated[
        int | None, typer.Argument(min=1, max=LARGEST_ID, help="As `quarantine list` shows it.")
    ] = None,
    account: Annotated[
        int | None, typer.Option(min=1, max=LARGEST_ID, help="All of this account's number instead …")
    ] = None,
    first: Annotated[str | None, typer.Option("--from", help="… from this day, YYYY-MM-DD …")] = None,
    last: Annotated[str | None, typer.Option("--to", help="… to this day; left out: the same.")] = None,
    note: Annotated[str, typer.Option(help="Why reports may have it; it is kept.")] = "",
) -> None:
    """Let reports have an account-day again; the check that found it does not put it back."""
    if not note.strip():
        raise PipelineError('--note: say why reports may have it, e.g. --note "TikTok confirmed the number".')
    if (number is None) == (account is None):
        raise PipelineError(
            "Give the NUMBER that `quarantine list` shows, or --account ID --from DAY, not both."
        )
    if account is not None and first is None:
        raise PipelineError("--account needs --from DAY, and --to DAY for several.")
    if number is not None:
        chosen: dict[str, object] = {"id": number}
    else:
        begins = a_date("--from", first or "")
        ends = a_date("--to", last) if last else begins
        chosen = {"account": account, "first": begins, "last": ends}
    settings = load_settings()
    with shared_database(settings) as url, migrated_warehouse(settings, url) as warehouse:
        released = release(warehouse, getpass.getuser(), note.strip(), chosen)
    for row in released:
        typer.echo(
            f"account {row['account_id']}, {row['endpoint']} of {row['day']}: released from {row['check_name']}"
        )
    typer.echo("Reports have it when they are made again: tiktok-pipeline rebuild, or the day's next run.")


def _why(one: Quarantined) -> str:
    if one.released_at is None:
        return one.reason
    note = f": {one.release_note}" if one.release_note else ""
    return f"{one.reason} – released {one.released_at:%Y-%m-%d} by {one.released_by}{note}"
