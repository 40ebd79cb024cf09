"""How fast a day is captured and snapshotted, over HTTP from the sandbox, with the limit lifted.

    python -m bench.capture [--accounts 100] [--videos 100] [--workers 8]

Beside it stands a bare loop that fetches and inserts the same video pages and does nothing else (`bare_loop.py`).
Bar: 100 accounts x 100 videos, capture to snapshot at 15,000 video rows/s or more on 2 cores, sandbox included.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.bare_loop import seconds_for_all_pages
from bench.database import fresh_database
from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.capturing import Pipeline


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=100)
    parser.add_argument("--videos", type=int, default=100)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    size = parser.parse_args()
    table = Table(title=f"{size.accounts} accounts x {size.videos} videos, {size.workers} threads")
    for heading in (
        "round",
        "profiles s",
        "videos s",
        "snapshots s",
        "video rows/s, all three",
        "video rows/s, without profiles",
        "CPU s of this process",
        "bare loop, rows/s of capture alone",
    ):
        table.add_column(heading, justify="right")
    with (
        fresh_database() as url,
        SandboxProcess(accounts=size.accounts, videos=size.videos, even=True, limit=0) as sandbox,
        tempfile.TemporaryDirectory() as folder,
    ):
        warehouse = Warehouse(url)
        pipeline = Pipeline(warehouse, sandbox, Path(folder) / "keys.json")
        pipeline.connect(size.accounts)
        for number in range(1, size.rounds + 1):
            _forget(warehouse)
            cpu = _cpu()
            began = time.monotonic()
            pipeline.capture("user_info", workers=size.workers)
            profiled = time.monotonic()
            pipeline.capture("video_list", workers=size.workers)
            captured = time.monotonic()
            pipeline.snapshot()
            ended = time.monotonic()
            rows = _rows(warehouse)
            table.add_row(
                str(number),
                f"{profiled - began:.2f}",
                f"{captured - profiled:.2f}",
                f"{ended - captured:.2f}",
                f"{rows / (ended - began):,.0f}",
                f"{rows / (ended - profiled):,.0f}",
                f"{_cpu() - cpu:.2f}",
                f"{rows / seconds_for_all_pages(url, sandbox, size.accounts, size.workers):,.0f}",
            )
        warehouse.close()
    Console(width=120).print(table)


def _forget(warehouse: Warehouse) -> None:
    """Every round is a first capture of its day."""
    with warehouse.transaction() as cursor:
        cursor.execute("truncate capture.account_day cascade")
        cursor.execute("truncate snapshots.tiktok_user_daily, snapshots.tiktok_video_daily")


def _rows(warehouse: Warehouse) -> int:
    with warehouse.transaction() as cursor:
        cursor.execute("select count(*) as rows from snapshots.tiktok_video_daily")
        found = cursor.fetchone()
        assert found
        return int(found["rows"])


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
