"""With database roles: runs seal and verify history, and only the owner of the tables lets pages go or come back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.history.archive import drop_month, write_month
from tiktok_pipeline.history.rebuild import rebuild
from tiktok_pipeline.history.verify import verify
from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.integration.history.conftest import DAYS, Past
from tiktok_pipeline_tests.integration.history.test_archive import MONTH, pages
from tiktok_pipeline_tests.integration.warehouse.test_roles import As, log_in

__all__ = ["log_in"]


def test_runs_seal_and_verify_and_only_the_owner_drops_and_restores(
    past: Past, log_in: As, tmp_path: Path
) -> None:
    runs, owner = log_in("pipeline"), log_in("migrator")
    assert len(Past(runs).manifest().entries) == len(DAYS)
    month, _ = write_month(runs, str(tmp_path), MONTH)
    with pytest.raises(PipelineError, match="use a DATABASE_URL of the role migrator"):
        drop_month(runs, month)
    assert pages(past) == 20
    assert verify(runs).sound
    drop_month(owner, month)
    assert pages(past) == 8
    assert verify(runs).sound
    with pytest.raises(PipelineError, match="use a DATABASE_URL of the role migrator"):
        list(rebuild(runs, DAYS[0], DAYS[-1]))
    rows(past.warehouse, "delete from snapshots.tiktok_video_daily")
    made = {made.table: made.rows for made in rebuild(owner, DAYS[0], DAYS[-1])}
    assert made["snapshots.tiktok_user_daily"] == 10
    assert made["snapshots.tiktok_video_daily"] == 30
    assert pages(past) == 8
    users = rows(past.warehouse, "select distinct database_user as name from ops.archive_log")
    assert {row["name"].rsplit("_", 1)[0] for row in users} == {"test_pipeline", "test_migrator"}
