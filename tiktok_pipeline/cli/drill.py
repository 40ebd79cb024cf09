"""`tiktok-pipeline drill`: could the database be restored?"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tiktok_pipeline.runtime.database import libpq_url, migrated_warehouse, shared_database
from tiktok_pipeline.settings import load_settings

MEGABYTE = 1024 * 1024


def drill(
    keys: Annotated[
        Path | None,
        typer.Option(help="The copy of the key ring that is kept apart; by default the ring in use."),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(help="Where there is room for a second database; a temporary folder by default."),
    ] = None,
) -> None:
    """Dump the database, restore it into a fresh server, compare every table, and open every token; changes nothing."""
    from tiktok_pipeline.history.drill import drill as restore_drill

    settings = load_settings()
    ring = (keys or settings.keys_file).expanduser()
    console = Console()
    with (
        shared_database(settings) as url,
        migrated_warehouse(settings, url),
        tempfile.TemporaryDirectory(dir=folder, prefix="drill-") as place,
        console.status("dumping, restoring, comparing"),
    ):
        found = restore_drill(libpq_url(url), ring, settings.environment, Path(place))
    table = Table("what", "figure", title="restore drill")
    table.add_row("tables compared", f"{found.tables:,}")
    table.add_row("rows compared", f"{found.rows:,}")
    table.add_row("dump", f"{found.dump_bytes / MEGABYTE:,.1f} MB in {found.dump_seconds:.1f} s")
    table.add_row("restore", f"{found.restore_seconds:.1f} s")
    table.add_row("tokens opened with the ring", f"{found.tokens:,}")
    table.add_row("days verified in the chain", f"{found.days:,}")
    console.print(table)
    for problem in found.problems:
        typer.echo(problem)
    if found.problems:
        raise typer.Exit(1)
    typer.echo("Restored, and as it was.")
