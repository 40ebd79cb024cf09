"""Viral videos: found against their account's own curve, and told once at each level, whatever is derived again."""

from __future__ import annotations

import datetime as dt
import threading
from pathlib import Path
from typing import Any

import pytest

from tiktok_pipeline.alerts.outbox import Message, list_messages
from tiktok_pipeline.alerts.viral import tell_of_viral
from tiktok_pipeline.quality.evaluate import evaluate
from tiktok_pipeline.quality.quarantine import release
from tiktok_pipeline.quality.rules import rules
from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.derive import derive
from tiktok_pipeline_tests.building import DatabaseClock, add_account, rows
from tiktok_pipeline_tests.capturing import VIDEOS, Pipeline

DAY = dt.timedelta(days=1)
LAST = dt.date(2026, 5, 20)
DAYS = 60
ZEROED = next(rule for rule in rules() if rule.name == "zeroed_videos")


class Book:
    """An account that posts every third day; each of its videos gains 100 views a day, whatever its age."""

    def __init__(self, warehouse: Warehouse, clock: DatabaseClock, videos: int = 20) -> None:
        self.warehouse = warehouse
        self.clock = clock
        clock.set(dt.datetime.combine(LAST, dt.time(3), dt.UTC))
        self.account = add_account(warehouse)
        rows(warehouse, "select ops.ensure_partitions(%s, %s)", LAST - DAYS * DAY, LAST)
        rows(  # the ledger knows the time zone in which a video has an age
            warehouse,
            """
            insert into capture.account_day (account_id, endpoint, day, time_zone, state, reason, finished_at)
            select %s, 'video_list', day::date, 'UTC', 'gap', 'missed', ops.now()
            from generate_series(%s::date, %s, '1 day') as day
            """,
            self.account,
            LAST - DAYS * DAY,
            LAST,
        )
        for number in range(videos):
            self.put(f"old{number:02}", 3 * number + 4)
        self.derive(LAST - DAYS * DAY, LAST)

    def put(self, video: str, age: int, gains: dict[int, int] | None = None, gap: int | None = None) -> None:
        """A video that is `age` days old on LAST; `gains` of that many days ago, else 100; a `gap` so many days ago."""
        views = 0
        for day in (LAST - n * DAY for n in range(age - 1, -1, -1)):
            ago = (LAST - day).days
            views += (gains or {}).get(ago, 100)
            if ago == gap or ago > DAYS:
                continue
            at = dt.datetime.combine(day, dt.time(2), dt.UTC)
            rows(
                self.warehouse,
                """
                insert into snapshots.tiktok_video_daily (
                    store_code, video_id, snapshot_date, account_id, open_id, source, late, capture_no,
                    create_time, observed_at, view_count, like_count, comment_count, share_count, share_url
                )
                values ('jakarta_01', %s, %s, %s, '-000open', 'capture', false, 1, %s, %s, %s, 1, 1, 1, %s)
                """,
                video,
                day,
                self.account,
                dt.datetime.combine(LAST - age * DAY, dt.time(2), dt.UTC),
                at,
                views,
                f"https://www.tiktok.com/@x/video/{video}",
            )

    def derive(self, first: dt.date = LAST - 6 * DAY, last: dt.date = LAST) -> None:
        for table in ("reporting.video_daily", "reporting.viral_videos"):
            derive(self.warehouse, table, first, last)

    def check(self, day: dt.date = LAST) -> None:
        """What the job does last."""
        evaluate(self.warehouse, ZEROED, [day], "UTC")

    def found(self) -> list[dict[str, Any]]:
        return rows(
            self.warehouse,
            "select video_id, snapshot_date, level, gained, expected, ratio from reporting.viral_videos"
            " order by video_id, snapshot_date",
        )

    def levels(self) -> dict[tuple[str, int], int]:
        """By video and days ago."""
        return {(row["video_id"], (LAST - row["snapshot_date"]).days): row["level"] for row in self.found()}

    def tell(self) -> list[Message]:
        tell_of_viral(self.warehouse, "UTC")
        return [listed.message for listed in list_messages(self.warehouse) if listed.message.kind == "viral"]


@pytest.fixture
def book(warehouse: Warehouse, clock: DatabaseClock) -> Book:
    return Book(warehouse, clock)


def test_a_gain_far_beyond_the_accounts_usual_has_the_level_that_its_ratio_reaches(book: Book) -> None:
    assert book.found() == []
    book.put("five", 10, {0: 1_000})
    book.put("twenty", 10, {0: 2_500})
    book.put("hundred", 20, {0: 10_000})
    book.put("fresh", 1, {0: 3_000})  # seen for the first time, a day after it was posted
    book.put("little", 10, {0: 900})
    book.derive()
    assert book.levels() == {("five", 0): 5, ("twenty", 0): 20, ("hundred", 0): 100, ("fresh", 0): 20}
    assert (book.found()[0]["gained"], book.found()[0]["expected"], book.found()[0]["ratio"]) == (
        1000,
        100,
        10,
    )


def test_a_great_video_is_not_viral_while_it_only_goes_on(book: Book) -> None:
    book.put("great", 30, dict.fromkeys(range(30), 20000))
    book.derive(LAST - 35 * DAY)
    assert book.levels() == {("great", 29): 100}  # on its first day


def test_an_account_whose_videos_differ_widely_is_judged_by_that(book: Book) -> None:
    for number in range(20):
        book.put(f"wild{number:02}", 12, dict.fromkeys(range(12), 4**number if number < 8 else 100))
    book.put("more", 12, {0: 4_000})
    book.derive()
    assert ("more", 0) in book.levels()
    rows(book.warehouse, "delete from snapshots.tiktok_video_daily where left(video_id, 3) = 'old'")
    for number in range(8, 20):
        rows(
            book.warehouse,
            "update snapshots.tiktok_video_daily set view_count = view_count * %s where video_id = %s",
            10 ** (number % 4),
            f"wild{number:02}",
        )
    book.derive(LAST - DAYS * DAY)
    assert ("more", 0) not in book.levels()


def test_nothing_is_said_before_the_account_has_eight_videos_of_that_age(
    warehouse: Warehouse, clock: DatabaseClock
) -> None:
    book = Book(warehouse, clock, videos=9)  # seven of them have been eight days old
    book.put("first", 8, {0: 50_000})
    book.derive()
    assert book.found() == []
    book.put("eighth", 12)
    book.derive()
    assert book.levels() == {("first", 0): 100}


def test_a_delta_over_a_gap_is_left_out(book: Book) -> None:
    book.put("gap", 10, {0: 50_000}, gap=1)
    book.derive()
    assert book.found() == []


def test_a_counter_that_comes_back_gained_nothing(book: Book) -> None:
    book.put("back", 40, {3: 60_000, 1: -60_000, 0: 60_000})
    book.derive()
    assert book.levels() == {("back", 3): 100}


def test_a_quarantined_day_raises_nothing_and_what_is_released_does(book: Book) -> None:
    book.put("bad", 10, {0: 50_000})
    rows(
        book.warehouse,
        "insert into snapshots.quarantine (account_id, endpoint, day, check_name, reason)"
        " values (%s, 'video_list', %s, 'test', 'test')",
        book.account,
        LAST,
    )
    book.derive()
    book.check()
    assert book.found() == []
    assert book.tell() == []
    release(book.warehouse, "ayu", "it is right", {"account": book.account, "first": LAST, "last": LAST})
    assert book.levels() == {("bad", 0): 100}
    assert len(book.tell()) == 1


def test_a_rise_after_a_day_that_the_check_then_quarantines_is_no_news(book: Book) -> None:
    """One run derives both days; the reports are there before the check finds the first one wrong."""
    rows(
        book.warehouse,
        "update snapshots.tiktok_video_daily set view_count = 0 where snapshot_date = %s",
        LAST - DAY,
    )
    rows(
        book.warehouse,
        "update snapshots.tiktok_video_daily set view_count = view_count + 9000 where snapshot_date = %s",
        LAST,
    )
    book.derive()
    assert book.found() != []
    rows(
        book.warehouse,
        """
        insert into snapshots.account_day_verdict (
            store_code, account_id, source, late, capture_no, snapshot_date, verdict, reason, pages, listed_videos,
            distinct_videos, duplicates, chain_closed
        )
        values ('jakarta_01', %s, 'capture', false, 1, %s, 'COMPLETE', 'counted', 1, 20, 20, 0, true)
        """,
        book.account,
        LAST - DAY,
    )
    assert book.tell() == []  # the check has not looked yet
    evaluate(book.warehouse, ZEROED, [LAST - DAY, LAST], "UTC")
    assert book.found() == []
    assert book.tell() == []


def test_each_level_of_a_video_is_told_once_whatever_is_derived_again(book: Book) -> None:
    book.put("hit", 10, {0: 2_500})
    book.put("hot", 11, {0: 900 + 200})
    book.derive()
    assert book.tell() == []
    book.check()
    [told] = book.tell()
    assert (told.kind, told.severity, told.subject) == ("viral", "info", "2 videos go viral")
    assert "https://www.tiktok.com/@x/video/hit gained 2,500 views a day" in told.body
    assert "25 times the usual 100 (level 20, 10 days old)" in told.body
    assert [video["video_id"] for video in told.details["videos"]] == ["hit", "hot"]
    rows(book.warehouse, "delete from reporting.viral_videos")
    book.derive(LAST - DAYS * DAY)
    book.check()
    assert len(book.tell()) == 1
    rows(book.warehouse, "delete from ops.outbox")  # as after months
    assert book.tell() == []
    for views, level in ((30_000, 100), (1_300, None)):  # higher is news, lower is none
        rows(
            book.warehouse,
            "update snapshots.tiktok_video_daily set view_count = 900 + %s"
            " where video_id = 'hit' and snapshot_date = %s",
            views,
            LAST,
        )
        rows(book.warehouse, "delete from ops.outbox")
        book.derive()
        said = [message.details["videos"][0]["level"] for message in book.tell()]
        assert said == ([level] if level else [])


def test_two_looks_at_once_tell_a_video_once(book: Book) -> None:
    """As after a restart, when the tick of the daemon before goes on."""
    book.put("hit", 10, {0: 2_500})
    book.derive()
    book.check()
    together = threading.Barrier(4)
    told: list[int] = []

    def look() -> None:
        together.wait()
        told.append(tell_of_viral(book.warehouse, "UTC"))

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == [0, 0, 0, 1]
    assert rows(book.warehouse, "select video_id, level from ops.viral_told") == [
        {"video_id": "hit", "level": 20}
    ]


def test_a_backfill_of_old_days_tells_nothing(book: Book) -> None:
    book.put("past", 30, {9: 50_000})
    book.derive(LAST - DAYS * DAY)
    assert book.levels() == {("past", 9): 100}
    book.check(LAST - 9 * DAY)
    assert book.tell() == []


def test_a_month_without_a_viral_video_is_silent_and_one_over_http_is_told_once(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    with SandboxProcess(accounts=3, videos=40, viral=0, limit=0) as sandbox:
        pipeline = Pipeline(warehouse, sandbox, tmp_path / "keys.json")
        first = pipeline.ledger().today() - 32 * DAY
        told: list[int] = []
        for number in range(32):
            day = first + number * DAY
            at = dt.datetime.combine(day, dt.time(2), dt.UTC)
            DatabaseClock(warehouse).set(at)
            sandbox.set_clock(now=at)
            if number == 0:
                pipeline.connect(3)
            if number == 30:
                assert told == [0] * 30
                largest = max(sandbox.accounts(), key=lambda account: account["video_count"])["index"]
                listed = sandbox.history(largest, day)["videos"]
                chosen = max(listed, key=lambda video: video["view_count"])["id"]
                sandbox.set_faults(rising_counters={"ids": [chosen], "factor": 40})
            pipeline.capture("video_list")
            for table in (VIDEOS, "reporting.video_daily", "reporting.viral_videos"):
                derive(warehouse, table, day, day)
            evaluate(warehouse, ZEROED, [day], "UTC")
            told.append(tell_of_viral(warehouse, "UTC"))
    assert told[30:] == [1, 0]
    [message] = [listed.message for listed in list_messages(warehouse)]
    assert message.details["videos"][0]["video_id"] == chosen
    assert message.subject == f"a video of store store_{largest:03} goes viral"
