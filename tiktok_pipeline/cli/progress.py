"""Progress bars whose numbers come from the ledger, not from the process that does the work."""

from __future__ import annotations

import subprocess

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from tiktok_pipeline.runtime.children import Child
from tiktok_pipeline.warehouse.connection import Warehouse

LOOK_SECONDS = 0.25


def progress_bars(console: Console) -> Progress:
    """The look of all bars: what, how far, how many, how long."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )


def follow_day(warehouse: Warehouse, job: Child, day: str, console: Console) -> int:
    """Show the account-days of `day` while `job` runs; its exit code."""
    with progress_bars(console) as progress:
        task = progress.add_task(f"account-days of {day}", total=None)
        while True:
            ended = _ended(job)
            [now] = warehouse.execute("runtime/day_progress", {"day": day})
            if now["account_days"]:
                done = now["account_days"] - now["open"]
                progress.update(task, total=now["account_days"], completed=done)
            if ended:
                return job.wait()


def _ended(job: Child) -> bool:
    try:
        job.wait(LOOK_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return True
