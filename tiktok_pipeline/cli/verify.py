"""`tiktok-pipeline verify`: was history edited?"""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from tiktok_pipeline.cli.dates import a_date
from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.history.chain import read_chain
from tiktok_pipeline.history.manifest import lacks_chain
from tiktok_pipeline.history.verify import Verdict
from tiktok_pipeline.history.verify import verify as verify_history
from tiktok_pipeline.runtime.database import migrated_warehouse, shared_database
from tiktok_pipeline.settings import load_settings
from tiktok_pipeline.warehouse.connection import Warehouse

DAYS_NAMED = 20


def verify(
    first: Annotated[
        str | None, typer.Option("--from", help="The first day, YYYY-MM-DD; all by default.")
    ] = None,
    last: Annotated[str | None, typer.Option("--to", help="The last day, YYYY-MM-DD.")] = None,
    head: Annotated[
        str | None,
        typer.Option(help="A head that was noted before: capture/manifest in the Dagster UI shows it."),
    ] = None,
    archive: Annotated[
        str | None, typer.Option(help="Where archived months lie now, if they were moved.")
    ] = None,
    derived: Annotated[
        bool,
        typer.Option(
            "--derived", help="Derive every snapshot row again, too, and compare; nothing is changed."
        ),
    ] = False,
) -> None:
    """Compute the chain of closed days again; exits with 1 and names the day when history was edited."""
    settings = load_settings()
    begin = a_date("--from", first) if first else None
    end = a_date("--to", last) if last else None
    if begin and end and begin > end:
        raise PipelineError(f"--from {begin} --to {end}: the first day is after the last. Swap them.")
    with shared_database(settings) as url, migrated_warehouse(settings, url) as warehouse:
        known_at = _position_of(warehouse, head) if head else None
        with Console(stderr=True).status("verifying") as status:
            verdict = verify_history(
                warehouse,
                begin,
                end,
                archive=archive,
                derived=derived,
                after_month=lambda day: status.update(f"verified until {day}"),
            )
        grace = settings.capture_grace
        lacking = lacks_chain(warehouse, settings.reporting_timezone, grace)
    if lacking is not None:
        raise PipelineError(
            f"the chain is empty, and {lacking} was captured and is over: the chain was deleted, or capture/manifest "
            "has not run since. Run the daily job, and compare its head with those that Dagster shows."
        )
    if head and known_at is None:
        raise PipelineError(
            f"--head {head}: not in the chain. History was edited and the chain made anew, or this is another database."
        )
    _say(verdict)
    if known_at:
        typer.echo(f"the head you gave is entry {known_at} of this chain")
    if not verdict.sound:
        raise typer.Exit(1)


def _position_of(warehouse: Warehouse, head: str) -> int | None:
    return next(
        (entry.position for entry in read_chain(warehouse) if entry.head == head.strip().lower()), None
    )


def _say(verdict: Verdict) -> None:
    if verdict.broken_at is not None:
        entry = verdict.broken_at
        typer.echo(
            f"{entry.day}: the chain itself was edited here: entry {entry.position} (revision {entry.revision}) "
            "does not follow from the one before it"
        )
        return
    if verdict.newest is None:
        typer.echo("no day is in the chain yet: the daily job adds each day when its grace is over")
        return
    for number, (day, differences) in enumerate(verdict.edited.items()):
        if number == DAYS_NAMED:
            typer.echo(f"… and {len(verdict.edited) - DAYS_NAMED} days more")
            break
        typer.echo(f"{day}: edited: {'; '.join(differences)}")
    for day, tables in list(verdict.wrong_rows.items())[:DAYS_NAMED]:
        typer.echo(f"{day}: rows are not what pages and imports give: {', '.join(tables)}")
    if verdict.wrong_rows:
        first, last = min(verdict.wrong_rows), max(verdict.wrong_rows)
        typer.echo(
            f"{len(verdict.wrong_rows):,} days have wrong rows, edited or never derived. Put them right: "
            f"tiktok-pipeline rebuild --from {first} --to {last}"
        )
    if verdict.sound:
        typer.echo(
            f"{verdict.days:,} days, {verdict.pages:,} pages, {verdict.imported_rows:,} imported rows: "
            "nothing was edited"
        )
    if verdict.deleted:
        typer.echo(
            f"{verdict.deleted:,} account-days were of stores that were deleted: of them the hashes are left"
        )
    if verdict.read_back:
        typer.echo(f"read from the archive: {', '.join(f'{month:%Y-%m}' for month in verdict.read_back)}")
    if verdict.not_yet_in_chain:
        typer.echo(
            f"{verdict.not_yet_in_chain:,} account-days were added since; the next run of capture/manifest notes them"
        )
    typer.echo(f"head {verdict.newest.head} ({verdict.newest.day}, revision {verdict.newest.revision})")
