"""Pages of a video list: newest first, with a cursor that means "posted before"."""

import bisect
from collections.abc import Sequence
from dataclasses import dataclass

from tiktok_pipeline.sandbox.fault_box import FaultBox
from tiktok_pipeline.sandbox.world import Video


@dataclass(slots=True)
class Page:
    """Some videos, newest first, and where the next page begins (UTC unix milliseconds)."""

    videos: Sequence[Video]
    cursor: int
    has_more: bool


def page_before(videos: Sequence[Video], cursor: int, size: int) -> Page:
    """Return the newest `size` videos posted before a cursor (0: the very newest). `videos` are oldest first.

    Videos of one second differ in their milliseconds, so that no page border loses one of them.
    """
    end = _end(videos, cursor)
    start = max(0, end - size)
    chosen = videos[start:end][::-1]
    return Page(chosen, chosen[-1].posted_ms if chosen else 0, start > 0)


def faulty_page(
    videos: Sequence[Video], cursor: int, size: int, faults: FaultBox, account: int | None
) -> Page:
    """Return a page as the switched-on faults of paging want it."""
    if short := faults.pick("short_pages", "video/list", account):
        size = min(size, short.size)
    if (overlap := faults.pick("overlap", "video/list", account)) and cursor:
        page = _overlapping(videos, cursor, size, overlap.videos)
    else:
        page = page_before(videos, cursor, size)
    if cut := faults.pick("cut_list", "video/list", account):
        page = _cut(videos, cursor, page, cut.videos)
    if len(page.videos) > 1 and faults.pick("unsorted", "video/list", account):
        page = Page([*page.videos[1:], page.videos[0]], page.cursor, page.has_more)
    if page.videos and faults.pick("empty_pages", "video/list", account):
        # An empty page points just above the next video; asked again from there, the video comes.
        border = page.videos[0].posted_ms + 1
        if border != cursor:
            return Page([], border, True)
    if cursor and faults.pick("stuck_cursor", "video/list", account):
        return Page(page.videos, cursor, True)
    if faults.pick("cursor_loop", "video/list", account):
        return _looping(videos, cursor, size, page)
    if not page.has_more and faults.pick("endless", "video/list", account):
        return Page(page.videos, page.cursor or max(1, cursor - 1000), True)
    return page


def _end(videos: Sequence[Video], cursor: int) -> int:
    return bisect.bisect_left(videos, cursor, key=lambda video: video.posted_ms) if cursor else len(videos)


def _overlapping(videos: Sequence[Video], cursor: int, size: int, shared: int) -> Page:
    end = _end(videos, cursor)
    if end == 0:
        return Page([], 0, False)
    shared = min(shared, size - 1)  # at least one new video, or the list would never end
    start = max(0, end - (size - shared))
    return Page(videos[start : end + shared][::-1], videos[start].posted_ms, start > 0)


def _cut(videos: Sequence[Video], cursor: int, page: Page, kept: int) -> Page:
    """Return a page of a list that ends after its newest `kept` videos."""
    left = max(0, kept - (len(videos) - _end(videos, cursor)))
    if left >= len(page.videos):
        return Page(page.videos, page.cursor, page.has_more and left > len(page.videos))
    chosen = page.videos[:left]
    return Page(chosen, chosen[-1].posted_ms if chosen else 0, False)


def _looping(videos: Sequence[Video], cursor: int, size: int, page: Page) -> Page:
    """Return a page of the loop A → B → A: after the first two pages the cursor goes back to the first."""
    first = page_before(videos, 0, size).cursor or 2000
    second = page.cursor or max(1, first - 1000)
    return Page(page.videos, second if cursor == first else first, True)
