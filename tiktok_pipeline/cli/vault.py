"""`tiktok-pipeline vault …`: the keys that seal the tokens."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import TaskID
from rich.table import Table

from tiktok_pipeline.cli.progress import progress_bars
from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.runtime.credentials import vault_warehouse
from tiktok_pipeline.runtime.database import migrated_warehouse, shared_database
from tiktok_pipeline.settings import Settings, load_settings
from tiktok_pipeline.vault import lifecycle
from tiktok_pipeline.vault.errors import KeyRingError
from tiktok_pipeline.vault.lifecycle import KeyNotReady
from tiktok_pipeline.vault.ringfile import remove_key
from tiktok_pipeline.vault.rotation import Progress, Rotated, Rotation
from tiktok_pipeline.vault.survey import MOST_NAMED, survey
from tiktok_pipeline.warehouse.connection import AWAY, Warehouse, reason

app = typer.Typer(help="The keys that seal the tokens.", no_args_is_help=True)


@app.command("new-key")
def new_key() -> None:
    """Add a new key to the ring file. It seals nothing before `rotate`."""
    with _vault() as (settings, warehouse):
        key_id = lifecycle.new_key(warehouse, settings.keys_file, settings.environment)
        seals = lifecycle.primary(warehouse) == key_id
    typer.echo(f"key {key_id:08x}: added to {settings.keys_file}. Back the file up, apart from the database.")
    typer.echo("Copy it to every machine (owner only, mode 600); what runs there notices by itself.")
    if seals:
        typer.echo("It seals from now on, as there was none.")
    else:
        typer.echo("Then let the key seal: tiktok-pipeline vault rotate")


@app.command()
def status() -> None:
    """Show the keys, and open every token; exits with 1 when something is wrong."""
    console = Console()
    with _vault() as (settings, warehouse), _bars(console) as bars:
        found = survey(warehouse, settings.keys_file, settings.environment, bars)
    table = Table("key", "state", "since", "tokens", "in this ring file", "missing elsewhere")
    for key in found.keys:
        since = f"{key.since.astimezone(settings.zone):%Y-%m-%d %H:%M}"
        here = "yes" if key.in_file else "no"
        table.add_row(f"{key.key_id:08x}", key.state, since, str(key.tokens), here, ", ".join(key.lacking))
    console.print(table if found.keys else "no key yet: the first command that needs one makes it")
    for line in found.problems or found.next_steps:
        typer.echo(line)
    if found.problems:
        raise typer.Exit(1)


@app.command()
def rotate(
    anyway: Annotated[
        bool,
        typer.Option("--anyway", help="Also when a ring file that was in use within a day lacks the key."),
    ] = False,
) -> None:
    """Let the staged key seal, and seal every token anew with it; go on where a killed one stopped."""
    console = Console()
    with _vault() as (settings, warehouse):
        where = (warehouse, settings.keys_file, settings.environment)
        promoted = lifecycle.promote(*where, anyway=anyway)
        if promoted is not None:
            typer.echo(f"key {promoted:08x}: seals from now on.")
        elif lifecycle.unfinished(warehouse):
            typer.echo("Going on with the rotation that was begun.")
        else:
            raise KeyNotReady(
                "no key is staged, and every token is sealed with the one that seals. "
                "To make a new one: tiktok-pipeline vault new-key"
            )
        try:
            with _bars(console) as bars:
                rotated = Rotation(*where, progress=bars).finish()
        except AWAY as error:
            raise PipelineError(
                f"{reason(error)}. What was sealed anew stays so; to go on: tiktok-pipeline vault rotate"
            ) from None
    _tell(rotated)


@app.command()
def retire(
    key: Annotated[str, typer.Argument(help="Eight hex digits, as `vault status` shows them.")],
    lost: Annotated[
        bool, typer.Option("--lost", help="The key is gone: give up what is sealed with it.")
    ] = False,
    anyway: Annotated[
        bool,
        typer.Option("--anyway", help="Also when a ring file, however old, lacks the key that seals now."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Let an old key open nothing any more, and take it out of the ring file."""
    key_id = _key_id(key)
    with _vault() as (settings, warehouse):
        if lost:
            _confirm(key, "Every account whose tokens are sealed with it must be reconnected.", yes)
            accounts = lifecycle.give_up(warehouse, key_id)
            typer.echo(f"key {key}: retired. {accounts} accounts must be reconnected.")
        else:
            lifecycle.refuse_to_retire(warehouse, key_id, anyway=anyway)
            _refuse_spooled(settings)
            _confirm(key, "Backups of the database from before its rotation open with nothing else.", yes)
            lifecycle.retire(warehouse, key_id, anyway=anyway)
            typer.echo(f"key {key}: retired.")
        _take_out(warehouse, settings, key_id)


@contextmanager
def _vault() -> Iterator[tuple[Settings, Warehouse]]:
    settings = load_settings()
    url = settings.vault_database_url
    with (
        shared_database(settings) as database_url,
        migrated_warehouse(settings, database_url) as warehouse,
        vault_warehouse(warehouse, url.get_secret_value() if url else None) as own,
    ):
        yield settings, own


@contextmanager
def _bars(console: Console) -> Iterator[Progress]:
    """Progress of a rotation as bars: one per thing that is counted."""
    with progress_bars(console) as bars:
        tasks: dict[str, TaskID] = {}

        def counted(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what)
            bars.update(tasks[what], completed=done, total=total)

        yield Progress(said=bars.console.print, counted=counted)


def _tell(rotated: Rotated) -> None:
    typer.echo(f"{rotated.resealed} pairs of tokens were sealed anew.")
    if rotated.unopened:
        for error in list(rotated.unopened.values())[:MOST_NAMED]:
            typer.echo(str(error))
        raise PipelineError(
            f"{len(rotated.unopened)} accounts have tokens that do not open; they were left as they are. "
            "Put the missing key back or reconnect them, then run this again."
        )
    for key_id in rotated.cleared:
        typer.echo(f"key {key_id:08x}: nothing is sealed with it any more, checked twice. It still opens.")
        typer.echo(f"When no backup needs it any more: tiktok-pipeline vault retire {key_id:08x}")


def _key_id(text: str) -> int:
    with contextlib.suppress(ValueError):
        if len(text) == 8 and (key_id := int(text, 16)):
            return key_id
    raise KeyNotReady(
        f"{text}: not a key's id, which has eight hex digits. See: tiktok-pipeline vault status"
    )


def _refuse_spooled(settings: Settings) -> None:
    """A pair that TikTok has just given may wait in the spool, sealed with the key that sealed then."""
    folder = settings.spool_folder
    if folder.is_dir() and (waiting := sum(1 for _ in folder.iterdir())):
        raise KeyNotReady(
            f"{folder}: {waiting} new pairs of tokens wait here to be saved, perhaps sealed with it. "
            "They are when the pipeline runs; then try again."
        )


def _confirm(key: str, consequence: str, yes: bool) -> None:
    if not yes and typer.prompt(f"{consequence} Type {key} to retire it") != key:
        raise PipelineError(f"key {key}: not retired.")


def _take_out(warehouse: Warehouse, settings: Settings, key_id: int) -> None:
    """Take the key out of this machine's file; elsewhere it may stay, as it opens nothing."""
    try:
        removed = remove_key(settings.keys_file, key_id, lifecycle.primary(warehouse))
    except KeyRingError as error:
        typer.echo(f"It stays in the ring file, where it opens nothing. {error}")
        return
    if removed:
        typer.echo(f"{settings.keys_file}: without it now. Copy the file to every machine.")
