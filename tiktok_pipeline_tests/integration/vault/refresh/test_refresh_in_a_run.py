"""A run that is told to stop while TikTok thinks about a refresh."""

import datetime as dt
import os
import sys
import time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tiktok_pipeline.runtime.children import Child
from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.vault.refresh import STOP_SECONDS
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.integration.vault.refresh.conftest import (
    status,
    token_calls,
    token_row,
    wait_until,
)


@pytest.mark.soak
def test_a_run_that_is_stopped_saves_what_tiktok_answers(
    warehouse: Warehouse,
    database_url: str,
    keys_file: Path,
    account_id: int,
    sandbox: SandboxProcess,
    tmp_path: Path,
) -> None:
    rows(warehouse, "update vault.token set access_expires_at = ops.now()")
    sandbox.set_faults(slow={"endpoint": "oauth/token", "delay_ms": 12_000})
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "dagster.yaml").touch()
    # Near midnight the run would find its day over before it has begun it: then the zone's day began a while ago.
    zone = "Etc/GMT+12" if dt.datetime.now(dt.UTC).hour in (23, 0) else "UTC"
    today = dt.datetime.now(ZoneInfo(zone)).date().isoformat()
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(tmp_path / "home"),
        "DATABASE_URL": database_url,
        "DATA_DIR": str(tmp_path),
        "ENCRYPTION_KEYS_FILE": str(keys_file),
        "ENVIRONMENT": "test",
        "REPORTING_TIMEZONE": zone,
        "TIKTOK_API_BASE_URL": sandbox.base_url,
        "TIKTOK_CLIENT_KEY": sandbox.client_key,
        "TIKTOK_CLIENT_SECRET": sandbox.client_secret,
    }
    command = [sys.executable, "-m", "tiktok_pipeline.defs.run_daily", "--from", today, "--to", today]
    run = Child(
        "run", command, environment=environment, log_file=tmp_path / "run.log", polite_seconds=STOP_SECONDS
    )
    try:
        wait_until(lambda: token_calls(sandbox) == 1 or run.exit_code is not None, 60)
        assert run.exit_code is None, (tmp_path / "run.log").read_text()
        time.sleep(1)
    finally:
        started = time.monotonic()
        run.stop()
    assert time.monotonic() - started < 30
    assert token_row(warehouse, account_id)["token_version"] == 2
    assert status(warehouse, account_id) == ("CONNECTED", None)
    assert token_calls(sandbox) == 1
