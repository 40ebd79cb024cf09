"""What a digest says, read from the reports: one typed result, which every format is made of.

A change is against the observation before. A first observation has none, one over a gap says how many days it spans,
and what is quarantined is left out and counted.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.quality.broken import Broken, broken_now
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


@dataclass(frozen=True, slots=True)
class Calendar:
    """Which days there are: `closed` is the latest that is over. `zone` is the reporting time zone's name."""

    zone: str
    closed: dt.date
    today: dt.date


@dataclass(frozen=True, slots=True)
class Totals:
    """A day in numbers, as `sql/digest/totals` has them; a change is None when nothing was compared."""

    profiles: int
    profiles_quarantined: int
    profiles_compared: int
    profiles_over_gap: int
    profiles_span_days: int | None
    followers: int | None
    followers_gained: int | None
    followers_lost: int | None
    likes: int | None
    videos: int
    lists_quarantined: int
    videos_compared: int
    videos_over_gap: int
    videos_span_days: int | None
    views: int | None
    comments: int | None
    shares: int | None

    @property
    def followers_changed(self) -> int | None:
        """Gained and lost together."""
        if self.followers_gained is None or self.followers_lost is None:
            return None
        return self.followers_gained + self.followers_lost


@dataclass(frozen=True, slots=True)
class Mover:
    """A store, or an account of a store, whose followers changed most."""

    store_code: str
    name: str
    followers: int
    span_days: int | None
    views: int | None


@dataclass(frozen=True, slots=True)
class Video:
    """A video of a list. `gained` are views; `last_seen` is there when it is missing or gone."""

    store_code: str
    store_name: str
    caption: str | None
    share_url: str | None
    views: int | None
    gained: int | None = None
    span_days: int | None = None
    last_seen: dt.date | None = None


@dataclass(frozen=True, slots=True)
class Some:
    """The first videos of how many there are in all."""

    found: int
    videos: tuple[Video, ...]


@dataclass(frozen=True, slots=True)
class Missing:
    """An account of a gap; `since` is its first day without data, None when the day is not over."""

    store_code: str
    name: str
    since: dt.date | None


@dataclass(frozen=True, slots=True)
class Gap:
    """Accounts without data for one reason; None: it has none yet."""

    endpoint: str
    reason: str | None
    accounts: int
    examples: tuple[Missing, ...]


@dataclass(frozen=True, slots=True)
class BrokenAccount:
    """An account that needs a person: NEED_RECONNECT or ERROR when the day ended. `since` is None when that is over."""

    store_code: str
    name: str
    status: str
    since: dt.datetime | None
    why: str | None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An account-day in quarantine."""

    endpoint: str
    store_code: str
    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Day:
    """What a day gained; None: nothing was compared on it. `over_gap`: some of it is of days before."""

    day: dt.date
    followers_gained: int | None
    followers_lost: int | None
    likes: int | None
    over_gap: bool
    views: int | None


@dataclass(frozen=True, slots=True)
class Digest:
    """What changed on `day`: in the company, or in the store of `store_code` and `store_name`."""

    day: dt.date
    calendar: Calendar
    store_code: str | None
    store_name: str | None
    totals: Totals
    movers: tuple[Mover, ...]
    top_videos: tuple[Video, ...]
    new_videos: Some
    missing_videos: Some
    gone_videos: Some
    gaps: tuple[Gap, ...]
    broken: tuple[BrokenAccount, ...]
    broken_found: int
    also_broken: tuple[Broken, ...]
    left_out: tuple[LeftOut, ...]
    days: tuple[Day, ...]

    @property
    def is_over(self) -> bool:
        """Whether nothing of the day can come any more."""
        return self.day <= self.calendar.closed

    @property
    def profiles_missing(self) -> int:
        """Accounts of which there is no profile."""
        return sum(gap.accounts for gap in self.gaps if gap.endpoint == "user_info")

    @property
    def lists_missing(self) -> int:
        """Accounts of which there is no list of videos."""
        return sum(gap.accounts for gap in self.gaps if gap.endpoint == "video_list")

    @property
    def accounts(self) -> int:
        """Accounts that were to be observed."""
        return self.totals.profiles + self.totals.profiles_quarantined + self.profiles_missing

    @property
    def is_complete(self) -> bool:
        """Whether the day is over and nothing of it is missing or left out."""
        return self.is_over and not self.gaps and not self.left_out


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


def _without(row: dict[str, Any], *names: Literal["found", "state"]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}
