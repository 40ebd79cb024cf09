"""`tiktok-pipeline import-history`: years that somebody else recorded, from files or from the hub's database."""

from __future__ import annotations

import datetime as dt
from itertools import chain, count
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, TaskID
from rich.table import Table

from tiktok_pipeline.cli.progress import progress_bars
from tiktok_pipeline.importing.history import Outcome, import_source
from tiktok_pipeline.importing.refused import RefusedRows
from tiktok_pipeline.runtime.database import migrated_warehouse, shared_database
from tiktok_pipeline.settings import Settings, load_settings

MOST_CAUSES = 20


def import_history(
    source: Annotated[
        str,
        typer.Argument(
            help="A folder of CSV or Parquet files named after the tables, one such file, or postgresql://…"
        ),
    ],
    table: Annotated[
        str | None, typer.Option(help="Which table a single file holds, when its name does not say it.")
    ] = None,
    schema: Annotated[str, typer.Option(help="Where the tables are in a database.")] = "public",
    refused: Annotated[
        Path | None,
        typer.Option(help="Where refused rows go; import_refused_<time>.csv here when not given."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, import nothing. Writes --refused if given.")
    ] = False,
) -> None:
    """Import stores, accounts and daily counters that were recorded elsewhere; exits with 1 when nothing could be."""
    settings = load_settings()
    if refused is None and not dry_run:
        refused = _new_file(f"import_refused_{dt.datetime.now(settings.zone):%Y%m%dT%H%M%S}")
    with (
        RefusedRows(refused) as refused_rows,
        shared_database(settings) as url,
        migrated_warehouse(settings, url) as warehouse,
        progress_bars(Console(stderr=True)) as bars,
    ):
        outcome = import_source(
            warehouse,
            source,
            refused_rows,
            _Bars(bars),
            zone=settings.zone,
            client_key=settings.tiktok_client_key or "",
            table=table,
            schema=schema,
            dry_run=dry_run,
        )
    _print_outcome(outcome, refused_rows, settings, dry_run)
    if refused_rows.count and not any(outcome.total(count) for count in ("imported", "there", "captured")):
        raise typer.Exit(1)


def _new_file(name: str) -> Path:
    """A CSV file of that name, or of the first one with a number after it that is free."""
    numbered = (Path(f"{name}_{n}.csv") for n in count(2))
    return next(path for path in chain([Path(f"{name}.csv")], numbered) if not path.exists())


class _Bars:
    """A bar for everything that goes on, made when it begins."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, what: str, done: int, total: int) -> None:
        if what not in self._tasks:
            self._tasks[what] = self._bars.add_task(what, total=None)
        self._bars.update(self._tasks[what], completed=done, total=max(total, done) or None)


def _print_outcome(outcome: Outcome, refused: RefusedRows, settings: Settings, dry_run: bool) -> None:
    console = Console()
    table = Table(title="what an import would do; nothing was changed" if dry_run else None)
    headings = ("table", "rows", "imported", "there already", "captured here", "said twice", "refused")
    for heading in headings:
        first = heading == "table"
        table.add_column(heading, justify="left" if first else "right", no_wrap=first)
    for each in outcome.tables.values():
        counts = (each.read, each.imported, each.there, each.captured, each.identical, each.refused)
        table.add_row(each.table, *(f"{count:,}" for count in counts))
    console.print(table)
    for each in outcome.tables.values():
        if each.ignored:
            typer.echo(f"{each.table}: not read: {', '.join(each.ignored)}")
    if outcome.times_without_zone:
        typer.echo("Times without a zone were taken as UTC.")
    _print_refused(refused)
    _say_what_is_next(outcome, settings, dry_run)


def _print_refused(refused: RefusedRows) -> None:
    if not refused.count:
        return
    typer.echo(f"Refused, {refused.count:,} row(s):")
    causes = sorted(refused.causes.values(), key=lambda cause: -cause.rows)
    for cause in causes[:MOST_CAUSES]:
        typer.echo(
            f"  {cause.rows:,} x {cause.table}: {cause.reason} (first: {cause.place}, line {cause.line})"
        )
    if len(causes) > MOST_CAUSES:
        typer.echo(f"  and {len(causes) - MOST_CAUSES} more reason(s)")
    if refused.path is not None:
        typer.echo(f"They are in {refused.path}, each with its line and reason.")


def _say_what_is_next(outcome: Outcome, settings: Settings, dry_run: bool) -> None:
    if dry_run or outcome.first is None or outcome.last is None:
        return
    if outcome.first < settings.start_date:
        typer.echo(
            f"The history begins before START_DATE ({settings.start_date}): with START_DATE={outcome.first} "
            "the Dagster UI shows those days too."
        )
    typer.echo(
        f"Derive the tables from it: tiktok-pipeline rebuild --from {outcome.first} --to {outcome.last}"
    )
