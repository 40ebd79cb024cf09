"""Writing the rows of a report to a file, a few thousand at a time.

CSV and Excel are for spreadsheets: in CSV nothing in a text begins a formula (`formulas`), in Excel a text is one by
its type. Parquet holds every value as it is.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import psycopg
from psycopg import sql as composed
from psycopg.rows import DictRow, tuple_row

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.exporting.files import write_parquet, write_xlsx
from tiktok_pipeline.exporting.formulas import FORMULA, HARMLESS
from tiktok_pipeline.hub.stores import CODE
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.derive import Column, columns

FORMATS = ("csv", "xlsx", "parquet")
DAY_COLUMNS = ("snapshot_date", "day", "month")
BATCH = 5_000
TEXTS = ("text", "character varying", "jsonb")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows of which report: all stores and all days unless said otherwise; both days are included.

    Of a report whose rows are of months, the month that `first` lies in is included, too.
    """

    report: str
    store: str | None = None
    first: dt.date | None = None
    last: dt.date | None = None


def export_report(warehouse: Warehouse, wanted: Wanted, format: str, out: BinaryIO) -> None:
    """Write the rows of `wanted` to `out` as csv, xlsx or parquet, in UTF-8 and in the order of store and day.

    Raises PipelineError for a report, store or format that does not exist, and for a filter that it cannot have.
    """
    if format not in FORMATS:
        raise PipelineError(f"format {format}: not known. Use one of {', '.join(FORMATS)}.")
    found = _columns_of(warehouse, wanted)
    with warehouse.transaction() as cursor:
        cursor.execute("set local timezone = 'UTC'")
        if format == "csv":
            for block in _csv(cursor.connection, _query(wanted, found, guarded=True), _filters(wanted)):
                out.write(block)
            return
        batches = _batches(cursor.connection, _query(wanted, found, guarded=False), _filters(wanted))
        (write_xlsx if format == "xlsx" else write_parquet)(found, batches, out)


def reports(warehouse: Warehouse) -> dict[str, str]:
    """What a row of each report is, by the report's name, in their order."""
    return {row["name"]: row["description"] for row in warehouse.execute("exporting/reports")}


def _columns_of(warehouse: Warehouse, wanted: Wanted) -> list[Column]:
    known = reports(warehouse)
    if wanted.report not in known:
        raise PipelineError(f"report {wanted.report}: there is none. Use one of {', '.join(known)}.")
    if wanted.first and wanted.last and wanted.first > wanted.last:
        raise PipelineError(f"from {wanted.first} to {wanted.last}: it ends before it begins.")
    found = columns(warehouse, f"reporting.{wanted.report}")
    names = [column.name for column in found]
    if wanted.store is not None:
        if "store_code" not in names:
            raise PipelineError(f"report {wanted.report}: its rows are not of stores. Leave the store out.")
        if not CODE.fullmatch(wanted.store) or not warehouse.execute(
            "hub/find_store", {"store_code": wanted.store}
        ):
            raise PipelineError(
                f"store {wanted.store}: there is none. `tiktok-pipeline store list` lists all."
            )
    if (wanted.first or wanted.last) and _day_column(names) is None:
        raise PipelineError(f"report {wanted.report}: its rows are not of days. Leave the dates out.")
    return found


def _day_column(names: list[str]) -> str | None:
    return next((name for name in DAY_COLUMNS if name in names), None)


def _query(wanted: Wanted, found: list[Column], *, guarded: bool) -> composed.Composed:
    names = [column.name for column in found]
    day = _day_column(names)
    where: list[composed.Composable] = []
    if wanted.store is not None:
        where.append(composed.SQL("store_code = %(store)s"))
    if day and wanted.first:
        first = "date_trunc('month', %(first)s::timestamp)" if day == "month" else "%(first)s"
        where.append(composed.SQL("{} >= " + first).format(composed.Identifier(day)))
    if day and wanted.last:
        where.append(composed.SQL("{} <= %(last)s").format(composed.Identifier(day)))
    order = [name for name in ("store_code", day, "account_id", "video_id") if name in names]
    return composed.SQL("select {} from {}{}{}").format(
        composed.SQL(", ").join(_shown(column, guarded) for column in found),
        composed.Identifier("reporting", wanted.report),
        composed.SQL(" where ") + composed.SQL(" and ").join(where) if where else composed.SQL(""),
        composed.SQL(" order by ") + composed.SQL(", ").join(map(composed.Identifier, order))
        if order
        else composed.SQL(""),
    )


def _shown(column: Column, guarded: bool) -> composed.Composable:
    name = composed.Identifier(column.name)
    if guarded and column.type.startswith(TEXTS):
        return composed.SQL("regexp_replace({0}::text, {1}, {2}, 'g') as {0}").format(
            name, composed.Literal(FORMULA), composed.Literal(HARMLESS)
        )
    return composed.SQL("{0}::text as {0}").format(name) if column.type == "jsonb" else name


def _filters(wanted: Wanted) -> dict[str, Any]:
    return {"store": wanted.store, "first": wanted.first, "last": wanted.last}


def _csv(
    connection: psycopg.Connection[DictRow], query: composed.Composed, filters: dict[str, Any]
) -> Iterator[bytes | bytearray | memoryview]:
    statement = composed.SQL(
        "copy ({}) to stdout with (format csv, header, force_quote *, encoding 'UTF8')"
    ).format(query)
    with psycopg.ClientCursor(connection) as cursor, cursor.copy(statement, filters) as copy:
        yield from copy


def _batches(
    connection: psycopg.Connection[DictRow], query: composed.Composed, filters: dict[str, Any]
) -> Iterator[list[tuple[Any, ...]]]:
    with connection.cursor(name="export", row_factory=tuple_row) as cursor:
        cursor.execute(query, filters)
        while batch := cursor.fetchmany(BATCH):
            yield batch
