"""The ledger: one row per account, endpoint and day, and every step an account-day can take.

    planned -> capturing -> captured | failed -> gap        (or imported)

A worker holds an account-day by a lease. The lease only decides who may try; who may write is decided by
`owner`, which every write names. Each step is one statement of `sql/capture`, so a step happens or does not.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from tenacity import (
    Retrying,
    before_sleep_log,
    retry_if_exception_type,
    stop_after_delay,
    wait_random_exponential,
)

from tiktok_pipeline.crash_points import crash_point
from tiktok_pipeline.warehouse.connection import AWAY, Warehouse

Endpoint = Literal["user_info", "video_list"]
Reason = Literal[
    "missed",
    "provider_down",
    "needs_reconnect",
    "not_yet_connected",
    "scope_missing",
    "quota_exhausted",
    "malformed",
    "cancelled",
]
LEASE = dt.timedelta(seconds=60)
PARTITIONS_AHEAD = dt.timedelta(days=92)
DATABASE_PATIENCE_SECONDS = 120  # a restart or a failover ends within this
MOST_OUTCOMES = 200  # what a person reads; the ledger has them all

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AccountDay:
    """An account-day that this worker holds, and the page it has reached."""

    account_id: int
    endpoint: Endpoint
    day: dt.date
    store_code: str
    status: str
    cursor: int | None
    pages: int

    def __str__(self) -> str:
        return f"account {self.account_id} (store {self.store_code}), {self.endpoint} of {self.day}"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an account-day failed: the gap's reason if it stays so, and TikTok's own words."""

    reason: Reason
    code: str
    message: str
    http_status: int | None = None
    log_id: str | None = None
    final: bool = False  # another try today would not help


@dataclass(frozen=True, slots=True)
class DayTotals:
    """How many account-days of one endpoint and day are in which state."""

    day: dt.date
    account_days: int = 0
    captured: int = 0
    imported: int = 0
    failed: int = 0
    open: int = 0
    gaps: int = 0
    unexpected: int = 0
    unplanned: int = 0
    late: int = 0
    pages: int = 0
    items: int = 0
    refused: int = 0
    reasons: tuple[Reason, ...] = ()

    @property
    def expected(self) -> int:
        """Account-days that somebody could expect data of: connected by then, and not disabled."""
        return self.account_days + self.unplanned - self.unexpected

    @property
    def there(self) -> int:
        """Account-days with data."""
        return self.captured + self.imported

    @property
    def shortfall(self) -> str | None:
        """In words, what this day lacks; None when it is complete."""
        if self.account_days + self.unplanned == 0:
            return None
        why = ", ".join(self.reasons) or "still open"
        if self.there == 0:
            return f"nothing captured ({why})"
        if self.there < self.expected:
            return f"{self.expected - self.there} of {self.expected} account-days missing ({why})"
        return None


class LeaseLost(Exception):
    """Another worker holds the account-day, or its day is over: what is in hand must not be written."""


class Ledger:
    """The account-days of one endpoint, of all accounts or of some, seen by one worker.

    Statements are repeated for up to two minutes while the database is away; each is safe to repeat.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        endpoint: Endpoint,
        zone: str,
        grace: dt.timedelta,
        run_id: str | None = None,
        lease: dt.timedelta = LEASE,
        accounts: Collection[int] | None = None,
    ) -> None:
        self.warehouse = warehouse
        self.endpoint = endpoint
        self.lease = lease
        self.owner = uuid.uuid4()
        self._common = {
            "endpoint": endpoint,
            "zone": zone,
            "grace": grace,
            "lease": lease,
            "owner": self.owner,
            "run_id": run_id,
            "accounts": None if accounts is None else list(accounts),
        }

    def today(self) -> dt.date:
        """The business day now, by the database's clock."""
        return self._execute("today")[0]["day"]  # type: ignore[no-any-return]

    def ensure_partitions(self, first: dt.date, last: dt.date) -> None:
        """Make the monthly partitions from `first` to three months after `last`."""
        self._execute("ensure_partitions", first=first, last=last + PARTITIONS_AHEAD)

    def plan(self, day: dt.date) -> int:
        """Plan `day`, which must be today, and plan again what failed; how many account-days that is.

        Of a disabled account nothing is captured: its day is a gap from the start.
        """
        self._execute("cancel", day=day)
        first_time = len(self._execute("plan", day=day))
        crash_point("half_planned")
        return first_time + len(self._execute("plan_again", day=day))

    def plan_afresh(self, day: dt.date, before: dt.datetime | None = None) -> int:
        """Plan a fresh capture of what was captured today (`before` an instant); how many account-days that is."""
        return len(self._execute("plan_afresh", day=day, before=before))

    def claim(self, day: dt.date, places: int, in_hand: Collection[int] = ()) -> list[AccountDay]:
        """Take up to `places` account-days of `day` that nobody holds; an attempt of each is counted.

        `in_hand`: accounts that this worker has already. What is leased to it beside these was claimed by a
        statement whose answer got lost, and is handed out again.

        What a dead worker held is free as well, but a suspect: one at a time is in a worker's hands (it may be
        one more than `places`), so that whatever kills workers takes no others down with it. After three deaths
        it is failed as `poison`.
        """
        for poison in self._execute("note_deaths", day=day):
            if poison["state"] == "failed":
                log.error(
                    "account %s, %s of %s: %s",
                    poison["account_id"],
                    self.endpoint,
                    day,
                    poison["error_message"],
                )
        rows = self._execute("claim", day=day, places=places, in_hand=list(in_hand))
        if rows:
            crash_point("claimed")
        return [AccountDay(**row) for row in rows]

    def left(self, day: dt.date) -> int:
        """Account-days of `day` that may still be fetched, by this worker or another."""
        return self._execute("left", day=day)[0]["account_days"]  # type: ignore[no-any-return]

    def land(
        self,
        unit: AccountDay,
        body: str,
        *,
        log_id: str | None,
        items: int,
        refused: int,
        next_cursor: int | None,
        last: bool,
    ) -> None:
        """Write one page, which has just arrived, and the progress it means, in one statement.

        Raises LeaseLost.
        """
        arrived = time.monotonic()
        page = {"account_id": unit.account_id, "day": unit.day, "page_no": unit.pages, "body": body}
        progress = {
            "log_id": log_id,
            "items": items,
            "refused": refused,
            "next_cursor": next_cursor,
            "last": last,
        }

        def landed() -> list[dict[str, Any]]:
            age = dt.timedelta(seconds=time.monotonic() - arrived)  # while the database was away
            return self.warehouse.execute("capture/land", {**self._common, **page, **progress, "age": age})

        if not patiently(landed) and not self._execute("landed", **page):
            raise LeaseLost(str(unit))

    def tell_hub(self, day: dt.date) -> None:
        """Note in the hub which accounts were captured on `day`, with their profiles when these came.

        Also which keep failing for a reason that only we can mend (ERROR), and which work again (CONNECTED).
        """
        self._execute("tell_hub", day=day)
        self._execute("keeps_failing", day=day)
        self._execute("works_again", day=day)

    def fail(self, unit: AccountDay, failure: Failure) -> None:
        """Write why `unit` failed. Nothing happens when the lease was lost."""
        self._execute(
            "fail",
            account_id=unit.account_id,
            day=unit.day,
            reason=failure.reason,
            error_code=failure.code,
            error_message=failure.message,
            http_status=failure.http_status,
            log_id=failure.log_id,
            final=failure.final,
        )

    def give_back(self, unit: AccountDay) -> None:
        """Let others have their turn before `unit` goes on, here or at another worker."""
        self._execute("give_back", account_id=unit.account_id, day=unit.day)

    def put_off(self, day: dt.date, why: str) -> int:
        """Note on all that is open of `day` that TikTok is down; how many account-days. A later run takes them up.

        None of them has failed. If no run comes to it, that is what their gap says.
        """
        return len(self._execute("put_off", day=day, error_message=why))

    def extend_leases(self) -> None:
        """Show that this worker is alive. Not repeated: the next heartbeat comes soon."""
        self.warehouse.execute("capture/extend_leases", self._common)

    def release(self) -> None:
        """Give back everything this worker holds. Not repeated: leases end by themselves."""
        self.warehouse.execute("capture/release", self._common)

    def close(self, first: dt.date, last: dt.date) -> int:
        """Write the gaps of the past days from `first` to `last`; how many account-days became one.

        Also days on which an account was not connected yet get their gap: somebody asked for these days.
        """
        return self._close(first, last)

    def close_all(self) -> int:
        """Write the gaps of every past day since each account was connected; how many account-days became one.

        Whatever was missed while nothing ran, however long ago, is found.
        """
        return self._close(None, None)

    def _close(self, first: dt.date | None, last: dt.date | None) -> int:
        return sum(
            len(self._execute(name, first=first, last=last))
            for name in ("close_unfinished", "close_unplanned")
        )

    def under_way(self) -> list[dt.date]:
        """Past days with a capture that was cut off and may still be finished within the grace."""
        return [row["day"] for row in self._execute("under_way")]

    def incomplete_today(self, day: dt.date) -> int:
        """Account-days of today (`day`), of both endpoints, that could be fetched now and were not."""
        return self._execute("incomplete_today", day=day)[0]["missing"]  # type: ignore[no-any-return]

    def unsettled(self) -> int:
        """Account-days of past days that can no longer be captured and wait to become gaps."""
        return self._execute("unsettled")[0]["account_days"]  # type: ignore[no-any-return]

    def accounted(self, first: dt.date, last: dt.date) -> list[dict[str, Any]]:
        """For every day: `accounts` connected by then, `states` they have, `unsettled` ones among these."""
        return self._execute("accounted", first=first, last=last)

    def accounted_in_all(self, last: dt.date) -> dict[str, Any]:
        """Of all days until `last` or yesterday: `states`, how many are `expected`, and the `first` and `last` day."""
        return self._execute("accounted_in_all", last=last)[0]

    def totals(self, first: dt.date, last: dt.date) -> dict[dt.date, DayTotals]:
        """Totals of every day from `first` to `last` on which an account was connected or has a row."""
        rows = self._execute("totals", first=first, last=last)
        return {row["day"]: DayTotals(**{**row, "reasons": tuple(row["reasons"] or ())}) for row in rows}

    def outcomes(self, day: dt.date) -> list[dict[str, Any]]:
        """What became of each account on `day`, the troubled ones first; at most 200 rows."""
        return self._execute("outcomes", day=day, most=MOST_OUTCOMES)

    def _execute(self, name: str, **parameters: Any) -> list[dict[str, Any]]:
        values = {**self._common, **parameters}
        return patiently(lambda: self.warehouse.execute(f"capture/{name}", values))


_repeat = Retrying(
    retry=retry_if_exception_type(AWAY),
    wait=wait_random_exponential(multiplier=0.2, max=5),
    stop=stop_after_delay(DATABASE_PATIENCE_SECONDS),
    before_sleep=before_sleep_log(log, logging.WARNING),
    reraise=True,
)


def patiently(work: Callable[[], T]) -> T:
    """Do `work` again while the database restarts or refuses connections, for up to two minutes."""
    try:
        return work()
    except AWAY as error:
        log.warning("the database is away (%s); trying again", error)
    return _repeat(work)
