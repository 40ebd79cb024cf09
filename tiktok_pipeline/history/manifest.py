"""Writing the manifest: each day enters the chain once it is closed, in order, and is never rewritten.

What is added to a day later (an import into a gap, a gap that nobody had written) becomes a further entry at the
end of the chain, if all that stood there before still stands. So does a deletion (see deletion.py). Anything else is
left to `verify` to name.
"""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import asdict, dataclass, field, replace
from itertools import groupby
from typing import Any

import psycopg
from psycopg.rows import DictRow

from tiktok_pipeline.history.chain import (
    SINCE_ACCOUNTS_HASH,
    DayContent,
    Entry,
    Reason,
    chain_seen_by,
    latest_entries,
    next_entry,
    read_chain,
)
from tiktok_pipeline.history.content import DayNow, days_now
from tiktok_pipeline.warehouse.connection import Warehouse, run
from tiktok_pipeline.warehouse.derive import months

CHAIN_LOCK = 7_011_020  # any number, the same in every process
DAY = dt.timedelta(days=1)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Written:
    """What writing the manifest came to."""

    entries: list[Entry]
    newest: Entry | None
    not_closed: dt.date | None = None
    edited: dict[dt.date, list[str]] = field(default_factory=dict)


def write_manifest(
    warehouse: Warehouse, zone: str, grace: dt.timedelta, until: dt.date, run_id: str | None = None
) -> Written:
    """Add to the chain what is closed by now, up to the day `until`, and what was added to earlier days.

    `zone` and `grace` decide when a day is closed: when its grace is over, and nothing of it is planned, under
    way or failed. A day that is not closed holds up the days after it.
    """
    chain = read_chain(warehouse)
    [clock] = warehouse.execute("history/closed_until", {"zone": zone, "grace": grace})
    last = min(until, clock["last"])
    added: list[Entry] = []
    edited: dict[dt.date, list[str]] = {}
    not_closed: dt.date | None = None
    closed = [entry.day for entry in chain if entry.reason == "closed"]
    start = max(closed) + DAY if closed else clock["first"]
    if start is not None:
        for first, end in months(start, last):
            entries, not_closed = _close(warehouse, zone, first, end, run_id)
            added += entries
            if not_closed is not None:
                break
    changed = [row["day"] for row in warehouse.execute("history/changed_days", {"last": last})]
    for _month, days in groupby(changed, lambda day: day.replace(day=1)):
        entries, differences = _amend(warehouse, list(days), run_id)
        added += entries
        edited |= differences
    chain = read_chain(warehouse)
    return Written(added, chain[-1] if chain else None, not_closed, edited)


def lacks_chain(warehouse: Warehouse, zone: str, grace: dt.timedelta) -> dt.date | None:
    """The first day that was captured, when two runs should have sealed it and the chain is nonetheless empty."""
    if read_chain(warehouse):
        return None
    [clock] = warehouse.execute("history/closed_until", {"zone": zone, "grace": grace})
    first: dt.date | None = clock["captured"]
    return first if first is not None and first <= clock["last"] - 2 * DAY else None


def _close(
    warehouse: Warehouse, zone: str, first: dt.date, last: dt.date, run_id: str | None
) -> tuple[list[Entry], dt.date | None]:
    """Add the days from `first` to `last` until one is not closed; the entries, and that day."""
    with warehouse.transaction() as cursor:
        chain, now = _alone(cursor)
        known = latest_entries([entry for entry in chain if entry.reason == "closed"])
        unplanned = _unplanned(cursor, zone, first, last)
        found = days_now(cursor, first, last)
        entries: list[Entry] = []
        day = first
        while day <= last:
            there = found.get(day, DayNow(DayContent(day), DayContent(day)))
            if there.unsettled or unplanned.get(day):
                return entries, day
            if day not in known:
                entries.append(append(cursor, chain, "closed", there.content, now, run_id))
            day += DAY
        return entries, None


def _amend(
    warehouse: Warehouse, days: list[dt.date], run_id: str | None
) -> tuple[list[Entry], dict[dt.date, list[str]]]:
    """Add what came to `days` of one month after their latest entries; a day that was edited gets no entry."""
    with warehouse.transaction() as cursor:
        chain, now = _alone(cursor)
        known = latest_entries(chain)
        archived = bool(run(cursor, "history/archived_months", {"first": days[0], "last": days[-1]}))
        found = days_now(cursor, days[0], days[-1], pages=not archived)
        added: list[Entry] = []
        differences: dict[dt.date, list[str]] = {}
        for day in days:
            entry, there = known.get(day), found.get(day)
            if there is None or there.unsettled:
                continue
            if entry is not None and archived:
                there = with_pages_of(there, entry.content)
            if entry is not None and (changes := changes_of(entry.content, there)):
                differences[day] = changes
                log.error("%s was edited: %s", day, "; ".join(changes))
                continue
            imported = there.new_imports if entry is not None else there.content.imported
            added.append(append(cursor, chain, "import" if imported else "gap", there.content, now, run_id))
        return added, differences


def changes_of(then: DayContent, now: DayNow) -> list[str]:
    """What was changed of a day beyond what was honestly added to it since; empty when nothing was.

    An import may take the place of a gap, so with imports the gaps are only counted.
    """
    if not now.new_imports and not now.new_gaps:
        return then.differences(now.content)
    kept = ["captured", "pages", "captured_hash", "pages_hash", "imported_hash", "deleted", "deleted_hash"]
    kept += SINCE_ACCOUNTS_HASH
    # What a broken capture had reached is forgotten when its gap is filled.
    differences = then.differences(now.before, [*kept, *([] if now.new_imports else ["items", "gaps_hash"])])
    if now.content.imported - now.new_imports != then.imported:
        differences.append(
            f"imported: {then.imported:,} then, {now.content.imported - now.new_imports:,} of them now"
        )
    if not then.gaps - now.new_imports <= now.content.gaps - now.new_gaps <= then.gaps:
        differences.append(f"gaps: {then.gaps:,} then, {now.content.gaps - now.new_gaps:,} of them now")
    return differences


def with_pages_of(now: DayNow, pages: DayContent) -> DayNow:
    """`now` with count and hash of its pages from elsewhere."""
    known: dict[str, Any] = {"pages": pages.pages, "pages_hash": pages.pages_hash}
    return replace(now, content=replace(now.content, **known), before=replace(now.before, **known))


def hold_chain(cursor: psycopg.Cursor[DictRow]) -> list[Entry]:
    """The chain, to which nobody else adds before the transaction ends."""
    cursor.execute("select pg_advisory_xact_lock(%s)", (CHAIN_LOCK,))
    return chain_seen_by(cursor)


def _alone(cursor: psycopg.Cursor[DictRow]) -> tuple[list[Entry], dt.datetime]:
    """Keep other writers of the chain out, and imports; the chain, and the time of what is read from now on."""
    chain = hold_chain(cursor)
    # An import under way would be older than the entry and yet not in it. It waits, or we do.
    cursor.execute("lock table capture.imported in share mode")
    cursor.execute("select ops.now() as now")
    clock = cursor.fetchone()
    assert clock is not None
    return chain, clock["now"]


def _unplanned(
    cursor: psycopg.Cursor[DictRow], zone: str, first: dt.date, last: dt.date
) -> dict[dt.date, int]:
    counted: dict[dt.date, int] = {}
    for endpoint in ("user_info", "video_list"):
        span = {"endpoint": endpoint, "zone": zone, "first": first, "last": last}
        for row in run(cursor, "capture/totals", span):
            counted[row["day"]] = counted.get(row["day"], 0) + row["unplanned"]
    return counted


def append(
    cursor: psycopg.Cursor[DictRow],
    chain: list[Entry],
    reason: Reason,
    content: DayContent,
    now: dt.datetime,
    run_id: str | None,
) -> Entry:
    """Add an entry to the chain, in the database and in `chain`, which `hold_chain` gave."""
    latest = next((entry for entry in reversed(chain) if entry.day == content.day), None)
    entry = next_entry(chain[-1] if chain else None, latest, reason, content)
    row = {
        **asdict(content),
        "position": entry.position,
        "revision": entry.revision,
        "reason": entry.reason,
        "head": entry.head,
        "written_at": now,
        "run_id": run_id,
    }
    run(cursor, "history/append", row)
    chain.append(entry)
    return entry
