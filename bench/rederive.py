"""How fast a year of video snapshots is derived from captured pages, first time and again.

    python -m bench.rederive [--accounts 28] [--pages 5] [--days 365]

Bar: 1,000,000 video rows of 365 days at 60,000 rows/s or more, in one run, on 2 cores.
"""

from __future__ import annotations

import argparse
import datetime as dt
import time
from pathlib import Path

import psycopg
from rich.console import Console
from rich.table import Table

from bench.database import fresh_database
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.derive import derive

TABLE = "snapshots.tiktok_video_daily"
FIRST = dt.date(2025, 3, 1)
VIDEOS_PER_PAGE = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=28)
    parser.add_argument("--pages", type=int, default=5)
    parser.add_argument("--days", type=int, default=365)
    size = parser.parse_args()
    last = FIRST + dt.timedelta(days=size.days - 1)
    expected = size.accounts * size.pages * VIDEOS_PER_PAGE * size.days
    table = Table(title=f"{expected:,} video rows of {size.days} days")
    for heading in ("what", "seconds", "rows/s", "rows changed"):
        table.add_column(heading, justify="right")
    with fresh_database() as url:
        warehouse = Warehouse(url)
        _make_pages(warehouse, size, last)
        for what in ("first derivation", "again, nothing new"):
            began = time.monotonic()
            changed = derive(warehouse, TABLE, FIRST, last)
            seconds = time.monotonic() - began
            table.add_row(what, f"{seconds:.1f}", f"{expected / seconds:,.0f}", f"{changed:,}")
        warehouse.close()
    Console().print(table)


def _make_pages(warehouse: Warehouse, size: argparse.Namespace, last: dt.date) -> None:
    text = Path(__file__).with_suffix(".sql").read_bytes()
    with warehouse.transaction() as cursor, psycopg.ClientCursor(cursor.connection) as script:
        script.execute(text, {"accounts": size.accounts, "pages": size.pages, "first": FIRST, "last": last})
    with warehouse.transaction() as cursor:
        cursor.execute("analyze")


if __name__ == "__main__":
    main()
