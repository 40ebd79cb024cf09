"""What the rules find in snapshots and answers, and what they leave alone."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from tiktok_pipeline.quality.evaluate import evaluate
from tiktok_pipeline.quality.expectations import evaluate_suites
from tiktok_pipeline.quality.quarantine import quarantined, release
from tiktok_pipeline.quality.rules import Rule, rules
from tiktok_pipeline.quality.suites import SUITES
from tiktok_pipeline.quality.verdicts import Verdict, keep_verdicts
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import (
    DatabaseClock,
    add_account,
    add_store,
    capture_today,
    ledger,
    rows,
    video,
    videos_body,
)

DAY = dt.timedelta(days=1)
FIRST = dt.date(2026, 10, 1)
LAST = dt.date(2026, 11, 9)  # a Monday


def rule_of(name: str, table: str = "") -> Rule:
    return next(rule for rule in rules() if rule.name == name and table in rule.table)


def look(warehouse: Warehouse, name: str, day: dt.date = LAST, table: str = "") -> Verdict:
    [verdict] = evaluate(warehouse, rule_of(name, table), [day], "UTC")
    return verdict


def put_profiles(warehouse: Warehouse, accounts: int, followers: dict[dt.date, int]) -> None:
    """The same profiles for accounts 1, 2, …, each in a store of its own."""
    for account in range(1, accounts + 1):
        store = add_store(warehouse, f"store_{account:03}")
        for day, count in followers.items():
            rows(
                warehouse,
                """
                insert into snapshots.tiktok_user_daily (
                    store_code, open_id, snapshot_date, account_id, follower_count, likes_count, video_count,
                    source, late, capture_no
                )
                values (%s, %s, %s, %s, %s, 10, 1, 'import', false, 0)
                on conflict (store_code, open_id, snapshot_date) do update
                set follower_count = excluded.follower_count
                """,
                store,
                f"open-{account}",
                day,
                account,
                count,
            )


def steady(days: int, a_day: int = 100, weekend: int = 100) -> dict[dt.date, int]:
    """Followers that grow evenly, and otherwise on Saturdays and Sundays, up to the day before LAST."""
    count, found = 10_000, {}
    for day in (LAST - n * DAY for n in range(days, 0, -1)):
        count += weekend if day.weekday() >= 5 else a_day
        found[day] = count
    return found


def put_video(warehouse: Warehouse, video_id: str, day: dt.date = LAST, **columns: Any) -> None:
    store = add_store(warehouse)
    rows(warehouse, "select ops.ensure_partitions(%s, %s)", day, day)
    given = {"view_count": 5000, "like_count": 2000, "comment_count": 3, "share_count": 4, **columns}
    rows(
        warehouse,
        f"""
        insert into snapshots.tiktok_video_daily (
            store_code, video_id, snapshot_date, account_id, open_id, source, late, capture_no, {", ".join(given)}
        )
        values (%s, %s, %s, 1, 'open', 'import', false, 0, {", ".join(["%s"] * len(given))})
        """,
        store,
        video_id,
        day,
        *given.values(),
    )


def test_growth_is_judged_by_the_accounts_own_history_and_only_after_two_weeks_of_it(
    warehouse: Warehouse,
) -> None:
    put_profiles(warehouse, 1, {**steady(13), LAST: 90_000})
    assert look(warehouse, "unusual_growth").checked == 0  # twelve growths are no history
    put_profiles(warehouse, 1, steady(40))
    put_profiles(warehouse, 1, {LAST: 14_100})
    assert look(warehouse, "unusual_growth").passed
    put_profiles(warehouse, 1, {LAST: 90_000})
    found = look(warehouse, "unusual_growth")
    assert found.failing == 1
    assert "usually 100" in found.message


def test_a_growth_that_is_usual_for_its_weekday_is_usual(warehouse: Warehouse) -> None:
    busy = steady(28, a_day=4_000, weekend=-9_000)
    sunday = LAST - DAY
    put_profiles(warehouse, 1, busy)
    assert look(warehouse, "unusual_growth", sunday).passed
    assert look(warehouse, "unusual_growth", sunday).checked == 2
    put_profiles(warehouse, 1, {LAST: busy[sunday] - 9_000})  # on a Monday it is not
    assert not look(warehouse, "unusual_growth").passed


def test_what_many_accounts_do_at_once_is_one_finding_and_not_theirs(warehouse: Warehouse) -> None:
    put_profiles(warehouse, 8, {**steady(40), LAST: 5_000})
    found = look(warehouse, "provider_wide")
    assert (found.failing, found.checked, len(found.examples)) == (8, 16, 1)
    assert "follower_count of 8 of 8 accounts moved by -6" in found.message
    assert look(warehouse, "unusual_growth").passed


def test_the_second_in_an_id_is_before_the_post_and_not_by_a_week(warehouse: Warehouse) -> None:
    at = dt.datetime(2026, 10, 20, tzinfo=dt.UTC)
    for seconds, place in ((12, 1), (173_745, 2), (-1, 3), (8 * 86_400, 4)):
        began = int(at.timestamp()) - seconds
        put_video(warehouse, str((began << 32) + place), create_time=at)
    put_video(warehouse, "77", create_time=at)  # no id of that kind
    found = look(warehouse, "posted_after_its_id")
    assert (found.checked, found.failing) == (4, 2)


def test_a_video_without_views_beside_thousands_of_likes_cannot_be(warehouse: Warehouse) -> None:
    put_video(warehouse, "1", view_count=0, like_count=2**40)
    put_video(warehouse, "2", view_count=0, like_count=3)
    assert (look(warehouse, "zero_beside_large").failing, look(warehouse, "zero_beside_large").checked) == (
        1,
        2,
    )


def test_new_and_vanished_fields_are_reported_once_on_their_day(
    warehouse: Warehouse, clock: DatabaseClock
) -> None:
    add_account(warehouse, connected_at="2026-11-01")
    found = {}
    shapes: list[dict[str, Any]] = [{}, {}, {"save_count": 1}, {"save_count": 2}, {}]
    for number, more in enumerate(shapes):
        clock.set(dt.datetime(2026, 11, 10 + number, 3, tzinfo=dt.UTC))
        shown = video("1", **more)
        if number == 4:
            del shown["share_count"]
        day = capture_today(ledger(warehouse), videos_body(shown))
        found[day.day] = look(warehouse, "fields", day, "video_list").message
    assert found[10] == found[11] == found[13] == ""
    assert found[12].endswith("new: .data.videos[].save_count")
    assert found[14].endswith("vanished: .data.videos[].save_count, vanished: .data.videos[].share_count")
    twelfth = look(warehouse, "fields", dt.date(2026, 11, 12), "video_list")
    assert "save_count" in twelfth.message  # looked at again it says the same
    [row] = rows(warehouse, "select * from capture.field_path where path = '.data.videos[].save_count'")
    assert (row["first_seen"].day, row["last_seen"].day) == (12, 13)


def test_what_a_person_released_is_not_put_back(warehouse: Warehouse) -> None:
    account = add_account(warehouse)
    assert account == 1
    put_profiles(warehouse, 1, {LAST - DAY: 5000, LAST: 0})
    assert not look(warehouse, "zeroed_profile").passed
    [held] = quarantined(warehouse)
    release(warehouse, "ayu", "she cleared it", {"id": held.id})
    found = look(warehouse, "zeroed_profile")
    assert (found.passed, found.quarantined) == (False, 0)
    assert quarantined(warehouse) == []


def test_failing_since_stays_while_it_fails_and_begins_anew_after_it_passed(
    warehouse: Warehouse, clock: DatabaseClock
) -> None:
    since = []
    for hour, message in enumerate(("bad", "worse", "", "bad")):
        clock.set(f"2026-11-10T0{hour}:00")
        keep_verdicts(warehouse, "a.b", "c", "info", "sleep on it", [Verdict(LAST, message)])
        [row] = rows(warehouse, "select * from reporting.quality_results")
        since.append(row["failing_since"] and row["failing_since"].hour)
    assert since == [0, 0, None, 3]


def test_a_rule_that_cannot_be_evaluated_fails_and_says_so(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tiktok_pipeline.quality.rules.sql", lambda _name: "select 1 from nowhere")
    found = look(warehouse, "never_falls")
    assert not found.passed
    assert 'could not be evaluated: relation "nowhere" does not exist' in found.message


def test_expectations_find_the_day_in_a_range_and_count_without_loading_rows(warehouse: Warehouse) -> None:
    for number in range(10):
        put_video(warehouse, str(number), LAST - 2 * DAY, create_time=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
        put_video(warehouse, str(number), LAST, view_count=-1)
    days = [LAST - n * DAY for n in range(3, -1, -1)]
    suites = [suite for suite in SUITES if suite.table == "snapshots.tiktok_video_daily"]
    found = evaluate_suites(warehouse, suites, days, "UTC")
    assert [one.passed for one in found["expected_values"]] == [True, True, True, False]
    told = {example["expectation"]: example for example in found["expected_values"][-1].examples}
    negative = told["ExpectColumnValuesToBeBetween view_count"]
    assert (negative["checked"], negative["failing"], negative["values"][0]) == (10, 10, "-1")
    assert [one.passed for one in found["expected_once"]] == [True, False, True, False]  # no such account
    assert "every row belongs to an account" in found["expected_once"][-1].message
    assert all(one.passed for one in found["expected_types"])
    kept = rows(warehouse, "select * from reporting.quality_results where check_name = 'expected_values'")
    assert sum(not row["passed"] for row in kept) == 1


def test_a_row_under_another_store_than_its_account_has_fails_and_is_named(warehouse: Warehouse) -> None:
    add_account(warehouse)
    add_store(warehouse, "bandung_02")
    put_video(warehouse, "1")
    put_video(warehouse, "2")
    suites = [suite for suite in SUITES if suite.name == "expected_once"]
    videos = [suite for suite in suites if suite.table == "snapshots.tiktok_video_daily"]
    assert evaluate_suites(warehouse, videos, [LAST], "UTC")["expected_once"][0].passed
    rows(
        warehouse,
        "update snapshots.tiktok_video_daily set store_code = 'bandung_02' where video_id = '2'",
    )
    [found] = evaluate_suites(warehouse, videos, [LAST], "UTC")["expected_once"]
    assert not found.passed
    [example] = found.examples
    assert example["expectation"] == "every row belongs to an account of its store"
    assert (example["failing"], [value["store_code"] for value in example["values"]]) == (1, ["bandung_02"])


def test_a_counter_read_on_another_day_fails(warehouse: Warehouse) -> None:
    add_account(warehouse)
    put_video(warehouse, "1", observed_at=dt.datetime(2026, 11, 20, tzinfo=dt.UTC))
    rows(warehouse, "update snapshots.tiktok_video_daily set source = 'capture'")
    suites = [suite for suite in SUITES if suite.name == "expected_fresh"]
    found = evaluate_suites(warehouse, suites[1:], [LAST], "UTC")["expected_fresh"]
    assert not found[0].passed
    assert found[0].examples[0]["values"][0]["snapshot_date"] == str(LAST)
