"""How long each statement of a digest takes, on the worst day: many videos gone, and many that lacked a counter.

    python -m bench.digest [--accounts 1000] [--videos 200] [--vanished 20]

On the last of 30 days so many videos of each account are gone, TikTok was asked for all of them, and of the same number
of others it left the views out on the day before. Bar: 10 s for a digest without its charts.
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
from tiktok_pipeline.digest.content import Calendar
from tiktok_pipeline.digest.reading import DAYS_DRAWN, MOST, read_digest
from tiktok_pipeline.warehouse.connection import Warehouse

LAST = dt.date(2026, 3, 31)
DAYS = 30
STATEMENTS = (
    "totals",
    "days",
    "movers",
    "top_videos",
    "new_videos",
    "lost_videos",
    "unknown_counters",
    "gaps",
    "broken_accounts",
    "quarantined",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=1000)
    parser.add_argument("--videos", type=int, default=200)
    parser.add_argument("--vanished", type=int, default=20)
    size = parser.parse_args()
    given = {
        "day": LAST,
        "store": None,
        "zone": "UTC",
        "most": MOST,
        "first": LAST - dt.timedelta(days=DAYS_DRAWN - 1),
        "last": LAST,
    }
    table = Table(
        title=f"a digest of {size.accounts * size.videos:,} videos, {size.accounts * size.vanished:,} of them gone"
    )
    for heading in ("statement", "seconds"):
        table.add_column(heading, justify="right")
    with fresh_database() as url:
        warehouse = Warehouse(url)
        make_days(warehouse, size)
        for name in STATEMENTS:
            began = time.monotonic()
            warehouse.execute(f"digest/{name}", given)
            table.add_row(name, f"{time.monotonic() - began:.2f}")
        began = time.monotonic()
        read = read_digest(warehouse, Calendar("UTC", LAST, LAST), LAST)
        table.add_row("the whole digest", f"{time.monotonic() - began:.2f}")
        warehouse.close()
    Console().print(table)
    print(f"{read.gone_videos.found:,} gone, {read.totals.videos_over_gap:,} came back with their views")


def make_days(warehouse: Warehouse, size: argparse.Namespace) -> None:
    """Thirty days of lists and reports, as the pipeline would have derived them."""
    text = Path(__file__).with_suffix(".sql").read_bytes()
    with warehouse.transaction() as cursor, psycopg.ClientCursor(cursor.connection) as script:
        script.execute(text, {**vars(size), "days": DAYS, "last": LAST})
    with warehouse.transaction() as cursor:
        cursor.execute("analyze")


if __name__ == "__main__":
    main()
