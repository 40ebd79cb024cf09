"""For every account and every day since it was connected there is exactly one state, and people can see it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from tiktok_pipeline.capture.accounted import sum_of_states, unaccounted
from tiktok_pipeline.capture.imports import ImportedDay, import_history
from tiktok_pipeline.capture.ledger import Failure, Ledger
from tiktok_pipeline.capture.loop import AccountDisabled, failure_of
from tiktok_pipeline.tiktok.errors import (
    AuthError,
    MalformedError,
    PermanentError,
    RateLimitedError,
    ScopeError,
    TransientError,
)
from tiktok_pipeline.vault import TokenMissing, VaultTampered
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
from tiktok_pipeline_tests.capturing import Pipeline


def march(day: int) -> dt.date:
    return dt.date(2026, 3, day)


def set_status(warehouse: Warehouse, status: str) -> None:
    rows(warehouse, "update hub.store_accounts set status = %s, status_changed_at = ops.now()", status)


def gaps(
    warehouse: Warehouse, endpoint: str = "video_list"
) -> list[tuple[dt.date, dt.date, int, str | None]]:
    found = rows(
        warehouse,
        'select "from", "to", days, reason from reporting.account_gaps where endpoint = %s order by 1, account_id',
        endpoint,
    )
    return [(row["from"], row["to"], row["days"], row["reason"]) for row in found]


def calendar(warehouse: Warehouse, *columns: str) -> list[tuple[Any, ...]]:
    found = rows(warehouse, "select * from reporting.capture_calendar order by day, account_id")
    return [tuple(row[column] for column in columns) for row in found]


def failed(book: Ledger, reason: Any, **more: Any) -> None:
    """Let today's first planned account-day fail for `reason`."""
    today = book.today()
    book.plan(today)
    (unit,) = book.claim(today, 1)
    book.fail(unit, Failure(reason, more.pop("code", "some_code"), "it went wrong", 500, "L7", **more))


def test_a_week_in_which_nothing_ran_is_closed_by_the_next_run_whatever_it_is_for(
    pipeline: Pipeline, clock: DatabaseClock
) -> None:
    clock.set("2026-03-01T12:00:00")
    (account,) = pipeline.connect(1)
    capture_today(pipeline.ledger(), videos_body(video("1")))
    clock.set("2026-03-09T12:00:00")
    done = pipeline.capture(days=[march(5)])  # a repair of one past day
    assert done.new_gaps == 7
    assert gaps(pipeline.warehouse) == [(march(2), march(8), 7, "missed")]
    assert pipeline.outcomes(day=march(1))[account]["outcome"] == "captured"
    clock.set("2026-03-11T12:00:00")
    assert pipeline.capture().new_gaps == 2
    assert gaps(pipeline.warehouse) == [(march(2), march(10), 9, "missed")]


def test_a_missed_day_says_how_the_account_was_then_and_not_how_it_is_now(
    warehouse: Warehouse, clock: DatabaseClock
) -> None:
    clock.set("2026-03-01T12:00:00")
    add_account(warehouse)
    for day, status in ((3, "DISABLED"), (5, "CONNECTED"), (7, "NEED_RECONNECT"), (9, "CONNECTED")):
        clock.set(f"2026-03-{day:02}T12:00:00")
        set_status(warehouse, status)
    clock.set("2026-03-11T12:00:00")
    ledger(warehouse).close_all()
    assert gaps(warehouse) == [
        (march(1), march(2), 2, "missed"),
        (march(3), march(4), 2, "cancelled"),
        (march(5), march(6), 2, "missed"),
        (march(7), march(8), 2, "needs_reconnect"),
        (march(9), march(10), 2, "missed"),
    ]


def test_a_planned_day_that_nothing_captured_is_not_blamed_on_what_came_later(
    warehouse: Warehouse, clock: DatabaseClock
) -> None:
    clock.set("2026-03-01T12:00:00")
    add_account(warehouse)
    book = ledger(warehouse)
    book.plan(march(1))
    clock.set("2026-03-04T12:00:00")
    set_status(warehouse, "NEED_RECONNECT")
    book.close_all()
    assert gaps(warehouse) == [(march(1), march(3), 3, "missed")]


def test_holes_inside_a_series_are_found_and_each_stretch_is_one_row(
    warehouse: Warehouse, clock: DatabaseClock
) -> None:
    clock.set("2026-03-01T12:00:00")
    account = add_account(warehouse)
    book = ledger(warehouse)
    for day in (1, 4, 6, 8):
        clock.set(f"2026-03-{day:02}T12:00:00")
        if day == 6:
            failed(book, "provider_down")
        else:
            capture_today(book, videos_body(video("1")))
    clock.set("2026-03-10T12:00:00")
    # Nothing has closed the days yet: the view says so, and does not make a reason up.
    assert gaps(warehouse) == [
        (march(2), march(3), 2, None),
        (march(5), march(5), 1, None),
        (march(6), march(6), 1, "provider_down"),
        (march(7), march(7), 1, None),
        (march(9), march(9), 1, None),
    ]
    assert book.close_all() == 6
    expected = [(march(2), march(3), 2, "missed"), (march(5), march(5), 1, "missed")]
    expected += [(march(6), march(6), 1, "provider_down")]
    expected += [(march(7), march(7), 1, "missed"), (march(9), march(9), 1, "missed")]
    assert gaps(warehouse) == expected
    import_history(
        warehouse,
        [ImportedDay(account, march(2), {"follower_count": 1}, [video("1")], None)],
        zone="UTC",
        imported_from="the hub",
    )
    assert gaps(warehouse)[0] == (march(3), march(3), 1, "missed")


def test_the_calendar_has_a_row_for_every_account_and_day_with_both_states(
    warehouse: Warehouse, clock: DatabaseClock
) -> None:
    clock.set("2026-03-01T12:00:00")
    add_account(warehouse)
    assert calendar(warehouse, "day") == []  # before the first run nobody knows the zone of the days
    capture_today(ledger(warehouse, "user_info"), user_body())
    failed(ledger(warehouse), "scope_missing", final=True)
    clock.set("2026-03-04T12:00:00")
    ledger(warehouse, "user_info").close_all()
    columns = ("day", "user_info_state", "user_info_attempts", "video_list_state", "video_list_reason")
    assert calendar(warehouse, *columns) == [
        (march(1), "captured", 1, "failed", "scope_missing"),
        (march(2), "gap", 0, "unplanned", None),
        (march(3), "gap", 0, "unplanned", None),
        (march(4), "unplanned", 0, "unplanned", None),
    ]


def test_a_disabled_account_has_cancelled_days_and_is_captured_when_it_is_enabled_the_same_day(
    warehouse: Warehouse, clock: DatabaseClock
) -> None:
    clock.set("2026-03-01T12:00:00")
    add_account(warehouse, status="DISABLED")
    book = ledger(warehouse)
    assert book.plan(march(1)) == 0
    assert calendar(warehouse, "video_list_state", "video_list_reason") == [("gap", "cancelled")]
    assert book.totals(march(1), march(1))[march(1)].expected == 0
    assert unaccounted(book, march(1), march(1)) == {}
    assert book.incomplete_today(march(1)) == 0
    set_status(warehouse, "CONNECTED")
    assert book.incomplete_today(march(1)) == 2  # both endpoints
    capture_today(book, videos_body(video("1")))
    assert calendar(warehouse, "video_list_state", "video_list_reason") == [("captured", None)]


def test_the_states_of_a_day_add_up_to_the_accounts_or_the_check_says_how_many_lack_one(
    warehouse: Warehouse, clock: DatabaseClock
) -> None:
    clock.set("2026-03-01T12:00:00")
    for name in ("a", "b", "c"):
        add_account(warehouse, name)
    book = ledger(warehouse)
    clock.set("2026-03-01T13:00:00")
    capture_today(book, videos_body(video("1")))
    clock.set("2026-03-01T14:00:00")
    add_account(warehouse, "connected after the plan")
    assert unaccounted(book, march(1), march(1)) == {}
    clock.set("2026-03-02T12:00:00")
    assert unaccounted(book, march(1), march(1)) == {march(1): "1 of 4 accounts have no state"}
    book.close_all()
    assert unaccounted(book, march(1), march(1)) == {}
    rows(warehouse, "delete from capture.account_day where account_id = 2")
    rows(warehouse, "update capture.account_day set state = 'failed', reason = 'missed' where account_id = 3")
    assert unaccounted(book, march(1), march(1)) == {
        march(1): "1 of 4 accounts have no state; 1 account-days are over and have no final state"
    }
    assert book.unsettled() == 1
    book.close_all()
    assert (unaccounted(book, march(1), march(1)), book.unsettled()) == ({}, 0)


def test_days_before_the_connection_do_not_make_up_for_days_that_lack_a_state(
    warehouse: Warehouse, clock: DatabaseClock
) -> None:
    clock.set("2026-03-05T12:00:00")
    add_account(warehouse, "early", connected_at="2026-03-01T00:00:00Z")
    late = add_account(warehouse, "late", connected_at="2026-03-03T00:00:00Z")
    book = ledger(warehouse)
    book.close(march(1), march(4))
    assert unaccounted(book, march(1), march(4)) == {}
    rows(warehouse, "delete from capture.account_day where day = '2026-03-02' and account_id <> %s", late)
    assert unaccounted(book, march(1), march(4)) == {march(2): "1 of 1 accounts have no state"}


def test_the_states_of_all_of_history_are_accounts_times_days(
    warehouse: Warehouse, clock: DatabaseClock
) -> None:
    clock.set("2026-03-05T12:00:00")
    add_account(warehouse, "early", connected_at="2026-03-01T00:00:00Z")
    add_account(warehouse, "late", connected_at="2026-03-03T00:00:00Z")
    book = ledger(warehouse)
    book.close_all()
    book.close(march(1), march(2))  # days before a connection do not count
    added_up = sum_of_states(book, march(5))
    assert (added_up.states, added_up.expected, added_up.wrong) == (4 + 2, 4 + 2, None)
    assert sum_of_states(book, march(2)).expected == 2
    rows(warehouse, "delete from capture.account_day where day = '2026-03-02' and reason = 'missed'")
    assert sum_of_states(book, march(1)).wrong is None
    assert sum_of_states(book, march(5)).wrong == (
        "until 2026-03-04 6 account-days have 5 states; 2026-03-02: 1 of 1 accounts have no state"
    )


def test_an_account_counts_since_it_is_known_here_and_not_since_it_was_connected_elsewhere(
    warehouse: Warehouse, clock: DatabaseClock
) -> None:
    clock.set("2026-03-05T12:00:00")
    add_account(warehouse, connected_at="2025-01-01T00:00:00Z", known_since="2026-03-03T08:00:00Z")
    book = ledger(warehouse)
    book.plan(march(5))
    assert calendar(warehouse, "day") == [(march(3),), (march(4),), (march(5),)]
    assert book.totals(march(1), march(4)).keys() == {march(3), march(4)}
    assert unaccounted(book, march(1), march(4)) == {
        march(3): "1 of 1 accounts have no state",
        march(4): "1 of 1 accounts have no state",
    }
    book.close_all()
    assert calendar(warehouse, "day", "video_list_reason") == [
        (march(3), "missed"),
        (march(4), "missed"),
        (march(5), None),
    ]
    assert unaccounted(book, march(1), march(4)) == {}
    assert sum_of_states(book, march(5)).wrong is None
    book.close(march(1), march(4))  # somebody asks for the days before
    assert [reason for _, reason in calendar(warehouse, "day", "video_list_reason")][:2] == [
        "missed",
        "missed",
    ]


def test_a_hole_between_imported_days_is_a_gap_and_the_sum_holds(
    warehouse: Warehouse, clock: DatabaseClock
) -> None:
    clock.set("2026-03-06T12:00:00")
    account = add_account(warehouse, connected_at="2025-01-01T00:00:00Z", known_since="2026-03-06T08:00:00Z")
    days = [ImportedDay(account, march(day), None, [video("1")], None) for day in (1, 4)]
    import_history(warehouse, days, zone="UTC", imported_from="hub")
    book = ledger(warehouse)
    assert sum_of_states(book, march(5)).wrong == (
        "until 2026-03-05 5 account-days have 2 states; 2026-03-02: 1 of 1 accounts have no state"
    )
    book.close_all()
    assert calendar(warehouse, "day", "video_list_state", "video_list_reason") == [
        (march(1), "imported", None),
        (march(2), "gap", "missed"),
        (march(3), "gap", "missed"),
        (march(4), "imported", None),
        (march(5), "gap", "missed"),
        (march(6), "unplanned", None),
    ]
    assert sum_of_states(book, march(5)).wrong is None
    book.close(march(1) - dt.timedelta(days=500), march(1))
    early = rows(
        warehouse,
        "select reason, min(day) as first from capture.account_day where day < '2026-03-01' group by 1",
    )
    assert {row["reason"]: str(row["first"]) for row in early} == {
        "not_yet_connected": "2024-10-17",
        "missed": "2025-01-01",
    }


@pytest.mark.parametrize(
    ("state", "status", "message", "processed"),
    [
        ("captured", "SUCCESS", "1 pages", 1),
        ("failed", "FAILED", "provider_down", None),
        ("capturing", "RUNNING", "capturing", 0),
        ("cancelled", "SKIPPED", "cancelled", None),
        ("missed", "FAILED", "missed", None),
    ],
)
def test_sync_logs_tell_the_ledger_in_the_hubs_words(
    warehouse: Warehouse, clock: DatabaseClock, state: str, status: str, message: str, processed: int | None
) -> None:
    clock.set("2026-03-01T12:00:00")
    add_account(warehouse, status="DISABLED" if state == "cancelled" else "CONNECTED")
    book = ledger(warehouse, run_id="run-1")
    if state == "captured":
        capture_today(book, videos_body(video("1")))
    elif state == "failed":
        failed(book, "provider_down")
    else:
        book.plan(march(1))
        assert state == "cancelled" or rows(warehouse, "select * from reporting.sync_logs") == []
        if state == "capturing":
            book.claim(march(1), 1)
        if state == "missed":
            clock.set("2026-03-02T12:00:00")
            book.close_all()
    (row,) = rows(warehouse, "select * from reporting.sync_logs")
    assert (row["store_code"], row["job_type"], row["status"]) == ("jakarta_01", "video_daily", status)
    assert (row["message"], row["records_processed"], row["run_id"]) == (message, processed, "run-1")
    assert (row["completed_at"] is None) == (state == "capturing")
    assert (row["error_details"] == "some_code: it went wrong") == (state == "failed")


def test_every_row_of_the_sync_logs_has_an_id_of_its_own(warehouse: Warehouse, clock: DatabaseClock) -> None:
    clock.set("2026-03-05T12:00:00")
    for name in ("a", "b"):
        add_account(warehouse, name, connected_at="2026-02-01T00:00:00Z")
    for endpoint in ("user_info", "video_list"):
        ledger(warehouse, endpoint).close_all()
    (found,) = rows(warehouse, "select count(*), count(distinct id) as ids from reporting.sync_logs")
    assert found["count"] == found["ids"] == 2 * 2 * 32


def test_every_kind_of_error_has_its_reason_of_the_closed_list() -> None:
    expected: dict[Exception, tuple[str, bool]] = {
        TransientError("down", code="internal_error"): ("provider_down", False),
        RateLimitedError("slow down", code="rate_limit_exceeded"): ("quota_exhausted", False),
        AuthError("refused", code="access_token_invalid"): ("needs_reconnect", False),
        TokenMissing("no token"): ("needs_reconnect", False),
        ScopeError("not granted", code="scope_not_authorized"): ("scope_missing", True),
        MalformedError("no JSON", code="malformed"): ("malformed", False),
        MalformedError("for ever", code="page_cap"): ("malformed", True),
        PermanentError("refused", code="invalid_params"): ("malformed", True),
        AccountDisabled("disabled"): ("cancelled", False),
        VaultTampered("moved"): ("missed", True),
        ValueError("a bug"): ("missed", False),
    }
    for error, (reason, final) in expected.items():
        failure = failure_of(error)
        assert (failure.reason, failure.final) == (reason, final), error
