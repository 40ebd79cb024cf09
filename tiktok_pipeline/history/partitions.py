"""Taking a partition of pages out of the table, and putting one read back from an archive in for a while.

Only the owner of the tables may do either: so a restored page can never come from whoever may merely write pages.
The triggers that refuse pages of the past do not fire when a table is attached; its constraints are checked.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql as composed
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.history.archived import (
    ENDPOINTS,
    ArchivedMonth,
    Folder,
    archived_months,
    copy_pages,
    folder_of,
)
from tiktok_pipeline.warehouse.connection import Warehouse

RESTORE_LOCK = 7_011_021  # any number, the same in every process
LOCK_TIMEOUT = "5s"

# A backfill may make the same partition in the same moment: then it is there, and the next try sees it.
made_by_another = retry(
    retry=retry_if_exception_type((psycopg.errors.UniqueViolation, psycopg.errors.DuplicateTable)),
    stop=stop_after_attempt(8),
    wait=wait_random(0.05, 0.4),
    reraise=True,
)


@contextmanager
def patient_with_locks(warehouse: Warehouse) -> Iterator[psycopg.Connection[Any]]:
    """A connection outside of any transaction that waits for a lock for some seconds only.

    What waits for a strong lock makes everybody else wait behind it. Raises PipelineError when the lock could not be
    had, or when the user does not own the tables.
    """
    with warehouse.engine.connect() as pooled:
        connection: psycopg.Connection[Any] = pooled.connection.driver_connection  # type: ignore[assignment]
        try:
            connection.execute("select set_config('lock_timeout', %s, false)", (LOCK_TIMEOUT,))
            yield connection
        except psycopg.errors.LockNotAvailable:
            raise PipelineError(
                "capture.page: in use by a long transaction. Run the same command again later: "
                "it goes on where it stopped."
            ) from None
        except psycopg.errors.InsufficientPrivilege as refused:
            raise PipelineError(
                f"database {warehouse.url.database}: user {warehouse.url.username} may not do that "
                f"({refused.diag.message_primary}). Partitions are the owner's: "
                "use a DATABASE_URL of the role migrator."
            ) from None
        finally:
            if not connection.closed:
                connection.execute("reset lock_timeout")


def detach(warehouse: Warehouse, endpoint: str, table: str) -> None:
    """Take the partition `capture.<table>` out of `capture.<endpoint>`, without blocking readers. Safe to repeat."""
    parent, partition = composed.Identifier("capture", endpoint), composed.Identifier("capture", table)
    with patient_with_locks(warehouse) as connection:
        state = _state(warehouse, table)
        if state is None or not state["attached"]:
            return
        how = "finalize" if state["detaching"] else "concurrently"
        statement = composed.SQL("alter table {} detach partition {} " + how)
        connection.execute(statement.format(parent, partition))


@contextmanager
def restored(warehouse: Warehouse, first: dt.date, last: dt.date, archive: str | None) -> Iterator[list[str]]:
    """While the block runs, the archived months from `first` to `last` are back in `capture.page`; their names.

    What an earlier restoration that was killed left behind is removed first.
    """
    wanted = archived_months(warehouse, first, last)
    if not wanted and not warehouse.execute("history/read_back_tables"):
        yield []
        return
    with _alone(warehouse):
        _remove_read_back(warehouse)
        try:
            for month in wanted:
                folder = folder_of(month, archive)
                for endpoint in ENDPOINTS:
                    _put_back(warehouse, month, folder, endpoint)
            yield [month.name for month in wanted]
        finally:
            _remove_read_back(warehouse)


@made_by_another
def _put_back(warehouse: Warehouse, month: ArchivedMonth, folder: Folder, endpoint: str) -> None:
    table = f"{endpoint}_{month.month:%Y_%m}"
    parent, partition = composed.Identifier("capture", endpoint), composed.Identifier("capture", table)
    state = _state(warehouse, table)
    with patient_with_locks(warehouse) as connection, connection.cursor() as cursor:
        if state is not None:
            if state["attached"] and _has_rows(cursor, partition):
                return  # dropping it was confirmed and has not begun
            # Made for a backfill of that month, which found no pages; or detached and not dropped yet.
            detach(warehouse, endpoint, table)
            cursor.execute(composed.SQL("drop table {}").format(partition))
        with connection.transaction():
            cursor.execute(composed.SQL("create table {} (like {} including all)").format(partition, parent))
            told = composed.Literal(f"Read back from {folder.url} for a while")
            cursor.execute(composed.SQL("comment on table {} is {}").format(partition, told))
        with connection.transaction():
            copy_pages(cursor, partition, folder, endpoint)
            # Of a store that was deleted the archive still holds the pages; they belong to nobody here.
            gone = "delete from {} where account_id not in (select id from hub.store_accounts)"
            cursor.execute(composed.SQL(gone).format(partition))
        cursor.execute(
            composed.SQL(
                "alter table {} add foreign key (account_id, endpoint, day)"
                " references capture.account_day (account_id, endpoint, day) on delete cascade not valid"
            ).format(partition)
        )
        # Checked before the table is attached, so that no lock lasts as long as the check.
        constraint = _foreign_key(cursor, table)
        cursor.execute(
            composed.SQL("alter table {} validate constraint {}").format(
                partition, composed.Identifier(constraint)
            )
        )
        after = month.last_day + dt.timedelta(days=1)
        bounds = composed.SQL("alter table {} add check (day >= {} and day < {} and endpoint = {})").format(
            partition, *map(composed.Literal, (str(month.month), str(after), endpoint))
        )
        cursor.execute(bounds)
        cursor.execute(
            composed.SQL("alter table {} attach partition {} for values from ({}) to ({})").format(
                parent, partition, composed.Literal(str(month.month)), composed.Literal(str(after))
            )
        )
        cursor.execute(composed.SQL("analyze {}").format(partition))


def _has_rows(cursor: psycopg.Cursor[Any], table: composed.Identifier) -> bool:
    return cursor.execute(composed.SQL("select exists (select from {})").format(table)).fetchone() == (True,)


def _foreign_key(cursor: psycopg.Cursor[Any], table: str) -> str:
    found = cursor.execute(
        "select conname from pg_constraint where contype = 'f' and conrelid = to_regclass(%s)",
        (f"capture.{table}",),
    ).fetchone()
    assert found is not None
    return str(found[0])


def _remove_read_back(warehouse: Warehouse) -> None:
    for row in warehouse.execute("history/read_back_tables"):
        detach(warehouse, row["endpoint"], row["name"])
        with patient_with_locks(warehouse) as connection:
            connection.execute(
                composed.SQL("drop table {}").format(composed.Identifier("capture", row["name"]))
            )


def _state(warehouse: Warehouse, table: str) -> dict[str, Any] | None:
    found = warehouse.execute("history/partition_state", {"name": f"capture.{table}"})
    return found[0] if found else None


@contextmanager
def _alone(warehouse: Warehouse) -> Iterator[None]:
    with warehouse.engine.connect() as pooled:
        connection: psycopg.Connection[Any] = pooled.connection.driver_connection  # type: ignore[assignment]
        connection.execute("select pg_advisory_lock(%s)", (RESTORE_LOCK,))
        try:
            yield
        finally:
            connection.execute("select pg_advisory_unlock(%s)", (RESTORE_LOCK,))
