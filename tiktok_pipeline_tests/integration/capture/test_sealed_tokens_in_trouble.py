"""A token that does not open fails its own account-day, says why, and disconnects nobody."""

import logging
import shutil
from pathlib import Path

import pytest

from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.vault.lifecycle import new_key, promote
from tiktok_pipeline.vault.rotation import Rotation
from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.capturing import Pipeline


def statuses(pipeline: Pipeline) -> set[str]:
    return {row["status"] for row in rows(pipeline.warehouse, "select status from hub.store_accounts")}


def test_a_tampered_token_fails_its_account_alone_and_is_not_tried_for_ever(
    pipeline: Pipeline, sandbox: SandboxProcess, caplog: pytest.LogCaptureFixture
) -> None:
    tampered, fine = pipeline.connect(2)
    rows(
        pipeline.warehouse,
        "update vault.token set access_token = set_byte(access_token, 25, get_byte(access_token, 25) # 1) "
        "where account_id = %s",
        tampered,
    )
    with caplog.at_level(logging.ERROR):
        pipeline.capture()
    found = pipeline.outcomes()
    assert found[fine]["outcome"] == "captured"
    assert found[tampered]["reason"] == "missed"
    [day] = rows(
        pipeline.warehouse,
        "select error_code, error_message, final from capture.account_day where account_id = %s",
        tampered,
    )
    assert (day["error_code"], day["final"]) == ("VaultTampered", True)
    assert "the seal is broken" in day["error_message"]
    assert statuses(pipeline) == {"CONNECTED"}
    assert "a stored token was changed or moved" in caplog.text


def test_a_machine_without_the_new_key_fails_its_day_and_goes_on_when_the_key_is_there(
    pipeline: Pipeline, sandbox: SandboxProcess, tmp_path: Path
) -> None:
    (account,) = pipeline.connect(1)
    here, elsewhere = tmp_path / "keys.json", tmp_path / "elsewhere.json"
    shutil.copy(here, elsewhere)
    new_key(pipeline.warehouse, elsewhere, "test")
    promote(pipeline.warehouse, elsewhere, "test", anyway=True)
    Rotation(pipeline.warehouse, elsewhere, "test", rest=lambda: None).finish()
    pipeline.capture()
    [day] = rows(pipeline.warehouse, "select state, reason, error_code, final from capture.account_day")
    assert day == {"state": "failed", "reason": "missed", "error_code": "VaultKeyMissing", "final": False}
    assert statuses(pipeline) == {"CONNECTED"}
    shutil.copy(elsewhere, here)
    pipeline.capture()
    assert pipeline.outcomes()[account]["outcome"] == "captured"
