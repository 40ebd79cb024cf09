"""What the database holds of past days, counted and hashed by SQL, whoever asks and however it is stored."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, fields, replace
from typing import Any

import psycopg
from psycopg.rows import DictRow

from tiktok_pipeline.history.chain import DayContent
from tiktok_pipeline.project_files import sql
from tiktok_pipeline.warehouse.connection import run

# Hashing a month sorts its pages' hashes in memory, and compiling statements that run once does not pay. Account-days
# are joined by hash: other joins compare every row of a day with every account of it when the planner takes a few
# thousand account-days for a few (measured: minutes instead of seconds for a million imported rows).
SESSION = (
    "set local work_mem = '128MB'; set local jit = off; set local search_path = capture; "
    "set local enable_nestloop = off; set local enable_mergejoin = off"
)


@dataclass(frozen=True, slots=True)
class DayNow:
    """A day as it is now, and as it would be without what was added after its latest entry in the chain."""

    content: DayContent
    before: DayContent
    unsettled: int = 0
    new_imports: int = 0
    new_gaps: int = 0


def days_now(
    cursor: psycopg.Cursor[DictRow], first: dt.date, last: dt.date, *, pages: bool = True
) -> dict[dt.date, DayNow]:
    """The days from `first` to `last` of which there is anything; `pages`: also count and hash the pages."""
    cursor.execute(SESSION)
    span = {"first": first, "last": last}
    found: dict[dt.date, dict[str, Any]] = {}
    rows = run(cursor, "history/ledger_by_day", span) + run(cursor, "history/imported_by_day", span)
    rows += run(cursor, "history/queries_by_day", span)
    rows += run(cursor, "history/deleted_by_day", {**span, "deletion_id": None})
    for row in rows + (_pages_by_day(cursor, first, last) if pages else []):
        found.setdefault(row["day"], {}).update(row)
    return {day: _day_now(row) for day, row in sorted(found.items())}


def page_content(cursor: psycopg.Cursor[DictRow], first: dt.date, last: dt.date) -> dict[dt.date, DayContent]:
    """Count and hash of the pages alone, of the days from `first` to `last` that have any.

    Reads a temporary table `page` instead of `capture.page` when the session has one.
    """
    cursor.execute(SESSION)
    return {row["day"]: DayContent(**row) for row in _pages_by_day(cursor, first, last)}


def _pages_by_day(cursor: psycopg.Cursor[DictRow], first: dt.date, last: dt.date) -> list[dict[str, Any]]:
    # Never prepared: a prepared statement keeps the table it found first, whichever hides it later.
    cursor.execute(sql("history/pages_by_day").encode(), {"first": first, "last": last}, prepare=False)
    return cursor.fetchall()


def _day_now(row: dict[str, Any]) -> DayNow:
    names = {field.name for field in fields(DayContent)}
    content = DayContent(**{name: value for name, value in row.items() if name in names})
    before = replace(
        content,
        gaps_hash=row.get("gaps_before_hash", ""),
        imported_hash=row.get("imported_before_hash", ""),
        accounts_hash=row.get("accounts_before_hash", ""),
    )
    counts = {name: row.get(name, 0) for name in ("unsettled", "new_imports", "new_gaps")}
    return DayNow(content, before, **counts)
