"""Do derived rows say what pages and imports give? They are derived again, in a transaction that is rolled back."""

from __future__ import annotations

import datetime as dt

import psycopg
from psycopg import sql as composed
from psycopg.rows import DictRow

from tiktok_pipeline.history.archived import archived_months
from tiktok_pipeline.history.rebuild import DAY_COLUMNS, NOT_COMPARED, derived_tables
from tiktok_pipeline.history.rebuild import SESSION as PRINTING
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.derive import columns, derive_within, months

Digests = dict[tuple[str, dt.date], str]


def wrong_rows(warehouse: Warehouse, first: dt.date, last: dt.date) -> dict[dt.date, list[str]]:
    """Days from `first` to `last` on which a derived table differs from what its evidence gives, with these tables.

    Archived months are left out: nothing here can tell what their rows were. What lies before `first` is taken as it
    is. Nothing is changed.
    """
    archived = {month.month for month in archived_months(warehouse, first, last)}
    warehouse.execute("capture/ensure_partitions", {"first": first, "last": last})
    tables = derived_tables(warehouse)
    said = {table: [column.name for column in columns(warehouse, table)] for table in tables}
    spans = [span for span in months(first, last) if span[0].replace(day=1) not in archived]
    # In the usual case nothing is wrong, and each month's locks are held for as long as the month takes.
    doubtful = [span for span in spans if _wrong_in(warehouse, said, [span])]
    if not doubtful:
        return {}
    # What follows a wrong row must be derived from the right one: from there on all is derived, then compared.
    wrong: dict[dt.date, list[str]] = {}
    for table, day in sorted(_wrong_in(warehouse, said, spans[spans.index(doubtful[0]) :])):
        wrong.setdefault(day, []).append(table)
    return wrong


def _wrong_in(
    warehouse: Warehouse, tables: dict[str, list[str]], spans: list[tuple[dt.date, dt.date]]
) -> set[tuple[str, dt.date]]:
    """Tables and days of `spans` that differ once all of them are derived; then everything is as it was."""
    with warehouse.transaction() as cursor:
        cursor.execute("savepoint as_it_is")
        changed = {
            table: tables[table]
            for first, last in spans
            for table in tables
            if derive_within(cursor, table, first, last)
        }
        right = _digests(cursor, changed, spans[0][0], spans[-1][1])
        cursor.execute("rollback to savepoint as_it_is")
        there = _digests(cursor, changed, spans[0][0], spans[-1][1])
        return {key for key in right.keys() | there.keys() if right.get(key) != there.get(key)}


def _digests(
    cursor: psycopg.Cursor[DictRow], tables: dict[str, list[str]], first: dt.date, last: dt.date
) -> Digests:
    """A hash of all that a table says of a day, by table and day."""
    found: Digests = {}
    cursor.execute(PRINTING)
    for table, names in tables.items():
        day = next(name for name in DAY_COLUMNS if name in names)
        said = [composed.Identifier(name) for name in names if name != NOT_COMPARED]
        cursor.execute(
            composed.SQL(
                """
                select
                    {day} as day,
                    md5(string_agg(row({said})::text, chr(10) order by row({said})::text)) as digest
                from {table}
                where {day} between %(first)s and %(last)s
                group by {day}
                """
            ).format(
                day=composed.Identifier(day),
                said=composed.SQL(", ").join(said),
                table=composed.Identifier(*table.split(".")),
            ),
            {"first": first, "last": last},
        )
        found |= {(table, row["day"]): row["digest"] for row in cursor.fetchall()}
    return found
