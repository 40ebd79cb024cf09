"""When runs are asked for: at 02:00 of a day for that day, and again while the day is incomplete."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from tiktok_pipeline.definitions import defs
from tiktok_pipeline.defs.resources import WarehouseResource
from tiktok_pipeline.defs.schedules import catch_up
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

TICKS = """
import datetime as dt, json, sys
import dagster as dg
from tiktok_pipeline.definitions import defs
schedule = defs().get_schedule_def("daily_at_two")
times = schedule.execution_timezone, schedule.cron_schedule
def at(moment):
    context = dg.build_schedule_context(
        scheduled_execution_time=moment, instance=dg.DagsterInstance.ephemeral(), repository_def=defs().get_repository_def()
    )
    (request,) = schedule.evaluate_tick(context).run_requests
    return str(moment), request.partition_key, request.run_key
from dagster._utils.schedules import schedule_execution_time_iterator
ticks = schedule_execution_time_iterator(
    dt.datetime.fromisoformat(sys.argv[1]).timestamp(), schedule.cron_schedule, schedule.execution_timezone
)
print(json.dumps([at(next(ticks)) for _ in range(3)]))
"""


@pytest.mark.parametrize(
    ("zone", "start", "expected"),
    [
        (
            "Europe/Berlin",  # 02:00 does not exist on 29 March 2026, and 25 October has 25 hours
            "2026-03-27T23:00:00+00:00",
            [("2026-03-28 02:00:00+01:00", "2026-03-28"), ("2026-03-29 03:00:00+02:00", "2026-03-29"), ("2026-03-30 02:00:00+02:00", "2026-03-30")],
        ),
        (
            "Europe/Berlin",
            "2026-10-23T22:00:00+00:00",
            [("2026-10-24 02:00:00+02:00", "2026-10-24"), ("2026-10-25 02:00:00+01:00", "2026-10-25"), ("2026-10-26 02:00:00+01:00", "2026-10-26")],
        ),
        (
            "Asia/Kathmandu",  # 5 hours and 45 minutes ahead
            "2026-06-01T18:15:00+00:00",
            [("2026-06-02 02:00:00+05:45", "2026-06-02"), ("2026-06-03 02:00:00+05:45", "2026-06-03"), ("2026-06-04 02:00:00+05:45", "2026-06-04")],
        ),
    ],
)  # fmt: skip
def test_each_day_is_asked_for_once_at_two_in_the_reporting_time_zone(
    zone: str, start: str, expected: list[tuple[str, str]]
) -> None:
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", TICKS, start],
        env={**os.environ, "REPORTING_TIMEZONE": zone},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    ticks = json.loads(answer.stdout.splitlines()[-1])
    assert [(moment, partition) for moment, partition, _ in ticks] == expected
    assert [run_key for *_, run_key in ticks] == [partition for _, partition in expected]


class Ticking:
    """The catch-up schedule on an ephemeral instance, at times of our choice."""

    def __init__(self, warehouse: Warehouse, clock: DatabaseClock, url: str, folder: Path) -> None:
        self.warehouse = warehouse
        self.clock = clock
        self.resource = WarehouseResource(database_url=url)
        self.instance = dg.DagsterInstance.local_temp(str(folder))

    def at(self, moment: str) -> list[str | None]:
        """The partitions that a tick at `moment` (UTC) asks for."""
        self.clock.set(moment)
        with dg.build_schedule_context(
            instance=self.instance,
            scheduled_execution_time=dt.datetime.fromisoformat(moment).replace(tzinfo=dt.UTC),
            resources={"warehouse": self.resource},
            repository_def=defs().get_repository_def(),
        ) as context:
            return [request.partition_key for request in catch_up.evaluate_tick(context).run_requests or []]


@pytest.fixture
def ticking(warehouse: Warehouse, clock: DatabaseClock, database_url: str, tmp_path: Path) -> Ticking:
    clock.set("2026-03-10T01:00:00")
    return Ticking(warehouse, clock, database_url, tmp_path)


def capture_everything(warehouse: Warehouse) -> None:
    capture_today(ledger(warehouse, "user_info"), user_body())
    capture_today(ledger(warehouse, "video_list"), videos_body())


def test_an_incomplete_day_is_asked_for_again_until_it_is_complete(ticking: Ticking) -> None:
    add_account(ticking.warehouse)
    assert ticking.at("2026-03-10T02:30:00") == ["2026-03-10"]
    capture_today(ledger(ticking.warehouse, "user_info"), user_body())
    assert ticking.at("2026-03-10T03:00:00") == ["2026-03-10"]
    capture_everything(ticking.warehouse)
    assert ticking.at("2026-03-10T03:30:00") == []
    add_account(ticking.warehouse, "connected in the afternoon")
    assert ticking.at("2026-03-10T15:00:00") == ["2026-03-10"]


def test_a_daemon_that_was_down_from_one_to_nine_catches_today_up_and_closes_what_it_missed(
    ticking: Ticking,
) -> None:
    add_account(ticking.warehouse, connected_at="2026-03-08T10:00:00Z")
    assert ticking.at("2026-03-10T09:00:00") == ["2026-03-10"]
    ledger(ticking.warehouse).close_all()  # as the run does first
    capture_everything(ticking.warehouse)
    assert ticking.at("2026-03-10T09:30:00") == []
    found = rows(
        ticking.warehouse,
        "select day::text, state, reason from capture.account_day where endpoint = 'video_list' order by day",
    )
    assert [tuple(row.values()) for row in found] == [
        ("2026-03-08", "gap", "missed"),
        ("2026-03-09", "gap", "missed"),
        ("2026-03-10", "captured", None),
    ]


@pytest.mark.parametrize(("time", "asked"), [("01:30", []), ("02:00", []), ("02:30", ["2026-03-10"])])
def test_until_the_daily_run_is_asked_for_nothing_is_missing(
    ticking: Ticking, time: str, asked: list[str]
) -> None:
    add_account(ticking.warehouse)
    assert ticking.at(f"2026-03-10T{time}:00") == asked


def test_a_run_that_was_made_but_never_queued_keeps_no_day_from_being_captured(ticking: Ticking) -> None:
    add_account(ticking.warehouse)
    ticking.instance.create_run_for_job(
        dg.GraphDefinition("daily", node_defs=[]).to_job(),
        tags={"dagster/partition": "2026-03-10"},
        status=dg.DagsterRunStatus.NOT_STARTED,
    )
    assert ticking.at("2026-03-10T04:00:00") == ["2026-03-10"]


def test_an_account_that_only_a_person_can_mend_does_not_cause_runs(ticking: Ticking) -> None:
    add_account(ticking.warehouse, status="NEED_RECONNECT")
    add_account(ticking.warehouse, "off", status="DISABLED")
    assert ticking.at("2026-03-10T04:00:00") == []


def test_a_day_in_work_is_not_asked_for_twice(ticking: Ticking) -> None:
    add_account(ticking.warehouse)
    ticking.instance.create_run_for_job(
        dg.GraphDefinition("daily", node_defs=[]).to_job(),
        tags={"dagster/partition": "2026-03-10"},
        status=dg.DagsterRunStatus.STARTED,
    )
    assert ticking.at("2026-03-10T04:00:00") == []


BOTH = [["capture", "user_info"], ["capture", "video_list"]]


@pytest.mark.parametrize(
    ("job", "assets", "last", "seen"),
    [
        ("daily", None, "2026-03-10", True),
        ("__ASSET_JOB", BOTH, "2026-03-10", True),  # a backfill from the UI
        ("__ASSET_JOB", BOTH, "2026-03-09", False),  # of the past
        ("__ASSET_JOB", [["snapshots", "tiktok_user_daily"]], "2026-03-10", False),  # captures nothing
    ],
)
def test_a_range_in_work_that_includes_today_is_not_asked_for_twice(
    ticking: Ticking, job: str, assets: list[list[str]] | None, last: str, seen: bool
) -> None:
    add_account(ticking.warehouse)
    ticking.instance.add_run(
        dg.DagsterRun(
            job_name=job,
            tags={
                "dagster/asset_partition_range_start": "2026-03-01",
                "dagster/asset_partition_range_end": last,
            },
            asset_selection=frozenset(map(dg.AssetKey, assets)) if assets else None,
            status=dg.DagsterRunStatus.STARTED,
        )
    )
    assert ticking.at("2026-03-10T04:00:00") == ([] if seen else ["2026-03-10"])


def test_what_ran_out_of_its_grace_is_closed_by_a_run_of_today_although_today_is_complete(
    ticking: Ticking,
) -> None:
    add_account(ticking.warehouse)
    ticking.clock.set("2026-03-10T23:50:00")
    capture_today(ledger(ticking.warehouse, "user_info"), user_body())
    book = ledger(ticking.warehouse, lease=dt.timedelta(minutes=1))
    book.plan(book.today())
    book.claim(book.today(), 1)
    ticking.clock.set("2026-03-11T02:00:00")
    capture_everything(ticking.warehouse)
    assert ticking.at("2026-03-11T05:30:00") == ["2026-03-10"]  # may still be finished
    assert ticking.at("2026-03-11T06:30:00") == ["2026-03-11"]
    ledger(ticking.warehouse).close_all()
    assert ticking.at("2026-03-11T07:00:00") == []


def test_a_capture_cut_off_at_midnight_is_taken_up_while_the_grace_lasts(ticking: Ticking) -> None:
    add_account(ticking.warehouse)
    ticking.clock.set("2026-03-10T23:50:00")
    book = ledger(ticking.warehouse, lease=dt.timedelta(minutes=1))
    capture_today(ledger(ticking.warehouse, "user_info"), user_body())
    book.plan(book.today())
    book.claim(book.today(), 1)
    assert ticking.at("2026-03-11T00:30:00") == ["2026-03-10"]
    assert ticking.at("2026-03-11T06:30:00") == ["2026-03-11"]
    assert rows(
        ticking.warehouse, "select count(*)::int as begun from capture.account_day where state = 'capturing'"
    ) == [{"begun": 1}]
