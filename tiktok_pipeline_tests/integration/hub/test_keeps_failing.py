"""ERROR: an account that fails on three days in a row for a reason that reconnecting does not cure."""

from __future__ import annotations

import datetime as dt

import pytest

from tiktok_pipeline.capture.ledger import Failure, Reason
from tiktok_pipeline.hub.accounts import list_accounts
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import (
    DatabaseClock,
    add_account,
    capture_today,
    ledger,
    rows,
    user_body,
    videos_body,
)


class Days:
    """Days of one account that go well or not; `next` begins the next one."""

    def __init__(self, warehouse: Warehouse, clock: DatabaseClock) -> None:
        self.warehouse = warehouse
        self.clock = clock
        self.now = dt.datetime(2026, 3, 10, 2, tzinfo=dt.UTC)
        clock.set(self.now)
        add_account(warehouse)

    def status(self) -> str:
        [account] = list_accounts(self.warehouse)
        return account.status

    def next(self) -> None:
        self.now += dt.timedelta(days=1)
        self.clock.set(self.now)

    def fails(self, reason: Reason = "malformed", code: str = "malformed") -> str:
        """Profile captured, videos failed; the status after it."""
        capture_today(ledger(self.warehouse, "user_info"), user_body())
        book = ledger(self.warehouse)
        today = book.today()
        ledger(self.warehouse, "user_info").tell_hub(today)
        book.ensure_partitions(today, today)
        rows(
            self.warehouse,
            """
            update capture.account_day set state = 'gap', reason = coalesce(reason, 'missed')
            where state in ('planned', 'failed') and day < %s
            """,
            today,
        )
        book.plan(today)
        for unit in book.claim(today, 10):
            book.fail(unit, Failure(reason, code, "videos: not a list"))
        book.tell_hub(today)
        return self.status()

    def works(self) -> str:
        """Everything captured; the status after it."""
        capture_today(ledger(self.warehouse, "user_info"), user_body())
        today = capture_today(ledger(self.warehouse), videos_body())
        for endpoint in ("user_info", "video_list"):
            ledger(self.warehouse, endpoint).tell_hub(today)
        return self.status()


@pytest.fixture
def days(warehouse: Warehouse, clock: DatabaseClock) -> Days:
    return Days(warehouse, clock)


def test_the_third_day_makes_it_an_error_and_a_complete_day_ends_that(days: Days) -> None:
    said = []
    for _ in range(4):
        said.append(days.fails())
        days.next()
    assert said == ["CONNECTED", "CONNECTED", "ERROR", "ERROR"]
    [account] = list_accounts(days.warehouse)
    assert "videos: not a list" in (account.status_reason or "")
    assert days.works() == "CONNECTED"
    [account] = list_accounts(days.warehouse)
    assert account.status_reason is None
    noted = rows(days.warehouse, "select to_status from hub.status_change order by id")
    assert [row["to_status"] for row in noted] == ["CONNECTED", "ERROR", "CONNECTED"]


def test_a_good_day_in_between_begins_the_count_anew(days: Days) -> None:
    said = []
    for good in (False, False, True, False, False):
        said.append(days.works() if good else days.fails())
        days.next()
    assert set(said) == {"CONNECTED"}


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("provider_down", "internal_error"),
        ("quota_exhausted", "rate_limit_exceeded"),
        ("needs_reconnect", "access_token_invalid"),
        ("scope_missing", "scope_not_authorized"),
        ("cancelled", "disabled"),
        ("missed", "too_late"),
        ("missed", "VaultKeyMissing"),
    ],
)
def test_what_passes_or_what_a_person_mends_is_no_error(days: Days, reason: Reason, code: str) -> None:
    for _ in range(4):
        assert days.fails(reason, code) == "CONNECTED"
        days.next()


def test_what_only_we_can_mend_is_one(days: Days) -> None:
    for _ in range(3):
        status = days.fails("missed", "VaultTampered")
        days.next()
    assert status == "ERROR"


def test_days_on_which_nobody_tried_do_not_count(days: Days) -> None:
    for _ in range(2):
        days.fails()
        days.next()
    book = ledger(days.warehouse)
    book.plan(book.today())
    days.next()
    assert days.fails() == "CONNECTED"
