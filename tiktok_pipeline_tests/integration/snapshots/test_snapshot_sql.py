"""The snapshot tables: what was captured, once, for ever."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pandas as pd
import pytest

from tiktok_pipeline.capture.imports import ImportedDay, import_history
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.derive import derive, months, rows_by_day
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

VIDEOS = "snapshots.tiktok_video_daily"
USERS = "snapshots.tiktok_user_daily"
DAY = dt.timedelta(days=1)


def recapture(warehouse: Warehouse, body: str) -> dt.date:
    """Capture today afresh, as `force` does."""
    book = ledger(warehouse)
    today = book.today()
    book.plan_afresh(today)
    return capture_today(book, body)


def views(warehouse: Warehouse) -> dict[str, Any]:
    found = rows(warehouse, f"select video_id, view_count from {VIDEOS} order by video_id")
    return {row["video_id"]: row["view_count"] for row in found}


def test_running_a_snapshot_twice_changes_no_row_not_even_its_version(warehouse: Warehouse) -> None:
    add_account(warehouse)
    capture_today(ledger(warehouse, "user_info"), user_body())
    today = capture_today(ledger(warehouse), videos_body(video("1"), video("2")))
    for table, expected in ((VIDEOS, 2), (USERS, 1)):
        assert derive(warehouse, table, today, today) == expected
        before = rows(warehouse, f"select xmin::text, ctid::text, t.* from {table} t")
        assert derive(warehouse, table, today, today) == 0
        assert rows(warehouse, f"select xmin::text, ctid::text, t.* from {table} t") == before


def test_a_capture_that_is_not_complete_is_not_seen(warehouse: Warehouse) -> None:
    add_account(warehouse)
    book = ledger(warehouse)
    today = book.today()
    book.ensure_partitions(today, today)
    book.plan(today)
    (unit,) = book.claim(today, 1)
    body = videos_body(video("1"), cursor=9, has_more=True)
    book.land(unit, body, log_id="L", items=1, refused=0, next_cursor=9, last=False)
    assert derive(warehouse, VIDEOS, today, today) == 0


def test_a_forced_capture_replaces_the_day_with_all_it_no_longer_lists(warehouse: Warehouse) -> None:
    add_account(warehouse)
    today = capture_today(ledger(warehouse), videos_body(video("1", 10), video("2", 20)))
    derive(warehouse, VIDEOS, today, today)
    recapture(warehouse, videos_body(video("2", 25), video("3", 5)))
    derive(warehouse, VIDEOS, today, today)
    assert views(warehouse) == {"2": 25, "3": 5}


def test_a_forced_capture_that_fails_leaves_the_day_as_it_was(warehouse: Warehouse) -> None:
    from tiktok_pipeline.capture.ledger import Failure

    add_account(warehouse)
    book = ledger(warehouse)
    today = capture_today(book, videos_body(video("1", 10)))
    book.plan_afresh(today)
    (unit,) = book.claim(today, 1)
    assert book.totals(today, today)[today].shortfall is None
    book.fail(unit, Failure("provider_down", "internal_error", "TikTok is down"))
    assert book.totals(today, today)[today].shortfall is None
    derive(warehouse, VIDEOS, today, today)
    assert views(warehouse) == {"1": 10}
    [day] = rows(warehouse, "select * from reporting.account_days where endpoint = 'video_list'")
    assert (day["state"], day["pages"], day["items"], day["error_code"]) == ("captured", 1, 1, None)
    [log] = rows(warehouse, "select * from reporting.sync_logs")
    assert (log["status"], log["records_processed"], log["error_details"]) == ("SUCCESS", 1, None)
    [outcome] = book.outcomes(today)  # the day's run still says it
    assert (outcome["outcome"], outcome["error_code"]) == (
        "captured (a fresh capture failed)",
        "internal_error",
    )


def test_of_two_derivations_at_once_the_last_to_write_has_seen_the_newest_capture(
    warehouse: Warehouse,
) -> None:
    add_account(warehouse)
    today = capture_today(ledger(warehouse), videos_body(video("1", 10), video("2", 10)))
    with ThreadPoolExecutor(1) as pool:
        with warehouse.transaction() as another:  # which is about to write
            for share in (0, 1):
                another.execute("select pg_advisory_xact_lock(hashtext(%s), %s)", (VIDEOS, share))
            late = pool.submit(derive, warehouse, VIDEOS, today, today)
            with pytest.raises(TimeoutError):
                late.result(timeout=0.5)
            recapture(warehouse, videos_body(video("1", 30)))
        late.result(timeout=10)
    assert views(warehouse) == {"1": 30}


def test_of_accounts_of_a_store_with_one_video_the_oldest_always_gives_the_row(
    warehouse: Warehouse, clock: DatabaseClock
) -> None:
    clock.set("2026-03-20T12:00:00")
    accounts = [add_account(warehouse, f"-{n}", connected_at="2026-03-01") for n in range(12)]
    day = dt.date(2026, 3, 2)
    for account in reversed(accounts):
        seen = ImportedDay(account, day, None, [video("7", views=account)], None)
        import_history(warehouse, [seen], zone="UTC", imported_from="the hub")
    derive(warehouse, VIDEOS, day, day)
    assert views(warehouse) == {"7": accounts[0]}


def test_counters_that_cannot_be_true_are_null_and_the_others_stay(warehouse: Warehouse) -> None:
    add_account(warehouse)
    strange = [-1, 2**63, 1e30, 1.5, "12", True, None, [1], {"a": 1}]
    listed = [video(str(n), views=value) for n, value in enumerate(strange)]
    missing = video("missing")
    del missing["view_count"]
    largest = video("largest", views=2**63 - 1)
    today = capture_today(ledger(warehouse), videos_body(*listed, missing, largest))
    derive(warehouse, VIDEOS, today, today)
    assert views(warehouse) == {
        **{str(n): None for n in range(len(strange))},
        "missing": None,
        "largest": 2**63 - 1,
    }
    assert {row["like_count"] for row in rows(warehouse, f"select like_count from {VIDEOS}")} == {10}


def test_a_video_on_two_pages_counts_once_and_the_later_page_wins(warehouse: Warehouse) -> None:
    add_account(warehouse)
    book = ledger(warehouse)
    today = book.today()
    book.ensure_partitions(today, today)
    book.plan(today)
    (unit,) = book.claim(today, 1)
    first = videos_body(video("1", 10), video("2", 20), cursor=9, has_more=True)
    book.land(unit, first, log_id="L", items=2, refused=0, next_cursor=9, last=False)
    from dataclasses import replace

    second = videos_body(video("2", 21), video("3", 30))
    book.land(
        replace(unit, cursor=9, pages=1), second, log_id="L", items=2, refused=0, next_cursor=None, last=True
    )
    assert derive(warehouse, VIDEOS, today, today) == 3
    assert views(warehouse) == {"1": 10, "2": 21, "3": 30}


def test_two_accounts_of_one_store_that_list_the_same_video_do_not_break_the_day(
    warehouse: Warehouse,
) -> None:
    add_account(warehouse, "one")
    add_account(warehouse, "two")
    today = capture_today(ledger(warehouse), videos_body(video("1")))
    assert derive(warehouse, VIDEOS, today, today) == 1


def test_texts_arrive_whole_and_addresses_lose_their_query(warehouse: Warehouse) -> None:
    add_account(warehouse)
    caption = "مرحبا 😂 " + "x" * 5000 + " \u200f é é"
    today = capture_today(ledger(warehouse), videos_body(video("1", video_description=caption)))
    derive(warehouse, VIDEOS, today, today)
    (row,) = rows(warehouse, f"select * from {VIDEOS}")
    assert row["description"] == caption
    assert row["share_url"] == "https://www.tiktok.com/@x/video/1"
    assert row["create_time"] == dt.datetime.fromtimestamp(1_700_000_000, dt.UTC)
    assert row["source"] == "capture"


@pytest.mark.parametrize("moment", [None, "soon", -5, 10**18, 0])
def test_a_creation_time_that_is_none_does_not_break_the_day(warehouse: Warehouse, moment: object) -> None:
    add_account(warehouse)
    today = capture_today(
        ledger(warehouse), videos_body(video("1", create_time=moment), {"id": "2"}, {"no": "id"})
    )
    assert derive(warehouse, VIDEOS, today, today) == 2


def test_a_range_with_a_gap_in_the_middle_and_imported_days_is_rebuilt_as_it_was(
    warehouse: Warehouse, clock: DatabaseClock
) -> None:
    clock.set("2026-02-26T12:00:00")
    account = add_account(warehouse)
    import_history(
        warehouse,
        [
            ImportedDay(
                account, dt.date(2026, 2, 24) + n * DAY, {"follower_count": n}, [video("1", views=n)], None
            )
            for n in range(2)
        ],
        zone="UTC",
        imported_from="the hub",
    )
    for n, day in enumerate(("2026-02-26", "2026-02-27", "2026-03-01", "2026-03-02")):
        clock.set(f"{day}T12:00:00")
        capture_today(ledger(warehouse), videos_body(video("1", views=100 + n), video(f"new{n}", views=n)))
    first, last = dt.date(2026, 2, 24), dt.date(2026, 3, 2)
    ledger(warehouse).close(first, last)
    derive(warehouse, VIDEOS, first, last)
    frame = pd.DataFrame(rows(warehouse, f"select * from {VIDEOS} order by snapshot_date, video_id"))
    one = frame[frame.video_id == "1"].set_index("snapshot_date")
    assert one.view_count.to_dict() == {
        dt.date(2026, 2, 24): 0,
        dt.date(2026, 2, 25): 1,
        dt.date(2026, 2, 26): 100,
        dt.date(2026, 2, 27): 101,
        dt.date(2026, 3, 1): 102,
        dt.date(2026, 3, 2): 103,
    }
    assert one.source.to_list() == ["import"] * 2 + ["capture"] * 4
    counted = rows_by_day(warehouse, VIDEOS, first, last)
    assert {day: held.rows for day, held in counted.items()} == frame.groupby(
        "snapshot_date"
    ).size().to_dict()
    rows(warehouse, f"truncate {VIDEOS}")
    derive(warehouse, VIDEOS, first, last)
    again = pd.DataFrame(rows(warehouse, f"select * from {VIDEOS} order by snapshot_date, video_id"))
    pd.testing.assert_frame_equal(frame.drop(columns="created_at"), again.drop(columns="created_at"))


@pytest.mark.parametrize("length", [-1, 2**31, 1e30, "12", None])
def test_a_length_that_cannot_be_is_null(warehouse: Warehouse, length: object) -> None:
    add_account(warehouse)
    today = capture_today(ledger(warehouse), videos_body(video("1", duration=length, height=2**31 - 1)))
    derive(warehouse, VIDEOS, today, today)
    (row,) = rows(warehouse, f"select duration, height from {VIDEOS}")
    assert row == {"duration": None, "height": 2**31 - 1}


def test_a_profile_keeps_what_tiktok_said_and_null_where_it_did_not(warehouse: Warehouse) -> None:
    add_account(warehouse)
    body = user_body(likes_count=4_900_000_000, following_count=None, is_verified="yes", bio_description="")
    today = capture_today(ledger(warehouse, "user_info"), body)
    derive(warehouse, USERS, today, today)
    (row,) = rows(warehouse, f"select * from {USERS}")
    assert (row["likes_count"], row["follower_count"]) == (4_900_000_000, 5)
    assert (row["following_count"], row["video_count"], row["is_verified"]) == (None, None, None)
    assert (row["store_code"], row["open_id"], row["snapshot_date"]) == ("jakarta_01", "-000open", today)


def test_a_range_is_cut_at_the_ends_of_months() -> None:
    assert list(months(dt.date(2025, 12, 30), dt.date(2026, 2, 1))) == [
        (dt.date(2025, 12, 30), dt.date(2025, 12, 31)),
        (dt.date(2026, 1, 1), dt.date(2026, 1, 31)),
        (dt.date(2026, 2, 1), dt.date(2026, 2, 1)),
    ]
