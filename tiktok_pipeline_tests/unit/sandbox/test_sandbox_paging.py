from hypothesis import given
from hypothesis import strategies as st

from tiktok_pipeline.sandbox.fault_box import FaultBox
from tiktok_pipeline.sandbox.faults import Faults
from tiktok_pipeline.sandbox.paging import Page, faulty_page, page_before
from tiktok_pipeline.sandbox.world import Counters, Video

moments = st.sets(st.integers(1_000, 9_000), max_size=70).map(sorted)
sizes = st.integers(1, 20)


class StillVideo(Video):
    """A video of which only its place in the list matters."""

    def counters(self, at: float) -> Counters:
        return Counters(0, 0, 0, 0)


def shelf(moments: list[int]) -> list[Video]:
    return [StillVideo(str(ms), ms, "", 1, 1, 1, False) for ms in moments]


def box(**faults: object) -> FaultBox:
    box = FaultBox(lambda account: int(str(account)))
    box.set(Faults.model_validate(faults))
    return box


def walk(videos: list[Video], size: int, faults: FaultBox, *, steps: int = 400) -> list[Page]:
    pages = [faulty_page(videos, 0, size, faults, 0)]
    while pages[-1].has_more and len(pages) < steps:
        pages.append(faulty_page(videos, pages[-1].cursor, size, faults, 0))
    return pages


def ids(pages: list[Page]) -> list[str]:
    return [video.id for page in pages for video in page.videos]


@given(moments, sizes)
def test_pages_hold_every_video_once_newest_first(moments: list[int], size: int) -> None:
    pages = walk(shelf(moments), size, box())
    assert ids(pages) == [str(ms) for ms in reversed(moments)]
    assert all(len(page.videos) == size for page in pages[:-1])


@given(moments, sizes)
def test_short_pages_lose_nothing(moments: list[int], size: int) -> None:
    pages = walk(shelf(moments), size, box(short_pages={"size": 2}))
    assert ids(pages) == [str(ms) for ms in reversed(moments)]
    assert all(len(page.videos) <= 2 for page in pages)


@given(moments, sizes)
def test_empty_pages_lose_nothing(moments: list[int], size: int) -> None:
    pages = walk(shelf(moments), size, box(empty_pages=True))
    assert ids(pages) == [str(ms) for ms in reversed(moments)]
    if moments:
        assert pages[0].videos == []
        assert pages[0].has_more


@given(moments, sizes)
def test_overlapping_pages_lose_nothing_and_repeat_something(moments: list[int], size: int) -> None:
    pages = walk(shelf(moments), size, box(overlap={"videos": 3}))
    assert set(ids(pages)) == {str(ms) for ms in moments}
    if len(pages) > 1 and size > 1:
        assert len(ids(pages)) > len(moments)


@given(moments, sizes)
def test_a_stuck_cursor_never_advances(moments: list[int], size: int) -> None:
    pages = walk(shelf(moments), size, box(stuck_cursor=True), steps=10)
    if len(moments) > size:
        assert len({page.cursor for page in pages}) == 1
        assert all(page.has_more for page in pages)


@given(moments, sizes)
def test_a_loop_goes_from_a_to_b_to_a(moments: list[int], size: int) -> None:
    cursors = [page.cursor for page in walk(shelf(moments), size, box(cursor_loop=True), steps=7)]
    assert len(cursors) == 7
    assert cursors[0] == cursors[2] == cursors[4]
    assert cursors[1] == cursors[3] != cursors[0]


@given(moments, sizes)
def test_an_endless_list_always_has_more_and_a_new_cursor(moments: list[int], size: int) -> None:
    pages = walk(shelf(moments), size, box(endless=True), steps=30)
    assert len(pages) == 30
    assert ids(pages)[: len(moments)] == [str(ms) for ms in reversed(moments)][: len(ids(pages))]


def test_a_cursor_means_posted_before_it() -> None:
    page = page_before(shelf([1000, 2000, 2001, 3000]), 2001, 10)
    assert [video.id for video in page.videos] == ["2000", "1000"]


def test_an_empty_list_has_cursor_0() -> None:
    assert page_before([], 0, 20) == Page([], 0, False)
