"""What one more day costs the tables that compare a list with the list before, after a month and after years.

    python -m bench.one_more_day [--accounts 500] [--videos 2] [--months 1 12 36]

Bar: the last day takes no longer after three years than after a month. The checksums of the whole history are printed
too: a change of the SQL must leave them as they are.
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
from tiktok_pipeline.history.rebuild import checksum
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.derive import derive

TABLES = ("snapshots.counter_fall", "snapshots.video_change")
LAST = dt.date(2026, 2, 28)
MONTH = 30
TRIES = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=500)
    parser.add_argument("--videos", type=int, default=2)
    parser.add_argument("--months", type=int, nargs="+", default=[1, 12, 36])
    size = parser.parse_args()
    table = Table(title=f"one more day of {size.accounts:,} accounts with {size.videos} videos")
    for heading in ("days before", "table", "the last day, s", "all days, s", "rows", "checksum"):
        table.add_column(heading, justify="right", no_wrap=True)
    with fresh_database() as url:
        warehouse = Warehouse(url)
        known = LAST + dt.timedelta(days=1)
        for months in size.months:
            first = LAST - dt.timedelta(days=MONTH * months)
            _make_days(warehouse, size, first, known - dt.timedelta(days=1))
            known = first
            for name in TABLES:
                whole = _seconds(warehouse, name, first, tries=1)
                rows, digest = checksum(warehouse, name, first, LAST)
                last = _seconds(warehouse, name, LAST, tries=TRIES)
                table.add_row(
                    f"{(LAST - first).days:,}", name, f"{last:.2f}", f"{whole:.1f}", f"{rows:,}", digest[:8]
                )
        warehouse.close()
    Console().print(table)


def _seconds(warehouse: Warehouse, table: str, first: dt.date, *, tries: int) -> float:
    """The fastest of so many derivations of the days from `first` to LAST."""
    took = []
    for _ in range(tries):
        began = time.monotonic()
        derive(warehouse, table, first, LAST)
        took.append(time.monotonic() - began)
    return min(took)


def _make_days(warehouse: Warehouse, size: argparse.Namespace, first: dt.date, last: dt.date) -> None:
    text = Path(__file__).with_suffix(".sql").read_bytes()
    wanted = {"accounts": size.accounts, "videos": size.videos, "first": first, "last": last}
    with warehouse.transaction() as cursor, psycopg.ClientCursor(cursor.connection) as script:
        script.execute(text, wanted)
    with warehouse.transaction() as cursor:
        cursor.execute("analyze")


if __name__ == "__main__":
    main()
