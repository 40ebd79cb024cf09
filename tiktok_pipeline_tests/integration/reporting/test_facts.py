"""The facts of reports, against an independent second opinion in pandas, from the same snapshots."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tiktok_pipeline.history.rebuild import checksum
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.derive import derive
from tiktok_pipeline_tests.building import add_account, rows

ACCOUNTS = "reporting.account_daily"
VIDEOS = "reporting.video_daily"
# Over the end of a year and a leap day.
FIRST = dt.date(2027, 12, 28)
LAST = dt.date(2028, 3, 2)
DAYS = (LAST - FIRST).days
USER_COUNTERS = {
    "follower_count": "follower_delta",
    "following_count": "following_delta",
    "likes_count": "likes_delta",
    "video_count": "video_delta",
}
VIDEO_COUNTERS = {
    "view_count": "view_delta",
    "like_count": "like_delta",
    "comment_count": "comment_delta",
    "share_count": "share_delta",
}


@dataclass(frozen=True)
class Seen:
    """One observation: `what` is the account's or the video's number, counters may fall or be unknown."""

    what: int
    day: int
    counters: tuple[int | None, int | None, int | None, int | None]
    imported: bool
    late: bool

    @property
    def date(self) -> dt.date:
        return FIRST + dt.timedelta(days=self.day)


# Often close together, so that neighbours are met, and often far apart.
day_numbers = st.one_of(st.integers(0, 6), st.integers(60, DAYS), st.integers(0, DAYS))
counter = st.one_of(st.none(), st.integers(0, 3), st.integers(0, 2**62))
observations = st.lists(
    st.builds(Seen, st.integers(0, 2), day_numbers, st.tuples(*[counter] * 4), st.booleans(), st.booleans()),
    unique_by=lambda seen: (seen.what, seen.day),
    max_size=25,
)
quarantines = st.sets(st.tuples(st.integers(0, 2), day_numbers), max_size=5)
many = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class Book:
    """Three accounts, the first two of one store; video 0, 1 and 2 are of account 0, 1 and 2."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        rows(
            warehouse,
            "truncate snapshots.tiktok_user_daily, snapshots.tiktok_video_daily, snapshots.quarantine",
        )
        rows(warehouse, f"truncate {ACCOUNTS}, {VIDEOS}, capture.account_day cascade")
        rows(warehouse, "delete from hub.stores")
        rows(warehouse, "select ops.ensure_partitions(%s, %s)", FIRST, LAST)
        self.accounts = [
            add_account(warehouse, f"-000{n}", store=store, connected_at="2027-01-01")
            for n, store in enumerate(("jakarta_01", "jakarta_01", "bandung_02"))
        ]

    def write(self, table: str, seen: Seen) -> None:
        user = table.endswith("user_daily")
        counters = USER_COUNTERS if user else VIDEO_COUNTERS
        values: dict[str, Any] = dict(zip(counters, seen.counters, strict=True))
        if not user:
            values["video_id"] = f"v{seen.what}"
        rows(
            self.warehouse,
            f"""
            insert into {table} (
                store_code, account_id, open_id, snapshot_date, source, late, capture_no, {", ".join(values)}
            )
            select store_code, id, open_id, %s, %s, %s, 1, {", ".join(["%s"] * len(values))}
            from hub.store_accounts where id = %s
            """,
            seen.date,
            "import" if seen.imported else "capture",
            seen.late,
            *values.values(),
            self.accounts[seen.what],
        )

    def quarantine(self, endpoint: str, what: int, day: int) -> None:
        rows(
            self.warehouse,
            "insert into snapshots.quarantine (account_id, endpoint, day, check_name, reason) "
            "values (%s, %s, %s, 'test', 'test')",
            self.accounts[what],
            endpoint,
            FIRST + dt.timedelta(days=day),
        )

    def found(self, table: str) -> list[dict[str, Any]]:
        counters = USER_COUNTERS if table == ACCOUNTS else VIDEO_COUNTERS
        more = [] if table == ACCOUNTS else ["engagement_rate"]
        names = [
            "account_id", "snapshot_date", "source", "late", "quarantined", "previous_date", "span_days",
            *counters, *counters.values(), *more,
        ]  # fmt: skip
        return rows(
            self.warehouse, f"select {', '.join(names)} from {table} order by account_id, snapshot_date"
        )


def recomputed(book: Book, table: str) -> list[dict[str, Any]]:
    """What the report must say, from the snapshots and the quarantine alone, by pandas."""
    user = table == ACCOUNTS
    counters = USER_COUNTERS if user else VIDEO_COUNTERS
    source = "snapshots.tiktok_user_daily" if user else "snapshots.tiktok_video_daily"
    names = ["account_id", "snapshot_date", "source", "late", *counters]
    read = rows(book.warehouse, f"select {', '.join(names)} from {source}")
    held = rows(
        book.warehouse,
        "select account_id, day from snapshots.quarantine where endpoint = %s and released_at is null",
        "user_info" if user else "video_list",
    )
    frame = pd.DataFrame(read, columns=names, dtype=object).sort_values(["account_id", "snapshot_date"])
    out = {(row["account_id"], row["day"]) for row in held}
    frame["quarantined"] = [
        key in out for key in zip(frame["account_id"], frame["snapshot_date"], strict=True)
    ]
    good = frame[~frame["quarantined"].astype(bool)]
    before = good.groupby("account_id")[["snapshot_date", *counters]].shift(1).to_dict("index")
    expected = []
    for index, row in frame.iterrows():
        said: dict[str, Any] = {name: row[name] for name in ("account_id", "snapshot_date", "source", "late")}
        said["quarantined"] = bool(row["quarantined"])
        past: Any = before.get(index)
        day_before = known(past["snapshot_date"]) if past is not None else None
        said["previous_date"] = day_before
        said["span_days"] = (row["snapshot_date"] - day_before).days if day_before else None
        now = {name: None if said["quarantined"] else known(row[name]) for name in counters}
        said |= now
        for name, delta in counters.items():
            then = known(past[name]) if past is not None else None
            said[delta] = None if now[name] is None or then is None else now[name] - then
        if not user:
            views, likes, comments, shares = list[Any](now.values())
            unknown = not views or None in (likes, comments, shares)
            said["engagement_rate"] = None if unknown else float(likes + comments + shares) / float(views)
        expected.append(said)
    return expected


def known(value: Any) -> Any:
    return None if pd.isna(value) else value


@many
@given(seen=observations, held=quarantines, again=day_numbers)
@pytest.mark.parametrize("report", [ACCOUNTS, VIDEOS])
def test_a_report_says_what_pandas_says_and_a_day_derived_again_mends_the_next(
    warehouse: Warehouse, report: str, seen: list[Seen], held: set[tuple[int, int]], again: int
) -> None:
    if report == VIDEOS:  # three counters of 2^62 have no sum in a bigint, and no video has them
        seen = [
            Seen(s.what, s.day, tuple(n if n is None else n % 2**50 for n in s.counters), s.imported, s.late)  # type: ignore[arg-type]
            for s in seen
        ]
    book = Book(warehouse)
    source, endpoint = (
        ("snapshots.tiktok_user_daily", "user_info")
        if report == ACCOUNTS
        else ("snapshots.tiktok_video_daily", "video_list")
    )
    for one in seen:
        book.write(source, one)
    for what, number in held:
        book.quarantine(endpoint, what, number)
    derive(warehouse, report, FIRST, LAST)
    assert book.found(report) == recomputed(book, report)

    first_time = checksum(warehouse, report, FIRST, LAST)
    rows(warehouse, f"delete from {report}")
    derive(warehouse, report, FIRST, LAST)
    assert checksum(warehouse, report, FIRST, LAST) == first_time
    assert derive(warehouse, report, FIRST, LAST) == 0

    # That day is lost, is released or gets quarantined: deriving it alone puts everything right.
    day = FIRST + dt.timedelta(days=again)
    rows(
        warehouse,
        "update snapshots.quarantine set released_at = ops.now(), released_by = 'x' where day = %s",
        day,
    )
    derive(warehouse, report, day, day)
    assert book.found(report) == recomputed(book, report)
    rows(
        warehouse, f"delete from {source} where snapshot_date = %s and account_id = %s", day, book.accounts[0]
    )
    book.quarantine(endpoint, 1, again)
    derive(warehouse, report, day, day)
    assert book.found(report) == recomputed(book, report)


def test_a_store_with_an_account_that_was_not_observed_does_not_lose_followers(warehouse: Warehouse) -> None:
    book = Book(warehouse)
    for what, day, followers in ((0, 0, 100), (1, 0, 900), (0, 1, 110), (0, 2, 120), (1, 2, 950)):
        book.write("snapshots.tiktok_user_daily", Seen(what, day, (followers, 1, 1, 1), False, False))
    rows(
        warehouse,
        "insert into capture.account_day (account_id, endpoint, day, time_zone, state, reason, finished_at) "
        "values (%s, 'user_info', %s, 'UTC', 'gap', 'missed', ops.now())",
        book.accounts[1],
        FIRST + dt.timedelta(days=1),
    )
    derive(warehouse, ACCOUNTS, FIRST, LAST)
    said = rows(
        warehouse,
        "select accounts_expected, accounts_observed, follower_count, observed_follower_count, follower_delta, "
        "longest_span_days from reporting.store_daily where store_code = 'jakarta_01' order by snapshot_date",
    )
    assert [tuple(row.values()) for row in said] == [
        (2, 2, 1000, 1000, None, None),
        (2, 1, None, 110, 10, 1),
        (2, 2, 1070, 1070, 60, 2),
    ]


def test_the_age_of_a_video_counts_days_of_the_reporting_zone(warehouse: Warehouse) -> None:
    book = Book(warehouse)
    book.write("snapshots.tiktok_video_daily", Seen(0, 4, (1, 1, 1, 1), False, False))
    rows(warehouse, "update snapshots.tiktok_video_daily set create_time = '2027-12-31 18:00+00'")
    rows(
        warehouse,
        "insert into capture.account_day (account_id, endpoint, day, time_zone, state, reason, finished_at) "
        "values (%s, 'video_list', %s, 'Asia/Jakarta', 'gap', 'missed', ops.now())",
        book.accounts[0],
        FIRST + dt.timedelta(days=4),
    )
    derive(warehouse, VIDEOS, FIRST, LAST)
    assert rows(warehouse, f"select age_days from {VIDEOS}") == [{"age_days": 0}]  # in UTC it would be 1


def test_queries_of_a_month_look_into_its_partition_alone(warehouse: Warehouse) -> None:
    Book(warehouse)
    for where in ("store_code = 'jakarta_01'", "video_id = 'v0'", "view_delta > 0"):
        plan = rows(
            warehouse,
            f"explain select * from {VIDEOS} where {where} and snapshot_date between '2028-01-03' and '2028-01-30'",
        )
        text = "\n".join(row["QUERY PLAN"] for row in plan)
        assert "video_daily_2028_01" in text
        assert "video_daily_2028_02" not in text
        assert "video_daily_2027_12" not in text
