"""Old months of pages leave the database in two steps, each of which can be cut off and repeated.

Writing: the month's pages, which must be what the chain says, go into Parquet files and are read back and compared.
Dropping: what was written is compared once more, the confirmation is logged, and only then the partitions go.
"""

from __future__ import annotations

import datetime as dt
import getpass
import hashlib
import json
import os
import socket
from collections.abc import Mapping
from typing import Any, Literal

import psycopg
from psycopg import sql as composed

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.history.archived import (
    COLUMNS,
    ENDPOINTS,
    MANIFEST,
    ROWS_AT_ONCE,
    ArchiveDamaged,
    ArchivedMonth,
    Folder,
    folder_of,
    month_url,
    pages_read_back,
    read_back,
)
from tiktok_pipeline.history.chain import DayContent, first_break, latest_entries, read_chain
from tiktok_pipeline.history.content import page_content
from tiktok_pipeline.history.partitions import detach, patient_with_locks
from tiktok_pipeline.project_files import sql
from tiktok_pipeline.warehouse.connection import Warehouse, run
from tiktok_pipeline.warehouse.derive import months

FORMAT = 1
PAGES_ONLY = ("pages", "pages_hash")


def months_to_archive(warehouse: Warehouse, before: dt.date) -> list[dt.date]:
    """First days of the months that ended before the day `before`, hold pages here, and are wholly in the chain."""
    chain = read_chain(warehouse)
    if broken := first_break(chain):
        raise PipelineError(
            f"the chain of closed days is broken at {broken.day}. Run: tiktok-pipeline verify"
        )
    known = latest_entries(chain)
    gone = {step.month for step, event in _steps(warehouse) if event == "dropped"}
    found = []
    for first, last in months(min(known), max(known)) if known else ():
        month = first.replace(day=1)
        ends = next(months(first, dt.date.max))[1]
        pages = sum(entry.content.pages for day, entry in known.items() if first <= day <= last)
        if ends < before and ends in known and pages and month not in gone:
            found.append(month)
    return found


def write_month(warehouse: Warehouse, archive: str, month: dt.date) -> tuple[ArchivedMonth, bool]:
    """Write the pages of a month below the folder `archive` and read them back; whether that was needed.

    Raises PipelineError when the pages here, or those read back, are not what the chain says.
    """
    folder = Folder(month_url(archive, month))
    for step, event in _steps(warehouse):
        # Once dropping it was confirmed, what was written stays where it is.
        if step.month == month and (event != "written" or step.url == folder.url) and _intact(step):
            return step, False
    first, last = month, next(months(month, dt.date.max))[1]
    expected = _by_the_chain(warehouse, first, last)
    with warehouse.transaction() as cursor:
        cursor.execute("set transaction isolation level repeatable read")
        _require(expected, page_content(cursor, first, last), "the pages in the database")
        files = {endpoint: _write_file(cursor, folder, endpoint, first, last) for endpoint in ENDPOINTS}
    with warehouse.transaction() as cursor:
        _require(expected, read_back(cursor, folder, first, last), f"what was written to {folder.url}")
    text = _manifest(month, files, expected, read_chain(warehouse)[-1].head)
    _write_manifest(folder, text)
    rows = sum(file["rows"] for file in files.values())
    written = ArchivedMonth(month, folder.url, rows, hashlib.sha256(text).hexdigest())
    _log(warehouse, written, "written")
    return written, True


def compare_again(warehouse: Warehouse, month: ArchivedMonth) -> None:
    """Compare the files of a month, as they are now, with the chain. Raises PipelineError when they differ."""
    with warehouse.transaction() as cursor:
        found = pages_read_back(cursor, month)
    _require(_by_the_chain(warehouse, month.month, month.last_day), found, f"what lies in {month.url}")


def drop_month(warehouse: Warehouse, month: ArchivedMonth) -> None:
    """Compare a written month once more, log that dropping it was confirmed, and drop its partitions here.

    Readers are not blocked. Raises PipelineError when a lock cannot be had, or the user does not own the tables;
    repeated, it goes on where it stopped.
    """
    compare_again(warehouse, month)
    if (step := {step.month: event for step, event in _steps(warehouse)}[month.month]) == "dropped":
        return
    if step == "written":
        _log(warehouse, month, "drop confirmed")
    tables = {endpoint: f"{endpoint}_{month.month:%Y_%m}" for endpoint in ENDPOINTS}
    for endpoint, table in tables.items():
        detach(warehouse, endpoint, table)
    _drop_tables(warehouse, month, list(tables.values()))


def _drop_tables(warehouse: Warehouse, month: ArchivedMonth, tables: list[str]) -> None:
    with patient_with_locks(warehouse) as connection, connection.transaction():
        for table in tables:
            connection.execute(
                composed.SQL("drop table if exists {}").format(composed.Identifier("capture", table))
            )
        connection.execute(sql("history/log_archive").encode(), _log_row(month, "dropped"))


def _steps(warehouse: Warehouse) -> list[tuple[ArchivedMonth, str]]:
    rows = warehouse.execute("history/archive_steps")
    return [(ArchivedMonth(r["month"], r["url"], r["rows"], r["digest"]), r["event"]) for r in rows]


def _intact(month: ArchivedMonth) -> bool:
    try:
        folder_of(month)
    except ArchiveDamaged:
        return False
    return True


def _by_the_chain(warehouse: Warehouse, first: dt.date, last: dt.date) -> dict[dt.date, DayContent]:
    known = latest_entries(read_chain(warehouse))
    return {day: entry.content for day, entry in known.items() if first <= day <= last}


def _require(expected: Mapping[dt.date, DayContent], found: Mapping[dt.date, DayContent], what: str) -> None:
    for day in sorted(expected.keys() | found.keys()):
        then, now = expected.get(day, DayContent(day)), found.get(day, DayContent(day))
        if differences := then.differences(now, PAGES_ONLY):
            raise PipelineError(
                f"{day}: {what} are not those of the chain ({'; '.join(differences)}). Nothing was dropped. "
                "Run: tiktok-pipeline verify"
            )


def _write_file(
    cursor: psycopg.Cursor[Any], folder: Folder, endpoint: str, first: dt.date, last: dt.date
) -> dict[str, Any]:
    import pyarrow as arrow
    from pyarrow import parquet

    schema = arrow.schema(
        [
            ("endpoint", arrow.string()),
            ("day", arrow.date32()),
            ("account_id", arrow.int64()),
            ("capture_no", arrow.int16()),
            ("page_no", arrow.int32()),
            ("body", arrow.string()),
            ("observed_at", arrow.timestamp("us", tz="UTC")),
            ("time_zone", arrow.string()),
            ("log_id", arrow.string()),
            ("run_id", arrow.string()),
        ]
    )
    name = f"{endpoint}.parquet"
    rows, days = 0, set()
    span = {"endpoint": endpoint, "first": first, "last": last}
    with (
        folder.open(name, "wb") as file,
        parquet.ParquetWriter(file, schema, compression="zstd") as writer,
        psycopg.ServerCursor(cursor.connection, "pages_of_month") as pages,
    ):
        pages.execute(sql("history/pages_of_month").encode(), span)
        while batch := pages.fetchmany(ROWS_AT_ONCE):
            columns = dict(zip(COLUMNS, map(list, zip(*batch, strict=True)), strict=True))
            writer.write_batch(arrow.RecordBatch.from_pydict(columns, schema=schema))
            rows += len(batch)
            days |= set(columns["day"])
    _to_disk(folder, name)
    return {
        "file": name,
        "rows": rows,
        "first_day": str(min(days)) if days else None,
        "last_day": str(max(days)) if days else None,
        "bytes": folder.files.size(f"{folder.path}/{name}"),
        "sha256": folder.sha256(name),
    }


def _write_manifest(folder: Folder, text: bytes) -> None:
    with folder.open(MANIFEST, "wb") as file:
        file.write(text)
    _to_disk(folder, MANIFEST)


def _to_disk(folder: Folder, name: str) -> None:
    """A local file must outlive a power cut before what it holds is dropped here; object stores see to that."""
    if "file" in folder.files.protocol:
        for path in (f"{folder.path}/{name}", folder.path):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _manifest(
    month: dt.date, files: Mapping[str, Any], expected: Mapping[dt.date, DayContent], head: str
) -> bytes:
    days = {
        str(day): {"pages": content.pages, "sha256": content.pages_hash}
        for day, content in sorted(expected.items())
        if content.pages
    }
    manifest = {"format": FORMAT, "month": f"{month:%Y-%m}", "files": files, "days": days, "head": head}
    return (json.dumps(manifest, indent=1) + "\n").encode()


def _log(warehouse: Warehouse, month: ArchivedMonth, event: Literal["written", "drop confirmed"]) -> None:
    with warehouse.transaction() as cursor:
        run(cursor, "history/log_archive", _log_row(month, event))


def _log_row(month: ArchivedMonth, event: str) -> dict[str, Any]:
    return {
        "month": month.month,
        "event": event,
        "url": month.url,
        "rows": month.rows,
        "digest": month.digest,
        "os_user": getpass.getuser(),
        "host": socket.gethostname(),
    }
