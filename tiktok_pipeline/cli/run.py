"""`tiktok-pipeline run`: the daily job once."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tiktok_pipeline.cli.progress import follow_day
from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.runtime.credentials import open_vault
from tiktok_pipeline.runtime.dagster import dagster_beside
from tiktok_pipeline.runtime.data_folder import DataFolder
from tiktok_pipeline.runtime.database import migrated_warehouse, owned_database
from tiktok_pipeline.settings import Settings, load_settings
from tiktok_pipeline.warehouse.connection import Warehouse

ENDPOINTS = ("user_info", "video_list")
WORST_SHOWN = 20


def run(
    date: Annotated[
        str | None, typer.Option(help="The day, YYYY-MM-DD; today by default. A past day is only derived.")
    ] = None,
) -> None:
    """Run the daily job once; exits with 1 when account-days failed."""
    settings = load_settings()
    settings.require("tiktok_client_key", "tiktok_client_secret")
    settings.require_key_ring()
    console = Console()
    with (
        DataFolder(settings.data_dir) as folder,
        owned_database(settings, folder) as url,
        migrated_warehouse(settings, url) as warehouse,
    ):
        day = _chosen_day(warehouse, settings, date)
        with open_vault(warehouse, settings):
            pass  # a missing or wrong key ring stops the start
        with dagster_beside(settings, folder, url) as dagster, dagster.daily_job(day, day) as job:
            code = follow_day(warehouse, job, day, Console(stderr=True))
        trouble = print_outcomes(warehouse, settings, day, console)
        if code != 0:
            raise PipelineError(f"daily job for {day}: failed. See {job.log_file}")
    if trouble:
        raise typer.Exit(1)


def _chosen_day(warehouse: Warehouse, settings: Settings, date: str | None) -> str:
    [row] = warehouse.execute("capture/today", {"zone": settings.reporting_timezone})
    today: dt.date = row["day"]
    if date is None:
        return today.isoformat()
    try:
        day = dt.date.fromisoformat(date)
    except ValueError:
        raise PipelineError(f"--date {date}: not a date. Write it as YYYY-MM-DD.") from None
    if not settings.start_date <= day <= today:
        raise PipelineError(
            f"--date {date}: outside of START_DATE {settings.start_date} and today, {today} "
            f"({settings.reporting_timezone})."
        )
    return day.isoformat()


def print_outcomes(warehouse: Warehouse, settings: Settings, day: str, console: Console) -> int:
    """Print what became of the day; how many account-days failed or stayed open."""
    table = Table("endpoint", "captured", "imported", "failed", "open", "gaps", "items", title=day)
    troubled = 0
    for endpoint in ENDPOINTS:
        which = {"endpoint": endpoint, "zone": settings.reporting_timezone, "first": day, "last": day}
        for row in warehouse.execute("capture/totals", which):
            counts = (row[name] for name in ("captured", "imported", "failed", "open", "gaps", "items"))
            table.add_row(endpoint, *(f"{count:,}" for count in counts))
            troubled += row["failed"] + row["open"]
    if table.row_count == 0:
        typer.echo(f"{day}: no accounts. Connect one: tiktok-pipeline account add STORE")
        return 0
    console.print(table)
    if troubled:
        _print_worst(warehouse, day, console)
    return troubled


def _print_worst(warehouse: Warehouse, day: str, console: Console) -> None:
    for endpoint in ENDPOINTS:
        for row in warehouse.execute(
            "capture/outcomes", {"endpoint": endpoint, "day": day, "most": WORST_SHOWN}
        ):
            if row["error_code"] is not None or row["outcome"] not in ("captured", "imported"):
                console.print(
                    f"account {row['account_id']} (store {row['store_code']}), {endpoint}: {row['outcome']}: "
                    f"{row['error_message'] or row['reason'] or 'not captured'}",
                    markup=False,
                    highlight=False,
                    soft_wrap=True,
                )
