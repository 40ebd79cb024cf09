"""The chain of closed days: an entry holds counts and hashes of its day, and a hash over all entries before it.

Whoever knows the newest head knows whether anything below it was changed since.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields, replace
from typing import Any, Literal

import psycopg
from psycopg.rows import DictRow

from tiktok_pipeline.warehouse.connection import Warehouse, run

COUNTS = (
    "account_days",
    "captured",
    "imported",
    "gaps",
    "items",
    "pages",
    "imported_rows",
    "deleted",
    "queries",
)
HASHES = (
    "captured_hash", "gaps_hash", "pages_hash", "imported_hash", "deleted_hash", "queries_hash", "accounts_hash",
)  # fmt: skip
# An entry written before there was accounts_hash says nothing of these.
SINCE_ACCOUNTS_HASH = ("queries", "queries_hash", "accounts_hash")
IN_WORDS = {
    "captured_hash": "the ledger of what was captured",
    "gaps_hash": "the gaps",
    "pages_hash": "the pages",
    "imported_hash": "the imported rows",
    "deleted_hash": "what is left of deleted stores",
    "queries_hash": "the answers about vanished videos",
    "accounts_hash": "which accounts these were, by store and open_id",
}

Reason = Literal["closed", "import", "gap", "deleted"]
# What a further entry of a day may say differently. What was captured never changes: neither its ledger nor its pages.
MAY_CHANGE: dict[Reason, frozenset[str]] = {
    "closed": frozenset(),
    "import": frozenset(
        {
            "account_days",
            "imported",
            "gaps",
            "items",
            "imported_rows",
            "gaps_hash",
            "imported_hash",
            "accounts_hash",
        }
    ),
    "gap": frozenset({"account_days", "gaps", "gaps_hash"}),
    "deleted": frozenset({"deleted", "deleted_hash"}),
}


@dataclass(frozen=True, slots=True)
class DayContent:
    """What there is of one day: counts, and hashes (SHA-256 in hex, empty when there is nothing).

    What belonged to stores that were deleted since still counts: of it the hashes are left. `deleted` are such
    account-days.
    """

    day: dt.date
    account_days: int = 0
    captured: int = 0
    imported: int = 0
    gaps: int = 0
    items: int = 0
    pages: int = 0
    imported_rows: int = 0
    captured_hash: str = ""
    gaps_hash: str = ""
    pages_hash: str = ""
    imported_hash: str = ""
    deleted: int = 0
    deleted_hash: str = ""
    queries: int = 0
    queries_hash: str = ""
    accounts_hash: str = ""

    @property
    def says_accounts(self) -> bool:
        """Whether queries and accounts_hash are said; an entry of an older release says neither."""
        return bool(self.accounts_hash) or not self.captured + self.imported

    def differences(self, other: DayContent, names: Iterable[str] = COUNTS + HASHES) -> list[str]:
        """In words, what `other`, found now, has that this does not; empty when they are equal."""
        said = []
        for name in names:
            if name in SINCE_ACCOUNTS_HASH and not self.says_accounts:
                continue
            then, now = getattr(self, name), getattr(other, name)
            if then != now:
                said.append(
                    f"{name.replace('_', ' ')}: {then:,} then, {now:,} now"
                    if name in COUNTS
                    else f"content of {IN_WORDS[name]}"
                )
        return said


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the chain."""

    position: int
    revision: int
    reason: Reason
    content: DayContent
    head: str

    @property
    def day(self) -> dt.date:
        """The day it speaks of."""
        return self.content.day


BASE = [field.name for field in fields(DayContent)].index("deleted")


def next_entry(newest: Entry | None, latest: Entry | None, reason: Reason, content: DayContent) -> Entry:
    """The entry that follows the chain's `newest`; `latest` is the newest of its day."""
    position, before = (newest.position, newest.head) if newest else (0, "")
    entry = Entry(position + 1, latest.revision + 1 if latest else 1, reason, content, "")
    return replace(entry, head=head_of(before, entry))


def head_of(before: str, entry: Entry) -> str:
    """SHA-256 over the head before and everything an entry says, joined by line feeds; in hex."""
    content = entry.content
    said = [before, entry.position, entry.revision, entry.reason, *astuple(content)[:BASE]]
    # What there is nothing of is not said: so entries that are older than these parts stay good.
    if content.deleted:
        said += [content.deleted, content.deleted_hash]
    if content.queries:
        said += ["queries", content.queries, content.queries_hash]
    if content.accounts_hash:
        said += ["accounts", content.accounts_hash]
    return hashlib.sha256("\n".join(str(part) for part in said).encode()).hexdigest()


def first_break(chain: list[Entry]) -> Entry | None:
    """The first entry that does not follow from the one before it."""
    before = ""
    for position, entry in enumerate(chain, start=1):
        if entry.position != position or entry.head != head_of(before, entry):
            return entry
        before = entry.head
    return None


def dishonest_revisions(chain: list[Entry]) -> dict[dt.date, list[str]]:
    """Days of which an entry says what its reason does not allow, given the entry before it; and what that is."""
    found: dict[dt.date, list[str]] = {}
    latest: dict[dt.date, Entry] = {}
    for entry in chain:
        before = latest.get(entry.day)
        latest[entry.day] = entry
        kept = [name for name in COUNTS + HASHES if name not in MAY_CHANGE[entry.reason]]
        if before is None:
            wrong = [] if entry.revision == 1 and entry.reason != "deleted" else ["it is no first entry"]
        elif entry.revision != before.revision + 1 or entry.reason == "closed":
            wrong = [f"it does not follow revision {before.revision}"]
        else:
            wrong = before.content.differences(entry.content, kept)
            if before.content.says_accounts and not entry.content.says_accounts:
                wrong.append("it does not say which accounts these were")
        found.setdefault(entry.day, []).extend(
            f"revision {entry.revision} ({entry.reason}): {said}" for said in wrong
        )
    return {day: said for day, said in found.items() if said}


def latest_entries(chain: list[Entry]) -> dict[dt.date, Entry]:
    """The newest entry of each day."""
    return {entry.day: entry for entry in chain}


def read_chain(warehouse: Warehouse) -> list[Entry]:
    """All entries, oldest first."""
    return [_entry(row) for row in warehouse.execute("history/chain")]


def chain_seen_by(cursor: psycopg.Cursor[DictRow]) -> list[Entry]:
    """All entries that a transaction sees, oldest first."""
    return [_entry(row) for row in run(cursor, "history/chain")]


def _entry(row: dict[str, Any]) -> Entry:
    content = DayContent(**{field.name: row[field.name] for field in fields(DayContent)})
    return Entry(row["position"], row["revision"], row["reason"], content, row["head"])
