"""The views over the facts: months, bands, top lists, charts; each by numbers that are counted by hand."""

from __future__ import annotations

import datetime as dt

import pytest

from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.derive import derive
from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.integration.reporting.test_facts import (
    ACCOUNTS,
    FIRST,
    LAST,
    VIDEOS,
    Book,
    Seen,
)


@pytest.fixture
def book(warehouse: Warehouse) -> Book:
    """Videos 0 and 1 of a store, observed on 28 December, 1 and 2 January; 2 of another, on the last day alone."""
    book = Book(warehouse)
    for what, day, number in ((0, 0, 100), (0, 4, 140), (0, 5, 145), (1, 4, 10), (1, 5, 90), (2, 5, 70)):
        book.write("snapshots.tiktok_video_daily", Seen(what, day, (number, 5, 3, 2), False, False))
        book.write("snapshots.tiktok_user_daily", Seen(what, day, (number, 0, number, 1), False, False))
    rows(
        warehouse,
        "insert into snapshots.video_change (store_code, account_id, video_id, snapshot_date, listed) "
        "select store_code, account_id, video_id, min(snapshot_date), true "
        "from snapshots.tiktok_video_daily group by 1, 2, 3",
    )
    rows(warehouse, "update snapshots.tiktok_video_daily set create_time = '2027-12-20 23:30+00'")
    for account in book.accounts:
        rows(
            warehouse,
            "insert into capture.account_day (account_id, endpoint, day, time_zone, state, reason, finished_at) "
            "values (%s, 'video_list', %s, 'Asia/Jakarta', 'gap', 'missed', ops.now())",
            account,
            FIRST + dt.timedelta(days=5),
        )
    for report in (ACCOUNTS, VIDEOS):
        derive(warehouse, report, FIRST, LAST)
    return book


def said(book: Book, query: str) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in rows(book.warehouse, query)]


def test_a_video_stands_once_with_its_newest_observation_that_is_not_quarantined(book: Book) -> None:
    latest = "select video_id, view_count, engagement_rate from reporting.video_latest order by 1"
    assert said(book, latest) == [("v0", 145, 10 / 145), ("v1", 90, 10 / 90), ("v2", 70, 10 / 70)]
    book.quarantine("video_list", 0, 5)
    derive(book.warehouse, VIDEOS, FIRST, LAST)
    assert said(book, latest)[0] == ("v0", 140, 10 / 140)


def test_the_top_videos_gained_most_and_a_baseline_gains_nothing(book: Book) -> None:
    query = "select video_id, place, views_gained, longest_span_days from reporting.top_videos where window_days = "
    assert said(book, query + "1 order by place") == [("v1", 1, 80, 1), ("v0", 2, 5, 1)]
    assert said(book, query + "7 order by place") == [("v1", 1, 80, 1), ("v0", 2, 45, 4)]
    assert said(book, query + "28 order by place") == [("v1", 1, 80, 1), ("v0", 2, 45, 4)]


def test_a_span_without_a_known_delta_and_a_quarantined_day_count_for_no_top_list(book: Book) -> None:
    rows(
        book.warehouse,
        "update reporting.video_daily set view_delta = null where video_id = 'v0' and span_days = 4",
    )
    query = "select video_id, views_gained, longest_span_days, as_of from reporting.top_videos where window_days = 7 order by place"
    last = FIRST + dt.timedelta(days=5)
    assert said(book, query) == [("v1", 80, 1, last), ("v0", 5, 1, last)]
    rows(book.warehouse, "update reporting.video_daily set view_delta = 3 where span_days = 4")
    for account in range(3):
        book.quarantine("video_list", account, 5)
    derive(book.warehouse, VIDEOS, last, last)
    assert said(book, query) == [("v0", 3, 4, last - dt.timedelta(days=1))]


def test_the_hour_of_posting_is_that_of_the_reporting_zone(book: Book) -> None:
    # Monday 23:30 in UTC is Tuesday 6:30 in Jakarta.
    assert said(book, "select weekday, hour, videos, median_views from reporting.posting_time") == [
        (2, 6, 3, 90)
    ]


def test_a_month_sums_what_was_gained_and_says_how_complete_it_is(book: Book) -> None:
    query = (
        "select month, days, complete_days, follower_count, follower_delta, view_delta, longest_span_days "
        "from reporting.store_monthly where store_code = 'jakarta_01' order by month"
    )
    assert said(book, query) == [
        (dt.date(2027, 12, 1), 1, 1, 100, None, None, None),
        (dt.date(2028, 1, 1), 2, 2, 235, 125, 125, 4),
    ]


def test_a_store_is_compared_with_stores_of_its_size(book: Book) -> None:
    query = (
        "select store_code, band, stores_in_band, views_percentile, engagement_percentile "
        "from reporting.store_benchmark order by store_code"
    )
    assert said(book, query) == [
        ("bandung_02", "below 1,000", 2, None, 1.0),
        ("jakarta_01", "below 1,000", 2, 1.0, 0.5),
    ]


def test_a_chart_has_no_holes_and_says_which_days_nobody_observed(book: Book) -> None:
    for view, key, counter in (
        ("account_daily_filled", f"account_id = {book.accounts[0]}", "follower_count"),
        ("video_daily_filled", "video_id = 'v0'", "view_count"),
    ):
        query = f"select {counter}, is_interpolated from reporting.{view} where {key} order by snapshot_date"
        assert said(book, query) == [
            (100, False), (110, True), (120, True), (130, True), (140, False), (145, False),
        ]  # fmt: skip


def test_dates_have_their_iso_week_and_stores_no_contacts(book: Book) -> None:
    query = "select year, iso_year, iso_week, weekday, is_weekend from reporting.dim_date where day = '2027-01-01'"
    assert said(book, query) == [(2027, 2026, 53, 5, False)]
    assert said(book, "select store_code, accounts from reporting.dim_store order by 1") == [
        ("bandung_02", 1),
        ("jakarta_01", 2),
    ]
    columns = said(book, "select attname from pg_attribute where attrelid = 'reporting.dim_store'::regclass")
    assert not [name for (name,) in columns if "contact" in str(name)]
