"""`tiktok-pipeline export`: a report as a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tiktok_pipeline.cli.dates import a_date
from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.exporting import Wanted, export_report
from tiktok_pipeline.runtime.database import migrated_warehouse, shared_database
from tiktok_pipeline.settings import load_settings


def export(
    report: Annotated[str, typer.Option(help="A table or view of the schema reporting, e.g. store_daily.")],
    store: Annotated[str | None, typer.Option(help="This store alone.")] = None,
    first: Annotated[
        str | None, typer.Option("--from", help="The first day, YYYY-MM-DD; its month for rows of months.")
    ] = None,
    last: Annotated[str | None, typer.Option("--to", help="The last day, YYYY-MM-DD.")] = None,
    format: Annotated[str, typer.Option(help="csv, xlsx or parquet.")] = "csv",
    output: Annotated[Path | None, typer.Option(help="The file; standard output by default.")] = None,
) -> None:
    """Write a report as CSV, Excel or Parquet. Texts that a spreadsheet would take for formulas are made harmless."""
    settings = load_settings()
    wanted = Wanted(
        report,
        store,
        a_date("--from", first) if first else None,
        a_date("--to", last) if last else None,
    )
    if output is None and format != "csv" and sys.stdout.isatty():
        raise PipelineError(f"--format {format}: not for a terminal. Name a file with --output.")
    with shared_database(settings) as url, migrated_warehouse(settings, url) as warehouse:
        if output is None:
            export_report(warehouse, wanted, format, sys.stdout.buffer)
            sys.stdout.buffer.flush()
            return
        # Beside it first: nobody takes half a file for the whole.
        part = output.with_name(f"{output.name}.part")
        try:
            with part.open("wb") as out:
                export_report(warehouse, wanted, format, out)
            part.replace(output)
        except OSError as error:
            raise PipelineError(
                f"--output {output}: cannot be written ({error.strerror}). Name another."
            ) from None
        finally:
            part.unlink(missing_ok=True)
