"""The promise of the ledger: today is captured, the past is not, whoever tries."""

from __future__ import annotations

import datetime as dt

import psycopg
import pytest

from tiktok_pipeline.capture.ledger import LeaseLost
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import (
    DatabaseClock,
    add_account,
    capture_today,
    ledger,
    rows,
    user_body,
    video,
    videos_body,
)

YESTERDAY = dt.timedelta(days=1)


def test_only_today_can_be_planned(warehouse: Warehouse) -> None:
    add_account(warehouse)
    book = ledger(warehouse)
    assert book.plan(book.today() - YESTERDAY) == 0
    assert book.plan(book.today() + YESTERDAY) == 0
    assert book.plan(book.today()) == 1


def test_a_page_of_yesterday_is_refused_by_the_database(warehouse: Warehouse, clock: DatabaseClock) -> None:
    account = add_account(warehouse)
    clock.set("2026-03-10T20:00:00")
    book = ledger(warehouse)
    yesterday = book.today() - YESTERDAY
    book.ensure_partitions(yesterday, yesterday)
    book.close(yesterday, yesterday)
    insert = """
        insert into capture.page (endpoint, day, account_id, capture_no, page_no, body, time_zone, observed_at)
        values ('video_list', %s, %s, 1, 0, '{}', 'UTC', coalesce(%s, ops.now()))
    """
    with pytest.raises(psycopg.errors.CheckViolation, match="nothing was begun"):
        rows(warehouse, insert, yesterday, account, None)
    forged = dt.datetime.combine(yesterday, dt.time(12), dt.UTC)
    with pytest.raises(psycopg.errors.CheckViolation, match="the past cannot be captured"):
        rows(warehouse, insert, yesterday, account, forged)
    clock.set("2026-03-10T03:00:00")  # within the grace, but nothing of yesterday was under way
    with pytest.raises(psycopg.errors.CheckViolation, match="nothing was begun"):
        rows(warehouse, insert, yesterday, account, None)
    clock.set("2026-03-10T20:00:00")
    rows(warehouse, "alter table capture.page disable trigger page_of_now")
    with pytest.raises(psycopg.errors.CheckViolation, match="observed_in_its_day"):
        rows(warehouse, insert, yesterday, account, None)


FORGERIES = {
    "a ledger row that was never begun": (
        "update capture.account_day set state = 'captured', chosen_capture_no = 1 where day = %(past)s",
        "account_day_check",
    ),
    "a ledger row captured outside its day": (
        """
        update capture.account_day set state = 'captured', chosen_capture_no = 1, started_at = ops.now(),
            captured_at = ops.now() where day = %(past)s
        """,
        "_in_its_day",
    ),
    "a ledger row with times of its own": (
        """
        update capture.account_day set started_at = ops.day_start(day, 'UTC'),
            captured_at = ops.day_start(day, 'UTC') where day = %(past)s
        """,
        "the past cannot be captured",
    ),
    "a new ledger row begun late last night": (
        """
        insert into capture.account_day (account_id, endpoint, day, time_zone, state, started_at)
        values (%(account)s, 'user_info', %(yesterday)s, 'UTC', 'capturing', ops.day_start(%(today)s, 'UTC') - interval '1h')
        """,
        "the past cannot be captured",
    ),
    "a time zone that is five days away": (
        "update capture.account_day set time_zone = 'X+110' where day = %(past)s",
        "account_day_check",
    ),
    "a page moved into the past": (
        "update capture.page set day = %(past)s, observed_at = observed_at - interval '5 days'",
        "never changed",
    ),
    "a page with other words": ("update capture.page set body = '{}'", "never changed"),
    "a page of a time zone far away": (
        """
        insert into capture.page (endpoint, day, account_id, capture_no, page_no, body, time_zone)
        values ('video_list', %(past)s, %(account)s, 1, 0, '{}', 'X+110')
        """,
        "nothing was begun",
    ),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_history_cannot_be_forged_with_sql(warehouse: Warehouse, clock: DatabaseClock, forgery: str) -> None:
    clock.set("2026-03-20T10:00:00")
    account = add_account(warehouse, connected_at="2026-03-01T00:00:00Z")
    book = ledger(warehouse)
    today = capture_today(book, videos_body(video("1")))
    past = today - 5 * YESTERDAY
    book.close(past, past)
    statement, refusal = FORGERIES[forgery]
    values = {"past": past, "yesterday": today - YESTERDAY, "today": today, "account": account}
    with pytest.raises(psycopg.errors.CheckViolation, match=refusal), warehouse.transaction() as cursor:
        cursor.execute(statement.encode(), values)


def test_a_capture_under_way_at_midnight_is_finished_within_the_grace_and_marked_late(
    warehouse: Warehouse, clock: DatabaseClock
) -> None:
    add_account(warehouse)
    clock.set("2026-03-10T23:59:00")
    book = ledger(warehouse, lease=dt.timedelta(seconds=1))
    day = book.today()
    book.ensure_partitions(day, day)
    book.plan(day)
    (unit,) = book.claim(day, 10)
    book.land(
        unit,
        videos_body(video("1"), cursor=50, has_more=True),
        log_id="L",
        items=1,
        refused=0,
        next_cursor=50,
        last=False,
    )
    clock.set("2026-03-11T05:59:00")
    other = ledger(warehouse)
    assert other.under_way() == [day]
    assert other.close(day, day) == 0
    (taken,) = other.claim(day, 10)
    assert (taken.cursor, taken.pages) == (50, 1)
    other.land(taken, videos_body(video("2")), log_id="L", items=1, refused=0, next_cursor=None, last=True)
    assert rows(warehouse, "select state, late from capture.account_day") == [
        {"state": "captured", "late": True}
    ]


def test_what_is_in_hand_ends_with_the_grace_too(warehouse: Warehouse, clock: DatabaseClock) -> None:
    add_account(warehouse)
    clock.set("2026-03-10T23:59:00")
    book = ledger(warehouse, grace_hours=2)
    day = book.today()
    book.ensure_partitions(day, day)
    book.plan(day)
    (unit,) = book.claim(day, 10)
    clock.set("2026-03-11T02:00:01")
    book.extend_leases()
    with pytest.raises(LeaseLost):
        book.land(unit, videos_body(), log_id="L", items=0, refused=0, next_cursor=None, last=True)


def test_nothing_new_is_begun_after_midnight_and_the_grace_ends(
    warehouse: Warehouse, clock: DatabaseClock
) -> None:
    add_account(warehouse, "begun")
    clock.set("2026-03-10T23:59:00")
    book = ledger(warehouse, lease=dt.timedelta(seconds=1))
    day = book.today()
    book.ensure_partitions(day, day)
    book.plan(day)
    book.claim(day, 1)
    add_account(warehouse, "waiting")
    book.plan(day)
    clock.set("2026-03-11T00:01:00")
    assert [unit.day for unit in ledger(warehouse).claim(day, 10)] == [day]  # only the one that was under way
    clock.set("2026-03-11T06:00:01")
    late = ledger(warehouse)
    assert late.claim(day, 10) == []
    assert late.close(day, day) == 2
    states = rows(warehouse, "select state, reason from capture.account_day where day = %s", day)
    assert states == [{"state": "gap", "reason": "missed"}] * 2


def test_a_worker_that_lost_its_lease_writes_nothing(warehouse: Warehouse) -> None:
    add_account(warehouse)
    slow = ledger(warehouse, lease=dt.timedelta(milliseconds=1))
    today = slow.today()
    slow.ensure_partitions(today, today)
    slow.plan(today)
    (mine,) = slow.claim(today, 1)
    rows(warehouse, "select pg_sleep(0.01)")
    (theirs,) = ledger(warehouse).claim(today, 1)
    with pytest.raises(LeaseLost):
        slow.land(mine, videos_body(), log_id="L", items=0, refused=0, next_cursor=None, last=True)
    assert theirs.account_id == mine.account_id
    assert rows(warehouse, "select count(*) as pages from capture.page") == [{"pages": 0}]


def test_a_claim_whose_answer_was_lost_is_handed_out_again(warehouse: Warehouse) -> None:
    for name in ("one", "two", "three"):
        add_account(warehouse, name)
    book = ledger(warehouse)
    today = book.today()
    book.plan(today)
    lost = book.claim(today, 2)  # committed, but the connection broke before the answer came
    (in_hand,) = book.claim(today, 1, [unit.account_id for unit in lost])
    again = book.claim(today, 10, [in_hand.account_id])
    assert {unit.account_id for unit in again} == {unit.account_id for unit in lost}
    assert ledger(warehouse).claim(today, 10) == []  # nobody else gets them


def test_a_page_that_landed_without_our_hearing_of_it_may_be_landed_again(warehouse: Warehouse) -> None:
    add_account(warehouse)
    book = ledger(warehouse)
    today = book.today()
    book.ensure_partitions(today, today)
    book.plan(today)
    (unit,) = book.claim(today, 1)
    for _ in range(2):
        book.land(unit, videos_body(video("1")), log_id="L", items=1, refused=0, next_cursor=None, last=True)
    assert rows(warehouse, "select pages, items from capture.account_day") == [{"pages": 1, "items": 1}]
    assert rows(warehouse, "select count(*) as pages from capture.page") == [{"pages": 1}]


@pytest.mark.parametrize(
    ("zone", "before", "after"),
    [
        ("Asia/Jakarta", "2026-03-10T16:59:30", "2026-03-10T17:00:00"),
        ("Asia/Kathmandu", "2026-03-10T18:14:30", "2026-03-10T18:15:00"),
        ("America/New_York", "2026-03-09T03:59:30", "2026-03-09T04:00:00"),  # after the 23-hour day
        ("Europe/Berlin", "2026-10-25T22:59:30", "2026-10-25T23:00:00"),  # the end of the 25-hour day
    ],
)
def test_the_day_ends_at_midnight_of_the_reporting_time_zone(
    warehouse: Warehouse, clock: DatabaseClock, zone: str, before: str, after: str
) -> None:
    clock.set(before)
    first = ledger(warehouse, zone=zone).today()
    clock.set(after)
    assert ledger(warehouse, zone=zone).today() == first + YESTERDAY


def test_deleting_a_store_takes_its_history_along(warehouse: Warehouse) -> None:
    add_account(warehouse)
    capture_today(ledger(warehouse, "user_info"), user_body())
    rows(warehouse, "delete from hub.stores returning 1 as gone")
    for table in ("capture.page", "capture.account_day", "snapshots.tiktok_user_daily"):
        assert rows(warehouse, f"select count(*) as left from {table}") == [{"left": 0}]
