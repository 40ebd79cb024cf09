"""A world made from a seed: a few giants, many small accounts, posts most days, natural counters."""

import bisect
import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from tiktok_pipeline.sandbox import words
from tiktok_pipeline.sandbox.growth import DAY, audience, reach, reduced, setback
from tiktok_pipeline.sandbox.noise import dice, key_of, normal, normal_from, unit
from tiktok_pipeline.sandbox.world import Account, Counters, Profile, Video, union_id_of

EPOCH = date(2026, 11, 1)

#: Videos kept ready in memory, about 0.6 kB each. A shelf that falls out is made again, identically.
_SHELF_BUDGET = 300_000


@dataclass(frozen=True, slots=True)
class GrowingVideo(Video):
    """A video whose counters follow a growth curve."""

    key: int
    half_year_views: float
    like_rate: float
    comment_rate: float
    share_rate: float

    def counters(self, at: float) -> Counters:
        """Return the counters at a moment. Views and shares never fall, likes rarely, comments sometimes."""
        views = int(self.half_year_views * reach(max(0.0, at - self.posted_ms / 1000) / DAY))
        day = at / DAY
        lost_likes = setback(self.key, day, 0.0035, 0.04)
        lost_comments = setback(self.key + 1, day, 0.205, 0.18)
        return Counters(
            views,
            reduced(int(views * self.like_rate), lost_likes),
            reduced(int(views * self.comment_rate), lost_comments),
            int(views * self.share_rate),
        )


@dataclass(frozen=True, slots=True)
class _Habits:
    """How an account posts and grows."""

    size: int
    born: float
    interval: float
    followers: float
    daily_rate: float


class GeneratedWorld:
    """Accounts and videos from a seed; see `World`."""

    def __init__(
        self,
        *,
        accounts: int,
        videos: int,
        seed: int = 7,
        even: bool = False,
        ties: float = 0.02,
        viral: float = 0.015,
        epoch: date | None = None,
    ) -> None:
        self._even = even
        self._ties = ties
        self._viral = viral
        self._epoch = datetime.combine(epoch or EPOCH, datetime.min.time(), tzinfo=UTC).timestamp()
        self.accounts: Sequence[Account] = [_account(index, key_of(seed, index)) for index in range(accounts)]
        sizes = [videos] * accounts if even else _uneven_sizes(self.accounts, accounts * videos)
        self._habits = [self._habits_of(a, size) for a, size in zip(self.accounts, sizes, strict=True)]
        self._shelves: OrderedDict[int, list[GrowingVideo]] = OrderedDict()
        self._shelved = 0

    def videos(self, index: int, at: float) -> Sequence[Video]:
        """Return the account's videos posted up to a moment, oldest first."""
        shelf = self._shelf(index, at)
        latest = int(at * 1000)
        if not shelf or shelf[-1].posted_ms <= latest:
            return shelf
        return shelf[: bisect.bisect_right(shelf, latest, key=lambda video: video.posted_ms)]

    def profile(self, index: int, at: float) -> Profile:
        """Return the account's counters; likes are the sum over its videos."""
        account, habits = self.accounts[index], self._habits[index]
        videos = self.videos(index, at)
        lost = setback(account.key + 2, at / DAY, 0.072, 0.09)
        return Profile(
            followers=reduced(int(self._followers(habits, at)), lost),
            following=int(math.exp(4 + 1.2 * normal(account.key, 4)))
            + int(max(0.0, at - habits.born) / DAY / 30),
            likes=sum(video.counters(at).likes for video in videos),
            videos=len(videos),
        )

    def _followers(self, habits: _Habits, at: float) -> float:
        age = max(0.0, at - habits.born) / DAY
        return (
            habits.followers
            * audience((at - self._epoch) / DAY, habits.daily_rate)
            * (1 - math.exp(-age / 45))
        )

    def _habits_of(self, account: Account, size: int) -> _Habits:
        age = (300 + 600 * unit(account.key, 1)) * DAY
        followers = 40 + math.exp(9.2 + 1.7 * normal(account.key, 2))
        rate = 0.0024 * math.exp(0.8 * normal(account.key, 3))
        return _Habits(size, self._epoch - age, age / size if size else math.inf, followers, rate)

    def _shelf(self, index: int, at: float) -> list[GrowingVideo]:
        """Return the account's videos, at least those posted up to a moment."""
        habits = self._habits[index]
        shelf = self._shelves.get(index)
        if shelf is None:
            shelf = self._shelves[index] = []
        else:
            self._shelves.move_to_end(index)
        slots = max(0, math.floor((at - habits.born) / habits.interval) + 1) if habits.size else 0
        wanted = min(slots, habits.size) if self._even else slots
        if len(shelf) < wanted:
            self._shelved += wanted - len(shelf)
            for number in range(len(shelf), wanted):
                shelf.append(self._video(index, number, shelf[-1] if shelf else None))
            while self._shelved > _SHELF_BUDGET and len(self._shelves) > 1:
                _, dropped = self._shelves.popitem(last=False)
                self._shelved -= len(dropped)
        return shelf

    def _video(self, index: int, number: int, before: GrowingVideo | None) -> GrowingVideo:
        """Return the account's video of one slot: slots have equal length, the moment within is random."""
        habits = self._habits[index]
        key = key_of(self.accounts[index].key, number, 5)
        moment, tie, lag, shape, luck, length, made, fame, liked, commented, shared, low, *_ = dice(key, 1)
        posted_ms = int(habits.born + (number + moment) * habits.interval) * 1000
        if before is not None:
            # The count is exact on the epoch day: the first video after it is not drawn to before.
            if number != habits.size and tie < self._ties and before.posted_ms % 1000 < 999:
                posted_ms = before.posted_ms + 1
            posted_ms = max(posted_ms, before.posted_ms + 1)
        # TikTok's ids hold the second in which the upload began, some seconds before the post.
        began = posted_ms // 1000 - 2 - int(math.exp(2.3 + 1.1 * normal_from(lag)))
        tall = shape < 0.8
        audience_then = self._followers(habits, posted_ms / 1000)
        viral = 25.0 if luck < self._viral else 1.0
        return GrowingVideo(
            id=str(began << 32 | int(low * 2**32)),
            posted_ms=posted_ms,
            caption=words.caption(key),
            duration=5 + int(math.exp(3 + 0.9 * normal_from(length))),
            height=1024 if tall else 1280,
            width=576 if tall else 720,
            is_aigc=made < 0.03,
            key=key,
            half_year_views=30 + viral * 0.9 * audience_then * math.exp(1.1 * normal_from(fame)),
            like_rate=0.03 + 0.09 * liked,
            comment_rate=0.0008 + 0.006 * commented,
            share_rate=0.0005 + 0.005 * shared,
        )


def _account(index: int, key: int) -> Account:
    return Account(
        index=index,
        key=key,
        union_id=union_id_of(key),
        username=words.username(index, key),
        display_name=words.display_name(index, key),
        bio=words.bio(key),
        is_verified=unit(key, 34) < 0.1,
    )


def named_account(index: int, seed: int, *, is_verified: bool) -> Account:
    """Return an account with an invented name, for a world whose videos come from elsewhere."""
    plain = _account(index, key_of(seed, index))
    return Account(
        index, plain.key, plain.union_id, plain.username, plain.display_name, plain.bio, is_verified
    )


def _uneven_sizes(accounts: Sequence[Account], total: int) -> list[int]:
    """Return the accounts' numbers of videos: log-normal, `total` together, the last of ten or more empty."""
    weights = [math.exp(1.15 * normal(account.key, 6)) for account in accounts]
    if len(weights) >= 10:
        weights[-1] = 0.0  # an account just opened; every pipeline meets one
    at_least = min(1, total // len(weights))
    share = (total - at_least * sum(weight > 0 for weight in weights)) / sum(weights)
    wanted = [weight * share + at_least if weight else 0.0 for weight in weights]
    sizes = [int(size) for size in wanted]
    by_remainder = sorted(range(len(weights)), key=lambda i: sizes[i] - wanted[i])
    for index in by_remainder[: total - sum(sizes)]:
        sizes[index] += 1
    return sizes
