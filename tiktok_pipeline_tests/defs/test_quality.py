"""The rules and suites as checks of the daily job: a verdict per date, kept results, quarantine and its release."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from tiktok_pipeline.definitions import defs
from tiktok_pipeline.quality.quarantine import quarantined
from tiktok_pipeline.quality.rules import Rule, rules
from tiktok_pipeline.quality.suites import SUITES, Suite
from tiktok_pipeline_tests.building import DatabaseClock, rows
from tiktok_pipeline_tests.capturing import Pipeline
from tiktok_pipeline_tests.defs.conftest import Runner

DAY = dt.timedelta(days=1)
ZERO = {"accounts": [0], "endpoint": "video/list", "value": "zero"}


@pytest.fixture
def three_days_ago(pipeline: Pipeline) -> dt.date:
    """A day at whose 03:00 the clocks of the database and of the sandbox stand."""
    day = pipeline.ledger().today() - 3 * DAY
    go_to(pipeline, day)
    rows(
        pipeline.warehouse,
        "update hub.store_accounts set connected_at = ops.now(), known_since = ops.now()",
    )
    return day


def go_to(pipeline: Pipeline, day: dt.date) -> None:
    at = dt.datetime.combine(day, dt.time(3), dt.UTC)
    DatabaseClock(pipeline.warehouse).set(at)
    pipeline.sandbox.set_clock(now=at)


def results(pipeline: Pipeline, **wanted: Any) -> dict[tuple[str, str], dict[str, Any]]:
    """The kept results of a day, by table and check."""
    found = rows(pipeline.warehouse, "select * from reporting.quality_results where day = %s", wanted["day"])
    return {(row["table_name"], row["check_name"]): row for row in found}


def left_out_of_reports(pipeline: Pipeline, day: dt.date) -> dict[str, int]:
    """Videos that reports leave out on a day, by store; they have rows, and no numbers."""
    statement = """
        select store_code, count(*) as videos
        from reporting.video_daily
        where snapshot_date = %s and quarantined and view_count is null
        group by store_code
    """
    return {row["store_code"]: row["videos"] for row in rows(pipeline.warehouse, statement, day)}


def test_a_normal_day_passes_every_check_and_each_verdict_is_kept(
    runner: Runner, pipeline: Pipeline, three_days_ago: dt.date
) -> None:
    for day in (three_days_ago, three_days_ago + DAY):
        go_to(pipeline, day)
        assert runner.run(day).success
    kept = results(pipeline, day=day)
    assert {key: row["message"] for key, row in kept.items() if not row["passed"]} == {}
    for rule in rules():
        if not rule.standing:
            assert kept[rule.table, rule.name]["severity"] == rule.severity
    for suite in SUITES:
        assert kept[suite.table, suite.name]["passed"]
    for name in ("complete", "accounted_for", "fits_the_window"):
        assert kept["capture.video_list", name]["passed"]
    assert kept["capture.manifest", "unedited"]["passed"]
    assert kept["snapshots.account_day_verdict", "proven"]["passed"]
    assert kept["snapshots.tiktok_video_daily", "zero_beside_large"]["checked"] >= 75
    assert results(pipeline, day=three_days_ago)["capture.video_list", "latest_closed_day"]["checked"] == 3


def test_a_bad_day_is_quarantined_and_a_fresh_capture_lets_it_in_again(
    runner: Runner, pipeline: Pipeline, three_days_ago: dt.date
) -> None:
    assert runner.run(three_days_ago).success
    today = three_days_ago + DAY
    go_to(pipeline, today)
    pipeline.sandbox.set_faults(counters=ZERO)
    # as a run over a range: every date has a verdict of its own
    assert runner.run(three_days_ago, today).success
    zeroed = runner.verdicts("snapshots", "tiktok_video_daily", name="zeroed_videos")
    assert zeroed == {str(three_days_ago): True, str(today): False}
    [held] = quarantined(pipeline.warehouse)
    assert (held.store_code, held.endpoint, held.day) == ("store_000", "video_list", today)
    assert "of 25 videos fell to zero" in held.reason
    assert left_out_of_reports(pipeline, today) == {"store_000": 25}
    failed = results(pipeline, day=today)["snapshots.tiktok_video_daily", "zeroed_videos"]
    assert (failed["severity"], failed["failing"], failed["run_id"] is not None) == ("error", 1, True)
    assert failed["examples"][0]["store_code"] == "store_000"
    [broken] = rows(pipeline.warehouse, "select * from reporting.broken_now where kind = 'quarantine'")
    assert (broken["count"], "store_000" in broken["example"]) == (1, True)
    assert runner.run(today).success
    again = results(pipeline, day=today)["snapshots.tiktok_video_daily", "zeroed_videos"]
    assert again["failing_since"] == failed["failing_since"]
    pipeline.sandbox.clear_faults()
    assert runner.run(today, force=True).success
    assert quarantined(pipeline.warehouse) == []
    [released] = quarantined(pipeline.warehouse, released=True)
    assert released.released_by == "the check passed"
    assert left_out_of_reports(pipeline, today) == {}
    passed = results(pipeline, day=today)["snapshots.tiktok_video_daily", "zeroed_videos"]
    assert (passed["passed"], passed["failing_since"]) == (True, None)


def test_a_backfill_of_old_dates_never_clears_the_alarm_of_the_latest_closed_day(
    runner: Runner, pipeline: Pipeline, three_days_ago: dt.date
) -> None:
    assert runner.run(three_days_ago).success
    go_to(pipeline, three_days_ago + 2 * DAY)  # nothing ran on the day between
    for first, last in ((three_days_ago, None), (three_days_ago - 5 * DAY, three_days_ago)):
        found = runner.run(first, last)
        assert found.success
        alarms = [c for c in found.get_asset_check_evaluations() if c.check_name == "latest_closed_day"]
        assert [alarm.passed for alarm in alarms] == [False, False]
        assert alarms[0].metadata["day"].value == str(three_days_ago + DAY)
    kept = results(pipeline, day=three_days_ago + DAY)["capture.video_list", "latest_closed_day"]
    assert (kept["failing"], kept["passed"]) == (3, False)
    assert f"last captured {three_days_ago}" in kept["message"]


def test_every_rule_is_a_check_of_its_table_without_being_named_anywhere_else() -> None:
    checks = defs().get_repository_def().asset_graph.asset_check_keys  # type: ignore[attr-defined, unused-ignore]
    every: list[Rule | Suite] = [*rules(), *SUITES]
    for one in every:
        assert dg.AssetCheckKey(dg.AssetKey(one.table.split(".")), one.name) in checks


def test_great_expectations_is_not_imported_with_the_definitions(tmp_path: Path) -> None:
    loads = (
        "import sys; from tiktok_pipeline.definitions import defs; defs(); "
        "print('great_expectations' in sys.modules)"
    )
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", loads],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert answer.stdout.strip() == "False"
