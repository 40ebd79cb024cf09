"""What a digest says of good days, first days, gaps, quarantine and videos that go; counted by hand."""

from __future__ import annotations

import pytest

from tiktok_pipeline.digest import words
from tiktok_pipeline.digest.render import as_text
from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import DatabaseClock, rows
from tiktok_pipeline_tests.integration.digest.week import Week


def first_line(week: Week, day: int, store: str | None = None) -> str:
    return as_text(week.digest(day, store), link=None).splitlines()[0]


def test_a_company_without_accounts_has_nothing_to_tell(warehouse: Warehouse, clock: DatabaseClock) -> None:
    week = Week(warehouse, clock)
    digest = week.digest(-1)
    assert (digest.accounts, digest.movers, digest.gaps, digest.broken) == (0, (), (), ())
    assert digest.totals.followers_changed is None
    assert first_line(week, -1) == "No account was to be observed on this day."


def test_the_first_day_is_a_baseline_and_not_a_rise_from_nothing(week: Week) -> None:
    digest = week.digest(0)
    assert (digest.totals.followers, digest.totals.videos) == (1500, 12)
    assert (digest.totals.followers_changed, digest.totals.likes, digest.totals.views) == (None, None, None)
    assert (digest.totals.followers_gained, digest.totals.followers_lost) == (None, None)
    assert (digest.new_videos.found, digest.movers, digest.top_videos) == (0, (), ())
    assert words.notes(digest) == ["The first day: there is nothing before it to compare with."]
    assert "+0 followers" not in words.subject(digest)
    assert first_line(week, 0) == "Complete: all 2 accounts were observed."


def test_a_day_that_was_captured_and_not_derived_is_not_called_complete(week: Week) -> None:
    for report in ("account_daily", "video_daily"):
        rows(
            week.warehouse,
            f"delete from reporting.{report} where snapshot_date = %s and store_code = 'store_1'",
            week.date(1),
        )
    digest = week.digest(1)
    assert not digest.is_complete
    assert [(gap.endpoint, gap.reason, gap.accounts) for gap in digest.gaps] == [
        ("user_info", "not_derived", 1),
        ("video_list", "not_derived", 1),
    ]
    assert first_line(week, 1).startswith("This day is incomplete. Missing: the profile of 1 of 2 accounts")
    assert "captured, but not in the reports" in as_text(digest, link=None)
    for report in ("account_daily", "video_daily"):
        rows(week.warehouse, f"delete from reporting.{report} where snapshot_date = %s", week.date(1))
    assert week.digest(1).accounts == 2


def test_gained_and_lost_stand_apart_and_movers_go_both_ways(week: Week) -> None:
    digest = week.digest(1)
    totals = digest.totals
    assert (totals.followers_gained, totals.followers_lost, totals.followers_changed) == (10, -3, 7)
    assert (totals.likes, totals.views, totals.comments) == (14, 1200, 0)
    assert [(m.store_code, m.followers, m.views, m.span_days) for m in digest.movers] == [
        ("store_0", 10, 1000, 1),
        ("store_1", -3, 200, 1),
    ]
    assert [(v.gained, v.views) for v in digest.top_videos] == [(100, 200)] * 5
    assert digest.is_complete


def test_a_day_with_a_gap_says_so_first_and_the_day_after_marks_what_spans_it(week: Week) -> None:
    digest = week.digest(2)
    assert (digest.totals.followers_gained, digest.totals.followers_lost) == (10, 0)
    assert [(g.endpoint, g.reason, g.accounts) for g in digest.gaps] == [
        ("user_info", "missed", 1),
        ("video_list", "missed", 1),
    ]
    assert (
        first_line(week, 2)
        == "This day is incomplete. Missing: the profile of 1 of 2 accounts and the videos of 1 account."
    )
    assert words.without_data(digest)[1].startswith("videos of 1 account, not captured: ")
    after = week.digest(3)
    assert (after.totals.followers_lost, after.totals.profiles_over_gap) == (-6, 1)
    assert [(m.store_code, m.span_days) for m in after.movers] == [("store_0", 1), ("store_1", 2)]
    assert words.notes(after) == [
        "Followers and likes of 1 account changed over a gap of up to 2 days; all of it counts on this day.",
        "Views of 2 videos changed over a gap of up to 2 days; all of it counts on this day.",
    ]
    assert [day.over_gap for day in after.days[-4:]] == [False, False, False, True]


def test_a_new_video_a_missing_one_and_a_gone_one_each_on_its_day(week: Week) -> None:
    def told(day: int) -> tuple[int, int, int]:
        digest = week.digest(day)
        return digest.new_videos.found, digest.missing_videos.found, digest.gone_videos.found

    assert [told(day) for day in range(6)] == [
        (0, 0, 0), (0, 0, 0), (0, 0, 0), (0, 1, 0), (1, 0, 0), (0, 0, 1),
    ]  # fmt: skip
    [new] = week.digest(4).new_videos.videos
    assert (new.caption, new.views, new.span_days) == ("caption of v-01", 500, 1)
    [gone] = week.digest(5).gone_videos.videos
    assert (gone.caption, gone.last_seen, gone.views) == ("caption of v009", week.date(2), 300)


def test_what_is_quarantined_is_left_out_and_said(week: Week) -> None:
    week.quarantine(4, "user_info")
    week.quarantine(4, "video_list")
    digest = week.digest(4)
    assert (digest.totals.followers, digest.totals.followers_changed, digest.totals.views) == (488, -3, 200)
    assert digest.new_videos.found == 0
    assert first_line(week, 4) == "This day is incomplete. 2 account-days are in quarantine and left out."
    assert [line.endswith("(store_0): all fell to zero") for line in words.left_out(digest)] == [True, True]
    assert week.digest(5).totals.profiles_over_gap == 1


def test_what_tiktok_left_out_is_said_and_counts_when_it_is_there_again(week: Week) -> None:
    week.leave_out(4, "tiktok_user_daily", "follower_count", "account_id = 1")
    week.leave_out(4, "tiktok_video_daily", "view_count", "video_id in ('v001', 'v002', 'v020')")
    digest = week.digest(4)
    assert not digest.is_complete
    assert (digest.totals.followers, digest.totals.followers_changed, digest.totals.views) == (488, -3, 800)
    assert first_line(week, 4) == (
        "This day is incomplete. Unknown: followers of 1 account and views of 3 videos."
    )
    assert "(incomplete)" in words.subject(digest)
    name = digest.unknown[0].examples[0].name
    other = digest.unknown[1].examples[1].name
    assert words.unknown(digest) == [
        f"followers of 1 account: {name} (store_0); 1,030 when they were last known",
        f"views of 3 videos: {name} (store_0, 2 videos), {other} (store_1, 1 video)",
    ]
    assert week.digest(4, "store_1").unknown[0].lacking == 1
    after = week.digest(5)
    assert (after.totals.followers_changed, after.totals.views) == (17, 1500)
    assert [(m.store_code, m.followers, m.views, m.span_days) for m in after.movers] == [
        ("store_0", 20, 1200, 2),
        ("store_1", -3, 300, 1),
    ]
    assert [(video.gained, video.span_days) for video in after.top_videos[:4]] == [
        (200, 2), (200, 2), (200, 2), (100, 1)
    ]  # fmt: skip
    assert words.notes(after) == [
        "Followers and likes of 1 account changed over a gap of up to 2 days; all of it counts on this day.",
        "Views of 3 videos changed over a gap of up to 2 days; all of it counts on this day.",
    ]
    assert after.is_complete
    assert [day.views for day in after.days[-2:]] == [800, 1500]


def test_a_day_that_is_not_over_says_so_first(week: Week) -> None:
    digest = week.digest(6)
    assert not digest.is_over
    assert first_line(week, 6).startswith(
        "This day is not over: its numbers can still change. Still missing: "
    )
    assert words.subject(digest).startswith("TikTok of all stores on 2026-03-07 (not over yet): – followers")
    with pytest.raises(PipelineError, match="has not begun"):
        week.digest(7)


def test_a_store_has_a_digest_of_its_own(week: Week) -> None:
    digest = week.digest(1, "store_1")
    assert (digest.totals.followers_changed, digest.totals.views, digest.accounts) == (-3, 200, 1)
    assert [m.followers for m in digest.movers] == [-3]
    assert week.digest(2, "store_0").is_complete
    assert not week.digest(2, "store_1").is_complete
    with pytest.raises(PipelineError, match="there is none"):
        week.digest(1, "nowhere")


def test_accounts_are_broken_on_the_days_on_which_they_were(week: Week) -> None:
    week.book.clock.set(f"{week.date(4)}T12:00:00")
    rows(
        week.warehouse,
        "update hub.store_accounts set status = 'NEED_RECONNECT', status_reason = 'withdrawn',"
        " status_changed_at = ops.now() where id = 2",
    )
    week.book.clock.set(f"{week.date(6)}T08:00:00")
    assert [week.digest(day).broken_found for day in (3, 4, 5)] == [0, 1, 1]
    assert words.broken(week.digest(4))[0].endswith(
        "(store_1): must be reconnected since 2026-03-05: withdrawn"
    )
    rows(week.warehouse, "update hub.store_accounts set status = 'CONNECTED'")
    assert [week.digest(day).broken_found for day in (4, 6)] == [1, 0]
