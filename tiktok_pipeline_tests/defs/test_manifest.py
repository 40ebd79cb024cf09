"""The chain of closed days, and a rebuild, as Dagster runs them."""

from __future__ import annotations

import datetime as dt

import dagster as dg

from tiktok_pipeline.history.chain import read_chain
from tiktok_pipeline.history.rebuild import checksum, derived_tables, rebuild
from tiktok_pipeline.history.verify import verify
from tiktok_pipeline_tests.building import DatabaseClock, add_account, rows
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


def test_the_check_names_the_first_day_that_was_edited_and_stops_nothing(
    runner: Runner, pipeline: Pipeline, clock: DatabaseClock
) -> None:
    days = [pipeline.ledger().today() - n * DAY for n in (2, 1)]
    clock.set(dt.datetime.combine(days[0], dt.time(3), dt.UTC))
    rows(pipeline.warehouse, "update hub.store_accounts set connected_at = ops.now()")
    assert runner.run(days[0]).success
    clock.set(dt.datetime.combine(days[1] + DAY, dt.time(3), dt.UTC))
    assert runner.run(days[1]).success
    assert verdict(runner) == (True, {"edited_days": 0})

    with pipeline.warehouse.transaction() as cursor:
        cursor.execute("set local session_replication_role = replica")
        cursor.execute("update capture.page set body = '{}' where day = %s", (days[0],))
    account = add_account(
        pipeline.warehouse, "-late", connected_at=dt.datetime.combine(days[0], dt.time(1), dt.UTC)
    )
    assert runner.run(days[1]).success  # writes a gap into the day that was edited, so it is looked at
    passed, said = verdict(runner)
    assert not passed
    assert (said["edited_days"], said["first_edited_day"]) == (1, str(days[0]))
    assert said["what_differs"] == "content of the pages"

    with pipeline.warehouse.transaction() as cursor:
        cursor.execute("set local session_replication_role = replica")
        cursor.execute("delete from capture.account_day where account_id = %s", (account,))
        cursor.execute("delete from hub.store_accounts where id = %s", (account,))
        cursor.execute("update capture.manifest set pages = 1 where position = 1")
    assert runner.run(days[1]).success
    passed, said = verdict(runner)
    assert not passed
    assert said == {"edited_days": 0, "chain_broken_at": str(days[0]), "position": 1}


def test_the_check_fails_when_the_head_that_was_noted_is_not_in_the_chain(
    runner: Runner, pipeline: Pipeline, clock: DatabaseClock
) -> None:
    day = pipeline.ledger().today() - 2 * DAY
    clock.set(dt.datetime.combine(day, dt.time(3), dt.UTC))
    rows(pipeline.warehouse, "update hub.store_accounts set connected_at = ops.now()")
    assert runner.run(day).success
    clock.set(dt.datetime.combine(day + 2 * DAY, dt.time(3), dt.UTC))
    assert runner.run(day + DAY).success
    noted = runner.metadata("capture", "manifest", date=day + DAY)["head"]
    assert verdict(runner)[0]
    with pipeline.warehouse.transaction() as cursor:
        cursor.execute("set local session_replication_role = replica")
        cursor.execute("update capture.page set body = '{}' where day = %s", (day,))
        cursor.execute("delete from capture.manifest")
    assert runner.run(day + DAY).success  # makes the chain anew
    assert verdict(runner) == (False, {"edited_days": 0, "head_not_in_chain": noted})
    assert runner.run(day + DAY).success  # it does not forget
    assert verdict(runner) == (False, {"edited_days": 0, "head_not_in_chain": noted})


def verdict(runner: Runner) -> tuple[bool, dict[str, object]]:
    """Of the check `unedited`: the newest verdict, and what it says."""
    key = dg.AssetCheckKey(dg.AssetKey(["capture", "manifest"]), "unedited")
    [record] = runner.instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
    evaluation = record.event.asset_check_evaluation if record.event else None
    assert evaluation is not None
    return evaluation.passed, {name: value.value for name, value in evaluation.metadata.items()}
