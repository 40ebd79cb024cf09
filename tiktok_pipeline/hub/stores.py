"""Stores: who they are, and who is in charge of them."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

import psycopg
from psycopg.rows import DictRow

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.hub.words import checked_line
from tiktok_pipeline.warehouse.connection import Warehouse, run

CODE = re.compile(r"[a-z0-9_-]{1,50}")


@dataclass(frozen=True)
class Store:
    """A store. `created_at` is aware."""

    code: str
    name: str
    pic: str
    contact: str | None
    created_at: dt.datetime


def add_store(warehouse: Warehouse, code: str, name: str, pic: str, contact: str | None = None) -> Store:
    """The new store. `pic` is the person in charge, `contact` how to reach them.

    Raises PipelineError when the code is taken or a value is not acceptable; nothing is changed then.
    """
    if not CODE.fullmatch(code):
        raise PipelineError(
            f"store code {code!r}: not usable. Use 1 to 50 lower-case letters, digits, '_' and '-'."
        )
    added = warehouse.execute("hub/add_store", _checked(code, name, pic, contact))
    if not added:
        raise PipelineError(f"store {code}: exists already. Choose another code, or connect its accounts.")
    return Store(**added[0])


def change_store(warehouse: Warehouse, code: str, name: str, pic: str, contact: str | None = None) -> Store:
    """The store with another name, person in charge or contact; its code stays, as history is kept under it.

    Raises PipelineError when there is no such store or a value is not acceptable; nothing is changed then.
    """
    changed = warehouse.execute("hub/change_store", _checked(code, name, pic, contact))
    if not changed:
        raise PipelineError(f"store {code!r}: there is none. It may have been deleted.")
    return Store(**changed[0])


def list_stores(warehouse: Warehouse) -> list[Store]:
    """All stores, by code."""
    return [Store(**row) for row in warehouse.execute("hub/list_stores")]


def require_store(cursor: psycopg.Cursor[DictRow], code: str) -> None:
    """Raise PipelineError when there is no such store; else it stays until the transaction ends."""
    if not CODE.fullmatch(code) or not run(cursor, "hub/hold_store", {"store_code": code}):
        raise PipelineError(f"store {code!r}: there is none. Add it first: tiktok-pipeline store add.")


def _checked(code: str, name: str, pic: str, contact: str | None) -> dict[str, str | None]:
    return {
        "store_code": code,
        "store_name": checked_line(name, f"store {code}, its name"),
        "pic_name": checked_line(pic, f"store {code}, its person in charge"),
        "pic_contact": checked_line(contact, f"store {code}, the contact") if contact else None,
    }
