"""Dagster's event log loses what nobody needs, and nothing else."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from tiktok_pipeline.defs.maintenance.event_log import (
    UNIMPORTANT,
    EventLogConfig,
    event_log,
)
from tiktok_pipeline.defs.maintenance.weekly import maintenance, maintenance_weekly
from tiktok_pipeline.defs.resources import WarehouseResource
from tiktok_pipeline.warehouse.connection import Warehouse, psycopg2_url
from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.conftest import database

EVENTS = "select id, dagster_event_type as type from event_logs"
SUNDAY = dt.datetime(2026, 3, 22, 4, 30, tzinfo=dt.UTC)


@pytest.fixture
def storage(server_url: str) -> Iterator[str]:
    """A database for Dagster."""
    with database(server_url, "dagster") as url:
        yield url


def test_pruning_keeps_materializations_checks_and_ends_of_runs(storage: str, tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text(
        f"storage: {{postgres: {{postgres_url: '{psycopg2_url(storage)}'}}}}\n"
    )

    @dg.asset(check_specs=[dg.AssetCheckSpec("fine", asset="numbers")])
    def numbers() -> dg.MaterializeResult:
        return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True)])

    @dg.asset
    def failing() -> None:
        raise ValueError("broken")

    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        warehouse = Warehouse(storage)
        dg.materialize([numbers], instance=instance)
        dg.materialize([failing], instance=instance, raise_on_error=False)
        rows(warehouse, "update event_logs set timestamp = timestamp - interval '31 days'")
        before = {row["id"]: row["type"] for row in rows(warehouse, EVENTS)}

        def run(dry_run: bool) -> dict[str, object]:
            result = dg.materialize(
                [event_log],
                instance=instance,
                resources={"dagster_storage": WarehouseResource(database_url=storage)},
                run_config=dg.RunConfig(ops={"maintenance__event_log": EventLogConfig(dry_run=dry_run)}),
            )
            (event,) = result.get_asset_materialization_events()
            return {name: value.value for name, value in event.materialization.metadata.items()}

        counted = run(dry_run=True)
        assert counted["pruned_events"] == 0
        assert before.keys() <= {row["id"] for row in rows(warehouse, EVENTS)}
        pruned = run(dry_run=False)
        assert pruned["pruned_events"] == counted["unimportant_events"]
        left = {row["id"]: row["type"] for row in rows(warehouse, EVENTS)}
        gone = [before[number] for number in before.keys() - left.keys()]
        assert len(gone) == pruned["pruned_events"]
        assert set(gone) <= set(UNIMPORTANT)
        assert {"ENGINE_EVENT", "STEP_OUTPUT", "ASSET_MATERIALIZATION_PLANNED"} <= set(gone)
        kept = [before[number] for number in before.keys() & left.keys()]
        # Of the run that failed, that a materialization was planned is kept: by it Dagster knows what failed.
        assert kept.count("ASSET_MATERIALIZATION_PLANNED") == 1
        assert {
            "ASSET_MATERIALIZATION",
            "ASSET_CHECK_EVALUATION",
            "PIPELINE_SUCCESS",
            "PIPELINE_FAILURE",
        } <= set(kept)
        assert {"STEP_SUCCESS", "STEP_FAILURE"} <= set(kept)
        assert instance.get_latest_materialization_event(dg.AssetKey("numbers")) is not None
        assert run(dry_run=False)["unimportant_events"] == 0  # younger ones stay
        warehouse.close()


def test_the_weekly_schedule_prunes_while_a_run_by_hand_only_counts() -> None:
    context = dg.build_schedule_context(scheduled_execution_time=SUNDAY)
    [request] = maintenance_weekly.evaluate_tick(context).run_requests or []
    assert request.run_config["ops"]["maintenance__event_log"]["config"] == {"dry_run": False}
    assert EventLogConfig().dry_run
    assert maintenance.selection == dg.AssetSelection.groups("maintenance")
