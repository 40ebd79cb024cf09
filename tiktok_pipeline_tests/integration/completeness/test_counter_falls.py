"""Counters that fall are kept as they came, and classified."""

from __future__ import annotations

from typing import Any

from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.integration.completeness.conftest import Book, listing, paged


def falls(book: Book, day: int = 1) -> set[tuple[Any, ...]]:
    """Account, video, counter, before, after and class of a day's falls."""
    return {
        (row["account_id"], row["video_id"], row["counter"], row["before"], row["after"], row["class"])
        for row in rows(
            book.warehouse, "select * from reporting.counter_falls where snapshot_date = %s", book.date(day)
        )
    }


def capture(
    book: Book, day: int, *numbers: int, account: int = 1, profile: Any = None, **fields: Any
) -> None:
    book.capture(
        day,
        paged(listing(*numbers, **fields)),
        account=account,
        profile={"video_count": len(numbers), **(profile or {})},
    )


def test_fewer_likes_or_comments_are_plain_and_fewer_views_or_shares_suspicious(book: Book) -> None:
    book.accounts()
    before = {"view_count": 100, "like_count": 50, "comment_count": 20, "share_count": 9}
    capture(book, 0, 1, **before, profile={"follower_count": 70, "following_count": 8, "likes_count": 500})
    after = {"view_count": 99, "like_count": 49, "comment_count": 0, "share_count": 8}
    capture(book, 1, 1, **after, profile={"follower_count": 69, "following_count": 7, "likes_count": 501})
    book.derive()
    assert falls(book) == {
        (1, "v001", "view_count", 100, 99, "provider_fault"),
        (1, "v001", "share_count", 9, 8, "provider_fault"),
        (1, "v001", "like_count", 50, 49, "plain"),
        (1, "v001", "comment_count", 20, 0, "plain"),
        (1, None, "follower_count", 70, 69, "plain"),
        (1, None, "following_count", 8, 7, "plain"),
    }
    assert {
        row["counter"]
        for row in rows(book.warehouse, "select * from reporting.counter_falls where suspicious")
    } == {"view_count", "share_count"}
    kept = rows(
        book.warehouse,
        "select view_count from snapshots.tiktok_video_daily where snapshot_date = %s",
        book.date(1),
    )
    assert kept == [{"view_count": 99}]


def test_a_large_counter_at_zero_is_the_providers_fault_and_a_silent_one_is_no_fall(book: Book) -> None:
    book.accounts()
    capture(book, 0, 1, like_count=4_000_000_000, comment_count=1_000, profile={"follower_count": 999})
    capture(book, 1, 1, like_count=0, comment_count=None, view_count=None, profile={"follower_count": 0})
    book.derive()
    assert falls(book) == {
        (1, "v001", "like_count", 4_000_000_000, 0, "provider_fault"),
        (1, None, "follower_count", 999, 0, "plain"),
    }


def test_likes_and_followers_of_many_accounts_on_one_day_are_a_purge(book: Book) -> None:
    for account in book.accounts(6):
        capture(book, 0, 1, account=account, profile={"follower_count": 100})
        lost = 1 if account <= 5 else 0
        capture(book, 1, 1, account=account, profile={"follower_count": 100 - lost}, like_count=10 - lost)
        lost = 1 if account <= 4 else 0
        capture(
            book, 2, 1, account=account, profile={"follower_count": 98 - lost}, like_count=9, view_count=99
        )
        book.clock.set(f"{book.date(0)}T02:00:00")
    book.derive()
    assert {(counter, kind) for _, _, counter, _, _, kind in falls(book, 1)} == {
        ("follower_count", "purge"),
        ("like_count", "purge"),
    }
    assert len(falls(book, 1)) == 10
    rows(book.warehouse, "update snapshots.threshold set value = 0.9 where name = 'purge_share'")
    assert {row[5] for row in falls(book, 1)} == {"plain"}  # five of six are fewer than nine of ten
    assert ("view_count", "provider_fault") in {(row[2], row[5]) for row in falls(book, 2)}


def test_four_accounts_are_no_purge(book: Book) -> None:
    for account in book.accounts(6):
        capture(book, 0, 1, account=account, profile={"follower_count": 100})
        capture(book, 1, 1, account=account, profile={"follower_count": 99 if account <= 4 else 100})
        book.clock.set(f"{book.date(0)}T02:00:00")
    book.derive()
    assert {row[5] for row in falls(book, 1)} == {"plain"}


def test_what_falls_around_a_videos_vanishing_belongs_to_that(book: Book) -> None:
    book.accounts()
    capture(book, 0, 1, 2, 3, view_count=100, profile={"likes_count": 900, "follower_count": 50})
    capture(book, 1, 1, 2, 3, view_count=40, profile={"likes_count": 900, "follower_count": 49})
    capture(book, 2, 1, 2, view_count=40, profile={"likes_count": 600, "follower_count": 49})
    capture(book, 6, 1, 2, view_count=30, profile={"likes_count": 599, "follower_count": 49})
    book.derive()
    assert falls(book, 1) == {
        (1, "v001", "view_count", 100, 40, "provider_fault"),
        (1, "v002", "view_count", 100, 40, "provider_fault"),
        (1, "v003", "view_count", 100, 40, "gone"),
        (1, None, "follower_count", 50, 49, "plain"),
    }
    assert falls(book, 2) == {
        (1, None, "likes_count", 900, 600, "gone"),
        (1, None, "video_count", 3, 2, "gone"),
    }
    assert {row[5] for row in falls(book, 6)} == {"provider_fault", "plain"}


def test_a_list_that_is_cut_off_explains_no_fall(book: Book) -> None:
    book.accounts()
    capture(book, 0, *range(10), view_count=100)
    capture(book, 1, *range(10), view_count=90)
    book.capture(2, paged(listing(0, view_count=90)), counted=10)
    book.derive()
    assert {row[5] for row in falls(book, 1)} == {"provider_fault"}


def test_a_day_captured_afresh_corrects_its_own_falls_and_those_of_the_day_after(book: Book) -> None:
    book.accounts()
    capture(book, 0, 1, view_count=100)
    capture(book, 1, 1, view_count=90)
    book.derive(0, 1)
    book.capture(1, paged(listing(1, view_count=120)), counted=1, force=True)
    capture(book, 2, 1, view_count=110)
    book.derive(2, 2)
    assert falls(book, 2) == set()
    book.derive(1, 1)
    assert falls(book, 1) == set()
    assert {row[3:5] for row in falls(book, 2)} == {(120, 110)}
