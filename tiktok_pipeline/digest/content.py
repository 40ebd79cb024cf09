"""What a digest holds, before it is put into words: one typed result, which every format is made of.

A change is against the observation before that had the counter. A first observation has none, one over a gap says how
many days it spans, and what is unknown or quarantined is in no number and counted.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from tiktok_pipeline.quality.broken import Broken


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
class Lacking:
    """An account of which TikTok left a counter out: of its profile, or of so many of its videos."""

    store_code: str
    name: str
    lacking: int


@dataclass(frozen=True, slots=True)
class Unknown:
    """A counter that TikTok left out of `lacking` profiles or videos, of so many accounts.

    `last_known` are the followers that these profiles had when TikTok last gave them; None for other counters.
    """

    counter: str
    lacking: int
    accounts: int
    last_known: int | None
    examples: tuple[Lacking, ...]


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
    unknown: tuple[Unknown, ...]
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
        """Whether the day is over and nothing of it is missing, unknown or left out."""
        return self.is_over and not self.gaps and not self.unknown and not self.left_out
