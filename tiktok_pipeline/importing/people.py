"""Stores and accounts: who is known already, and adding who is not. What is there is never changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from itertools import count

import psycopg
from psycopg.rows import DictRow

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.hub.stores import CODE
from tiktok_pipeline.hub.words import checked_line
from tiktok_pipeline.importing.values import Refused, Times, identifier, words
from tiktok_pipeline.warehouse.connection import Warehouse, run

Row = Mapping[str, str | None]

STATUS = ("CONNECTED", "NEED_RECONNECT", "ERROR", "DISABLED")
REASON = "imported; its tokens stayed where it came from, so a person must connect it again"
WAS_DISABLED = "imported; it was DISABLED where it came from. Connect it again, or disable it here"


class Known:
    """The stores and accounts there are, and for a rehearsal also those there would be."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._stores = {row["code"] for row in warehouse.execute("hub/list_stores")}
        self._accounts: dict[tuple[str, str], int] = {}
        self._of_store: dict[str, list[int]] = defaultdict(list)
        self._store_of: dict[str, str] = {}
        self._names: dict[int, tuple[str, str]] = {}
        self._pretended = count(-1, -1)
        for row in warehouse.execute("hub/list_accounts", {"account_id": None, "store_codes": None}):
            self._note(row["store_code"], row["open_id"], row["id"])

    def account(self, row: Row) -> int:
        """Id of the account that a row names by store and open_id. Raises Refused."""
        store_code, open_id = self.store(row), identifier(row["open_id"], "open_id")
        account_id = self._accounts.get((store_code, open_id))
        if account_id is None:
            raise Refused(
                "open_id: the store has no such account; import store_accounts, or connect it first"
            )
        return account_id

    def account_of_video(self, row: Row) -> int:
        """Id of the account of a video, by open_id where the row has one, else the store's only account."""
        if (row.get("open_id") or "").strip():
            return self.account(row)
        accounts = self._of_store[self.store(row)]
        if not accounts:
            raise Refused("store_code: the store has no account; import store_accounts, or connect it first")
        if len(accounts) > 1:
            raise Refused(
                "store_code: the store has several accounts; a column open_id must say whose video it is"
            )
        return accounts[0]

    def store(self, row: Row) -> str:
        """The row's store. Raises Refused when there is none."""
        code = store_code(row)
        if code not in self._stores:
            raise Refused("store_code: no such store; import stores, or add it first")
        return code

    def add_store(self, cursor: psycopg.Cursor[DictRow] | None, row: Row, times: Times) -> bool:
        """Whether the row's store was added now. Without a cursor it is only rehearsed. Raises Refused."""
        code = store_code(row)
        contact = words(row.get("pic_contact"))
        try:
            values = {
                "store_code": code,
                "store_name": checked_line(words(row["store_name"]) or "", "store_name"),
                "pic_name": checked_line(words(row["pic_name"]) or "", "pic_name"),
                "pic_contact": checked_line(contact, "pic_contact") if contact else None,
                "created_at": times.instant(row.get("created_at"), "created_at"),
            }
        except PipelineError as error:
            raise Refused(str(error)) from None
        if code in self._stores:
            return False
        if cursor is not None:
            run(cursor, "importing/add_store", values)
        self._stores.add(code)
        return True

    def add_account(
        self, cursor: psycopg.Cursor[DictRow] | None, row: Row, times: Times, client_key: str
    ) -> bool:
        """Whether the row's account was added now. Without a cursor it is only rehearsed. Raises Refused."""
        code, open_id = self.store(row), identifier(row["open_id"], "open_id")
        status = (row.get("status") or "").strip().upper()
        if status and status not in STATUS:
            raise Refused(f"status: none of {', '.join(STATUS)}")
        values = {
            "store_code": code,
            "open_id": open_id,
            "client_key": client_key,
            "display_name": words(row.get("display_name")),
            "avatar_url": words(row.get("avatar_url")),
            "connected_at": times.instant(row.get("connected_at"), "connected_at"),
            "reason": WAS_DISABLED if status == "DISABLED" else REASON,
        }
        if (code, open_id) in self._accounts:
            return False
        if self._store_of.get(open_id, code) != code:
            raise Refused("open_id: another store's account already, and an account belongs to one store")
        if cursor is None:
            self._note(code, open_id, next(self._pretended))
            return True
        run(cursor, "hub/hold_open_id", {"open_id": open_id})
        added = run(cursor, "importing/add_account", values)
        if not added:
            raise Refused("open_id: connected by somebody else meanwhile; import again")
        self._note(code, open_id, added[0]["id"])
        return True

    def name_of(self, account_id: int) -> dict[str, str]:
        """Store and open_id of an account, as columns."""
        code, open_id = self._names[account_id]
        return {"store_code": code, "open_id": open_id}

    def _note(self, code: str, open_id: str, account_id: int) -> None:
        self._accounts[code, open_id] = account_id
        self._of_store[code].append(account_id)
        self._store_of[open_id] = code
        self._names[account_id] = (code, open_id)


def store_code(row: Row) -> str:
    """The row's store code. Raises Refused when it cannot be one."""
    code = (row["store_code"] or "").strip()
    if not code:
        raise Refused("store_code: empty")
    if not CODE.fullmatch(code):
        raise Refused("store_code: not 1 to 50 lower-case letters, digits, _ and -")
    return code
