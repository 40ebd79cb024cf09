"""A month of days as the schedule and the daemon live them: TikTok over HTTP, capture, tables, checks, looks, delivery."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import pytest

from tiktok_pipeline.alerts.delivery import deliver
from tiktok_pipeline.alerts.heartbeat import beat
from tiktok_pipeline.alerts.incidents import look, open_incidents
from tiktok_pipeline.alerts.outbox import pending
from tiktok_pipeline.alerts.routes import channels_of
from tiktok_pipeline.alerts.viral import tell_of_viral
from tiktok_pipeline.capture.dead_letters import dead_letters, release
from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.integration.alerts.receiver import Receiver
from tiktok_pipeline_tests.integration.alerts.world import ACCOUNTS, DAY, World

DAYS = 30


class Month:
    """Days count from 0. What is told goes to a real receiver at once."""

    def __init__(self, world: World, receiver: Receiver) -> None:
        self.world = world
        self.receiver = receiver
        self.number = 0

    def tick(self, hour: int, *minutes: int, days: int = 0) -> None:
        """What the daemon does each minute, at these."""
        for minute in minutes or (0,):
            self.world.at(hour, minute, self.number + days)
            beat(self.world.warehouse, "a")
            assert look(self.world.warehouse, self.world.facts).broken == {}
            tell_of_viral(self.world.warehouse, "UTC")
            self.deliver()

    def deliver(self) -> None:
        deliver(self.world.warehouse, channels_of(self.receiver.url), ZoneInfo("UTC"), jitter=lambda: 0)

    def run(self, hour: int = 2, minute: int = 0) -> None:
        """The daily job."""
        self.world.at(hour, minute, self.number)
        self.world.run()

    def live(self, planted: dict[int, Planted]) -> None:
        """A month; a day with something planted has another morning, or another night, than the others."""
        for self.number in range(DAYS):
            today = planted.get(self.number, Planted("", ""))
            self.tick(1, 30)
            today.morning(self)
            for hour in (12, 18, 23):
                self.tick(hour)
            today.night(self)


def _a_good_morning(month: Month) -> None:
    month.run()
    month.tick(2, 30)
    month.tick(6, 10)


def _tiktok_is_down(month: Month) -> None:
    world, usual = month.world, month.world.pipeline.client
    world.at(2, 0, month.number)
    world.lose_tiktok()
    world.capture()
    month.tick(2, 10, 20)
    world.sandbox.clear_faults()
    month.run(2, 40)
    world.pipeline.client = usual
    month.tick(2, 45, 59)


def _cursors_stand(month: Month) -> None:
    month.world.sandbox.set_faults(stuck_cursor=True)
    month.run()
    month.tick(3, 0, 45)
    month.world.sandbox.clear_faults()
    assert release(month.world.warehouse, dead_letters(month.world.warehouse)) == ACCOUNTS
    month.run(4)
    month.tick(4, 5, 20)


def _no_run_came(month: Month) -> None:
    month.tick(6, 1, 5)
    month.run(6, 10)
    month.tick(6, 20, 35)


def _a_table_was_not_derived(month: Month) -> None:
    month.world.at(2, 0, month.number)
    month.world.capture()
    month.world.derive(without="snapshots.tiktok_user_daily")


def _until_it_is(month: Month) -> None:
    month.tick(0, 5, 30, days=1)
    month.world.derive(back=1)
    month.tick(0, 40, 50, days=1)


def _a_profile_at_zero(month: Month) -> None:
    zeros = {
        "accounts": [2],
        "endpoint": "user/info",
        "value": "zero",
        "fields": ["follower_count", "likes_count"],
    }
    month.world.sandbox.set_faults(counters=zeros)
    _until_captured_again(month)


def _views_fall(month: Month) -> None:
    month.world.sandbox.set_faults(falling_counters={"accounts": [1], "endpoint": "video/list"})
    _until_captured_again(month)


def _until_captured_again(month: Month) -> None:
    month.run()
    month.tick(2, 10, 40)
    month.world.sandbox.clear_faults()
    month.world.at(3, 0, month.number)
    month.world.capture(force=True)
    month.world.derive()
    month.tick(3, 5, 15)


def _a_small_quota(month: Month) -> None:
    month.run()
    month.world.forecast(1)
    month.tick(2, 10, 40)
    month.world.forecast(600)
    month.tick(3, 0)
    month.tick(9, 10)


def _the_daemon_dies(month: Month) -> None:
    """The portal looks, and sends."""
    _a_good_morning(month)
    for minute in (22, 26):
        month.world.look(minute, hour=6, days=month.number, kinds=["daemon_silent"])
        month.deliver()
    month.tick(6, 40, 45)


def _a_second_daemon(month: Month) -> None:
    _a_good_morning(month)
    for minute in range(0, 12, 3):
        month.world.at(7, minute, month.number)
        beat(month.world.warehouse, "b")
        month.tick(7, minute + 1)
    month.tick(7, 30, 40)


def _a_store_is_connected_and_never_captured(month: Month) -> None:
    month.world.at(23, 10, month.number)
    month.world.pipeline.connect(1, first=ACCOUNTS)
    month.tick(0, 20, days=1)


@dataclass(frozen=True)
class Planted:
    """What happens on a day, which message tells of it, and how that begins."""

    kind: str
    subject: str
    morning: Callable[[Month], None] = _a_good_morning
    night: Callable[[Month], None] = lambda month: None


TEN = [
    Planted("circuit_open", "TikTok has not answered since", _tiktok_is_down),
    Planted("failed_captures", "6 captures fail: malformed", _cursors_stand),
    Planted("late_capture", "12 of 12 captures of", _no_run_came),
    Planted(
        "snapshots_stale",
        "snapshots.tiktok_user_daily lacks 6 accounts of",
        _a_table_was_not_derived,
        _until_it_is,
    ),
    Planted("check_failed", "the check zeroed_profile of", _a_profile_at_zero),
    Planted("gaps", "2 account-days of", night=_a_store_is_connected_and_never_captured),
    Planted("check_failed", "the check never_falls of", _views_fall),
    Planted("quota_forecast", "the daily capture does not fit its window", _a_small_quota),
    Planted("daemon_silent", "Dagster's daemon is silent since", _the_daemon_dies),
    Planted("two_daemons", "2 Dagster daemons are at work", _a_second_daemon),
]


@pytest.fixture
def month(world: World, receiver: Receiver) -> Month:
    return Month(world, receiver)


def test_a_month_of_normal_days_is_silent(month: Month) -> None:
    month.live({})
    assert month.receiver.received() == []
    assert rows(month.world.warehouse, "select kind, subject from ops.outbox") == []
    [captured] = rows(
        month.world.warehouse,
        "select count(*) filter (where state = 'captured') as good, count(*) as all from capture.account_day"
        " where day >= %s",
        month.world.today,
    )
    assert captured == {"good": 2 * ACCOUNTS * DAYS, "all": 2 * ACCOUNTS * DAYS}


def test_a_month_with_ten_faults_has_ten_alarms_each_once_with_its_end(month: Month) -> None:
    planted = {1 + 3 * number: fault for number, fault in enumerate(TEN)}
    month.live(planted)
    got = month.receiver.received()
    told = [(message["details"]["kind"], message["details"]["what"]) for message in got]
    assert told == [(fault.kind, what) for fault in TEN for what in ("new", "over")]
    for begun, fault in zip(got[::2], TEN, strict=True):
        assert begun["message"].startswith(fault.subject)
    for begun, ended in zip(got[::2], got[1::2], strict=True):
        assert ended["details"]["incident"] == begun["details"]["incident"]
        assert ended["severity"] == "info"
    assert pending(month.world.warehouse) == []
    assert open_incidents(month.world.warehouse) == []
    days = [message["timestamp"][:10] for message in got[::2]]
    assert days == [
        str(month.world.today + (number + (fault.night is not TEN[0].night)) * DAY)
        for number, fault in planted.items()
    ]
