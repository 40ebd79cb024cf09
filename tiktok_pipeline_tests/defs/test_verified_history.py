"""The weekly look at all of history: an edit that leaves the chain alone is found, kept and told."""

from __future__ import annotations

import datetime as dt

import dagster as dg

from tiktok_pipeline.capture.ledger import Endpoint
from tiktok_pipeline.defs.maintenance.verified_history import verified_history
from tiktok_pipeline.history.manifest import write_manifest
from tiktok_pipeline_tests.building import DatabaseClock, rows
from tiktok_pipeline_tests.capturing import Pipeline
from tiktok_pipeline_tests.defs.conftest import Runner

ENDPOINTS: tuple[Endpoint, ...] = ("user_info", "video_list")
DAY = dt.timedelta(days=1)


def test_a_page_that_was_edited_is_found_by_the_weekly_look(
    runner: Runner, pipeline: Pipeline, clock: DatabaseClock
) -> None:
    today = pipeline.ledger().today()
    day = today - 2 * DAY
    clock.set(dt.datetime.combine(day, dt.time(3), dt.UTC))
    rows(
        pipeline.warehouse,
        "update hub.store_accounts set connected_at = ops.now(), known_since = ops.now()",
    )
    for endpoint in ENDPOINTS:
        pipeline.capture(endpoint)
    clock.set(dt.datetime.combine(today, dt.time(3), dt.UTC))
    for endpoint in ENDPOINTS:
        pipeline.ledger(endpoint).close_all()
    write_manifest(pipeline.warehouse, "UTC", dt.timedelta(hours=6), today)

    def look() -> tuple[bool, str]:
        result = dg.materialize(
            [verified_history],
            resources={"warehouse": runner.resources["warehouse"]},
            instance=runner.instance,
        )
        [verdict] = result.get_asset_check_evaluations()
        [kept] = rows(
            pipeline.warehouse,
            "select passed, message, what_to_do from reporting.quality_results "
            "where table_name = 'maintenance.verified_history'",
        )
        assert kept["passed"] == verdict.passed
        assert "tiktok-pipeline verify" in kept["what_to_do"]
        return verdict.passed, kept["message"]

    assert look() == (True, "")
    with pipeline.warehouse.transaction() as cursor:
        cursor.execute("set local session_replication_role = replica")
        cursor.execute("update capture.page set body = '{}' where day = %s", (day,))
    passed, said = look()
    assert not passed
    assert said.startswith(f"{day} was edited: ")
