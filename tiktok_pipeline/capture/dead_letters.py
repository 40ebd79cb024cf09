"""Dead letters: the account-days that are failed now, grouped by cause, and how they get another try.

They are rows of the ledger, not copies: what succeeds later has left, and what is not mended by the end of its
day is a gap. Only today can be tried again, because TikTok serves counters as of now.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from tiktok_pipeline.capture.ledger import Endpoint, Reason
from tiktok_pipeline.warehouse.connection import Warehouse


@dataclass(frozen=True, slots=True)
class Cause:
    """Account-days of one endpoint that failed for one cause. The example is the newest of them."""

    reason: Reason
    error_code: str | None
    endpoint: Endpoint
    account_days: int
    accounts: int
    final: bool  # nothing tries them again by itself
    oldest_age: dt.timedelta
    newest_at: dt.datetime
    newest_day: dt.date
    example_store_code: str
    example_account_id: int
    example_message: str | None
    example_log_id: str | None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A failed account-day; `hindrance` says why it cannot be tried again now, None when it can."""

    account_id: int
    endpoint: Endpoint
    day: dt.date
    reason: Reason
    error_code: str | None
    hindrance: str | None


def causes(warehouse: Warehouse) -> list[Cause]:
    """Why account-days are failed now, the commonest cause first."""
    return [Cause(**row) for row in warehouse.execute("capture/failed_by_cause")]


def dead_letters(
    warehouse: Warehouse, cause: str | None = None, account_id: int | None = None
) -> list[DeadLetter]:
    """The failed account-days of a cause (a reason or an error code) and account, or all of them."""
    rows = warehouse.execute("capture/failed", {"cause": cause, "account_id": account_id})
    return [DeadLetter(**row) for row in rows]


def release(warehouse: Warehouse, letters: Iterable[DeadLetter]) -> int:
    """Let those of today be tried again by the next run, also what is final or poison; how many that is."""
    free = [letter for letter in letters if letter.hindrance is None]
    chosen = {
        "account_ids": [letter.account_id for letter in free],
        "endpoints": [letter.endpoint for letter in free],
        "days": [letter.day for letter in free],
    }
    return len(warehouse.execute("capture/release_failed", chosen))
