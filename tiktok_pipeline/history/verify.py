"""Has history been edited? Every entry of the chain is computed again, and so is the content of its day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.history.archived import ArchivedMonth, archived_months, pages_read_back
from tiktok_pipeline.history.chain import (
    DayContent,
    Entry,
    dishonest_revisions,
    first_break,
    latest_entries,
    read_chain,
)
from tiktok_pipeline.history.content import DayNow, days_now
from tiktok_pipeline.history.derived import wrong_rows
from tiktok_pipeline.history.manifest import changes_of, with_pages_of
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.derive import months


@dataclass(frozen=True, slots=True)
class Verdict:
    """What verifying came to. `edited`: the days whose content is not what the chain says, and what differs.

    `deleted`: account-days of deleted stores, of which the hashes are left; pages and imported rows count them, too.
    `wrong_rows`: the days on which derived tables do not say what pages and imports give, and these tables.
    """

    entries: int
    newest: Entry | None
    broken_at: Entry | None = None
    days: int = 0
    pages: int = 0
    imported_rows: int = 0
    edited: dict[dt.date, list[str]] = field(default_factory=dict)
    deleted: int = 0
    not_yet_in_chain: int = 0
    read_back: list[dt.date] = field(default_factory=list)
    wrong_rows: dict[dt.date, list[str]] = field(default_factory=dict)

    @property
    def sound(self) -> bool:
        """Whether nothing was edited."""
        return self.broken_at is None and not self.edited and not self.wrong_rows


def verify(
    warehouse: Warehouse,
    first: dt.date | None = None,
    last: dt.date | None = None,
    *,
    archive: str | None = None,
    derived: bool = False,
    after_month: Callable[[dt.date], None] = lambda _: None,
) -> Verdict:
    """Check the whole chain with the log of deletions, and the content of its days from `first` to `last`.

    Raises PipelineError when no day of the chain lies in the range that was given.
    Months whose pages were archived are read back from where they were written, or from the folder `archive`.
    `derived`: derive every row again, too, and compare; that takes longer than all the rest.
    `after_month` is told the last day of each month that was checked.
    """
    chain = read_chain(warehouse)
    if not chain or (broken := first_break(chain)):
        return Verdict(len(chain), chain[-1] if chain else None, broken_at=broken if chain else None)
    known = latest_entries(chain)
    begin = max(first or min(known), min(known))
    end = min(last or max(known), max(known))
    if begin > end:
        raise PipelineError(
            f"no day of the chain lies between {first or min(known)} and {last or max(known)}: "
            f"its days are {min(known)} to {max(known)}. Nothing was verified."
        )
    archived = {month.month: month for month in archived_months(warehouse, begin, end)}
    edited = dishonest_revisions(chain)
    for day, said in _unlogged_deletions(warehouse, chain).items():
        edited.setdefault(day, []).extend(said)
    contents: list[DayContent] = []
    waiting = 0
    for start, stop in months(begin, end):
        found = _month(warehouse, start, stop, archived.get(start.replace(day=1)), archive)
        for day, entry in known.items():
            if start <= day <= stop:
                now = found.pop(day, DayNow(DayContent(day), DayContent(day)))
                contents.append(now.content)
                waiting += now.new_imports + now.new_gaps
                if changes := changes_of(entry.content, now):
                    edited.setdefault(day, []).extend(changes)
        after_month(stop)
    return Verdict(
        entries=len(chain),
        newest=chain[-1],
        days=len(contents),
        pages=sum(content.pages for content in contents),
        imported_rows=sum(content.imported_rows for content in contents),
        deleted=sum(content.deleted for content in contents),
        edited=dict(sorted(edited.items())),
        not_yet_in_chain=waiting,
        read_back=sorted(archived),
        wrong_rows=wrong_rows(warehouse, begin, end) if derived else {},
    )


def _unlogged_deletions(warehouse: Warehouse, chain: list[Entry]) -> dict[dt.date, list[str]]:
    """Days whose entries for deletions are not those of the log, each with one entry more."""
    by_the_log: dict[dt.date, list[int]] = {}
    unlogged = set()
    for row in warehouse.execute("history/deletions_by_day"):
        totals = by_the_log.setdefault(row["day"], [])
        totals.append(row["left_over"] + (totals[-1] if totals else 0))
        if row["logged"] != row["left_over"]:
            unlogged.add(row["day"])
    by_the_chain: dict[dt.date, list[int]] = {}
    for entry in chain:
        if entry.reason == "deleted":
            by_the_chain.setdefault(entry.day, []).append(entry.content.deleted)
    wrong = {
        day for day in by_the_log.keys() | by_the_chain.keys() if by_the_log.get(day) != by_the_chain.get(day)
    }
    return {day: ["deletions that ops.deletion_log does not have"] for day in sorted(wrong | unlogged)}


def _month(
    warehouse: Warehouse, first: dt.date, last: dt.date, archived: ArchivedMonth | None, archive: str | None
) -> dict[dt.date, DayNow]:
    with warehouse.transaction() as cursor:
        cursor.execute("set transaction isolation level repeatable read")
        if archived is None:
            return days_now(cursor, first, last)
        found = days_now(cursor, first, last, pages=False)
        pages = pages_read_back(cursor, archived, archive)
    return {
        day: with_pages_of(
            found.get(day, DayNow(DayContent(day), DayContent(day))), pages.get(day, DayContent(day))
        )
        for day in found.keys() | {day for day in pages if first <= day <= last}
    }
