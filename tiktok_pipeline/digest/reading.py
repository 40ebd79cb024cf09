"""Reading a digest from the reports."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Literal

from tiktok_pipeline.digest.content import (
    BrokenAccount,
    Calendar,
    Day,
    Digest,
    Gap,
    Lacking,
    LeftOut,
    Missing,
    Mover,
    Some,
    Totals,
    Unknown,
    Video,
)
from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.quality.broken import broken_now
from tiktok_pipeline.quality.evaluate import latest_closed_day
from tiktok_pipeline.warehouse.connection import Warehouse

MOST = 5  # of each list: movers each way, videos, examples
MOST_BROKEN = 10
DAYS_DRAWN = 28
TOLD_ELSEWHERE = (
    "reconnect",
    "account_error",
    "gap",
    "quarantine",
)  # kinds with a part of the digest of their own


def calendar(warehouse: Warehouse, zone: str, grace: dt.timedelta) -> Calendar:
    """The calendar by the database's clock; captures under way at midnight may go on for `grace`."""
    [row] = warehouse.execute("capture/today", {"zone": zone})
    return Calendar(zone, latest_closed_day(warehouse, zone, grace), row["day"])


def read_digest(
    warehouse: Warehouse, known: Calendar, day: dt.date | None = None, store: str | None = None
) -> Digest:
    """The digest of a day, the latest that is over when not given. PipelineError: no such store, or a day to come."""
    day = day or known.closed
    if day > known.today:
        raise PipelineError(f"{day}: that day has not begun. Today is {known.today} ({known.zone}).")
    name = None
    if store is not None:
        found = warehouse.execute("hub/find_store", {"store_code": store})
        if not found:
            raise PipelineError(f"store {store!r}: there is none. tiktok-pipeline store list shows all.")
        name = found[0]["name"]
    given = {"day": day, "store": store, "zone": known.zone, "most": MOST}

    def of(what: str, **more: Any) -> list[dict[str, Any]]:
        return warehouse.execute(f"digest/{what}", {**given, **more})

    lost, broken = of("lost_videos"), of("broken_accounts", most=MOST_BROKEN)
    also = broken_now(warehouse) if store is None and day >= known.closed else []
    return Digest(
        day=day,
        calendar=known,
        store_code=store,
        store_name=name,
        totals=Totals(**of("totals")[0]),
        movers=tuple(Mover(**row) for row in of("movers")),
        top_videos=tuple(Video(**row) for row in of("top_videos")),
        new_videos=_some(of("new_videos")),
        missing_videos=_some([row for row in lost if row["state"] == "missing"]),
        gone_videos=_some([row for row in lost if row["state"] == "gone"]),
        gaps=tuple(_gap(row) for row in of("gaps")),
        unknown=tuple(_unknown(row) for row in of("unknown_counters")),
        broken=tuple(BrokenAccount(**_without(row, "found")) for row in broken),
        broken_found=broken[0]["found"] if broken else 0,
        also_broken=tuple(one for one in also if one.kind not in TOLD_ELSEWHERE),
        left_out=tuple(LeftOut(**row) for row in of("quarantined")),
        days=read_days(warehouse, day - dt.timedelta(days=DAYS_DRAWN - 1), day, store),
    )


def read_days(
    warehouse: Warehouse, first: dt.date, last: dt.date, store: str | None = None
) -> tuple[Day, ...]:
    """What each day from `first` to `last` gained, in one question."""
    rows = warehouse.execute("digest/days", {"first": first, "last": last, "store": store})
    return tuple(Day(**row) for row in rows)


def _some(rows: Sequence[dict[str, Any]]) -> Some:
    videos = tuple(Video(**_without(row, "found", "state")) for row in rows)
    return Some(rows[0]["found"] if rows else 0, videos)


def _gap(row: dict[str, Any]) -> Gap:
    examples = tuple(
        Missing(one["store_code"], one["name"], dt.date.fromisoformat(one["since"]) if one["since"] else None)
        for one in row["examples"]
    )
    return Gap(row["endpoint"], row["reason"], row["accounts"], examples)


def _unknown(row: dict[str, Any]) -> Unknown:
    return Unknown(**{**row, "examples": tuple(Lacking(**one) for one in row["examples"])})


def _without(row: dict[str, Any], *names: Literal["found", "state"]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}
