"""A world of real videos from a CSV file; its authors are dealt out to the accounts."""

import csv
import io
import math
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

from tiktok_pipeline.sandbox.generated_world import named_account
from tiktok_pipeline.sandbox.growth import DAY
from tiktok_pipeline.sandbox.noise import mix, unit
from tiktok_pipeline.sandbox.settings import SandboxError
from tiktok_pipeline.sandbox.world import Account, Counters, Profile, Video

COLUMNS = (
    "id", "create_time", "duration", "height", "width", "video_description",
    "view_count", "like_count", "comment_count", "share_count",
    "author_key", "author_is_verified", "author_follower_count", "author_following_count",
    "author_likes_count", "author_video_count",
)  # fmt: skip

_WHOLE_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")

#: Daily shrinkage of views, likes, comments and shares on the way back: the median growth of real videos.
_RATES = (0.008, 0.0061, 0.0053, 0.006)
_FOLLOWER_RATE = 0.0024


@dataclass(frozen=True, slots=True)
class RecordedVideo(Video):
    """A real video: the file's counters from `known_from` (UTC unix seconds) on, less before."""

    recorded: Counters
    known_from: float
    pace: float

    def counters(self, at: float) -> Counters:
        """Return the file's counters, or, before the day they belong to, smaller ones."""
        days = (self.known_from - at) / DAY
        if days <= 0:
            return self.recorded
        shrunk = (
            int(n * math.exp(-rate * self.pace * days)) for n, rate in zip(self.recorded, _RATES, strict=True)
        )
        return Counters(*shrunk)


@dataclass(frozen=True, slots=True)
class _Author:
    key: str
    is_verified: bool
    profile: Profile


class CsvWorld:
    """Accounts that serve the videos of a CSV file byte for byte; see `World`.

    Author n of the file (in order of appearance) belongs to account n modulo the number of accounts. An
    account's own counters are those of its author with the most followers.
    Raises SandboxError naming file, line and column.
    """

    def __init__(self, path: Path, *, accounts: int, seed: int = 7, epoch: date | None = None) -> None:
        today = epoch or datetime.now(tz=UTC).date()
        # Fourteen hours before midnight UTC the day has begun somewhere.
        self._known_from = datetime.combine(today, datetime.min.time(), tzinfo=UTC).timestamp() - 14 * 3600
        home: dict[str, int] = {}
        shelves: dict[int, list[RecordedVideo]] = defaultdict(list)
        leading: dict[int, _Author] = {}
        for row in _rows(path):
            author = row.author()
            index = home.setdefault(author.key, len(home) % accounts)
            shelves[index].append(row.video(self._known_from))
            if index not in leading or author.profile.followers > leading[index].profile.followers:
                leading[index] = author
        self._shelves = [_spread(shelves[index]) for index in range(accounts)]
        self._profiles = [
            leading[index].profile if index in leading else Profile(0, 0, 0, 0) for index in range(accounts)
        ]
        self.accounts: Sequence[Account] = [
            named_account(index, seed, is_verified=index in leading and leading[index].is_verified)
            for index in range(accounts)
        ]

    def videos(self, index: int, at: float) -> Sequence[Video]:
        """Return the account's videos posted up to a moment, oldest first."""
        return [video for video in self._shelves[index] if video.posted_ms <= at * 1000]

    def profile(self, index: int, at: float) -> Profile:
        """Return the counters of the account's leading author; smaller before the day they belong to."""
        recorded = self._profiles[index]
        days = (self._known_from - at) / DAY
        if days <= 0:
            return recorded
        later = len(self._shelves[index]) - len(self.videos(index, at))
        return Profile(
            int(recorded.followers * math.exp(-_FOLLOWER_RATE * days)),
            recorded.following,
            int(recorded.likes * math.exp(-_RATES[1] * days)),
            max(0, recorded.videos - later),
        )


def _spread(videos: list[RecordedVideo]) -> list[RecordedVideo]:
    """Return the videos oldest first, those of one second told apart by milliseconds."""
    ordered = sorted(videos, key=lambda video: (video.posted_ms, int(video.id)))
    spread: list[RecordedVideo] = []
    for video in ordered:
        posted_ms = max(video.posted_ms, spread[-1].posted_ms + 1) if spread else video.posted_ms
        spread.append(replace(video, posted_ms=posted_ms))
    return spread


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of the file and where it is, so that an error can say so."""

    path: Path
    line: int
    values: dict[str, str]

    def bad(self, column: str, why: str) -> SandboxError:
        return SandboxError(f"{self.path}, line {self.line}, column {column}: {why}")

    def number(self, column: str) -> int:
        text = self.values[column]
        if not _WHOLE_NUMBER.fullmatch(text) or int(text) >= 1 << 63:
            raise self.bad(column, f"{text[:40]!r} is not a whole number from 0 to 2^63 - 1")
        return int(text)

    def text(self, column: str) -> str:
        if not self.values[column]:
            raise self.bad(column, "is empty")
        return self.values[column]

    def boolean(self, column: str) -> bool:
        text = self.values[column].lower()
        if text not in {"true", "false", "1", "0"}:
            raise self.bad(column, f"{text[:40]!r} is neither true nor false")
        return text in {"true", "1"}

    def author(self) -> _Author:
        return _Author(
            self.text("author_key"),
            self.boolean("author_is_verified"),
            Profile(
                self.number("author_follower_count"),
                self.number("author_following_count"),
                self.number("author_likes_count"),
                self.number("author_video_count"),
            ),
        )

    def video(self, known_from: float) -> RecordedVideo:
        number = self.number("id")
        created = self.number("create_time")
        if not 0 < created < 1 << 33:
            raise self.bad("create_time", f"{created} is not a unix time in seconds")
        return RecordedVideo(
            id=self.values["id"],
            posted_ms=created * 1000,
            caption=self.values["video_description"],
            duration=self.number("duration"),
            height=self.number("height"),
            width=self.number("width"),
            is_aigc=False,
            recorded=Counters(
                self.number("view_count"),
                self.number("like_count"),
                self.number("comment_count"),
                self.number("share_count"),
            ),
            known_from=known_from,
            pace=0.4 + 1.2 * unit(mix(number), 1),
        )


def _rows(path: Path) -> Iterator[_Row]:
    """Yield the file's rows; raise SandboxError for a file, header or line that cannot be used."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SandboxError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise SandboxError(f"{path}, line {line}: is not UTF-8 text") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header = _next_cells(path, reader, 1) or []
    missing = [column for column in COLUMNS if column not in header]
    if missing:
        raise SandboxError(f"{path}, line 1, column {missing[0]}: is missing (needed: {', '.join(COLUMNS)})")
    first_seen: dict[str, int] = {}
    while True:
        line = reader.line_num + 1
        cells = _next_cells(path, reader, line)
        if cells is None:
            break
        if not cells:
            continue
        if len(cells) != len(header):
            short = header[len(cells)] if len(cells) < len(header) else header[-1]
            raise SandboxError(
                f"{path}, line {line}, column {short}: the line has {len(cells)} columns, not {len(header)}"
            )
        row = _Row(path, line, dict(zip(header, cells, strict=True)))
        if (id_ := row.values["id"]) in first_seen:
            raise row.bad("id", f"{id_} is already on line {first_seen[id_]}")
        first_seen[id_] = line
        yield row
    if not first_seen:
        raise SandboxError(f"{path}: has no videos")


def _next_cells(path: Path, reader: Iterator[list[str]], line: int) -> list[str] | None:
    """Return the next line's cells, None at the end."""
    try:
        return next(reader, None)
    except csv.Error as error:
        raise SandboxError(f"{path}, line {line}: is not CSV ({error})") from None
