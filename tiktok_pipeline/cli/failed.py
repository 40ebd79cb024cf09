"""`tiktok-pipeline failed …`: the account-days that failed, by cause, and another try for them."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from tiktok_pipeline.capture.dead_letters import DeadLetter, causes, dead_letters, release
from tiktok_pipeline.cli.numbers import LARGEST_ID
from tiktok_pipeline.cli.run import run
from tiktok_pipeline.runtime.data_folder import DataFolderTaken
from tiktok_pipeline.runtime.database import migrated_warehouse, shared_database
from tiktok_pipeline.settings import load_settings

app = typer.Typer(help="Account-days that failed.", no_args_is_help=True)


@app.command("list")
def list_all() -> None:
    """List what is failed now by cause: how much, since when, and an example."""
    settings = load_settings()
    with shared_database(settings) as url, migrated_warehouse(settings, url) as warehouse:
        found = causes(warehouse)
    if not found:
        typer.echo("nothing is failed now")
        return
    table = Table(
        Column("cause", no_wrap=True), "endpoint", "account-days", "since", "tried again", "example"
    )
    for cause in found:
        example = f"account {cause.example_account_id} (store {cause.example_store_code})"
        said = f"{example}: {cause.example_message or cause.reason}"
        if cause.example_log_id and cause.example_log_id not in said:
            said += f" (log_id {cause.example_log_id})"
        table.add_row(
            _name(cause.reason, cause.error_code),
            cause.endpoint,
            f"{cause.account_days:,}",
            _age(cause.oldest_age),
            "by you" if cause.final else "by itself",
            Text(said),
        )
    Console().print(table)
    typer.echo(
        "Try them again today: tiktok-pipeline failed retry [--cause CAUSE] [--account ID] [--dry-run]"
    )


@app.command()
def retry(
    cause: Annotated[
        str | None, typer.Option(help="Only this reason or error code, e.g. provider_down or poison.")
    ] = None,
    account: Annotated[
        int | None,
        typer.Option(min=1, max=LARGEST_ID, help="Only this account's number, as `account list` shows it."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be tried again.")] = False,
) -> None:
    """Try failed account-days of today again, also final ones; a day that has passed cannot be."""
    settings = load_settings()
    if not dry_run:
        settings.require("tiktok_client_key", "tiktok_client_secret")
        settings.require_key_ring()
    with shared_database(settings) as url, migrated_warehouse(settings, url) as warehouse:
        letters = dead_letters(warehouse, cause, account)
        released = 0 if dry_run else release(warehouse, letters)
    if not letters:
        typer.echo("nothing of that is failed now")
        return
    Console().print(_plan_of(letters))
    if dry_run:
        typer.echo("dry run: nothing was changed")
    elif released:
        _begin(released)


def _begin(released: int) -> None:
    """Run the daily job, or leave it to the process that has this data folder."""
    try:
        run()
    except DataFolderTaken as taken:
        typer.echo(
            f"{released} account-days wait for their next try. {taken.owner} has this data folder: "
            "`serve` tries them within 30 minutes, from 02:00 of the day on; "
            "after any other command run: tiktok-pipeline run"
        )


def _plan_of(letters: list[DeadLetter]) -> Table:
    table = Table("cause", "endpoint", "account-days", "what becomes of them")
    groups = Counter(
        (letter.reason, letter.error_code, letter.endpoint, _outlook(letter)) for letter in letters
    )
    for (reason, code, endpoint, outlook), count in groups.most_common():
        table.add_row(_name(reason, code), endpoint, f"{count:,}", outlook)
    return table


def _outlook(letter: DeadLetter) -> str:
    if letter.hindrance is None:
        return "tried again"
    if letter.hindrance == "its day has passed":
        return f"not tried: {letter.day} has passed, TikTok serves no past day; it becomes a gap"
    return f"not tried: {letter.hindrance}"


def _name(reason: str, error_code: str | None) -> str:
    return reason if error_code in (None, reason) else f"{reason}: {error_code}"


def _age(age: dt.timedelta) -> str:
    minutes = int(age.total_seconds()) // 60
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // (24 * 60)} days"
