"""The chain of closed days, and a rebuild, as Dagster runs them."""

from __future__ import annotations

import datetime as dt

from tiktok_pipeline.history.chain import read_chain
from tiktok_pipeline.history.rebuild import checksum, derived_tables, rebuild
from tiktok_pipeline.history.verify import verify
from tiktok_pipeline_tests.building import DatabaseClock, rows
from tiktok_pipeline_tests.capturing import USERS, VIDEOS, Pipeline
from tiktok_pipeline_tests.defs.conftest import Runner

DAY = dt.timedelta(days=1)


def test_the_head_stands_in_the_metadata_and_a_backfill_equals_a_rebuild(
    runner: Runner, pipeline: Pipeline, clock: DatabaseClock
) -> None:
    today = pipeline.ledger().today() - 2 * DAY
    clock.set(dt.datetime.combine(today, dt.time(3), dt.UTC))
    rows(pipeline.warehouse, "update hub.store_accounts set connected_at = ops.now()")
    assert runner.run(today).success
    assert runner.metadata("capture", "manifest", date=today)["entries_added"] == 0
    pipeline.sandbox.reset_requests()
    clock.set(dt.datetime.combine(today + 2 * DAY, dt.time(3), dt.UTC))

    assert runner.run(today, today + DAY).success
    [first] = read_chain(pipeline.warehouse)
    told = runner.metadata("capture", "manifest", date=today)
    assert (told["head"], told["day"], told["revision"]) == (first.head, str(today), 1)
    assert told["of_this_date"] == first.head
    assert "not in the chain yet" in runner.metadata("capture", "manifest", date=today + DAY)["of_this_date"]
    assert verify(pipeline.warehouse).sound

    span = (today, today + DAY)
    by_backfill = {
        table: checksum(pipeline.warehouse, table, *span) for table in derived_tables(pipeline.warehouse)
    }
    rows(pipeline.warehouse, f"delete from {VIDEOS}")
    rows(pipeline.warehouse, f"update {USERS} set follower_count = 1")
    made = {made.table: (made.rows, made.checksum) for made in rebuild(pipeline.warehouse, *span)}
    assert made == by_backfill
    assert made[VIDEOS][0] == 75
    assert pipeline.sandbox.requests(log=True)["log"] == []  # zero API calls, by backfill and by rebuild
