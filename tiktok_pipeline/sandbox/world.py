"""What a world is: accounts, their videos, and counters at any moment. How one is made is in `*_world.py`."""

import base64
import zlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from tiktok_pipeline.sandbox.noise import key_of, mix


class Counters(NamedTuple):
    """A video's counters at one moment."""

    views: int
    likes: int
    comments: int
    shares: int


@dataclass(frozen=True, slots=True)
class Video(ABC):
    """What never changes about a video. `posted_ms` is unique within its account and orders its list."""

    id: str
    posted_ms: int
    caption: str
    duration: int
    height: int
    width: int
    is_aigc: bool

    @property
    def create_time(self) -> int:
        """The UTC unix second of the post, as TikTok serves it; several videos may share one."""
        return self.posted_ms // 1000

    @abstractmethod
    def counters(self, at: float) -> Counters:
        """Return the counters at a moment (UTC unix seconds, not before the post)."""


@dataclass(frozen=True, slots=True)
class Account:
    """What never changes about an account."""

    index: int
    key: int
    union_id: str
    username: str
    display_name: str
    bio: str
    is_verified: bool


class Profile(NamedTuple):
    """An account's counters at one moment."""

    followers: int
    following: int
    likes: int
    videos: int


class World(Protocol):
    """Accounts and videos as a pure function of settings and time."""

    accounts: Sequence[Account]

    def videos(self, index: int, at: float) -> Sequence[Video]:
        """Return the account's videos posted up to a moment (UTC unix seconds), oldest first."""
        ...

    def profile(self, index: int, at: float) -> Profile:
        """Return the account's counters at a moment (UTC unix seconds)."""
        ...


def open_id_of(account: Account, client_key: str) -> str:
    """Return the account's id towards one app: another app sees another one, and some begin with a dash."""
    key = key_of(account.key, zlib.crc32(client_key.encode()), 11)
    letters = b"".join(mix(key + part).to_bytes(8, "big") for part in range(3))
    return ("-000" if account.index % 4 == 1 else "_000") + base64.urlsafe_b64encode(letters).decode()


def union_id_of(key: int) -> str:
    """Return an account's developer-wide id in the form of a UUID."""
    text = f"{mix(key + 21):016x}{mix(key + 22):016x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
