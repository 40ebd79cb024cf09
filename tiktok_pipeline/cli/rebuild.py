"""`tiktok-pipeline rebuild`: derive every table again."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tiktok_pipeline.cli.dates import a_date
from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.history.rebuild import rebuild as rebuild_tables
from tiktok_pipeline.runtime.database import migrated_warehouse, shared_database
from tiktok_pipeline.settings import load_settings
from tiktok_pipeline.warehouse.connection import Warehouse


def rebuild(
    first: Annotated[str, typer.Option("--from", help="The first day, YYYY-MM-DD.")],
    last: Annotated[str | None, typer.Option("--to", help="The last day; today by default.")] = None,
    archive: Annotated[
        str | None, typer.Option(help="Where archived months lie now, if they were moved.")
    ] = None,
) -> None:
    """Derive every table again from what was captured and imported. Sends no request to TikTok."""
    settings = load_settings()
    begin = a_date("--from", first)
    with shared_database(settings) as url, migrated_warehouse(settings, url) as warehouse:
        today = _today(warehouse, settings.reporting_timezone)
        end = min(a_date("--to", last), today) if last else today
        if begin > end:
            raise PipelineError(f"--from {begin}: after {end}, the last day there is to derive.")
        shown = Table("table", "rows", "rows changed", "checksum", title=f"{begin} to {end}")
        for made in rebuild_tables(warehouse, begin, end, archive=archive):
            shown.add_row(made.table, f"{made.rows:,}", f"{made.changed:,}", made.checksum)
    Console(width=max(Console().width, 132)).print(shown)


def _today(warehouse: Warehouse, zone: str) -> dt.date:
    [row] = warehouse.execute("capture/today", {"zone": zone})
    today: dt.date = row["day"]
    return today
