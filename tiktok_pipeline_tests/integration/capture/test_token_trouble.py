"""Trouble with refreshing tokens fails account-days of today, and costs no account its connection."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.capturing import Pipeline


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxProcess]:
    with SandboxProcess(accounts=3, videos=2, limit=0) as sandbox:
        yield sandbox


def test_account_days_whose_token_cannot_be_refreshed_are_captured_when_tiktok_is_back(
    warehouse: Warehouse, sandbox: SandboxProcess, tmp_path: Path
) -> None:
    pipeline = Pipeline(warehouse, sandbox, tmp_path / "keys.json")
    accounts = pipeline.connect(3)
    rows(warehouse, "update vault.token set access_expires_at = ops.now()")
    sandbox.set_faults(html_error={"endpoint": "oauth/token", "status": 503})
    pipeline.capture()
    outcomes = pipeline.outcomes()
    assert {outcomes[account]["reason"] for account in accounts} == {"provider_down"}
    assert {row["status"] for row in rows(warehouse, "select status from hub.store_accounts")} == {
        "CONNECTED"
    }
    sandbox.set_faults(invalid_client=True)
    rows(warehouse, "update vault.token set next_attempt_at = null")
    pipeline.capture()
    outcomes = pipeline.outcomes()
    assert {outcomes[account]["reason"] for account in accounts} == {"provider_down"}
    assert {row["status"] for row in rows(warehouse, "select status from hub.store_accounts")} == {
        "CONNECTED"
    }
    sandbox.clear_faults()
    rows(warehouse, "update vault.token set next_attempt_at = null")
    rows(warehouse, "update vault.refresh_stop set stopped_until = ops.now()")
    pipeline.capture()
    outcomes = pipeline.outcomes()
    assert {outcomes[account]["outcome"] for account in accounts} == {"captured"}
