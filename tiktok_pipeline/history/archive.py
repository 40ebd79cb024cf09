"""Old months of pages leave the database in two steps, each of which can be cut off and repeated.

Writing: the month's pages, which must be what the chain says, go into Parquet files and are read back and compared.
Dropping: what was written is compared once more, the confirmation is logged, and only then the partitions go.
"""

from __future__ import annotations

import datetime as dt
import getpass
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

from psycopg import sql as composed

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.history.archived import (
    ENDPOINTS,
    ArchiveDamaged,
    ArchivedMonth,
    Folder,
    folder_of,
    month_url,
    pages_read_back,
    read_back,
    whole_month,
)
from tiktok_pipeline.history.chain import DayContent, first_break, latest_entries, read_chain
from tiktok_pipeline.history.content import page_content
from tiktok_pipeline.history.partitions import detach, patient_with_locks
from tiktok_pipeline.history.placing import (
    manifest_text,
    publish,
    require_lasting,
    require_ours,
    staging,
    write_manifest_file,
    write_pages,
)
from tiktok_pipeline.project_files import sql
from tiktok_pipeline.warehouse.connection import Warehouse, run
from tiktok_pipeline.warehouse.derive import months

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


def written_months(warehouse: Warehouse) -> set[dt.date]:
    """First days of the months that were written to an archive, dropped here or not."""
    return {step.month for step, _ in _steps(warehouse)}


def write_month(warehouse: Warehouse, archive: str, month: dt.date) -> tuple[ArchivedMonth, bool]:
    """Write the pages of a month below the folder `archive` and read them back; whether that was needed.

    What lies there whole, from a command that was cut off or from a copy of this database, is compared and taken as
    it is. Raises PipelineError when the pages here, or those read back, are not what the chain says, when somebody
    else's files lie there, and when the place does not last or cannot be written.
    """
    require_lasting(archive)
    folder = Folder(month_url(archive, month))
    for step, event in _steps(warehouse):
        # Once dropping it was confirmed, what was written stays where it is.
        if step.month == month and (event != "written" or step.url == folder.url) and _intact(step):
            return step, False
    first, last = month, next(months(month, dt.date.max))[1]
    expected = _by_the_chain(warehouse, first, last)
    with _plainly_said(folder):
        owner, digests = _owner(warehouse), _digests(warehouse, month)
        require_ours(folder, owner, digests)
        if (written := whole_month(folder, month)) is not None:
            compare_again(warehouse, written)
        else:
            waiting = staging(folder, owner)
            with warehouse.transaction() as cursor:
                cursor.execute("set transaction isolation level repeatable read")
                _require(expected, page_content(cursor, first, last), "the pages in the database")
                files = {
                    endpoint: write_pages(cursor, waiting, endpoint, first, last) for endpoint in ENDPOINTS
                }
            with warehouse.transaction() as cursor:
                found = read_back(cursor, waiting, first, last)
                _require(expected, found, f"what was written to {folder.url}")
            text = manifest_text(month, owner, files, expected, read_chain(warehouse)[-1].head)
            write_manifest_file(waiting, text)
            require_ours(folder, owner, digests)  # nobody came meanwhile
            publish(waiting, folder)
            written = whole_month(folder, month)
            assert written is not None
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
    require_lasting(month.url)
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


def _owner(warehouse: Warehouse) -> str:
    [row] = warehouse.execute("history/archive_owner")
    return str(row["id"])


def _digests(warehouse: Warehouse, month: dt.date) -> list[str]:
    return [row["digest"] for row in warehouse.execute("history/archive_digests", {"month": month})]


@contextmanager
def _plainly_said(folder: Folder) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise PipelineError(
            f"archive {folder.url}: cannot be written ({error.strerror or type(error).__name__}). "
            "Nothing was dropped. Check the address and the rights there."
        ) from None


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
