"""Stores and their accounts, a page at a time: what an operator looks at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.hub.accounts import Account
from tiktok_pipeline.hub.stores import CODE, Store
from tiktok_pipeline.warehouse.connection import Warehouse

STORES_PER_PAGE = 50
STATUSES = ("CONNECTED", "NEED_RECONNECT", "ERROR", "DISABLED")
LONGEST_SEARCH = 100


@dataclass(frozen=True)
class StoreLine:
    """A store and its accounts."""

    store: Store
    accounts: tuple[Account, ...]


@dataclass(frozen=True)
class Overview:
    """A page of stores. `found` stores are on all `pages` together; `counts` are of everything there is."""

    lines: tuple[StoreLine, ...]
    found: int
    page: int
    counts: dict[str, int]

    @property
    def pages(self) -> int:
        """The number of pages, 1 when nothing was found."""
        return max(1, -(-self.found // STORES_PER_PAGE))


def overview(warehouse: Warehouse, search: str = "", status: str | None = None, page: int = 1) -> Overview:
    """Page `page` (from 1) of the stores that hold `search`, or an account of `status`. Three statements.

    A page beyond the last one is the first one; a status that does not exist is none.
    """
    values = {
        "search": search.replace("\0", "").strip()[:LONGEST_SEARCH],
        "status": status if status in STATUSES else None,
        "most": STORES_PER_PAGE,
        "skip": (page - 1) * STORES_PER_PAGE,
    }
    rows = warehouse.execute("hub/overview_stores", values)
    if not rows and page > 1:
        return overview(warehouse, search, status)
    found = rows[0]["found"] if rows else 0
    stores = [Store(**{name: value for name, value in row.items() if name != "found"}) for row in rows]
    [counts] = warehouse.execute("hub/overview_counts")
    return Overview(_with_accounts(warehouse, stores), found, page, counts)


def store_line(warehouse: Warehouse, code: str) -> StoreLine:
    """One store and its accounts. Raises PipelineError when there is none."""
    stores = warehouse.execute("hub/find_store", {"store_code": code}) if CODE.fullmatch(code) else []
    if not stores:
        raise PipelineError(f"store {code!r}: there is none. It may have been deleted.")
    return _with_accounts(warehouse, [Store(**stores[0])])[0]


def _with_accounts(warehouse: Warehouse, stores: Sequence[Store]) -> tuple[StoreLine, ...]:
    codes = [store.code for store in stores]
    accounts: dict[str, list[Account]] = {code: [] for code in codes}
    for row in warehouse.execute("hub/list_accounts", {"account_id": None, "store_codes": codes}):
        accounts[row["store_code"]].append(Account(**row))
    return tuple(StoreLine(store, tuple(accounts[store.code])) for store in stores)
