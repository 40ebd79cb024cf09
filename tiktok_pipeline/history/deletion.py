"""Deleting a store, honestly: the chain of closed days says what was deleted, and by whom.

Of every sealed account-day of the store the hashes are kept, so the entries of its days go on vouching for all that
stays, and for what went: a deletion hides no edit made before it. Each day that it touches gets a further entry,
which holds a hash of what was kept. A `delete from hub.stores` keeps nothing, and `verify` names its days.
"""

from __future__ import annotations

import getpass
import socket
from dataclasses import dataclass, replace

import psycopg
from psycopg.rows import DictRow

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.history.chain import latest_entries
from tiktok_pipeline.history.manifest import append, hold_chain
from tiktok_pipeline.warehouse.connection import Warehouse, run

LOCK_TIMEOUT = "10s"


class StoreInUse(PipelineError):
    """The store was not deleted, because others use what must be locked; it can be in a minute."""


@dataclass(frozen=True, slots=True)
class Deleted:
    """What deleting a store came to: `days` of the chain had something of it."""

    accounts: int
    days: int


def delete_store(warehouse: Warehouse, code: str, actor: str) -> Deleted:
    """Delete the store, its accounts with their tokens, and everything captured, imported and derived of them.

    It cannot be undone; disabling its accounts is the normal act. TikTok is not told: disconnect the accounts first.
    `actor` is what asked for it. What lies in an archive stays there. Raises PipelineError when there is no such
    store, and StoreInUse; nothing is changed then.
    """
    try:
        with warehouse.transaction() as cursor:
            cursor.execute("select set_config('lock_timeout', %s, true)", (LOCK_TIMEOUT,))
            return _delete(cursor, code, actor)
    except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
        raise StoreInUse(
            f"store {code}: not deleted: days are being sealed or its accounts are in use. Try again in a minute."
        ) from None


def _delete(cursor: psycopg.Cursor[DictRow], code: str, actor: str) -> Deleted:
    # The chain first: whoever waits for it then holds no row that others need.
    chain = hold_chain(cursor)
    store = {"store_code": code}
    if not run(cursor, "hub/hold_store_to_delete", store):
        raise PipelineError(f"store {code!r}: there is none. It may have been deleted.")
    who = {"actor": actor, "os_user": getpass.getuser(), "host": socket.gethostname()}
    [deletion] = run(cursor, "history/log_deletion", {**store, **who})
    leaving = {"account_ids": deletion["account_ids"], "deletion_id": deletion["id"]}
    run(cursor, "history/remember_deleted", leaving)
    touched = {"first": None, "last": None, "deletion_id": deletion["id"]}
    known = latest_entries(chain)
    days = run(cursor, "history/deleted_by_day", touched)
    for row in days:
        content = replace(known[row["day"]].content, deleted=row["deleted"], deleted_hash=row["deleted_hash"])
        append(cursor, chain, "deleted", content, deletion["at"], None)
    run(cursor, "hub/delete_store", store)
    return Deleted(len(deletion["account_ids"]), len(days))
