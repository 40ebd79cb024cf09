"""A digest's figures against an independent second opinion in pandas, from the snapshots alone."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import pandas as pd
import pytest

from tiktok_pipeline.digest.content import Calendar, Digest
from tiktok_pipeline.digest.reading import read_digest
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.derive import derive
from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.integration.reporting.test_facts import ACCOUNTS, FIRST, VIDEOS, Book, Seen

DAYS = 12
COUNTERS = {"followers": "follower_count", "likes": "likes_count"}
KNOWN = Calendar("UTC", FIRST + dt.timedelta(days=DAYS), FIRST + dt.timedelta(days=DAYS))


@pytest.fixture
def book(warehouse: Warehouse) -> Book:
    """Three accounts with gaps, falls, unknown counters and quarantine; always the same by its seed."""
    book, chance = Book(warehouse), random.Random(11)
    for what in range(3):
        for day in range(DAYS):
            if chance.random() < 0.75:
                numbers = tuple(None if chance.random() < 0.1 else chance.randrange(5000) for _ in range(4))
                for table in ("snapshots.tiktok_user_daily", "snapshots.tiktok_video_daily"):
                    book.write(table, Seen(what, day, numbers, False, False))  # type: ignore[arg-type]
            if chance.random() < 0.15:
                book.quarantine(chance.choice(["user_info", "video_list"]), what, day)
    for report in (ACCOUNTS, VIDEOS):
        derive(warehouse, report, FIRST, FIRST + dt.timedelta(days=DAYS))
    return book


def changes(book: Book, table: str, endpoint: str, counter: str) -> pd.DataFrame:
    """One row per good observation with what the counter gained since it was last known, and over how many days."""
    read = rows(
        book.warehouse, f"select store_code, account_id, snapshot_date, {counter} as number from {table}"
    )
    held = rows(
        book.warehouse, "select account_id, day from snapshots.quarantine where endpoint = %s", endpoint
    )
    frame = pd.DataFrame(read).sort_values(["account_id", "snapshot_date"])
    out = {(row["account_id"], row["day"]) for row in held}
    keys = zip(frame["account_id"], frame["snapshot_date"], strict=True)
    frame = frame[[key not in out for key in keys]].copy()
    frame["number"] = frame["number"].astype("Int64")
    known = frame.dropna(subset=["number"])
    before = known.groupby("account_id")
    frame["change"] = known["number"] - before["number"].shift(1)
    frame["span"] = (
        pd.to_datetime(known["snapshot_date"]) - pd.to_datetime(before["snapshot_date"].shift(1))
    ).dt.days
    return frame


def total(numbers: pd.Series[Any]) -> int | None:
    known = numbers.dropna()
    return int(known.sum()) if len(known) else None


@pytest.mark.parametrize("store", [None, "jakarta_01", "bandung_02"])
def test_every_day_says_what_pandas_says(book: Book, store: str | None) -> None:
    users, videos = "snapshots.tiktok_user_daily", "snapshots.tiktok_video_daily"
    followers = changes(book, users, "user_info", "follower_count")
    likes = changes(book, users, "user_info", "likes_count")
    views = changes(book, videos, "video_list", "view_count")
    comments = changes(book, videos, "video_list", "comment_count")
    shares = changes(book, videos, "video_list", "share_count")
    every = {
        "follower_count": followers,
        "likes_count": likes,
        "view_count": views,
        "comment_count": comments,
        "share_count": shares,
    }
    compared = 0
    for number in range(DAYS):
        day = FIRST + dt.timedelta(days=number)
        digest = read_digest(book.warehouse, KNOWN, day, store)

        def of_day(frame: pd.DataFrame, day: dt.date = day) -> pd.DataFrame:
            mine = frame[frame["snapshot_date"] == day]
            return mine if store is None else mine[mine["store_code"] == store]

        change = of_day(followers)["change"].dropna()
        gained, lost = total(change.clip(lower=0)), total(change.clip(upper=0))
        assert (digest.totals.followers_gained, digest.totals.followers_lost) == (gained, lost)
        assert digest.totals.followers == total(of_day(followers)["number"])
        assert (digest.totals.likes, digest.totals.views) == (
            total(of_day(likes)["change"]),
            total(of_day(views)["change"]),
        )
        assert digest.totals.profiles_over_gap == over_gap(of_day(followers), of_day(likes))
        assert digest.totals.videos_over_gap == over_gap(of_day(views), of_day(comments), of_day(shares))
        assert left_out(digest) == {
            counter: int(of_day(frame)["number"].isna().sum())
            for counter, frame in every.items()
            if of_day(frame)["number"].isna().any()
        }
        assert movers_of(digest) == expected_movers(of_day(followers), by_store=store is None)
        best = of_day(views)["change"].dropna().sort_values(ascending=False)
        assert [video.gained for video in digest.top_videos] == [int(n) for n in best if n > 0][:5]
        assert (digest.days[-1].followers_gained, digest.days[-1].views) == (gained, digest.totals.views)
        compared += len(change)
    assert compared >= 5


@pytest.mark.parametrize("store", [None, "jakarta_01"])
def test_the_days_together_gain_what_lies_between_the_first_and_the_last(
    book: Book, store: str | None
) -> None:
    """Nothing is counted twice, and nothing nowhere: neither over gaps nor over counters that TikTok left out."""
    digests = [
        read_digest(book.warehouse, KNOWN, FIRST + dt.timedelta(days=number), store) for number in range(DAYS)
    ]
    for what, table, endpoint, counter in (
        ("followers_changed", "snapshots.tiktok_user_daily", "user_info", "follower_count"),
        ("likes", "snapshots.tiktok_user_daily", "user_info", "likes_count"),
        ("views", "snapshots.tiktok_video_daily", "video_list", "view_count"),
        ("shares", "snapshots.tiktok_video_daily", "video_list", "share_count"),
    ):
        known = changes(book, table, endpoint, counter).dropna(subset=["number"])
        mine = known if store is None else known[known["store_code"] == store]
        by_account = mine.groupby("account_id")["number"]
        assert sum(getattr(digest.totals, what) or 0 for digest in digests) == int(
            (by_account.last() - by_account.first()).sum()
        )
    drawn = digests[-1].days[-DAYS:]
    assert [day.views for day in drawn] == [digest.totals.views for digest in digests]
    assert [day.likes for day in drawn] == [digest.totals.likes for digest in digests]
    assert sum(bool(digest.unknown) for digest in digests) >= 3


def over_gap(*frames: pd.DataFrame) -> int:
    """Accounts, or videos, one of whose counters changed over more than a day, or that were away before."""
    spans = pd.concat([frame.set_index("account_id")["span"] for frame in frames], axis=1)
    return int((spans.max(axis=1) > 1).sum())


def left_out(digest: Digest) -> dict[str, int]:
    return {unknown.counter: unknown.lacking for unknown in digest.unknown}


def movers_of(digest: Digest) -> list[int]:
    return [mover.followers for mover in digest.movers]


def expected_movers(frame: pd.DataFrame, *, by_store: bool) -> list[int]:
    known = frame.dropna(subset=["change"])
    sums = known.groupby("store_code" if by_store else "account_id")["change"].sum()
    return sorted((int(n) for n in sums if n), reverse=True)
