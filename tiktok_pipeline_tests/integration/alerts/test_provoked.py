"""Conditions provoked by what really happens: faults of TikTok over HTTP, a run that did not come, a clock that goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.integration.alerts.world import World


def _cursors_stand(world: World) -> None:
    world.sandbox.set_faults(stuck_cursor=True)
    world.at(2)
    world.run()
    world.look(0, 30, 45, hour=3)


def _dead_letters_grow(world: World) -> None:
    world.sandbox.set_faults(html_ok={"accounts": [0], "endpoint": "video/list"})
    world.at(2)
    world.pipeline.capture("video_list")
    world.look(10, hour=4)
    world.sandbox.set_faults(html_ok={"endpoint": "user/info"})
    world.pipeline.capture("user_info")
    world.look(20, hour=4)


def _no_run_came_all_day(world: World) -> None:
    world.look(1, 11, hour=6)
    world.at(2, days=1)
    world.run()
    world.look(10, 20, hour=2, days=1)


def _tiktok_is_down(world: World) -> None:
    world.at(2)
    world.lose_tiktok()
    world.capture()
    world.look(10, 20, hour=2)


def _a_new_field(world: World) -> None:
    world.sandbox.set_faults(extra_fields={"endpoint": "video/list", "fields": {"save_count": 7}})
    world.at(2)
    world.run()
    world.look(10, 20, hour=2)


def _counters_at_zero(world: World) -> None:
    world.sandbox.set_faults(counters={"accounts": [0], "endpoint": "video/list", "value": "zero"})
    world.at(2)
    world.run()
    world.look(10, hour=2, days=8, kinds=["check_failed", "quarantined"])


def _no_run_came(world: World) -> None:
    world.look(0, 59, hour=5)
    world.look(1, 11, hour=6)


def _nothing_was_derived(world: World) -> None:
    world.at(2)
    world.capture()
    world.look(10, 40, hour=1, days=1)


def _a_small_quota(world: World) -> None:
    world.at(2)
    world.run()
    for pages_a_minute in (600, 1):
        world.forecast(pages_a_minute)
        world.look(10, hour=2)


@dataclass(frozen=True)
class Case:
    """What happens, and what is then told: kind and subject of each message, and a word of the first one's body."""

    happens: Callable[[World], None]
    told: list[tuple[str, str]]
    word: str


CASES = {
    "captures fail": Case(
        _cursors_stand,
        [("failed_captures", "6 captures fail: malformed")],
        "the cursor does not advance",
    ),
    "dead letters grow": Case(
        _dead_letters_grow,
        [
            ("failed_captures", "1 captures fail: malformed"),
            ("failed_captures", "worse: 7 captures fail: malformed"),
        ],
        "store_000 video_list: ",
    ),
    "no run came all day": Case(
        _no_run_came_all_day,
        [("late_capture", "12 of 12 captures of "), ("gaps", "12 account-days of ")],
        "CAPTURE_DEADLINE",
    ),
    "TikTok is down": Case(
        _tiktok_is_down, [("circuit_open", "TikTok has not answered since 02:00")], "internal_error"
    ),
    "a new field": Case(
        _a_new_field, [("check_failed", "the check fields of capture.video_list fails on ")], "save_count"
    ),
    "counters at zero, never released": Case(
        _counters_at_zero, [("quarantined", "reports leave 1 account-days out: zeroed_videos")], "store_000"
    ),
    "no run came": Case(_no_run_came, [("late_capture", "12 of 12 captures of ")], "CAPTURE_DEADLINE"),
    "nothing was derived": Case(
        _nothing_was_derived,
        [
            ("snapshots_stale", "snapshots.account_day_verdict lacks "),
            ("snapshots_stale", "snapshots.tiktok_user_daily lacks "),
            ("snapshots_stale", "snapshots.tiktok_video_daily lacks "),
        ],
        "derived",
    ),
    "a small quota": Case(
        _a_small_quota, [("quota_forecast", "the daily capture does not fit its window")], "18 pages"
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_happens_is_told_once_and_nothing_else(world: World, name: str) -> None:
    case = CASES[name]
    case.happens(world)
    told = world.told()
    assert [message.kind for message in told] == [kind for kind, _ in case.told]
    for message, (_, subject) in zip(
        sorted(told, key=lambda m: m.subject), sorted(case.told, key=lambda c: c[1]), strict=True
    ):
        assert message.subject.startswith(subject)
    assert case.word in told[0].body
    assert all("What helps: " in message.body for message in told if message.kind == "check_failed")


def test_a_normal_day_is_silent(world: World) -> None:
    world.look(30, hour=1)
    world.at(2)
    world.run()
    for hour in (2, 3, 6, 7, 12, 23):
        world.look(5, 50, hour=hour)
    world.look(30, hour=1, days=1)
    assert world.told() == []


def test_a_withdrawn_grant_is_reminded_of_until_it_is_given_again(world: World) -> None:
    """The last of this file: the grant is gone for good."""
    world.at(2)
    world.sandbox.revoke(0)
    world.run()
    world.look(30, hour=2)
    assert world.told() == []
    world.look(40, hour=2, days=1, kinds=["reconnect_open", "gaps"])
    [told] = world.told()
    assert told.subject == "still: 1 accounts wait to be reconnected"
    assert "store_000" in told.body
    [waiting] = rows(world.warehouse, "select id from hub.store_accounts where status = 'NEED_RECONNECT'")
    assert waiting["id"] in world.pipeline.connect(1)
    world.look(50, hour=2, days=1, kinds=["reconnect_open"])
    world.look(5, hour=3, days=1, kinds=["reconnect_open"])
    assert rows(world.warehouse, "select kind from ops.incident where resolved_at is null") == []
