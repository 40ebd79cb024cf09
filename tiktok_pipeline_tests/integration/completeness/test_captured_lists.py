"""Lists that TikTok cuts, repeats, mixes up or empties, captured over HTTP, and what is asked about the vanished."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tiktok_pipeline.capture.account import AccountRequests
from tiktok_pipeline.capture.vanished import ask_after_vanished
from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.tiktok.client import TikTokClient
from tiktok_pipeline.tiktok.errors import ScopeError
from tiktok_pipeline.vault.secret import SecretToken
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.derive import derive
from tiktok_pipeline_tests.building import DatabaseClock, rows
from tiktok_pipeline_tests.capturing import Pipeline
from tiktok_pipeline_tests.integration.completeness.conftest import TABLES


@pytest.fixture(scope="module")
def running_sandbox() -> Iterator[SandboxProcess]:
    """One sandbox for the tests of this file."""
    with SandboxProcess(accounts=9, videos=65, even=True, ties=0.3, limit=0) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running_sandbox: SandboxProcess) -> Iterator[SandboxProcess]:
    """The sandbox without faults and with nothing counted."""
    running_sandbox.clear_faults()
    running_sandbox.reset_requests()
    yield running_sandbox
    running_sandbox.clear_faults()


class Daily:
    """A pipeline that goes from day to day."""

    def __init__(self, pipeline: Pipeline, clock: DatabaseClock) -> None:
        self.pipeline = pipeline
        self.clock = clock
        self.start = dt.datetime.now(dt.UTC).replace(hour=12, minute=0, second=0)

    def day(self, number: int, *, first: bool = True) -> int:
        """Capture a day, ask after what vanished, derive; how many videos were asked after."""
        self.clock.set(self.start + dt.timedelta(days=number))
        date = self.pipeline.ledger().today()
        if first:
            self.pipeline.capture("user_info")
            self.pipeline.capture("video_list")
        requests = AccountRequests(self.pipeline.client, self.pipeline.oauth, self.pipeline.vault)
        asked = ask_after_vanished(self.pipeline.warehouse, requests, date, zone="UTC", workers=2)
        for table in TABLES:
            derive(self.pipeline.warehouse, table, date, date)
        return asked

    def verdicts(self) -> list[tuple[int, str]]:
        """Account and verdict of the newest day."""
        found = rows(
            self.pipeline.warehouse,
            "select account_id, verdict from snapshots.account_day_verdict where snapshot_date = "
            "(select max(snapshot_date) from snapshots.account_day_verdict) order by account_id",
        )
        return [(row["account_id"], row["verdict"]) for row in found]

    def states(self) -> dict[str, int]:
        """How many videos are in which state."""
        found = rows(
            self.pipeline.warehouse, "select state, count(*) from snapshots.video_presence group by state"
        )
        return {row["state"]: row["count"] for row in found}


@pytest.fixture
def daily(warehouse: Warehouse, sandbox: SandboxProcess, clock: DatabaseClock, tmp_path: Path) -> Daily:
    return Daily(Pipeline(warehouse, sandbox, tmp_path / "keys.json"), clock)


def queries(sandbox: SandboxProcess) -> int:
    """How many video/query requests arrived."""
    return sum(1 for request in sandbox.requests(log=True)["log"] if request["endpoint"] == "video/query")


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({}, "COMPLETE"),
    ({"short_pages": {"size": 3}}, "COMPLETE"),
    ({"empty_pages": {}}, "COMPLETE"),
    ({"cut_list": {"videos": 64}}, "COMPLETE"),  # one missing may be an honest difference
    ({"cut_list": {"videos": 25}}, "TRUNCATED"),
    ({"cut_list": {"videos": 40}}, "TRUNCATED"),
    ({"cut_list": {"videos": 0}}, "TRUNCATED"),
    ({"overlap": {"videos": 2}}, "UNSTABLE"),
    ({"unsorted": {}}, "UNSTABLE"),
]


def test_the_sandbox_faults_get_their_verdict_and_no_video_is_missed_unproven(
    daily: Daily, sandbox: SandboxProcess
) -> None:
    accounts = daily.pipeline.connect(len(FAULTS))
    daily.day(0)
    assert daily.verdicts() == [(account, "COMPLETE") for account in accounts]
    rules: dict[str, list[dict[str, Any]]] = {}
    for index, (faults, _) in enumerate(FAULTS):
        for kind, rule in faults.items():
            rules.setdefault(kind, []).append({"accounts": [index], **rule})
    sandbox.set_faults(**rules)
    daily.day(1)
    assert daily.verdicts() == [(account, FAULTS[n][1]) for n, account in enumerate(accounts)]
    assert daily.states() == {"present": 65 * len(FAULTS) - 1, "missing": 1}


def test_deleted_videos_are_asked_after_daily_until_they_are_gone_and_then_no_more(
    daily: Daily, sandbox: SandboxProcess
) -> None:
    daily.pipeline.connect(2)
    assert daily.day(0) == 0
    ids = [video["id"] for video in sandbox.history(0, at=sandbox.now())["videos"]][:25]
    sandbox.set_faults(hidden_videos={"accounts": [0], "ids": ids})
    assert daily.day(1) == 25
    assert queries(sandbox) == 2  # 20 ids a request
    assert daily.states() == {"present": 105, "missing": 25}
    assert daily.day(1, first=False) == 0  # once a day
    assert daily.day(2) == 25
    assert daily.states() == {"present": 105, "missing": 25}
    assert daily.day(3) == 25
    assert daily.states() == {"present": 105, "gone": 25}
    assert daily.day(4) == 0
    before = rows(daily.pipeline.warehouse, "select * from snapshots.video_presence order by video_id")
    sent = daily.pipeline.client.requests_sent
    for table in TABLES:
        rows(daily.pipeline.warehouse, f"delete from {table}")
    last = daily.pipeline.ledger().today()
    for table in TABLES:
        derive(daily.pipeline.warehouse, table, last - dt.timedelta(days=9), last)
    assert (
        rows(daily.pipeline.warehouse, "select * from snapshots.video_presence order by video_id") == before
    )
    assert daily.pipeline.client.requests_sent == sent
    sandbox.clear_faults()
    daily.day(5)
    assert daily.states() == {"present": 105, "back": 25}


def test_at_most_so_many_are_asked_after_and_none_of_a_list_that_is_not_believed(
    daily: Daily, sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    daily.pipeline.connect(3)
    daily.day(0)
    ids = [video["id"] for video in sandbox.history(0, at=sandbox.now())["videos"]][:17]
    sandbox.set_faults(
        hidden_videos={"accounts": [0], "ids": ids},
        cut_list=[{"accounts": [1], "videos": 0}, {"accounts": [2], "videos": 20}],
    )
    monkeypatch.setattr("tiktok_pipeline.capture.vanished.MOST_VIDEOS", 7)

    def asked() -> list[set[str]]:
        found = rows(
            daily.pipeline.warehouse, "select account_id, asked from capture.video_query order by id"
        )
        assert {row["account_id"] for row in found} == {1}
        return [set(row["asked"]) for row in found]

    assert daily.day(1) == 7
    assert daily.day(1, first=False) == 7  # the next run asks after the next ones
    assert daily.day(2) == 7  # and the next day after those that nobody has asked after for longest
    assert [len(set().union(*asked()[:runs])) for runs in (1, 2, 3)] == [7, 14, 17]
    monkeypatch.setattr("tiktok_pipeline.capture.vanished.FEW_VIDEOS", 45)
    daily.day(2, first=False)
    evidence = rows(
        daily.pipeline.warehouse, "select distinct account_id from capture.video_query order by 1"
    )
    assert [row["account_id"] for row in evidence] == [1, 3]  # 45 of 65: more than half, but few now


def test_a_query_that_fails_fails_nothing_and_is_tried_by_the_next_run(
    daily: Daily, sandbox: SandboxProcess
) -> None:
    daily.pipeline.connect(2)
    daily.day(0)
    sandbox.set_faults(
        hidden_videos={"fraction": 0.1},
        error_code={"endpoint": "video/query", "accounts": [0], "code": "invalid_params", "status": 400},
    )
    asked = daily.day(1)
    assert asked > 0
    evidence = rows(daily.pipeline.warehouse, "select distinct account_id from capture.video_query")
    assert evidence == [{"account_id": 2}]
    assert {
        row["state"] for row in rows(daily.pipeline.warehouse, "select state from capture.account_day")
    } == {"captured"}
    sandbox.set_faults(hidden_videos={"fraction": 0.1})
    assert daily.day(1, first=False) > 0
    rows(daily.pipeline.warehouse, "drop view snapshots.video_presence")
    assert daily.day(1, first=False) == 0  # even the search for them


def test_a_query_needs_its_scope_and_one_to_twenty_ids() -> None:
    client = TikTokClient("http://127.0.0.1:1", "key")
    with pytest.raises(ScopeError):
        client.video_query(SecretToken("act.x"), ["user.info.basic"], ["1"])
    for ids in ([], ["1"] * 21):
        with pytest.raises(ValueError, match="20"):
            client.video_query(SecretToken("act.x"), ["video.list"], ids)
