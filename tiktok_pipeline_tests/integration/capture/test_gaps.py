"""A day that was not captured is a gap with a reason, for every account."""

from __future__ import annotations

import datetime as dt

from tiktok_pipeline.capture.imports import ImportedDay, import_history
from tiktok_pipeline.capture.ledger import Failure
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

DAY = dt.timedelta(days=1)


def reasons(warehouse: Warehouse, account: int) -> dict[dt.date, str | None]:
    found = rows(
        warehouse,
        "select day, coalesce(reason, state) as reason from capture.account_day where account_id = %s",
        account,
    )
    return {row["day"]: row["reason"] for row in found}


def test_days_without_a_capture_become_gaps_that_say_why(warehouse: Warehouse, clock: DatabaseClock) -> None:
    clock.set("2026-03-10T12:00:00")
    fine = add_account(warehouse, "fine", connected_at="2026-03-07T08:00:00Z")
    dead = add_account(
        warehouse,
        "dead",
        status="NEED_RECONNECT",
        connected_at="2026-03-01T08:00:00Z",
        status_changed_at="2026-03-08T08:00:00Z",
    )
    off = add_account(
        warehouse,
        "off",
        status="DISABLED",
        connected_at="2026-03-01T08:00:00Z",
        status_changed_at="2026-03-08T08:00:00Z",
    )
    book = ledger(warehouse)
    book.close(dt.date(2026, 3, 6), dt.date(2026, 3, 9))
    days = [dt.date(2026, 3, day) for day in (6, 7, 8, 9)]
    assert reasons(warehouse, fine) == dict(
        zip(days, ["not_yet_connected", "missed", "missed", "missed"], strict=True)
    )
    assert reasons(warehouse, dead) == dict(
        zip(days, ["missed", "missed", "needs_reconnect", "needs_reconnect"], strict=True)
    )
    assert reasons(warehouse, off) == dict(
        zip(days, ["missed", "missed", "cancelled", "cancelled"], strict=True)
    )


def test_closing_by_itself_starts_when_an_account_was_connected_and_finds_holes(
    warehouse: Warehouse, clock: DatabaseClock
) -> None:
    clock.set("2026-03-05T12:00:00")
    account = add_account(warehouse, connected_at="2026-03-02T08:00:00Z")
    book = ledger(warehouse)
    book.close(dt.date(2026, 3, 3), dt.date(2026, 3, 3))
    book.close_all()
    assert sorted(reasons(warehouse, account)) == [dt.date(2026, 3, day) for day in (2, 3, 4)]


def test_closing_never_touches_today(warehouse: Warehouse) -> None:
    account = add_account(warehouse)
    book = ledger(warehouse)
    today = book.today()
    book.plan(today)
    book.close(today, today + DAY)
    assert reasons(warehouse, account) == {today: "planned"}


def test_the_gap_of_a_failed_day_keeps_the_reason_of_the_failure(
    warehouse: Warehouse, clock: DatabaseClock
) -> None:
    account = add_account(warehouse)
    clock.set("2026-03-10T12:00:00")
    book = ledger(warehouse)
    day = book.today()
    book.plan(day)
    (unit,) = book.claim(day, 1)
    book.fail(unit, Failure("quota_exhausted", "rate_limit_exceeded", "too many requests", 429, "L1"))
    clock.set("2026-03-11T12:00:00")
    book.close(day, day)
    assert reasons(warehouse, account) == {day: "quota_exhausted"}


def test_what_failed_today_goes_on_at_its_page_but_malformed_pages_start_over(warehouse: Warehouse) -> None:
    account = add_account(warehouse)
    book = ledger(warehouse)
    today = book.today()
    book.ensure_partitions(today, today)
    for reason, expected in (("provider_down", (70, 1)), ("malformed", (None, 0))):
        book.plan(today)
        (unit,) = book.claim(today, 1)
        if unit.pages == 0:
            body = videos_body(video("1"), cursor=70, has_more=True)
            book.land(unit, body, log_id="L", items=1, refused=0, next_cursor=70, last=False)
        book.fail(unit, Failure(reason, "code", "message"))  # type: ignore[arg-type]
        book.plan(today)
        (again,) = book.claim(today, 1)
        assert (again.cursor, again.pages) == expected
        book.release()
        rows(warehouse, "update capture.account_day set state = 'planned'")
    assert (
        rows(warehouse, "select attempts from capture.account_day where account_id = %s", account)[0][
            "attempts"
        ]
        == 4
    )


def test_an_import_fills_gaps_and_never_replaces_a_capture(
    warehouse: Warehouse, clock: DatabaseClock
) -> None:
    clock.set("2026-03-09T12:00:00")
    account = add_account(warehouse)
    book = ledger(warehouse)
    captured = capture_today(book, videos_body(video("1", views=100)))
    clock.set("2026-03-12T12:00:00")
    gap = captured + DAY
    book.close(gap, gap)
    today = book.today()
    days = [
        ImportedDay(account, day, {"follower_count": 1}, [video("1", views=7)], None)
        for day in (captured - DAY, captured, gap, today)
    ]
    taken = import_history(warehouse, days, zone="UTC", imported_from="a file")
    # Both endpoints of the day before and of the gap; only the profile of the captured day; nothing of today.
    assert taken == 5
    assert reasons(warehouse, account)[captured] in {"captured", "imported"}
    states = rows(
        warehouse, "select day, state from capture.account_day where endpoint = 'video_list' order by day"
    )
    assert [(row["day"], row["state"]) for row in states] == [
        (captured - DAY, "imported"),
        (captured, "captured"),
        (gap, "imported"),
    ]
    assert import_history(warehouse, days, zone="UTC", imported_from="a file") == 0


def test_totals_say_what_a_day_lacks(warehouse: Warehouse, clock: DatabaseClock) -> None:
    clock.set("2026-03-10T12:00:00")
    add_account(warehouse, "old", connected_at="2026-03-01T00:00:00Z")
    book = ledger(warehouse)
    day = capture_today(book, videos_body(video("1")))
    add_account(warehouse, "new", connected_at="2026-03-11T00:00:00Z")
    clock.set("2026-03-12T12:00:00")
    book.close(dt.date(2026, 2, 27), dt.date(2026, 3, 11))
    totals = book.totals(dt.date(2026, 2, 27), dt.date(2026, 3, 11))
    assert totals[day].shortfall is None  # the new account was not expected then
    assert totals[dt.date(2026, 3, 11)].shortfall == "nothing captured (missed)"
    assert totals[dt.date(2026, 2, 27)].shortfall == "nothing captured (not_yet_connected)"


def test_an_account_that_was_switched_off_and_on_again_has_no_missed_days(
    warehouse: Warehouse, clock: DatabaseClock
) -> None:
    clock.set("2026-03-05T12:00:00")
    account = add_account(
        warehouse,
        connected_at="2026-03-02T08:00:00Z",
        status="DISABLED",
        status_changed_at="2026-03-02T09:00:00Z",
    )
    book = ledger(warehouse)
    book.close_all()
    rows(warehouse, "update hub.store_accounts set status = 'CONNECTED', status_changed_at = ops.now()")
    book.close_all()
    assert set(reasons(warehouse, account).values()) == {"cancelled"}
    assert book.totals(dt.date(2026, 3, 3), dt.date(2026, 3, 3))[dt.date(2026, 3, 3)].expected == 0


def test_a_day_that_nothing_has_closed_yet_is_not_complete(
    warehouse: Warehouse, clock: DatabaseClock
) -> None:
    clock.set("2026-03-05T12:00:00")
    add_account(warehouse, connected_at="2026-03-02T08:00:00Z")
    totals = ledger(warehouse).totals(dt.date(2026, 3, 1), dt.date(2026, 3, 4))
    assert dt.date(2026, 3, 1) not in totals
    assert totals[dt.date(2026, 3, 3)].shortfall == "nothing captured (still open)"


def test_what_is_final_gets_a_few_tries_and_causes_no_runs(warehouse: Warehouse) -> None:
    add_account(warehouse)
    book = ledger(warehouse)
    today = capture_today(ledger(warehouse, "user_info"), user_body())
    for attempt in range(1, 7):
        planned = book.plan(today)
        assert planned == (1 if attempt <= 5 else 0)
        for unit in book.claim(today, 1):
            book.fail(unit, Failure("malformed", "invalid_params", "refused", 400, "L", final=True))
        assert book.incomplete_today(today) == 0


def test_an_account_that_waits_for_a_person_fails_at_once_and_keeps_what_tiktok_said(
    warehouse: Warehouse,
) -> None:
    add_account(warehouse, status="NEED_RECONNECT")
    book = ledger(warehouse)
    today = book.today()
    book.plan(today)
    assert book.claim(today, 10) == []
    rows(warehouse, "update capture.account_day set error_code = 'invalid_grant', log_id = 'L9'")
    assert book.plan(today) == 0
    assert rows(warehouse, "select state, error_code, log_id, attempts from capture.account_day") == [
        {"state": "failed", "error_code": "invalid_grant", "log_id": "L9", "attempts": 0}
    ]
    rows(warehouse, "update hub.store_accounts set status = 'CONNECTED'")
    assert book.plan(today) == 1


def test_a_hole_inside_a_series_shows_before_a_run_closes_it(
    warehouse: Warehouse, clock: DatabaseClock
) -> None:
    clock.set("2026-03-02T08:00:00")
    account = add_account(warehouse)
    for day in (2, 3, 5):
        clock.set(f"2026-03-0{day}T09:00:00")
        capture_today(ledger(warehouse), videos_body(video("1")))
        capture_today(ledger(warehouse, "user_info"), user_body())
    clock.set("2026-03-06T09:00:00")
    states = {
        row["day"].day: row["video_list_state"]
        for row in rows(
            warehouse, "select * from reporting.capture_calendar where account_id = %s order by day", account
        )
    }
    assert states == {2: "captured", 3: "captured", 4: "unplanned", 5: "captured", 6: "unplanned"}
    found = rows(warehouse, 'select "from", "to", reason from reporting.account_gaps')
    assert {(row["from"].day, row["to"].day, row["reason"]) for row in found} == {(4, 4, None)}


def test_a_failed_day_that_is_imported_forgets_what_its_broken_capture_was(
    warehouse: Warehouse, clock: DatabaseClock
) -> None:
    clock.set("2026-03-01T02:00:00")
    account = add_account(warehouse)
    book = ledger(warehouse)
    day = book.today()
    book.ensure_partitions(day, day)
    book.plan(day)
    [unit] = book.claim(day, 1)
    body = videos_body(video("1"), cursor=5, has_more=True)
    book.land(unit, body, log_id="L", items=1, refused=0, next_cursor=5, last=False)
    book.fail(unit, Failure("malformed", "cursor_stuck", "the cursor does not move"))
    clock.set("2026-03-02T12:00:00")
    imported = ImportedDay(account, day, None, [video("1"), video("2")], None)
    import_history(warehouse, [imported], zone="UTC", imported_from="the hub")
    [row] = rows(warehouse, "select * from capture.account_day")
    assert (row["state"], row["pages"], row["items"], row["cursor"]) == ("imported", 0, 0, None)
    assert (row["error_code"], row["error_message"], row["log_id"]) == (None, None, None)
    [log] = rows(warehouse, "select * from reporting.sync_logs")
    assert (log["status"], log["error_details"]) == ("SUCCESS", None)
