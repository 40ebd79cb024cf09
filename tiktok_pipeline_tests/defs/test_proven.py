"""The check that lists are proven complete, date by date, and the assets made from verdicts."""

from __future__ import annotations

import datetime as dt

from tiktok_pipeline_tests.building import DatabaseClock, rows
from tiktok_pipeline_tests.capturing import Pipeline
from tiktok_pipeline_tests.defs.conftest import Runner

DAY = dt.timedelta(days=1)


def test_a_list_that_is_cut_off_fails_the_check_of_its_date_and_stays_in_the_snapshot(
    runner: Runner, pipeline: Pipeline
) -> None:
    clock = DatabaseClock(pipeline.warehouse)
    today = pipeline.ledger().today() - 3 * DAY
    clock.set(dt.datetime.combine(today, dt.time(3), dt.UTC))
    assert runner.run(today).success
    assert runner.verdicts("snapshots", "account_day_verdict", name="proven") == {str(today): True}
    clock.set(dt.datetime.combine(today + DAY, dt.time(3), dt.UTC))
    ids = [video["id"] for video in pipeline.sandbox.history(1, at=pipeline.sandbox.now())["videos"]][:2]
    pipeline.sandbox.set_faults(
        cut_list={"accounts": [0], "videos": 10}, hidden_videos={"accounts": [1], "ids": ids}
    )
    assert runner.run(today, today + DAY).success
    assert runner.verdicts("snapshots", "account_day_verdict", name="proven") == {
        str(today): True,
        str(today + DAY): False,
    }
    assert runner.metadata("snapshots", "tiktok_video_daily", date=today + DAY)[
        "dagster/partition_row_count"
    ] == (10 + 23 + 25)
    assert runner.metadata("capture", "video_list", date=today + DAY)["vanished_videos_asked_after"] == 17
    states = rows(pipeline.warehouse, "select state, count(*) from snapshots.video_presence group by state")
    assert {row["state"]: row["count"] for row in states} == {"present": 73, "missing": 2}
    for name in ("account_day_verdict", "video_change", "counter_fall"):
        assert runner.materialized("snapshots", name) == {str(today), str(today + DAY)}
