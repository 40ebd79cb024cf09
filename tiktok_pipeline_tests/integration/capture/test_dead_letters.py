"""What failed is grouped by cause and can be tried again; what kills workers is isolated."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tiktok_pipeline.capture.dead_letters import causes, dead_letters, release
from tiktok_pipeline.capture.ledger import Failure
from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import (
    DatabaseClock,
    add_account,
    capture_today,
    ledger,
    rows,
    video,
    videos_body,
)
from tiktok_pipeline_tests.capturing import Pipeline

LEASE_SECONDS = 1
DOWN = Failure("provider_down", "internal_error", "TikTok is down", 500, "L1")
REFUSED = Failure("malformed", "invalid_params", "refused", 400, "L2", final=True)


def fail_today(warehouse: Warehouse, *failures: Failure) -> dt.date:
    """Let today's account-days fail, in the order of the accounts."""
    book = ledger(warehouse)
    today = book.today()
    book.plan(today)
    units = sorted(book.claim(today, 100), key=lambda unit: unit.account_id)
    for unit, failure in zip(units, failures, strict=True):
        book.fail(unit, failure)
    return today


def test_failures_are_grouped_by_cause_with_count_age_and_an_example(
    warehouse: Warehouse, clock: DatabaseClock
) -> None:
    clock.set("2026-03-10T10:00:00")
    accounts = [add_account(warehouse, name) for name in ("a", "b", "c")]
    fail_today(warehouse, DOWN, DOWN, REFUSED)
    clock.set("2026-03-10T12:30:00")
    down, refused = causes(warehouse)
    assert (down.reason, down.error_code, down.endpoint) == ("provider_down", "internal_error", "video_list")
    assert (down.account_days, down.accounts, down.final) == (2, 2, False)
    assert (refused.account_days, refused.final, refused.example_account_id) == (1, True, accounts[2])
    assert dt.timedelta(minutes=149) < down.oldest_age < dt.timedelta(minutes=155)
    assert down.example_account_id in accounts[:2]
    assert (down.example_message, down.example_log_id) == ("TikTok is down", "L1")


def test_a_failure_leaves_the_dead_letters_when_a_later_attempt_succeeds(warehouse: Warehouse) -> None:
    add_account(warehouse)
    fail_today(warehouse, DOWN)
    assert len(causes(warehouse)) == 1
    capture_today(ledger(warehouse), videos_body(video("1")))
    assert causes(warehouse) == []


def test_a_retry_takes_up_what_is_final_and_only_what_was_asked_for(warehouse: Warehouse) -> None:
    down, refused, other = (add_account(warehouse, name) for name in ("a", "b", "c"))
    today = fail_today(warehouse, DOWN, REFUSED, REFUSED)
    rows(warehouse, "update capture.account_day set attempts = 9")
    book = ledger(warehouse)
    assert [letter.account_id for letter in dead_letters(warehouse, "invalid_params")] == [refused, other]
    assert [letter.account_id for letter in dead_letters(warehouse, "provider_down")] == [down]
    chosen = dead_letters(warehouse, "malformed", refused)
    assert release(warehouse, chosen) == 1
    assert (
        book.incomplete_today(today) == 2 + 3
    )  # the catch-up schedule sees it; nothing of user_info is there
    assert book.plan(today) == 2
    assert {unit.account_id for unit in book.claim(today, 10)} == {down, refused}


def test_what_cannot_be_tried_again_says_why(warehouse: Warehouse, clock: DatabaseClock) -> None:
    clock.set("2026-03-10T10:00:00")
    for name in ("waits", "off"):
        add_account(warehouse, name)
    fail_today(warehouse, DOWN, DOWN)
    rows(warehouse, "update hub.store_accounts set status = 'NEED_RECONNECT' where open_id = 'waits'")
    rows(warehouse, "update hub.store_accounts set status = 'DISABLED' where open_id = 'off'")
    letters = dead_letters(warehouse)
    assert [letter.hindrance for letter in letters] == [
        "a person must reconnect it first",
        "its account is disabled",
    ]
    assert release(warehouse, letters) == 0
    rows(warehouse, "update hub.store_accounts set status = 'CONNECTED'")
    fresh = dead_letters(warehouse)
    clock.set("2026-03-11T00:00:01")
    assert release(warehouse, fresh) == 0  # midnight came in between
    letters = dead_letters(warehouse)
    assert {letter.hindrance for letter in letters} == {"its day has passed"}
    book = ledger(warehouse)
    book.plan(dt.date(2026, 3, 10))
    book.close_all()
    states = rows(warehouse, "select distinct state, reason from capture.account_day")
    assert states == [{"state": "gap", "reason": "provider_down"}]
    assert dead_letters(warehouse) == []


def die(warehouse: Warehouse) -> list[int]:
    """Let a worker claim what it may and die: the accounts it held."""
    book = ledger(warehouse, lease=dt.timedelta(0))
    return sorted(unit.account_id for unit in book.claim(book.today(), 100))


def deaths(warehouse: Warehouse) -> list[int]:
    found = rows(warehouse, "select deaths from capture.account_day order by account_id")
    return [row["deaths"] for row in found]


def test_accounts_with_which_a_worker_died_are_tried_one_at_a_time(warehouse: Warehouse) -> None:
    first, second, fresh = (add_account(warehouse, name) for name in ("a", "b", "c"))
    book = ledger(warehouse)
    today = book.today()
    book.ensure_partitions(today, today)
    rows(warehouse, "update hub.store_accounts set status = 'DISABLED' where id = %s", fresh)
    book.plan(today)
    assert die(warehouse) == [first, second]
    rows(warehouse, "update hub.store_accounts set status = 'CONNECTED'")
    book.plan(today)
    held = {unit.account_id: unit for unit in book.claim(today, 100)}
    assert set(held) == {first, fresh}
    assert book.claim(today, 100, held) == []  # one suspect in hand is enough
    page = {"log_id": "L", "items": 1, "refused": 0}
    body = videos_body(video("1"), cursor=70, has_more=True)
    book.land(held[first], body, **page, next_cursor=70, last=False)  # type: ignore[arg-type]
    assert [unit.account_id for unit in book.claim(today, 100, held)] == [second]
    assert deaths(warehouse) == [0, 1, 0]


def test_neither_what_is_given_back_nor_what_fails_in_order_counts_as_a_death(warehouse: Warehouse) -> None:
    add_account(warehouse)
    book = ledger(warehouse)
    today = book.today()
    book.plan(today)
    for _ in range(4):
        leaving = ledger(warehouse)
        assert len(leaving.claim(today, 1)) == 1
        leaving.release()
    for _ in range(2):
        assert len(die(warehouse)) == 1
    (unit,) = book.claim(today, 1)
    assert deaths(warehouse) == [2]
    book.fail(unit, DOWN)
    book.plan(today)
    for _ in range(2):
        assert len(die(warehouse)) == 1
    assert len(die(warehouse)) == 1  # the failure began the count anew: this is the third, not the fifth
    assert die(warehouse) == []
    assert [cause.error_code for cause in causes(warehouse)] == ["poison"]


def test_an_account_that_kills_its_workers_is_isolated_after_three_and_the_others_go_on(
    pipeline: Pipeline, sandbox: SandboxProcess, database_url: str, tmp_path: Path
) -> None:
    poison, second, third = pipeline.connect(3)
    sandbox.set_faults(slow={"accounts": [0], "delay_ms": 20_000, "endpoint": "video/list"})
    for death in (1, 2, 3):
        _kill_a_worker_that_holds(poison, death, pipeline, database_url, tmp_path)
    time.sleep(LEASE_SECONDS)
    sandbox.clear_faults()
    sandbox.reset_requests()
    pipeline.capture(lease=dt.timedelta(seconds=LEASE_SECONDS))
    pipeline.capture(lease=dt.timedelta(seconds=LEASE_SECONDS))  # it is not planned again by itself
    outcomes = pipeline.outcomes()
    assert outcomes[poison]["error_code"] == "poison"
    assert outcomes[poison]["reason"] == "missed"
    assert outcomes[poison]["attempts"] == 3
    assert {outcomes[account]["outcome"] for account in (second, third)} == {"captured"}
    assert sandbox.requests(log=True)["log"] == []  # the third worker had captured the others already
    assert release(pipeline.warehouse, dead_letters(pipeline.warehouse, "poison")) == 1
    pipeline.capture()
    assert pipeline.outcomes()[poison]["outcome"] == "captured"
    assert causes(pipeline.warehouse) == []


def _kill_a_worker_that_holds(
    account: int, death: int, pipeline: Pipeline, database_url: str, tmp_path: Path
) -> None:
    """Start a capture of its own process, and kill it when it has `account` in hand for the `death`th time."""
    child = subprocess.Popen(
        [
            sys.executable, "-m", "tiktok_pipeline_tests.integration.capture.child",
            database_url, pipeline.sandbox.base_url, str(tmp_path / "keys.json"), str(LEASE_SECONDS),
        ]
    )  # fmt: skip
    look = "select attempts from capture.account_day where account_id = %s"
    deadline = time.monotonic() + 30
    while rows(pipeline.warehouse, look, account) != [{"attempts": death}] and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert rows(pipeline.warehouse, look, account) == [{"attempts": death}]
