"""Conditions provoked by what really happens: faults of TikTok over HTTP, a run that did not come, a clock that goes on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from tiktok_pipeline.alerts.incidents import Facts, look
from tiktok_pipeline.alerts.outbox import Message, list_messages
from tiktok_pipeline.capture.forecast import forecasts
from tiktok_pipeline.quality.evaluate import evaluate
from tiktok_pipeline.quality.rules import rules
from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.tiktok.circuit import Circuit
from tiktok_pipeline.tiktok.client import TikTokClient
from tiktok_pipeline.tiktok.quota import Quota
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.derive import derive
from tiktok_pipeline_tests.building import DatabaseClock, rows
from tiktok_pipeline_tests.capturing import Pipeline
from tiktok_pipeline_tests.conftest import database

DAY = dt.timedelta(days=1)
ACCOUNTS = 6
DERIVED = (
    *(f"snapshots.{t}" for t in ("tiktok_user_daily", "tiktok_video_daily", "account_day_verdict")),
    *(f"snapshots.{t}" for t in ("video_change", "counter_fall")),
    *(f"reporting.{t}" for t in ("account_daily", "video_daily", "viral_videos")),
)


class World:
    """A pipeline whose days go by: `today` is the third of its life, and on the two before it all went well."""

    def __init__(self, warehouse: Warehouse, sandbox: SandboxProcess, keys: Path) -> None:
        self.warehouse = warehouse
        self.sandbox = sandbox
        self.pipeline = Pipeline(warehouse, sandbox, keys)
        self.facts = Facts("UTC")
        self.today = self.pipeline.ledger().today()

    def at(self, hour: int, minute: int = 0, days: int = 0) -> None:
        """Let it be that time, in UTC, so many days from today."""
        now = dt.datetime.combine(self.today + days * DAY, dt.time(hour, minute), dt.UTC)
        DatabaseClock(self.warehouse).set(now)
        self.sandbox.set_clock(now=now)

    def capture(self, *, force: bool = False) -> None:
        self.pipeline.capture("user_info", force=force)
        self.pipeline.capture("video_list", force=force)

    def derive(self) -> None:
        """Tables and checks of the day that it is."""
        day = self.pipeline.ledger().today()
        for table in DERIVED:
            derive(self.warehouse, table, day, day)
        for rule in rules():
            evaluate(self.warehouse, rule, [day - DAY if rule.standing else day], "UTC")

    def run(self) -> None:
        """What the job does."""
        self.capture()
        self.derive()

    def look(self, *minutes: int, hour: int, days: int = 0, kinds: list[str] | None = None) -> None:
        for minute in minutes or (0,):
            self.at(hour, minute, days)
            assert look(self.warehouse, self.facts, kinds).broken == {}

    def told(self) -> list[Message]:
        listed = [listed.message for listed in list_messages(self.warehouse)]
        # that each account must be reconnected is told by its own sensor
        return [message for message in listed if "incident" in message.details]


@pytest.fixture(scope="module")
def tiktok() -> Iterator[SandboxProcess]:
    settings = {"accounts": ACCOUNTS, "videos": 25, "even": True, "limit": 0, "token_regime": "lenient"}
    with SandboxProcess(**settings) as running:
        yield running


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys") / "keys.json"


@pytest.fixture(scope="module")
def good_days(server_url: str, migrated_template: str, tiktok: SandboxProcess, keys: Path) -> Iterator[str]:
    """Name of a database with two days on which all went well; it is 01:00 of the third."""
    with database(server_url, "good_days", template=migrated_template) as url:
        warehouse = Warehouse(url)
        world = World(warehouse, tiktok, keys)
        world.today -= 12 * DAY
        world.at(1, days=-2)
        world.pipeline.connect(ACCOUNTS)
        for days in (-2, -1):
            world.at(2, days=days)
            world.run()
        world.at(1)
        warehouse.close()
        yield make_url(url).database or ""


@pytest.fixture
def world(server_url: str, good_days: str, tiktok: SandboxProcess, keys: Path) -> Iterator[World]:
    tiktok.clear_faults()
    with database(server_url, "test", template=good_days) as url:
        warehouse = Warehouse(url)
        yield World(warehouse, tiktok, keys)
        warehouse.close()
    tiktok.clear_faults()


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
    key = world.sandbox.client_key
    circuit = Circuit(
        world.warehouse,
        key,
        most_failures=5,
        rest_seconds=(0.3, 0.6),
        quiet_seconds=0.05,
        patience_seconds=0,
    )
    world.pipeline.client = TikTokClient(
        world.sandbox.base_url, key, Quota(world.warehouse, key, 1_000_000), circuit, max_attempts=4
    )
    world.sandbox.set_faults(html_error={"status": 503, "endpoint": ["video/list", "user/info"]})
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
    today = world.pipeline.ledger().today()
    for pages_a_minute in (600, 1):
        found = forecasts(world.warehouse, today, pages_a_minute=pages_a_minute, window_minutes=10)
        told = [{"fits_until": None, "words": str(f), **_plain(f)} for f in found]
        world.facts = Facts("UTC", forecasts=told)
        world.look(10, hour=2)


def _plain(forecast: object) -> dict[str, object]:
    return {name: getattr(forecast, name) for name in ("client_key", "accounts", "fits")}


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
