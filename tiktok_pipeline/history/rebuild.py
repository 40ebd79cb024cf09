"""Deriving every table again from what was captured and imported, and telling whether two tables say the same."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter

from psycopg import sql as composed

from tiktok_pipeline.history.partitions import made_by_another, restored
from tiktok_pipeline.project_files import project_file
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.derive import columns, derive

FOLDERS = ("snapshots", "reporting")  # under sql/
DAY_COLUMNS = ("snapshot_date", "day", "as_of")
NOT_COMPARED = "created_at"  # when a row was first derived, not what it says
# Hashing prints values: no setting of a session may show in them.
SESSION = (
    "set local timezone = 'UTC'; set local datestyle = 'ISO'; set local extra_float_digits = 1; "
    "set local intervalstyle = 'postgres'; set local bytea_output = 'hex'; set local work_mem = '64MB'; "
    "set local jit = off"
)


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A derived table after a rebuild: `checksum` is the SHA-256 of its rows of the range, in any order."""

    table: str
    changed: int
    rows: int
    checksum: str


def rebuild(
    warehouse: Warehouse, first: dt.date, last: dt.date, *, archive: str | None = None
) -> Iterator[Rebuilt]:
    """Derive every table for the dates from `first` to `last`, one after the other. Sends no request.

    Archived months are put back for as long as it takes, from where they were written or from below `archive`.
    Days before anything is known are left out.
    """
    [known] = warehouse.execute("history/first_day", {})
    first = max(first, known["day"] or last)
    made_by_another(warehouse.execute)("capture/ensure_partitions", {"first": first, "last": last})
    with restored(warehouse, first, last, archive):
        for table in derived_tables(warehouse):
            changed = derive(warehouse, table, first, last)
            rows, digest = checksum(warehouse, table, first, last)
            yield Rebuilt(table, changed, rows, digest)


def derived_tables(warehouse: Warehouse) -> list[str]:
    """The tables that a file of their name under `sql/` derives, each after those that it is made of."""
    texts = {
        f"{folder}.{file.stem}": file.read_text(encoding="utf-8")
        for folder in FOLDERS
        for file in sorted(project_file(f"sql/{folder}").glob("*.sql"))
    }
    # Each after those that it names.
    named = {
        name: [other for other in texts if other != name and re.search(rf"\b{other}\b", text)]
        for name, text in texts.items()
    }
    found = list(TopologicalSorter(named).static_order())
    with warehouse.transaction() as cursor:
        cursor.execute(
            "select c.oid::regclass::text as name from pg_class as c"
            " where c.oid = any (select to_regclass(n) from unnest(%s::text[]) as n) and c.relkind in ('r', 'p')",
            (found,),
        )
        tables = {row["name"] for row in cursor.fetchall()}
    return [name for name in found if name in tables]


def checksum(warehouse: Warehouse, table: str, first: dt.date, last: dt.date) -> tuple[int, str]:
    """How many rows `table` has of the dates from `first` to `last`, and their checksum.

    It does not depend on the order of rows, on when they were derived, or on any setting of a session.
    """
    names = [column.name for column in columns(warehouse, table)]
    said = [composed.Identifier(name) for name in names if name != NOT_COMPARED]
    day = next(name for name in DAY_COLUMNS if name in names)
    statement = composed.SQL(
        """
        select
            count(*) as rows,
            encode(sha256(coalesce(string_agg(hash, '' order by hash), '')), 'hex') as checksum
        from (
            select sha256(convert_to(row({said})::text, 'UTF8')) as hash
            from {table}
            where {day} between %(first)s and %(last)s
        ) as rows
        """
    ).format(
        said=composed.SQL(", ").join(said),
        table=composed.Identifier(*table.split(".")),
        day=composed.Identifier(day),
    )
    with warehouse.transaction() as cursor:
        cursor.execute(SESSION)
        cursor.execute(statement, {"first": first, "last": last})
        found = cursor.fetchone()
        assert found is not None
        return found["rows"], found["checksum"]
