"""Importing a source: stores and accounts first, then every daily row is checked and staged, then taken day by day.

Rows are staged in a temporary table of PostgreSQL, so that memory does not grow with the source, and the rows of an
account-day come together wherever they stand. Days are taken in batches that commit one by one: an import that was
cut off starts over, and finds what it had imported before.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import psycopg
from psycopg.rows import DictRow

from tiktok_pipeline.capture.imports import Item, Taken, stage, take_staged
from tiktok_pipeline.capture.ledger import Endpoint
from tiktok_pipeline.crash_points import crash_point
from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.importing.people import Known
from tiktok_pipeline.importing.refused import RefusedRows
from tiktok_pipeline.importing.rows import profile_of, video_of
from tiktok_pipeline.importing.sources import SourceTable, opened
from tiktok_pipeline.importing.tables import STORES, TABLES
from tiktok_pipeline.importing.values import Refused, Times
from tiktok_pipeline.warehouse.connection import Warehouse, place, reason, run

ROWS_PER_BATCH = 20_000
ROWS_PER_STEP = 1_000  # of the progress bar
LATE = "this day of the account was imported before, without this row, and is final"
TABLE_OF = {table.endpoint: table for table in TABLES.values() if table.endpoint}
CHECK = {"user_info": profile_of, "video_list": video_of}
# The other way round than `rows`: what is refused after it was checked is shown in the source's names.
IN_THE_SOURCE = {"id": "video_id", "video_description": "description"}


class Progress(Protocol):
    """Hears how far something is; a total of 0 is not known."""

    def __call__(self, what: str, done: int, total: int) -> None:
        """`what` has come to `done` of `total`."""


@dataclass
class TableOutcome:
    """What became of the rows of one table; of `read` rows every one is in one of the other counts.

    `imported`: new here. `identical`: said twice by the source. `there`: a store, an account or a day that was here
    before, imported. `captured`: of a day that was captured here.
    """

    table: str
    place: str
    ignored: tuple[str, ...]
    read: int = 0
    imported: int = 0
    identical: int = 0
    there: int = 0
    captured: int = 0
    refused: int = 0
    account_days: int = 0


@dataclass
class Outcome:
    """What became of a source. `first` and `last` are the days that its rows are of, to be derived."""

    tables: dict[str, TableOutcome] = field(default_factory=dict)
    first: dt.date | None = None
    last: dt.date | None = None
    times_without_zone: bool = False

    def total(self, count: str) -> int:
        """A count over all tables."""
        return sum(getattr(table, count) for table in self.tables.values())


def import_source(
    warehouse: Warehouse,
    source: str,
    refused: RefusedRows,
    progress: Progress,
    *,
    zone: ZoneInfo,
    client_key: str,
    table: str | None = None,
    schema: str = "public",
    dry_run: bool = False,
) -> Outcome:
    """Import what `source` has. `client_key` is the app that its accounts will be connected to.

    With `dry_run` everything is checked and nothing is changed. Raises SourceError when the source cannot be read, and
    PipelineError when our database went away in the middle.
    """
    [clock] = warehouse.execute("importing/now")
    times = Times(zone, clock["now"])
    outcome = Outcome()
    try:
        with warehouse.session() as connection, connection.cursor() as cursor:
            run(cursor, "capture/stage_imports")
            with opened(source, table=table, schema=schema) as tables:
                known = Known(warehouse)
                for each in tables:
                    outcome.tables[each.table.name] = TableOutcome(each.table.name, each.place, each.ignored)
                for each in tables:
                    done = outcome.tables[each.table.name]
                    if each.table.endpoint is None:
                        into = None if dry_run else warehouse
                        _add_people(into, each, known, times, client_key, refused, done, progress)
                    else:
                        items = _checked(each, each.table.endpoint, known, times, refused, done, progress)
                        stage(cursor, items)
            _take_days(connection, cursor, known, times, refused, outcome, progress, dry_run=dry_run)
    except psycopg.OperationalError as error:  # a restart, a full disk
        raise PipelineError(
            f"{place(warehouse.url)}: {reason(error)}. Start the import again: it goes on where it was."
        ) from None
    for name, done in outcome.tables.items():
        done.refused = refused.of_table(name)
        if TABLES[name].endpoint:
            done.identical = done.read - done.imported - done.there - done.captured - done.refused
    outcome.times_without_zone = times.without_zone
    return outcome


def _add_people(
    warehouse: Warehouse | None,
    source: SourceTable,
    known: Known,
    times: Times,
    client_key: str,
    refused: RefusedRows,
    done: TableOutcome,
    progress: Progress,
) -> None:
    """Add stores or accounts, each in a transaction of its own; without a warehouse it is a rehearsal."""

    def add(cursor: psycopg.Cursor[DictRow] | None, row: Any) -> bool:
        if source.table is STORES:
            return known.add_store(cursor, row, times)
        return known.add_account(cursor, row, times, client_key)

    for line, row, problem in source.rows():
        done.read += 1
        try:
            if problem:
                raise Refused(problem)
            if warehouse is None:
                added = add(None, row)
            else:
                with warehouse.transaction() as cursor:
                    added = add(cursor, row)
        except Refused as why:
            refused.add(source.table.name, source.place, line, str(why), row)
            continue
        done.imported += added
        done.there += not added
    progress(f"read {source.table.name}", source.size or done.read, source.size or done.read)


def _checked(
    source: SourceTable,
    endpoint: Endpoint,
    known: Known,
    times: Times,
    refused: RefusedRows,
    done: TableOutcome,
    progress: Progress,
) -> Iterator[Item]:
    """The rows of a daily table that can be imported."""
    check, name = CHECK[endpoint], source.table.name
    for line, row, problem in source.rows():
        done.read += 1
        if done.read % ROWS_PER_STEP == 0:
            progress(f"read {name}", source.done, source.size)
        try:
            if problem:
                raise Refused(problem)
            yield check(row, line, known, times)
        except Refused as why:
            refused.add(name, source.place, line, str(why), row)
    progress(f"read {name}", source.size or done.read, source.size or done.read)


def _take_days(
    connection: psycopg.Connection[DictRow],
    cursor: psycopg.Cursor[DictRow],
    known: Known,
    times: Times,
    refused: RefusedRows,
    outcome: Outcome,
    progress: Progress,
    *,
    dry_run: bool,
) -> None:
    run(cursor, "importing/index_staged")
    rows_of = {row["day"]: row["rows"] for row in run(cursor, "importing/staged_days")}
    total, reached = sum(rows_of.values()), 0
    places = " and ".join(
        dict.fromkeys(table.place for table in outcome.tables.values() if TABLES[table.table].endpoint)
    )
    for days in _batches(rows_of):
        span = {"first": days[0], "last": days[-1]}
        with connection.transaction():
            for conflict in run(cursor, "importing/take_conflicts", span):
                what = "day" if conflict["endpoint"] == "user_info" else "video and day"
                _refuse(
                    conflict, f"the source says different things of the same {what}; leave only the true row",
                    known, refused, outcome,
                )  # fmt: skip
            for late in run(cursor, "importing/take_late", span):
                _refuse(late, LATE, known, refused, outcome)
            if dry_run:
                taken = [Taken(**row) for row in run(cursor, "importing/would_take", span)]
            else:
                taken = take_staged(cursor, set(days), zone=str(times.zone), imported_from=places)
            crash_point("import_before_commit")
        crash_point("import_after_commit")
        for each in taken:
            _count(each, outcome)
            if each.rows or each.imported_before:
                outcome.first, outcome.last = outcome.first or days[0], days[-1]
        reached += sum(rows_of[day] for day in days)
        progress("checked" if dry_run else "imported", reached, total)


def _batches(rows_of: dict[dt.date, int]) -> Iterator[list[dt.date]]:
    """Days in order, together until they have enough rows."""
    batch: list[dt.date] = []
    rows = 0
    for day, rows_of_day in rows_of.items():
        batch.append(day)
        rows += rows_of_day
        if rows >= ROWS_PER_BATCH:
            yield batch
            batch, rows = [], 0
    if batch:
        yield batch


def _count(taken: Taken, outcome: Outcome) -> None:
    done = outcome.tables.get(TABLE_OF[taken.endpoint].name)
    if done is not None:
        done.imported += taken.rows
        done.account_days += taken.account_days
        done.there += taken.imported_before
        done.captured += taken.captured_here


def _refuse(row: dict[str, Any], reason: str, known: Known, refused: RefusedRows, outcome: Outcome) -> None:
    """Refuse a row that was staged."""
    table = TABLE_OF[row["endpoint"]].name
    said = {IN_THE_SOURCE.get(name, name): value for name, value in row["fields"].items()}
    whole = known.name_of(row["account_id"]) | {"snapshot_date": row["day"].isoformat()} | said
    refused.add(table, outcome.tables[table].place, row["line"], reason, whole)
