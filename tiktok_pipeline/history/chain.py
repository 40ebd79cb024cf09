"""The chain of closed days: an entry holds counts and hashes of its day, and a hash over all entries before it.

Whoever knows the newest head knows whether anything below it was changed since.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields, replace
from typing import Any, Literal

from tiktok_pipeline.warehouse.connection import Warehouse

COUNTS = ("account_days", "captured", "imported", "gaps", "items", "pages", "imported_rows")
HASHES = ("captured_hash", "gaps_hash", "pages_hash", "imported_hash")
IN_WORDS = {
    "captured_hash": "the ledger of what was captured",
    "gaps_hash": "the gaps",
    "pages_hash": "the pages",
    "imported_hash": "the imported rows",
}


@dataclass(frozen=True, slots=True)
class DayContent:
    """What there is of one day: counts, and hashes (SHA-256 in hex, empty when there is nothing)."""

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

    def differences(self, other: DayContent, names: Iterable[str] = COUNTS + HASHES) -> list[str]:
        """In words, what `other`, found now, has that this does not; empty when they are equal."""
        said = []
        for name in names:
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
    reason: Literal["closed", "import", "gap"]
    content: DayContent
    head: str

    @property
    def day(self) -> dt.date:
        """The day it speaks of."""
        return self.content.day


def next_entry(chain: list[Entry], reason: Literal["closed", "import", "gap"], content: DayContent) -> Entry:
    """The entry that follows `chain`."""
    revision = 1 + max((entry.revision for entry in chain if entry.day == content.day), default=0)
    entry = Entry(len(chain) + 1, revision, reason, content, "")
    return replace(entry, head=head_of(chain[-1].head if chain else "", entry))


def head_of(before: str, entry: Entry) -> str:
    """SHA-256 over the head before and everything an entry says, joined by line feeds; in hex."""
    said = (before, entry.position, entry.revision, entry.reason, *astuple(entry.content))
    return hashlib.sha256("\n".join(str(part) for part in said).encode()).hexdigest()


def first_break(chain: list[Entry]) -> Entry | None:
    """The first entry that does not follow from the one before it."""
    before = ""
    for position, entry in enumerate(chain, start=1):
        if entry.position != position or entry.head != head_of(before, entry):
            return entry
        before = entry.head
    return None


def latest_entries(chain: list[Entry]) -> dict[dt.date, Entry]:
    """The newest entry of each day."""
    return {entry.day: entry for entry in chain}


def read_chain(warehouse: Warehouse) -> list[Entry]:
    """All entries, oldest first."""
    return [_entry(row) for row in warehouse.execute("history/chain")]


def _entry(row: dict[str, Any]) -> Entry:
    content = DayContent(**{field.name: row[field.name] for field in fields(DayContent)})
    return Entry(row["position"], row["revision"], row["reason"], content, row["head"])
