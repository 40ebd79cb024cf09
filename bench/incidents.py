"""How long one minute's look at what is wrong takes, with the ledger of many accounts and days.

    python -m bench.incidents [--accounts 10000] [--days 60]

Today is captured but for a hundredth, of yesterday a thousandth is gaps. Bar: one second for each condition.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from rich.console import Console
from rich.table import Table

from bench.database import fresh_database
from tiktok_pipeline.alerts.incidents import Facts, conditions, look
from tiktok_pipeline.alerts.viral import tell_of_viral
from tiktok_pipeline.capture.forecast import forecasts
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import DatabaseClock, rows

NOW = "2026-03-10T07:00:00"
TRIES = 3
FORECAST = {
    "client_key": "bench",
    "accounts": 1,
    "fits": False,
    "fits_until": None,
    "words": "too many pages",
}
TICK = {"name": "reconnect", "failures": 3, "error": "no key ring"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--days", type=int, default=60)
    size = parser.parse_args()
    table = Table(title=f"one look at {size.accounts:,} accounts with {size.days} days")
    for heading in ("what", "slowest, s", "fastest, s"):
        table.add_column(heading, justify="right")
    with fresh_database() as url:
        warehouse = Warehouse(url)
        make_ledger(warehouse, size.accounts, size.days)
        today = rows(warehouse, "select ops.day_of(ops.now(), 'UTC') as day")[0]["day"]
        facts = Facts("UTC", forecasts=[FORECAST], ticks=[TICK])
        for kind in conditions():
            table.add_row(kind, *_seconds(lambda kind=kind: look(warehouse, facts, [kind])))  # type: ignore[misc]
        table.add_row("all conditions", *_seconds(lambda: look(warehouse, facts)))
        table.add_row(
            "forecasts",
            *_seconds(lambda: forecasts(warehouse, today, pages_a_minute=600, window_minutes=120)),
        )
        table.add_row("viral videos", *_seconds(lambda: tell_of_viral(warehouse, "UTC")))
        warehouse.close()
    Console().print(table)


def make_ledger(warehouse: Warehouse, accounts: int, days: int) -> None:
    """A ledger of so many accounts and days, up to today; it is seven in the morning."""
    DatabaseClock(warehouse).set(NOW)
    text = Path(__file__).with_suffix(".sql").read_bytes()
    with warehouse.transaction() as cursor, psycopg.ClientCursor(cursor.connection) as script:
        script.execute(text, {"accounts": accounts, "days": days})
    with warehouse.transaction() as cursor:
        cursor.execute("analyze")


def _seconds(what: Callable[[], Any]) -> tuple[str, str]:
    took = []
    for _ in range(TRIES):
        began = time.monotonic()
        what()
        took.append(time.monotonic() - began)
    return f"{max(took):.2f}", f"{min(took):.2f}"


if __name__ == "__main__":
    main()
