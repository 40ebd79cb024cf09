"""How long the checks of a day take, and how much memory.

    python -m bench.checks [--accounts 1000] [--pages 50]

Bar: 1,000,000 video rows of one day under 20 s on 2 cores, within 300 MB.
"""

from __future__ import annotations

import argparse
import datetime as dt
import resource
import threading
import time
from itertools import groupby
from pathlib import Path

import psutil
import psycopg
from rich.console import Console
from rich.table import Table

from bench.database import fresh_database
from tiktok_pipeline.quality.evaluate import evaluate
from tiktok_pipeline.quality.expectations import evaluate_suites
from tiktok_pipeline.quality.rules import rules
from tiktok_pipeline.quality.suites import SUITES
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.derive import derive

DERIVED = ("tiktok_user_daily", "tiktok_video_daily", "account_day_verdict", "video_change", "counter_fall")
FIRST = dt.date(2026, 3, 10)
LAST = FIRST + dt.timedelta(days=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=1000)
    parser.add_argument("--pages", type=int, default=50)
    size = parser.parse_args()
    table = Table(title=f"checks of a day of {size.accounts * size.pages * 20:,} video rows")
    for heading in ("check", "seconds"):
        table.add_column(heading, justify="right")
    with fresh_database() as url:
        warehouse = Warehouse(url)
        _make_days(warehouse, size)
        memory = _Memory(warehouse)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        began = time.monotonic()
        for rule in rules():
            started = time.monotonic()
            [verdict] = evaluate(warehouse, rule, [LAST], "UTC")
            seconds = time.monotonic() - started
            table.add_row(
                f"{rule.name} of {rule.table}: {verdict.message or 'passed'}"[:100], f"{seconds:.1f}"
            )
        for name, group in groupby(SUITES, key=lambda suite: suite.table):
            started = time.monotonic()
            found = evaluate_suites(warehouse, list(group), [LAST], "UTC")
            failing = [key for key, (verdict,) in found.items() if not verdict.passed]
            seconds = time.monotonic() - started
            table.add_row(f"suites of {name}: {', '.join(failing) or 'passed'}", f"{seconds:.1f}")
        table.add_row("all", f"{time.monotonic() - began:.1f}")
        process = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        table.add_row(f"this process, MB (of them before the checks: {before:.0f})", f"{process:.0f}")
        table.add_row("largest process of PostgreSQL without shared memory, MB", f"{memory.stop():.0f}")
        warehouse.close()
    Console().print(table)


class _Memory(threading.Thread):
    """The largest memory that a backend of the database had for itself, looked at ten times a second."""

    def __init__(self, warehouse: Warehouse) -> None:
        super().__init__(daemon=True)
        self._warehouse = warehouse
        self._done = threading.Event()
        self._largest = 0.0
        self.start()

    def run(self) -> None:
        with self._warehouse.session() as session:
            while not self._done.wait(0.1):
                for row in session.execute(
                    "select pid from pg_stat_activity where backend_type ~ 'backend|worker'"
                ):
                    try:
                        told = psutil.Process(row["pid"]).memory_info()
                    except psutil.Error:
                        continue
                    self._largest = max(self._largest, (told.rss - told.shared) / 2**20)

    def stop(self) -> float:
        self._done.set()
        self.join()
        return self._largest


def _make_days(warehouse: Warehouse, size: argparse.Namespace) -> None:
    text = (Path(__file__).parent / "rederive.sql").read_bytes()
    given = {"accounts": size.accounts, "pages": size.pages, "first": FIRST, "last": LAST}
    with warehouse.transaction() as cursor, psycopg.ClientCursor(cursor.connection) as script:
        script.execute(text, given)
    with warehouse.transaction() as cursor:
        cursor.execute("analyze")
    for table in DERIVED:
        derive(warehouse, f"snapshots.{table}", FIRST, LAST)


if __name__ == "__main__":
    main()
