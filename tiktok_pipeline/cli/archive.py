"""`tiktok-pipeline archive`: old months of pages into Parquet files, and then out of the database."""

from __future__ import annotations

import datetime as dt
import sys
from typing import Annotated

import typer

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.history.archive import drop_month, months_to_archive, write_month, written_months
from tiktok_pipeline.history.archived import ArchivedMonth
from tiktok_pipeline.runtime.database import migrated_warehouse, shared_database
from tiktok_pipeline.settings import Settings, archive_address, load_settings
from tiktok_pipeline.warehouse.connection import Warehouse


def archive(
    older_than: Annotated[
        int | None,
        typer.Option(min=1, help="Months that ended this many days ago; PAGES_KEEP_DAYS by default."),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(help="A path, or an address such as s3://bucket/pages; PAGES_ARCHIVE by default."),
    ] = None,
    drop: Annotated[
        bool, typer.Option("--drop", help="Drop here what was written before; asks for each month.")
    ] = False,
    yes_drop: Annotated[
        list[str] | None,
        typer.Option(help="Drop this month (YYYY-MM), written before, without asking; may be repeated."),
    ] = None,
) -> None:
    """Write old months of pages into Parquet files and read them back; a later command may drop them here."""
    settings = load_settings()
    place = _place(settings, to)
    with shared_database(settings) as url, migrated_warehouse(settings, url) as warehouse:
        months = months_to_archive(warehouse, _before(warehouse, settings, older_than))
        if not months:
            typer.echo("nothing to archive: no closed month with pages is that old")
        confirmed = _confirmed(yes_drop or [], months, written_months(warehouse))
        for month in months:
            written, now = write_month(warehouse, place, month)
            how = "written and read back" if now else "is there already"
            typer.echo(f"{written.name}: {written.rows:,} pages, {how}: {written.url}")
            if now and (drop or month in confirmed):
                typer.echo(f"{written.name}: stays for now; the same command again drops it")
            elif drop or month in confirmed:
                _drop(warehouse, written, asked=month not in confirmed)


def _drop(warehouse: Warehouse, month: ArchivedMonth, *, asked: bool) -> None:
    if asked and not _typed(month):
        typer.echo(f"{month.name}: stays")
        return
    drop_month(warehouse, month)
    typer.echo(
        f"{month.name}: {month.rows:,} pages dropped here; rebuild and verify read them from {month.url}"
    )


def _typed(month: ArchivedMonth) -> bool:
    if not sys.stdin.isatty():
        raise PipelineError(f"--drop: nobody is there to confirm it. Give --yes-drop {month.name}.")
    question = f"To drop {month.rows:,} pages from the database, type {month.name}"
    return str(typer.prompt(question, default="", show_default=False)).strip() == month.name


def _place(settings: Settings, to: str | None) -> str:
    if to is None and settings.pages_archive is None:
        raise PipelineError(
            "PAGES_ARCHIVE: not set. Set it, or give --to a path or an address such as s3://bucket/pages."
        )
    try:
        return archive_address(to or settings.pages_archive or "")
    except ValueError as error:
        raise PipelineError(f"--to: {error}.") from None


def _before(warehouse: Warehouse, settings: Settings, older_than: int | None) -> dt.date:
    days = older_than or settings.pages_keep_days
    if days is None:
        raise PipelineError(
            "PAGES_KEEP_DAYS: not set, so pages are kept for ever. Set it, or give --older-than DAYS."
        )
    [row] = warehouse.execute("capture/today", {"zone": settings.reporting_timezone})
    today: dt.date = row["day"]
    try:
        return today - dt.timedelta(days=days)
    except OverflowError:
        return dt.date.min


def _confirmed(names: list[str], months: list[dt.date], written: set[dt.date]) -> set[dt.date]:
    known = {f"{month:%Y-%m}": month for month in months}
    for name in names:
        if name not in known:
            raise PipelineError(
                f"--yes-drop {name}: not among the months to archive: {', '.join(known) or 'none'}."
            )
        if known[name] not in written:
            raise PipelineError(
                f"--yes-drop {name}: not written yet. Run archive without it first; then look at what was written."
            )
    return {known[name] for name in names}
