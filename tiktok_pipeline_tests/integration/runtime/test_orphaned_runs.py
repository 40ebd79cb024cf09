"""Runs that a crash left behind."""

from __future__ import annotations

import dagster as dg
import pytest

from tiktok_pipeline.defs.maintenance.orphaned_runs import fail_orphaned_runs

STATUS = dg.DagsterRunStatus


@dg.job
def nothing() -> None: ...


@pytest.mark.parametrize("status", [STATUS.STARTING, STATUS.STARTED, STATUS.CANCELING])
def test_a_run_under_way_when_the_machine_died_is_failed_and_says_so(status: STATUS) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(nothing, status=status)
        assert fail_orphaned_runs(instance) == 1
        failed = instance.get_run_by_id(run.run_id)
        assert failed is not None
        assert failed.status == STATUS.FAILURE
        [event] = [record for record in instance.all_logs(run.run_id) if record.dagster_event]
        assert "orphaned" in (event.dagster_event.message or "" if event.dagster_event else "")


@pytest.mark.parametrize("status", [STATUS.NOT_STARTED, STATUS.SUCCESS, STATUS.FAILURE, STATUS.CANCELED])
def test_a_run_that_waits_or_has_ended_is_left_alone(status: STATUS) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(nothing, status=status)
        assert fail_orphaned_runs(instance) == 0
        left = instance.get_run_by_id(run.run_id)
        assert left is not None
        assert left.status == status
