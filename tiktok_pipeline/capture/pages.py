"""What a page says about the pages after it, and which of its counters cannot be believed.

Pure: no network, no database. The page itself is landed as it came; SQL takes the counters out of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tiktok_pipeline.capture.ledger import AccountDay
from tiktok_pipeline.tiktok.answers import Answer
from tiktok_pipeline.tiktok.errors import MalformedError

# 2,000 pages of 20 are 40,000 videos in one account, far beyond any seen; `has_more` for ever ends here.
MOST_PAGES = 2_000
PAGE_CAP = "page_cap"
BIGINT_MAX = 2**63 - 1
USER_COUNTERS = ("follower_count", "following_count", "likes_count", "video_count")
VIDEO_COUNTERS = ("view_count", "like_count", "comment_count", "share_count")


@dataclass(frozen=True, slots=True)
class Step:
    """How far a page brings its account-day."""

    items: int
    refused: int
    next_cursor: int | None
    last: bool


def profile_step(answer: Answer) -> Step:
    """The one step of `user_info`: its only page is its last."""
    return Step(items=1, refused=_refused(answer.data["user"], USER_COUNTERS), next_cursor=None, last=True)


def video_step(answer: Answer, unit: AccountDay) -> Step:
    """The step that a page of `video_list` is. Raises MalformedError when the pages lead nowhere.

    TikTok sorts by creation time, newest first, and a cursor asks for what was posted before it
    (https://developers.tiktok.com/doc/tiktok-api-v2-video-list). So cursors only fall; one that does not
    would repeat pages for ever. A short or empty page is not the end, only `has_more: false` is.
    """
    videos: list[dict[str, Any]] = answer.data["videos"]
    refused = sum(_refused(video, VIDEO_COUNTERS) + (not video.get("id")) for video in videos)
    if not answer.data["has_more"]:
        return Step(len(videos), refused, next_cursor=None, last=True)
    cursor: int = answer.data["cursor"]
    if cursor <= 0 or (unit.cursor is not None and cursor >= unit.cursor):
        raise MalformedError(
            f"the cursor does not advance: {unit.cursor} is followed by {cursor}",
            code="cursor_stuck",
            log_id=answer.log_id,
            http_status=200,
            endpoint="video_list",
        )
    if unit.pages + 1 >= MOST_PAGES:
        raise MalformedError(
            f"{MOST_PAGES} pages and has_more is still true",
            code=PAGE_CAP,
            log_id=answer.log_id,
            http_status=200,
            endpoint="video_list",
        )
    return Step(len(videos), refused, next_cursor=cursor, last=False)


def _refused(item: dict[str, Any], counters: tuple[str, ...]) -> int:
    refused = 0
    for name in counters:
        value = item.get(name)
        if value is not None and not (type(value) is int and 0 <= value <= BIGINT_MAX):
            refused += not _is_whole(value)
    return refused


def _is_whole(value: Any) -> bool:
    """The same rule as `capture.counter` in SQL, for what is no plain integer: 12.0 is a whole number."""
    return isinstance(value, float) and 0 <= value <= BIGINT_MAX and value == int(value)
