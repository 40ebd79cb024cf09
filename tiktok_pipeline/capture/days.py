"""Capturing a range of days: today is fetched, the past gets its gaps, and nothing else is possible."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from tiktok_pipeline.capture.ledger import Ledger
from tiktok_pipeline.capture.loop import CaptureLoop
from tiktok_pipeline.crash_points import crash_point

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CapturedDays:
    """What capturing a range of days came to."""

    today: dt.date
    included_today: bool
    new_gaps: int


def capture_days(
    ledger: Ledger, loop: CaptureLoop, days: Sequence[dt.date], *, force: bool = False
) -> CapturedDays:
    """Bring the account-days of `days` to a final state.

    No request is sent for a past day: TikTok serves counters as of now only. What was under way at
    midnight is finished while the grace lasts. Whichever days are asked for, every past day since an account
    was connected is closed: what was missed while nothing ran is a gap from now on. `force` captures today
    afresh although it is complete.
    """
    today = ledger.today()
    first, last = min(days), max(days)
    ledger.ensure_partitions(min(first, today), today)
    for day in ledger.under_way():
        if first <= day <= last:
            loop.finish(day)
    gaps = ledger.close_all() + (ledger.close(first, last) if first < today else 0)
    if today in days:
        crash_point("before_plan")
        planned = ledger.plan(today)
        planned += ledger.plan_afresh(today) if force else 0
        log.info("%s of %s: %d account-days planned", ledger.endpoint, today, planned)
        loop.finish(today)
    return CapturedDays(today, today in days, gaps)
