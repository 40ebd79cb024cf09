"""Every view and kept sum, against an independent second opinion in pandas, from the same snapshots, ledger and quarantine."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.derive import derive
from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.integration.reporting.test_facts import (
    ACCOUNTS,
    FIRST,
    LAST,
    USER_COUNTERS,
    VIDEO_COUNTERS,
    VIDEOS,
    Book,
    Seen,
    day_numbers,
    many,
)

ZONE = "Asia/Jakarta"
STORES = ("jakarta_01", "jakarta_01", "bandung_02")
Row = dict[str, Any]

counter = st.one_of(st.none(), st.integers(0, 3), st.sampled_from([999, 1000, 9_999, 10_000, 99_999, 2**40]))


def seen(whats: int) -> st.SearchStrategy[list[Seen]]:
    return st.lists(
        st.builds(
            Seen, st.integers(0, whats), day_numbers, st.tuples(*[counter] * 4), st.booleans(), st.booleans()
        ),
        unique_by=lambda one: (one.what, one.day),
        max_size=25,
    )


held_days = st.sets(st.tuples(st.integers(0, 2), day_numbers), max_size=4)
planned = st.dictionaries(
    st.tuples(st.sampled_from(["user_info", "video_list"]), st.integers(0, 2), day_numbers),
    st.sampled_from(["missed", "cancelled", "not_yet_connected"]),
    max_size=15,
)
posted = st.lists(
    st.one_of(st.none(), st.datetimes(dt.datetime(2027, 12, 1), dt.datetime(2028, 2, 20))),  # noqa: DTZ001
    min_size=6,
    max_size=6,
)


class Library(Book):
    """As a book, with two videos of each account: 0 and 3 of account 0, and so on; and a ledger in Jakarta's time."""

    def list_video(self, one: Seen, created: dt.datetime | None) -> None:
        names = ", ".join(VIDEO_COUNTERS)
        rows(
            self.warehouse,
            f"""
            insert into snapshots.tiktok_video_daily (
                store_code, account_id, open_id, video_id, snapshot_date, source, late, capture_no, create_time, {names}
            )
            select store_code, id, open_id, %s, %s, %s, %s, 1, %s, %s, %s, %s, %s from hub.store_accounts where id = %s
            """,
            f"v{one.what}",
            one.date,
            "import" if one.imported else "capture",
            one.late,
            created and created.replace(tzinfo=dt.UTC),
            *one.counters,
            self.accounts[one.what % 3],
        )

    def plan(self, endpoint: str, what: int, day: int, reason: str) -> None:
        rows(
            self.warehouse,
            "insert into capture.account_day (account_id, endpoint, day, time_zone, state, reason, finished_at) "
            "values (%s, %s, %s, %s, 'gap', %s, ops.now())",
            self.accounts[what],
            endpoint,
            FIRST + dt.timedelta(days=day),
            ZONE,
            reason,
        )

    def said(self, view: str, names: Iterable[str], where: str = "true") -> list[Row]:
        found = rows(self.warehouse, f"select {', '.join(names)} from reporting.{view} where {where}")
        return in_order(found)


def in_order(found: Iterable[Row]) -> list[Row]:
    return sorted(found, key=lambda row: [str(value) for value in row.values()])


def as_rows(frame: pd.DataFrame) -> list[Row]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def known(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if value is not None and not pd.isna(value)]


def total(values: Iterable[Any]) -> int | None:
    there = known(values)
    return sum(int(value) for value in there) if there else None


def most(values: Iterable[Any]) -> Any:
    return max(known(values), default=None)


def newest_known(group: pd.DataFrame, name: str) -> Any:
    there = known(group.sort_values("snapshot_date", ascending=False)[name])
    return there[0] if there else None


def median(values: Iterable[Any]) -> float | None:
    there = sorted(float(value) for value in known(values))
    if not there:
        return None
    low, high = there[(len(there) - 1) // 2], there[len(there) // 2]
    return low + 0.5 * (high - low)


def facts(book: Library, table: str) -> pd.DataFrame:
    """Each observation with the one before it, as pandas finds it in the snapshots."""
    user = table == ACCOUNTS
    counters = USER_COUNTERS if user else VIDEO_COUNTERS
    key = "open_id" if user else "video_id"
    more = [] if user else ["create_time"]
    names = ["store_code", "account_id", key, "snapshot_date", "source", "late", *more, *counters]
    source = "snapshots.tiktok_user_daily" if user else "snapshots.tiktok_video_daily"
    frame = pd.DataFrame(
        rows(book.warehouse, f"select {', '.join(names)} from {source}"), columns=names, dtype=object
    ).sort_values(["store_code", key, "snapshot_date"], ignore_index=True)
    out = {
        (row["account_id"], row["day"])
        for row in rows(
            book.warehouse,
            "select account_id, day from snapshots.quarantine where endpoint = %s and released_at is null",
            "user_info" if user else "video_list",
        )
    }
    frame["quarantined"] = [
        key in out for key in zip(frame["account_id"], frame["snapshot_date"], strict=True)
    ]
    good = frame[~frame["quarantined"].astype(bool)]
    before = good.groupby(["store_code", key])[["snapshot_date", *counters]].shift(1).to_dict("index")
    compared = []
    for index, row in frame.iterrows():
        said: Row = {
            str(name): None if value is None or pd.isna(value) else value for name, value in row.items()
        }
        past: Any = before.get(index, {})
        there = known([past.get("snapshot_date")])
        said["previous_date"] = there[0] if there else None
        said["span_days"] = (said["snapshot_date"] - there[0]).days if there else None
        for name, delta in counters.items():
            if said["quarantined"]:
                said[name] = None
            then = known([past.get(name)])
            said[delta] = None if said[name] is None or not then else said[name] - then[0]
        if not user:
            views, *others = [said[name] for name in VIDEO_COUNTERS]
            rated = bool(views) and None not in others
            said["rated_views"] = views if rated else None
            said["rated_engagements"] = sum(others) if rated else None
            said["engagement_rate"] = float(sum(others)) / float(views) if rated else None
        compared.append(said)
    extra = [] if user else ["rated_views", "rated_engagements", "engagement_rate"]
    columns = [*names, "quarantined", "previous_date", "span_days", *counters.values(), *extra]
    return pd.DataFrame(compared, columns=columns, dtype=object)


def sums_of_videos(videos: pd.DataFrame) -> list[Row]:
    return [
        {
            "store_code": store,
            "account_id": account,
            "snapshot_date": day,
            "videos_listed": len(group),
            **{
                name: total(group[name])
                for name in (*VIDEO_COUNTERS.values(), "rated_views", "rated_engagements")
            },
        }
        for (store, account, day), group in videos.groupby(["store_code", "account_id", "snapshot_date"])
    ]


def store_days(book: Library, users: pd.DataFrame, videos: pd.DataFrame) -> pd.DataFrame:
    expected = {
        (STORES[book.accounts.index(row["account_id"])], row["day"], row["account_id"])
        for row in rows(
            book.warehouse,
            "select account_id, day from capture.account_day "
            "where endpoint = 'user_info' and reason not in ('cancelled', 'not_yet_connected')",
        )
    } | set(zip(users["store_code"], users["snapshot_date"], users["account_id"], strict=True))
    made = []
    for store, day in {(store, day) for store, day, _ in expected}:
        accounts = sum((store, day) == (other, date) for other, date, _ in expected)
        mine = users[(users["store_code"] == store) & (users["snapshot_date"] == day)]
        lists = videos[(videos["store_code"] == store) & (videos["snapshot_date"] == day)]
        row: Row = {
            "store_code": store,
            "snapshot_date": day,
            "accounts_expected": accounts,
            "accounts_observed": len(known(mine["follower_count"])),
            "accounts_quarantined": int(mine["quarantined"].sum()),
            "is_complete": len(known(mine["follower_count"])) == accounts,
            "accounts_with_delta": len(known(mine["previous_date"])),
            "longest_span_days": most(mine["span_days"]),
            "follower_delta": total(mine["follower_delta"]),
            "likes_delta": total(mine["likes_delta"]),
            "video_delta": total(mine["video_delta"]),
            "videos_listed": len(lists),
            "view_delta": total(lists["view_delta"]),
            "video_like_delta": total(lists["like_delta"]),
            "comment_delta": total(lists["comment_delta"]),
            "share_delta": total(lists["share_delta"]),
            "has_imported": bool((mine["source"] == "import").any()),
            "has_late": bool(mine["late"].any()),
        }
        for name in ("follower_count", "likes_count", "video_count"):
            row[f"observed_{name}"] = total(mine[name])
            row[name] = total(mine[name]) if len(known(mine[name])) == accounts else None
        views = total(lists["rated_views"])
        row["engagement_rate"] = (
            float(total(lists["rated_engagements"]) or 0) / float(views) if views else None
        )
        made.append(row)
    return pd.DataFrame(
        made, columns=list(made[0]) if made else ["store_code", "snapshot_date"], dtype=object
    )


def store_months(days: pd.DataFrame) -> list[Row]:
    if days.empty:
        return []
    months = days.assign(month=[day.replace(day=1) for day in days["snapshot_date"]])
    return [
        {
            "store_code": store,
            "month": month,
            "days": len(group),
            "complete_days": int(group["is_complete"].sum()),
            "follower_count": newest_known(group, "follower_count"),
            **{
                name: total(group[name])
                for name in ("follower_delta", "likes_delta", "video_delta", "view_delta")
            },
            "longest_span_days": most(group["longest_span_days"]),
        }
        for (store, month), group in months.groupby(["store_code", "month"])
    ]


def benchmark(users: pd.DataFrame, days: pd.DataFrame) -> list[Row]:
    newest = most(users["snapshot_date"])
    if newest is None:
        return []
    window = days[days["snapshot_date"] > newest - dt.timedelta(days=28)]
    stores = []
    for store, group in window.groupby("store_code"):
        followers = newest_known(group, "follower_count")
        if followers is not None:
            bands = ((1000, "below 1,000"), (10_000, "1,000 to 9,999"), (100_000, "10,000 to 99,999"))
            stores.append(
                {
                    "store_code": store,
                    "band": next((name for limit, name in bands if followers < limit), "100,000 and more"),
                    "follower_count": followers,
                    "followers_gained": total(group["follower_delta"]),
                    "views_gained": total(group["view_delta"]),
                    "engagement_rate": newest_known(group, "engagement_rate"),
                }
            )
    for one in stores:
        band = [other for other in stores if other["band"] == one["band"]]
        one["stores_in_band"] = len(band)
        for name, percentile in (
            ("followers_gained", "followers_percentile"),
            ("views_gained", "views_percentile"),
            ("engagement_rate", "engagement_percentile"),
        ):
            values = pd.Series(known(other[name] for other in band), dtype=object)
            one[percentile] = None if one[name] is None else float((values <= one[name]).sum() / len(values))
    return stores


def top(videos: pd.DataFrame) -> list[Row]:
    newest = most(videos[~videos["quarantined"].astype(bool)]["snapshot_date"])
    made: list[Row] = []
    for window in (1, 7, 28) if newest else ():
        late = videos[videos["snapshot_date"] > newest - dt.timedelta(days=window)]
        gained = [
            {
                "video_id": video,
                "views_gained": total(group["view_delta"]),
                "longest_span_days": most(group[group["view_delta"].notna()]["span_days"]),
                "as_of": newest,
            }
            for video, group in late.groupby("video_id")
        ]
        there = [row for row in gained if row["views_gained"] is not None]
        for row in there:
            better = sum(other["views_gained"] > row["views_gained"] for other in there)
            made.append({"window_days": window, "place": better + 1, **row})
    return made


def latest(book: Library, videos: pd.DataFrame) -> pd.DataFrame:
    good = videos[~videos["quarantined"].astype(bool)].sort_values("snapshot_date")
    newest = good.groupby("video_id").tail(1)
    zoned = {
        (row["account_id"], row["day"])
        for row in rows(
            book.warehouse, "select account_id, day from capture.account_day where endpoint = 'video_list'"
        )
    }
    ages = [
        (row["snapshot_date"] - row["create_time"].astimezone(ZoneInfo(ZONE)).date()).days
        if row["create_time"] is not None and (row["account_id"], row["snapshot_date"]) in zoned
        else None
        for _, row in newest.iterrows()
    ]
    return newest.assign(age_days=pd.Series(ages, index=newest.index, dtype=object))


def hours(book: Library, newest: pd.DataFrame) -> list[Row]:
    if not rows(book.warehouse, "select 1 from capture.account_day limit 1"):
        return []  # nobody knows the zone
    old: dict[tuple[int, int], list[Row]] = {}
    for _, row in newest.iterrows():
        if row["create_time"] is not None and row["age_days"] is not None and row["age_days"] >= 7:
            local = row["create_time"].astimezone(ZoneInfo(ZONE))
            old.setdefault((local.isoweekday(), local.hour), []).append(
                {str(name): value for name, value in row.items()}
            )
    return [
        {
            "weekday": weekday,
            "hour": hour,
            "videos": len(group),
            "median_views": median(row["view_count"] for row in group),
            "median_engagement_rate": median(row["engagement_rate"] for row in group),
        }
        for (weekday, hour), group in old.items()
    ]


def half_up(value: Fraction) -> int:
    """To the next whole number, a half away from zero."""
    return int(abs(value) + Fraction(1, 2)) * (1 if value >= 0 else -1)


def filled(frame: pd.DataFrame, key: str, counters: dict[str, str]) -> list[Row]:
    made = []
    for _, row in frame.iterrows():
        if not row["quarantined"]:
            there = {name: row[name] for name in counters}
            made.append(
                {key: row[key], "snapshot_date": row["snapshot_date"], **there, "is_interpolated": False}
            )
        for back in range(1, row["span_days"] or 1):
            drawn = {
                name: None
                if row[delta] is None
                else row[name] - half_up(Fraction(row[delta] * back, row["span_days"]))
                for name, delta in counters.items()
            }
            day = row["snapshot_date"] - dt.timedelta(days=back)
            made.append({key: row[key], "snapshot_date": day, **drawn, "is_interpolated": True})
    return made


def compare(book: Library) -> None:
    """Each of them says what pandas says."""
    users, videos = facts(book, ACCOUNTS), facts(book, VIDEOS)
    days = store_days(book, users, videos)
    newest = latest(book, videos)
    shown = ["store_code", "account_id", "video_id", "snapshot_date", "create_time", "age_days"]
    expected: dict[str, list[Row]] = {
        "account_videos_daily": sums_of_videos(videos),
        "store_daily": as_rows(days),
        "store_monthly": store_months(days),
        "store_benchmark": benchmark(users, days),
        "top_videos": top(videos),
        "video_latest": as_rows(newest[[*shown, *VIDEO_COUNTERS, "engagement_rate"]]),
        "posting_time": hours(book, newest),
        "account_daily_filled": filled(
            users,
            "account_id",
            {name: USER_COUNTERS[name] for name in ("follower_count", "likes_count", "video_count")},
        ),
        "video_daily_filled": filled(videos, "video_id", VIDEO_COUNTERS),
    }
    for view, wanted in expected.items():
        names = list(wanted[0]) if wanted else ["1 as one"]
        assert book.said(view, names) == in_order(wanted), view


@settings(many, max_examples=25)
@given(
    profiles=seen(2),
    lists=seen(5),
    held=held_days,
    unlisted=held_days,
    ledger=planned,
    created=posted,
    again=day_numbers,
)
def test_every_view_says_what_pandas_says_and_follows_a_day_that_is_derived_again(
    warehouse: Warehouse,
    profiles: list[Seen],
    lists: list[Seen],
    held: set[tuple[int, int]],
    unlisted: set[tuple[int, int]],
    ledger: dict[tuple[str, int, int], str],
    created: list[dt.datetime | None],
    again: int,
) -> None:
    book = Library(warehouse)
    for one in profiles:
        book.write("snapshots.tiktok_user_daily", one)
    for one in lists:
        book.list_video(one, created[one.what])
    for (endpoint, what, number), reason in ledger.items():
        book.plan(endpoint, what, number, reason)
    for endpoint, days in (("user_info", held), ("video_list", unlisted)):
        for what, number in days:
            book.quarantine(endpoint, what, number)
    for report in (ACCOUNTS, VIDEOS):
        derive(warehouse, report, FIRST, LAST)
    compare(book)

    # A day is lost for one account, quarantined for another and released for the third.
    day = FIRST + dt.timedelta(days=again)
    rows(
        warehouse,
        "update snapshots.quarantine set released_at = ops.now(), released_by = 'x' where day = %s",
        day,
    )
    for source in ("tiktok_user_daily", "tiktok_video_daily"):
        rows(
            warehouse,
            f"delete from snapshots.{source} where snapshot_date = %s and account_id = %s",
            day,
            book.accounts[0],
        )
    for endpoint, report in (("user_info", ACCOUNTS), ("video_list", VIDEOS)):
        book.quarantine(endpoint, 1, again)
        derive(warehouse, report, day, day)
    compare(book)


def test_the_days_of_top_lists_end_with_the_newest_of_all_stores_whoever_saw_it(warehouse: Warehouse) -> None:
    book = Library(warehouse)

    def after(what: int, day: int) -> set[tuple[int, str]]:
        """Length and video of each place, once that video was seen on that day, too."""
        book.list_video(Seen(what, day, (day, 1, 1, 1), False, False), None)
        date = FIRST + dt.timedelta(days=day)
        derive(warehouse, VIDEOS, date, date)
        return lists()

    def lists() -> set[tuple[int, str]]:
        return {
            (row["window_days"], row["video_id"])
            for row in rows(warehouse, "select * from reporting.top_videos")
        }

    assert after(0, 0) == after(2, 0) == set()
    assert after(0, 1) == {(1, "v0"), (7, "v0"), (28, "v0")}
    assert after(2, 1) == {(1, "v0"), (7, "v0"), (28, "v0"), (1, "v2"), (7, "v2"), (28, "v2")}
    # Only the other store is seen: the first one's gains grow old all the same.
    assert after(2, 2) == {(7, "v0"), (28, "v0"), (1, "v2"), (7, "v2"), (28, "v2")}
    assert after(2, 8) == {(28, "v0"), (1, "v2"), (7, "v2"), (28, "v2")}
    assert after(2, 30) == {(1, "v2"), (7, "v2"), (28, "v2")}
    # An old day changes nothing, and a day of the 28 that comes late does.
    assert after(0, 2) == {(1, "v2"), (7, "v2"), (28, "v2")}
    assert after(0, 5) == {(28, "v0"), (1, "v2"), (7, "v2"), (28, "v2")}
    rows(warehouse, "delete from hub.stores where store_code = 'bandung_02'")
    assert lists() == {(1, "v0"), (7, "v0"), (28, "v0")}
    rows(warehouse, "update hub.stores set store_code = 'surabaya_03' where store_code = 'jakarta_01'")
    assert [row["store_code"] for row in rows(warehouse, "select * from reporting.video_gains")] == [
        "surabaya_03"
    ]


def test_a_calendar_day_is_what_pandas_says_it_is(warehouse: Warehouse) -> None:
    found = pd.DataFrame(rows(warehouse, "select * from reporting.dim_date order by day"))
    days = pd.DatetimeIndex(found["day"])
    assert list(days) == list(pd.date_range("2016-09-01", days[-1]))
    assert days[-1].date() > dt.datetime.now(dt.UTC).date() + dt.timedelta(days=360)
    weeks = days.isocalendar()
    for name, values in {
        "year": days.year,
        "quarter": days.quarter,
        "month": days.month,
        "month_start": days.to_period("M").start_time.date,
        "iso_year": weeks["year"],
        "iso_week": weeks["week"],
        "weekday": weeks["day"],
        "is_weekend": days.day_of_week >= 5,
    }.items():
        assert list(found[name]) == list(values), name  # type: ignore[call-overload]


def test_a_renamed_store_keeps_its_sums_and_a_deleted_one_leaves_none(warehouse: Warehouse) -> None:
    book = Library(warehouse)
    for what, day in ((0, 0), (3, 0), (0, 1), (2, 1)):
        book.list_video(Seen(what, day, (10 + day, 1, 1, 1), False, False), None)
    derive(warehouse, VIDEOS, FIRST, LAST)
    rows(warehouse, "update hub.stores set store_code = 'surabaya_03' where store_code = 'jakarta_01'")
    kept = "select store_code, videos_listed, view_delta from reporting.account_videos_daily order by 1, snapshot_date"
    assert [tuple(row.values()) for row in rows(warehouse, kept)] == [
        ("bandung_02", 1, None),
        ("surabaya_03", 2, None),
        ("surabaya_03", 1, 1),
    ]
    rows(warehouse, "delete from hub.stores where store_code = 'surabaya_03'")
    assert [row["store_code"] for row in rows(warehouse, kept)] == ["bandung_02"]
    assert [row["video_id"] for row in rows(warehouse, "select * from reporting.video_latest")] == ["v2"]
