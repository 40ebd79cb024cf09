"""`tiktok-pipeline broken`: everything that is broken right now, and what helps."""

from __future__ import annotations

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tiktok_pipeline.quality.broken import broken_now
from tiktok_pipeline.runtime.database import migrated_warehouse, shared_database
from tiktok_pipeline.settings import load_settings


def broken() -> None:
    """List what is broken right now: since when, how many, an example, what to do; exit code 1: something is."""
    settings = load_settings()
    with shared_database(settings) as url, migrated_warehouse(settings, url) as warehouse:
        found = broken_now(warehouse)
    if not found:
        typer.echo("nothing is broken")
        return
    table = Table("what", "since", "how many", "example", "what to do")
    for one in found:
        since = f"{one.since.astimezone(settings.zone):%Y-%m-%d %H:%M}" if one.since else ""
        table.add_row(
            Text(f"{one.kind}: {one.what}"),
            since,
            f"{one.count:,}",
            Text(one.example or ""),
            Text(one.what_to_do),
        )
    Console().print(table)
    raise typer.Exit(1)
