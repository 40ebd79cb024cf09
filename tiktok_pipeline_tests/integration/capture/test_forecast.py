"""How long the daily capture takes, said before it begins."""

from __future__ import annotations

import datetime as dt

from tiktok_pipeline.capture.forecast import WARN_AHEAD, Forecast, forecasts, in_words, warnings
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import DatabaseClock, add_account, rows

TODAY = dt.date(2026, 3, 20)

CAPTURED = """
insert into capture.account_day (account_id, endpoint, day, time_zone, state, reason, pages, chosen_capture_no, started_at, captured_at)
select
    %s, 'video_list', day, 'UTC', 'captured', null, %s + %s * (day::date - date '2026-03-10'), 1, day + interval '9 hours', day + interval '9 hours'
from generate_series(date '2026-03-10', '2026-03-19', interval '1 day') as day
"""


def captured_for_ten_days(warehouse: Warehouse, account: int, pages: int, growth: int = 0) -> None:
    rows(warehouse, "alter table capture.account_day disable trigger happens_now")
    rows(warehouse, CAPTURED, account, pages, growth)


def forecast(warehouse: Warehouse, *, a_minute: float = 10, window: int = 10) -> list[Forecast]:
    return forecasts(warehouse, TODAY, pages_a_minute=a_minute, window_minutes=window)


def test_pages_are_those_of_the_last_capture_and_one_for_what_is_new(
    warehouse: Warehouse, clock: DatabaseClock
) -> None:
    clock.set("2026-03-20T02:00:00")
    captured_for_ten_days(warehouse, add_account(warehouse, "old"), 30)
    add_account(warehouse, "new")
    add_account(warehouse, "off", status="DISABLED")
    captured_for_ten_days(warehouse, add_account(warehouse, "lost", status="NEED_RECONNECT"), 500)
    [found] = forecast(warehouse)
    assert (found.accounts, found.pages) == (2, 30 + 1 + 1 + 1)  # videos, and a profile each
    assert str(found) == "33 pages need 3.3 min; window 10 min: fits"


def test_growth_says_until_when_it_fits(warehouse: Warehouse, clock: DatabaseClock) -> None:
    clock.set("2026-03-20T02:00:00")
    captured_for_ten_days(warehouse, add_account(warehouse), 30, growth=3)
    [found] = forecast(warehouse)
    assert found.pages == 57 + 1
    assert found.pages_a_day == 3
    assert found.fits_until == TODAY + dt.timedelta(days=14)  # 100 pages fit
    assert "fits until 2026-04-03" in str(found)
    [found] = forecast(warehouse, window=5)
    assert not found.fits
    assert str(found) == "58 pages need 5.8 min; window 5 min: does not fit"


def test_it_warns_a_month_before_growth_makes_it_not_fit(warehouse: Warehouse, clock: DatabaseClock) -> None:
    clock.set("2026-03-20T02:00:00")
    captured_for_ten_days(warehouse, add_account(warehouse), 30, growth=3)
    [found] = forecast(warehouse)
    assert found.fits
    assert warnings([found]) == (
        "from 2026-04-04 on, a day's capture does not fit CAPTURE_WINDOW_MINUTES (10). "
        "Widen the window, or ask TikTok for more requests per minute."
    )
    [found] = forecast(warehouse, window=15)  # 150 pages: in 30 days
    assert found.fits_until == TODAY + WARN_AHEAD
    assert warnings([found]) == ""
    [found] = forecast(warehouse, window=5)
    assert warnings([found]).startswith("from 2026-03-20 on, ")
    assert warnings([found, found]).count("app key: from") == 2


def test_failures_of_a_day_are_no_shrinking(warehouse: Warehouse, clock: DatabaseClock) -> None:
    clock.set("2026-03-20T02:00:00")
    for name in ("one", "two"):
        captured_for_ten_days(warehouse, add_account(warehouse, name), 30)
    rows(
        warehouse,
        "update capture.account_day set state = 'gap', reason = 'missed', pages = 0 where day > '2026-03-15' and account_id = 2",
    )
    [found] = forecast(warehouse)
    assert found.pages_a_day == 0
    assert found.pages == 60 + 2


def test_each_app_has_a_budget_of_its_own(warehouse: Warehouse, clock: DatabaseClock) -> None:
    clock.set("2026-03-20T02:00:00")
    captured_for_ten_days(warehouse, add_account(warehouse, "a"), 99)
    other = add_account(warehouse, "b")
    rows(warehouse, "update hub.store_accounts set client_key = 'other' where id = %s", other)
    captured_for_ten_days(warehouse, other, 119)
    found = forecast(warehouse)
    assert [(one.client_key, one.fits) for one in found] == [("key", True), ("other", False)]
    assert in_words(found).startswith("app key: 100 pages need 10.0 min; window 10 min: fits; app other: ")
    assert in_words([]) == "no account is connected"
