"""Running the SQL file of a derived table over a range of dates.

A file is named after its table: `sql/snapshots/tiktok_user_daily.sql` makes `snapshots.tiktok_user_daily`.
It is one statement, takes `first` and `last`, `share` and `shares` (of the stores); running it twice changes nothing.
A table whose rows compare a day with the one before also takes `until`: up to there, it derives again the day after
`last` that was compared with what has changed.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql as composed

from tiktok_pipeline.crash_points import crash_point
from tiktok_pipeline.project_files import sql
from tiktok_pipeline.warehouse.connection import Warehouse, run

# Sorting a month of a million rows belongs into memory; compiling a statement that runs once costs more than it
# saves; and a table that was filled a second ago has no statistics, so that the planner takes it for empty and
# joins by nested loops, which is quadratic in a day's rows (measured: 0.58 s instead of 0.01 s for 10,000 videos).
SESSION = "set local work_mem = '128MB'; set local jit = off; set local enable_nestloop = off"
# One statement keeps one core of PostgreSQL busy, so two at once use the smallest server: the stores in two shares.
SHARES = 2


@dataclass(frozen=True, slots=True)
class DayRows:
    """What a derived table holds for one day; of a table that does not say what is imported or late, none is."""

    day: dt.date
    rows: int
    imported: int = 0
    late: int = 0


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table, as PostgreSQL describes it."""

    name: str
    type: str
    nullable: bool
    comment: str | None


def derive(warehouse: Warehouse, table: str, first: dt.date, last: dt.date) -> int:
    """Derive `table` (e.g. `snapshots.tiktok_user_daily`) for the dates from `first` to `last`.

    Returns how many rows changed: inserted, updated or deleted. Works month by month, each in a
    transaction of its own, so that a long range neither needs much memory nor holds locks for long. What changed is
    told by one event, snapshot.completed.
    """
    text = sql(table.replace(".", "/")).encode()
    derivation = uuid.uuid4()
    work = [
        # Only behind the whole range: within it, the next month's own part looks back at this one's last day.
        {
            "first": start,
            "last": end,
            "until": dt.date.max if end == last else end,
            "share": share,
            "shares": SHARES,
            "table": table,
            "derivation": derivation,
        }
        for start, end in months(first, last)
        for share in range(SHARES)
    ]
    with ThreadPoolExecutor(SHARES, thread_name_prefix="derive") as pool:
        changed = sum(pool.map(lambda part: _derive_part(warehouse, text, part), work))
    if changed:
        warehouse.execute("events/tell_derived", {"derivation": derivation})
    return changed


def derive_within(cursor: psycopg.Cursor[Any], table: str, first: dt.date, last: dt.date) -> int:
    """As `derive`, of days of one month, in the transaction of `cursor`; what follows after `last` is not looked at."""
    text = sql(table.replace(".", "/")).encode()
    span = {"first": first, "last": last, "until": last, "shares": SHARES, "table": table}
    return sum(_run_part(cursor, text, {**span, "share": share}) for share in range(SHARES))


def _derive_part(warehouse: Warehouse, text: bytes, part: dict[str, Any]) -> int:
    with warehouse.transaction() as cursor:
        changed = _run_part(cursor, text, part)
        if changed:
            run(cursor, "events/note_derived", {**part, "changed": changed})
            run(cursor, "runtime/tell_data_changed")  # last: the next one waits for its row
        crash_point("derived")
    crash_point("derive_committed")
    return changed


def _run_part(cursor: psycopg.Cursor[Any], text: bytes, part: dict[str, Any]) -> int:
    # One after the other: whoever comes last sees the ledger as it is by then, for a file is one statement and
    # sees one moment. Otherwise one that began earlier could end later and write what was captured before.
    cursor.execute("select pg_advisory_xact_lock(hashtext(%(table)s), %(share)s)", part)
    with psycopg.ClientCursor(cursor.connection) as script:
        script.execute(SESSION)
        script.execute(text, part)
        return _row_count(script)


def rows_by_day(warehouse: Warehouse, table: str, first: dt.date, last: dt.date) -> dict[dt.date, DayRows]:
    """Rows of a snapshot table on each day from `first` to `last` that has any."""
    names = {column.name for column in columns(warehouse, table)}
    counted = composed.SQL(
        "count(*) filter (where source = 'import') as imported, count(*) filter (where late) as late"
        if {"source", "late"} <= names
        else "0 as imported, 0 as late"
    )
    statement = composed.SQL(
        """
        select
            snapshot_date as day,
            count(*) as rows,
            {counted}
        from {table}
        where snapshot_date between %(first)s and %(last)s
        group by snapshot_date
        """
    ).format(counted=counted, table=composed.Identifier(*table.split(".")))
    with warehouse.transaction() as cursor:
        cursor.execute(statement, {"first": first, "last": last})
        return {row["day"]: DayRows(**row) for row in cursor.fetchall()}


def columns(warehouse: Warehouse, table: str) -> list[Column]:
    """The columns of `table` in order, with the comments that BI tools show."""
    with warehouse.transaction() as cursor:
        cursor.execute(
            """
            select
                a.attname as name,
                format_type(a.atttypid, a.atttypmod) as type,
                not a.attnotnull as nullable,
                col_description(a.attrelid, a.attnum) as comment
            from pg_attribute as a
            where a.attrelid = %(table)s::regclass and a.attnum > 0 and not a.attisdropped
            order by a.attnum
            """,
            {"table": table},
        )
        return [Column(**row) for row in cursor.fetchall()]


def months(first: dt.date, last: dt.date) -> Iterator[tuple[dt.date, dt.date]]:
    """The dates from `first` to `last`, cut at the ends of calendar months."""
    while first <= last:
        next_month = (first.replace(day=1) + dt.timedelta(days=32)).replace(day=1)
        yield first, min(last, next_month - dt.timedelta(days=1))
        first = next_month


def _row_count(script: psycopg.Cursor[tuple[object, ...]]) -> int:
    count = max(script.rowcount, 0)
    while script.nextset():
        count += max(script.rowcount, 0)
    return count
