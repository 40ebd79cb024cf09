"""Account-days that reports leave out: which, and letting them in again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.derive import derive

# What leaves account-days in quarantine out, in the order in which one is made of the other.
REPORTS = ("reporting.account_daily", "reporting.video_daily", "reporting.viral_videos")


class NotQuarantined(PipelineError):
    """Nothing in quarantine is what a person named."""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """An account-day that reports leave out, or left out until it was released."""

    id: int
    account_id: int
    store_code: str
    endpoint: str
    day: dt.date
    check_name: str
    reason: str
    since: dt.datetime
    released_at: dt.datetime | None
    released_by: str | None
    release_note: str | None


def quarantined(warehouse: Warehouse, *, released: bool = False) -> list[Quarantined]:
    """What is in quarantine, the newest day first; with `released`, also what was."""
    return [Quarantined(**row) for row in warehouse.execute("quality/quarantined", {"released": released})]


def release(warehouse: Warehouse, by: str, note: str, chosen: dict[str, Any]) -> list[dict[str, Any]]:
    """Release what is `chosen`: an `id`, or an `account` with the days from `first` to `last`. What was released.

    Reports have it again at once. A check that finds the same again leaves it released. Raises NotQuarantined when
    nothing is.
    """
    given = {"id": None, "account": None, "first": None, "last": None, **chosen, "by": by, "note": note}
    found = warehouse.execute("quality/release", given)
    if not found:
        raise NotQuarantined(
            "Nothing of that is in quarantine. `tiktok-pipeline quarantine list` shows what is."
        )
    let_reports_follow(warehouse, (row["day"] for row in found))
    return found


def let_reports_follow(warehouse: Warehouse, days: Iterable[dt.date]) -> None:
    """Derive the reports of `days` again, without what is in quarantine and with what was released.

    The run of a bad day may have made its reports before the check found it. Where nothing is new, nothing changes.
    """
    for day in sorted(set(days)):
        for table in REPORTS:
            derive(warehouse, table, day, day)
