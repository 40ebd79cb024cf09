"""Capturing today against a TikTok over HTTP, with everything that can go wrong."""

from __future__ import annotations

import csv
import datetime as dt
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tiktok_pipeline.capture.account import AccountRequests
from tiktok_pipeline.capture.ledger import AccountDay
from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.tiktok.errors import AuthError
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.derive import derive
from tiktok_pipeline_tests.building import DatabaseClock, rows
from tiktok_pipeline_tests.capturing import VIDEOS, Pipeline

DAY = dt.timedelta(days=1)
COUNTERS = ("view_count", "like_count", "comment_count", "share_count")


def lists_seen(sandbox: SandboxProcess) -> int:
    """How many video/list requests arrived."""
    return sum(1 for request in sandbox.requests(log=True)["log"] if request["endpoint"] == "video/list")


def profile_of(sandbox: SandboxProcess, index: int) -> dict[str, Any]:
    """The profile as it is served now."""
    return sandbox.history(index, at=sandbox.now())["user"]  # type: ignore[no-any-return]


def test_every_video_and_counter_arrives_as_tiktok_served_it(
    pipeline: Pipeline, sandbox: SandboxProcess
) -> None:
    (first, second) = pipeline.connect(2)
    pipeline.capture("user_info")
    pipeline.capture("video_list")
    pipeline.snapshot()
    for account, index in ((first, 0), (second, 1)):
        truth = sandbox.history(index, at=sandbox.now())
        found = rows(pipeline.warehouse, f"select * from {VIDEOS} where account_id = %s", account)
        assert {row["video_id"]: tuple(row[name] for name in COUNTERS) for row in found} == {
            video["id"]: tuple(video[name] for name in COUNTERS) for video in truth["videos"]
        }
        assert {row["description"] for row in found} == {
            video["video_description"] for video in truth["videos"]
        }
        (profile,) = rows(
            pipeline.warehouse, "select * from snapshots.tiktok_user_daily where account_id = %s", account
        )
        for name in ("display_name", "follower_count", "following_count", "likes_count", "video_count"):
            assert profile[name] == truth["user"][name]
    (hub,) = rows(pipeline.warehouse, "select * from hub.store_accounts where id = %s", first)
    assert hub["display_name"] == profile_of(sandbox, 0)["display_name"]
    assert hub["last_sync_at"] is not None


def test_a_past_day_is_never_fetched(pipeline: Pipeline, sandbox: SandboxProcess) -> None:
    pipeline.connect(2)
    sandbox.reset_requests()
    today = pipeline.ledger().today()
    year = [today - n * DAY for n in range(1, 366)]
    done = pipeline.capture("video_list", year)
    assert not done.included_today
    assert done.new_gaps == 2 * 365
    assert sandbox.requests(log=True)["log"] == []


def test_a_range_that_ends_today_fetches_today_alone(pipeline: Pipeline, sandbox: SandboxProcess) -> None:
    pipeline.connect(2)
    sandbox.reset_requests()
    today = pipeline.ledger().today()
    pipeline.capture("video_list", [today - 2 * DAY, today - DAY, today])
    assert lists_seen(sandbox) == 2 * 3  # 45 videos are three pages
    states = rows(
        pipeline.warehouse, "select day, state, count(*) from capture.account_day group by 1, 2 order by 1"
    )
    assert [(row["state"], row["count"]) for row in states] == [("gap", 2), ("gap", 2), ("captured", 2)]


def test_repeating_a_complete_day_sends_nothing_and_force_captures_it_afresh(
    pipeline: Pipeline, sandbox: SandboxProcess
) -> None:
    pipeline.connect(2)
    pipeline.capture()
    pipeline.snapshot()
    sandbox.reset_requests()
    pipeline.capture()
    assert lists_seen(sandbox) == 0
    pipeline.capture(force=True)
    assert lists_seen(sandbox) == 6
    pipeline.snapshot()
    assert {row["capture_no"] for row in rows(pipeline.warehouse, f"select capture_no from {VIDEOS}")} == {2}


def test_five_percent_broken_accounts_do_not_touch_the_others(
    pipeline: Pipeline, sandbox: SandboxProcess
) -> None:
    accounts = pipeline.connect(20)
    sandbox.set_faults(internal_error={"accounts": [7], "endpoint": "video/list"})
    pipeline.capture()
    outcomes = pipeline.outcomes()
    assert outcomes[accounts[7]]["outcome"] == "failed"
    assert outcomes[accounts[7]]["reason"] == "provider_down"
    assert outcomes[accounts[7]]["error_code"] == "internal_error"
    assert outcomes[accounts[7]]["log_id"]
    assert {outcomes[account]["outcome"] for account in accounts if account != accounts[7]} == {"captured"}
    today = pipeline.ledger().today()
    assert (
        pipeline.ledger().totals(today, today)[today].shortfall
        == "1 of 20 account-days missing (provider_down)"
    )
    sandbox.clear_faults()
    sandbox.reset_requests()
    pipeline.capture()  # the repair: only what is missing is fetched
    assert lists_seen(sandbox) == 3
    assert pipeline.ledger().totals(today, today)[today].shortfall is None


def test_a_dead_grant_means_reconnect_and_is_not_asked_again(
    pipeline: Pipeline, sandbox: SandboxProcess
) -> None:
    dead, fine = pipeline.connect(2)
    sandbox.revoke(0)
    pipeline.capture()
    assert pipeline.outcomes()[dead]["outcome"] == "needs reconnect"
    assert pipeline.outcomes()[fine]["outcome"] == "captured"
    (account,) = rows(
        pipeline.warehouse, "select status, status_reason from hub.store_accounts where id = %s", dead
    )
    assert account["status"] == "NEED_RECONNECT"
    assert "invalid" in account["status_reason"]
    sandbox.reset_requests()
    pipeline.capture()
    assert sandbox.requests(log=True)["log"] == []
    today = pipeline.ledger().today()
    assert (
        pipeline.ledger().incomplete_today(today) == 1
    )  # the profile of the fine one; the dead one waits for a person


def test_an_access_token_that_died_early_is_renewed_once_and_the_capture_goes_on(
    pipeline: Pipeline, sandbox: SandboxProcess
) -> None:
    (account,) = pipeline.connect(1)
    sandbox.expire(0)
    pipeline.capture()
    assert pipeline.outcomes()[account]["outcome"] == "captured"
    versions = rows(pipeline.warehouse, "select token_version from vault.token")
    assert versions == [{"token_version": 2}]


def test_a_second_refusal_after_a_renewal_means_reconnect(
    pipeline: Pipeline, sandbox: SandboxProcess
) -> None:
    (account,) = pipeline.connect(1)
    sandbox.set_faults(token_invalid={"endpoint": "video/list"})
    pipeline.capture()
    assert pipeline.outcomes()[account]["outcome"] == "needs reconnect"
    assert lists_seen(sandbox) == 2


def test_an_account_that_granted_less_is_captured_in_part(
    pipeline: Pipeline, sandbox: SandboxProcess
) -> None:
    (account,) = pipeline.connect(1, scopes=["user.info.basic"])
    pipeline.capture("user_info")
    pipeline.capture("video_list")
    assert pipeline.outcomes("user_info")[account]["outcome"] == "captured"
    assert pipeline.outcomes("video_list")[account]["reason"] == "scope_missing"
    assert lists_seen(sandbox) == 0
    pipeline.snapshot()
    (row,) = rows(pipeline.warehouse, "select display_name, follower_count from snapshots.tiktok_user_daily")
    assert row["display_name"]
    assert row["follower_count"] is None


@pytest.mark.parametrize(
    ("faults", "code"),
    [
        ({"stuck_cursor": True}, "cursor_stuck"),
        ({"cursor_loop": True}, "cursor_stuck"),
    ],
)
def test_pages_that_lead_nowhere_fail_that_account_day(
    pipeline: Pipeline, sandbox: SandboxProcess, faults: dict[str, Any], code: str
) -> None:
    (account,) = pipeline.connect(1)
    sandbox.set_faults(**faults)
    pipeline.capture()
    assert pipeline.outcomes()[account]["error_code"] == code
    assert pipeline.outcomes()[account]["reason"] == "malformed"
    assert lists_seen(sandbox) < 10


def test_short_and_empty_pages_and_overlaps_lose_nothing(pipeline: Pipeline, sandbox: SandboxProcess) -> None:
    (account,) = pipeline.connect(1)
    truth = {video["id"] for video in sandbox.history(0, at=sandbox.now())["videos"]}
    for faults in ({"short_pages": {"size": 7}}, {"empty_pages": True}, {"overlap": {"videos": 3}}):
        sandbox.set_faults(**faults)
        pipeline.capture(force=True)
        assert pipeline.outcomes()[account]["outcome"] == "captured", faults
        pipeline.snapshot()
        found = rows(pipeline.warehouse, f"select video_id from {VIDEOS}")
        assert {row["video_id"] for row in found} == truth, faults


@pytest.mark.parametrize("value", ["missing", "null"])
def test_counters_that_tiktok_does_not_say_are_null(
    pipeline: Pipeline, sandbox: SandboxProcess, value: str
) -> None:
    (account,) = pipeline.connect(1)
    sandbox.set_faults(counters={"value": value})
    pipeline.capture()
    assert pipeline.outcomes()[account]["refused"] == 0
    pipeline.snapshot()
    assert rows(pipeline.warehouse, f"select distinct view_count, like_count from {VIDEOS}") == [
        {"view_count": None, "like_count": None}
    ]


@pytest.mark.parametrize("value", ["negative", "2^63", "1e30", "float", "string"])
def test_absurd_counters_are_refused_and_counted(
    pipeline: Pipeline, sandbox: SandboxProcess, value: str
) -> None:
    (account,) = pipeline.connect(1)
    sandbox.set_faults(counters={"value": value, "fields": ["view_count"]})
    pipeline.capture()
    assert pipeline.outcomes()[account]["refused"] == 45
    pipeline.snapshot()
    found = rows(pipeline.warehouse, f"select view_count, like_count from {VIDEOS}")
    assert {row["view_count"] for row in found} == {None}
    assert None not in {row["like_count"] for row in found}


@pytest.mark.parametrize("content", ["nul", "surrogate", "long"])
def test_texts_that_postgresql_would_refuse_are_made_safe(
    pipeline: Pipeline, sandbox: SandboxProcess, content: str
) -> None:
    (account,) = pipeline.connect(1)
    sandbox.set_faults(texts={"content": content})
    pipeline.capture()
    pipeline.capture("user_info")
    assert pipeline.outcomes()[account]["outcome"] == "captured"
    pipeline.snapshot()
    captions = [row["description"] for row in rows(pipeline.warehouse, f"select description from {VIDEOS}")]
    assert len(captions) == 45
    assert all(len(caption) >= 10_000 if content == "long" else "\ufffd" in caption for caption in captions)


def test_two_workers_at_once_capture_each_account_once(pipeline: Pipeline, sandbox: SandboxProcess) -> None:
    pipeline.connect(12)
    sandbox.reset_requests()
    with ThreadPoolExecutor(2) as pool:
        for running in [pool.submit(pipeline.capture) for _ in range(2)]:
            running.result()
    assert lists_seen(sandbox) == 12 * 3
    assert {row["outcome"] for row in pipeline.outcomes().values()} == {"captured"}


def test_an_account_deleted_while_it_is_captured_does_not_stop_the_others(
    pipeline: Pipeline, sandbox: SandboxProcess
) -> None:
    gone, fine = pipeline.connect(2)
    sandbox.set_faults(slow={"delay_ms": 400, "endpoint": "video/list"})
    deletion = threading.Timer(
        0.6, lambda: rows(pipeline.warehouse, "delete from hub.store_accounts where id = %s", gone)
    )
    deletion.start()
    pipeline.capture()
    deletion.join()
    assert {account: row["outcome"] for account, row in pipeline.outcomes().items()} == {fine: "captured"}


def test_a_day_that_ends_during_the_capture_is_finished_under_its_own_date(
    pipeline: Pipeline, sandbox: SandboxProcess, clock: DatabaseClock
) -> None:
    clock.set("2026-03-10T23:59:58")
    (account,) = pipeline.connect(1)
    sandbox.set_faults(slow={"delay_ms": 1000, "endpoint": "video/list"})
    pipeline.capture()
    (state,) = rows(
        pipeline.warehouse,
        "select account_id, day, state, late from capture.account_day where state = 'captured'",
    )
    assert state == {"account_id": account, "day": dt.date(2026, 3, 10), "state": "captured", "late": True}
    assert derive(pipeline.warehouse, VIDEOS, dt.date(2026, 3, 10), dt.date(2026, 3, 10)) == 45


def test_real_videos_arrive_byte_exact(warehouse: Warehouse, tmp_path: Path) -> None:
    given = os.environ.get("TIKTOK_VIDEOS_CSV")
    if not given:
        pytest.skip("no real videos: TIKTOK_VIDEOS_CSV names no file")
    source = Path(given)
    with SandboxProcess(accounts=25, videos_csv=source, limit=0) as real:
        pipeline = Pipeline(warehouse, real, tmp_path / "keys.json")
        pipeline.connect(25)
        pipeline.capture()
        pipeline.snapshot()
    with source.open(encoding="utf-8", newline="") as file:
        truth = {
            row["id"]: (row["video_description"], *(int(row[name]) for name in COUNTERS))
            for row in csv.DictReader(file)
        }
    found = rows(warehouse, f"select * from {VIDEOS}")
    assert {
        row["video_id"]: (row["description"], *(row[name] for name in COUNTERS)) for row in found
    } == truth


def test_an_account_disabled_after_planning_is_not_asked_and_not_missed(
    pipeline: Pipeline, sandbox: SandboxProcess
) -> None:
    off, fine = pipeline.connect(2)
    book = pipeline.ledger()
    book.plan(book.today())
    rows(pipeline.warehouse, "update hub.store_accounts set status = 'DISABLED' where id = %s", off)
    sandbox.reset_requests()
    pipeline.capture()
    pipeline.capture()
    assert pipeline.outcomes()[off]["reason"] == "cancelled"
    assert pipeline.outcomes()[fine]["outcome"] == "captured"
    assert lists_seen(sandbox) == 3
    assert book.totals(book.today(), book.today())[book.today()].shortfall is None


def test_an_account_without_a_token_needs_reconnecting(pipeline: Pipeline, sandbox: SandboxProcess) -> None:
    (account,) = pipeline.connect(1)
    rows(pipeline.warehouse, "delete from vault.token")
    pipeline.capture()
    assert pipeline.outcomes()[account]["outcome"] == "needs reconnect"
    assert rows(pipeline.warehouse, "select status from hub.store_accounts") == [{"status": "NEED_RECONNECT"}]


def test_a_refusal_of_an_old_pair_does_not_flag_an_account_that_was_reconnected_meanwhile(
    pipeline: Pipeline, sandbox: SandboxProcess
) -> None:
    (account,) = pipeline.connect(1)
    sandbox.revoke(0)
    unit = _claimed(pipeline)
    requests = AccountRequests(pipeline.client, pipeline.oauth, pipeline.vault)
    with pytest.raises(AuthError) as refused:
        requests.page_of(unit)
    pipeline.connect(1)  # the person in charge was quick
    assert not requests.flag_for_reconnect(account, refused.value, "the grant is dead")
    assert rows(pipeline.warehouse, "select status from hub.store_accounts") == [{"status": "CONNECTED"}]


def _claimed(pipeline: Pipeline) -> AccountDay:
    book = pipeline.ledger()
    book.plan(book.today())
    (unit,) = book.claim(book.today(), 1)
    return unit


def test_a_forced_run_that_is_tried_again_captures_nothing_twice(
    pipeline: Pipeline, sandbox: SandboxProcess
) -> None:
    pipeline.connect(2)
    pipeline.capture(run_id="first")
    sandbox.reset_requests()
    for _ in range(2):
        pipeline.capture(force=True, run_id="forced")
    assert lists_seen(sandbox) == 6
