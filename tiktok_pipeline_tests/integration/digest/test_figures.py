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
    """One row per good observation with what the counter gained since the good one before, and over how many days."""
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
    by_account = frame.groupby("account_id")
    frame["change"] = frame["number"] - by_account["number"].shift(1)
    frame["span"] = pd.to_datetime(frame["snapshot_date"]) - pd.to_datetime(
        by_account["snapshot_date"].shift(1)
    )
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
        assert digest.totals.profiles_over_gap == int(
            (of_day(followers)["span"] > pd.Timedelta(days=1)).sum()
        )
        assert digest.totals.videos_over_gap == int((of_day(views)["span"] > pd.Timedelta(days=1)).sum())
        assert movers_of(digest) == expected_movers(of_day(followers), by_store=store is None)
        best = of_day(views)["change"].dropna().sort_values(ascending=False)
        assert [video.gained for video in digest.top_videos] == [int(n) for n in best if n > 0][:5]
        assert (digest.days[-1].followers_gained, digest.days[-1].views) == (gained, digest.totals.views)
        compared += len(change)
    assert compared >= 5


def movers_of(digest: Digest) -> list[int]:
    return [mover.followers for mover in digest.movers]


def expected_movers(frame: pd.DataFrame, *, by_store: bool) -> list[int]:
    known = frame.dropna(subset=["change"])
    sums = known.groupby("store_code" if by_store else "account_id")["change"].sum()
    return sorted((int(n) for n in sums if n), reverse=True)
