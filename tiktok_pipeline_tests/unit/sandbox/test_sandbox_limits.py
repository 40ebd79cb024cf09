from hypothesis import given
from hypothesis import strategies as st

from tiktok_pipeline.sandbox.limits import SlidingLog
from tiktok_pipeline.sandbox.requests_seen import FullestWindow

KEY = ("app", "video/list")
gaps = st.lists(st.floats(0, 5, allow_nan=False), max_size=200)


@given(gaps, st.integers(1, 20))
def test_no_window_ever_lets_through_more_than_the_limit(gaps: list[float], limit: int) -> None:
    log, now, passed = SlidingLog(), 100.0, []
    for gap in gaps:
        now += gap
        if log.allows(KEY, now, limit, 10.0):
            passed.append(now)
    for end in passed:
        assert sum(end - 10.0 < moment <= end for moment in passed) <= limit


@given(gaps)
def test_the_fullest_window_is_the_one_that_counting_finds(gaps: list[float]) -> None:
    seen, now, moments = FullestWindow(), 0.0, []
    for gap in gaps:
        now += gap
        seen.add(now, 10.0)
        moments.append(now)
    at_each = [sum(now - 10.0 < moment for moment in moments[: n + 1]) for n, now in enumerate(moments)]
    assert seen.highest == max(at_each, default=0)


def test_a_refused_request_does_not_prolong_the_wait() -> None:
    log = SlidingLog()
    assert [log.allows(KEY, t, 2, 10.0) for t in (0, 1, 2, 9, 9.5)] == [True, True, False, False, False]
    assert log.allows(KEY, 10.0, 2, 10.0)


def test_apps_and_endpoints_have_windows_of_their_own() -> None:
    log = SlidingLog()
    assert log.allows(KEY, 0, 1, 10.0)
    assert log.allows(("app", "user/info"), 0, 1, 10.0)
    assert log.allows(("other", "video/list"), 0, 1, 10.0)
    assert not log.allows(KEY, 0, 1, 10.0)


def test_a_limit_of_0_is_no_limit() -> None:
    log = SlidingLog()
    assert all(log.allows(KEY, 0, 0, 10.0) for _ in range(5000))
