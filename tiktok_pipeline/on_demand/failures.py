"""What failed, seen as work for people: listed, tried again, or marked as seen to. The ledger itself stays as it is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tiktok_pipeline.capture.ledger import Endpoint
from tiktok_pipeline.on_demand.jobs import Wanted
from tiktok_pipeline.warehouse.connection import Warehouse

MOST_RETRIED = 500  # account-days that one retry takes up


@dataclass(frozen=True)
class Which:
    """Which failed account-days: of a cause (a reason or an error code), an account, …; of all that is given."""

    cause: str | None = None
    account: int | None = None
    endpoint: Endpoint | None = None
    day: dt.date | None = None
    stores: Sequence[str] | None = None

    @property
    def values(self) -> dict[str, Any]:
        """It as parameters of statements."""
        return {**vars(self), "stores": None if self.stores is None else list(self.stores)}


@dataclass(frozen=True)
class Place:
    """A place in the list of failures: what comes after this account-day."""

    day: dt.date
    account: int
    endpoint: Endpoint


def failures(
    warehouse: Warehouse, which: Which, *, after: Place | None = None, limit: int, resolved: bool = False
) -> list[dict[str, Any]]:
    """At most `limit` failed account-days, the latest first; with `resolved` also those that somebody has seen to."""
    place = {
        "after_day": after.day if after else None,
        "after_account": after.account if after else None,
        "after_endpoint": after.endpoint if after else None,
    }
    values = {**which.values, **place, "all": resolved, "limit": limit}
    return warehouse.execute("on_demand/failures", values)


def to_retry(warehouse: Warehouse, which: Which) -> Wanted | None:
    """What to ask for so that these are captured today after all; None when none of them can be."""
    chosen = [
        row
        for row in failures(warehouse, which, limit=MOST_RETRIED, resolved=True)
        if row["hindrance"] is None
    ]
    if not chosen:
        return None
    endpoints = sorted({row["endpoint"] for row in chosen})
    accounts = tuple(sorted({row["account_id"] for row in chosen}))
    return Wanted(endpoints[0] if len(endpoints) == 1 else "all", accounts=accounts, release=True)


def mark_seen(warehouse: Warehouse, which: Which, by: str) -> int:
    """Mark them as seen to; how many are new. An account-day that fails once more is listed again."""
    return len(warehouse.execute("on_demand/resolve_failures", {**which.values, "by": by}))
