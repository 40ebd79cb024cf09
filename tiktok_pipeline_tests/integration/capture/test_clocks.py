"""Days of 23 and 25 hours, zones with odd offsets, machines with wrong clocks, and two machines at once."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from pathlib import Path

import pytest

from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import (
    DatabaseClock,
    add_account,
    capture_today,
    ledger,
    rows,
    videos_body,
)
from tiktok_pipeline_tests.capturing import Pipeline

SKEWED = "tiktok_pipeline_tests.integration.capture.skewed_child"
CHILD = "tiktok_pipeline_tests.integration.capture.child"


def child(module: str, pipeline: Pipeline, folder: Path, *more: str) -> subprocess.Popen[bytes]:
    """A capture of today in a process of its own."""
    database_url = pipeline.warehouse.url.render_as_string(hide_password=False)
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            module,
            database_url,
            pipeline.sandbox.base_url,
            str(folder / "keys.json"),
            "60",
            *more,
        ]
    )


@pytest.mark.parametrize(
    ("zone", "first", "last", "hours"),
    [
        ("Europe/Berlin", "2026-03-28T23:00:00", "2026-03-29T21:59:59", 23),
        ("Europe/Berlin", "2026-10-24T22:00:00", "2026-10-25T22:59:59", 25),
        ("Australia/Lord_Howe", "2026-04-04T13:00:00", "2026-04-05T13:29:59", 24.5),
        ("Australia/Lord_Howe", "2026-10-03T13:30:00", "2026-10-04T12:59:59", 23.5),
        ("Asia/Kolkata", "2026-06-01T18:30:00", "2026-06-02T18:29:59", 24),
    ],
)
def test_a_day_can_be_captured_from_its_first_second_to_its_last_however_long_it_is(
    warehouse: Warehouse, clock: DatabaseClock, zone: str, first: str, last: str, hours: float
) -> None:
    clock.set(first)
    add_account(warehouse, "one")
    book = ledger(warehouse, zone=zone, grace_hours=0)
    day = capture_today(book, videos_body())
    clock.set(last)
    add_account(warehouse, "two")
    assert capture_today(book, videos_body()) == day
    length = dt.datetime.fromisoformat(last) - dt.datetime.fromisoformat(first) + dt.timedelta(seconds=1)
    assert length == dt.timedelta(hours=hours)
    clock.set(dt.datetime.fromisoformat(last) + dt.timedelta(seconds=2))
    assert book.today() == day + dt.timedelta(days=1)
    assert book.plan(day) == 0
    found = rows(warehouse, "select day, state, late from capture.account_day order by account_id")
    assert found == [{"day": day, "state": "captured", "late": False}] * 2


@pytest.mark.parametrize("skew_seconds", [3600, -3600])
def test_a_machine_whose_clock_is_an_hour_off_changes_nothing(
    pipeline: Pipeline, sandbox: SandboxProcess, tmp_path: Path, clock: DatabaseClock, skew_seconds: int
) -> None:
    # Within half an hour of midnight on either side: by the machine's clock it is another day.
    clock.set("2026-03-10T00:20:00" if skew_seconds < 0 else "2026-03-10T23:40:00")
    pipeline.connect(2)
    sandbox.reset_requests()
    assert child(SKEWED, pipeline, tmp_path, str(skew_seconds)).wait(30) == 0
    [seen] = rows(
        pipeline.warehouse,
        """
        select
            count(*)::int as pages, count(distinct day)::int as days, min(day) as day,
            bool_and(abs(extract(epoch from ops.now() - observed_at)) < 60) as now
        from capture.page
        """,
    )
    assert seen == {"pages": 6, "days": 1, "day": dt.date(2026, 3, 10), "now": True}
    assert sandbox.requests()["endpoints"].keys() == {"video/list"}  # no token was refreshed before its time
    assert {row["outcome"] for row in pipeline.outcomes().values()} == {"captured"}


def test_two_machines_that_capture_one_day_at_once_are_one_capture(
    pipeline: Pipeline, sandbox: SandboxProcess, tmp_path: Path
) -> None:
    pipeline.connect(12)
    sandbox.reset_requests()
    sandbox.set_faults(slow={"delay_ms": 40, "endpoint": "video/list"})
    both = [child(CHILD, pipeline, tmp_path) for _ in range(2)]
    assert [machine.wait(60) for machine in both] == [0, 0]
    assert len(sandbox.requests(log=True)["log"]) == 12 * 3
    landed = rows(
        pipeline.warehouse,
        "select count(*)::int as pages, count(distinct (account_id, page_no))::int as once, max(capture_no) as captures from capture.page",
    )
    assert landed == [{"pages": 36, "once": 36, "captures": 1}]
    assert {row["outcome"] for row in pipeline.outcomes().values()} == {"captured"}
