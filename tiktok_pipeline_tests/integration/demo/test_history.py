"""The demonstration's past is imported once, and what was refused is not counted."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from tiktok_pipeline.demo.history import import_missing, missing_days
from tiktok_pipeline.hub.accounts import list_accounts
from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.capturing import Pipeline

DAY = dt.timedelta(days=1)


def test_an_account_day_that_is_there_already_is_not_counted_as_imported(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    settings = Settings.model_construct(data_dir=tmp_path)
    with SandboxProcess(accounts=2, videos=2, even=True, limit=0) as sandbox:
        pipeline = Pipeline(warehouse, sandbox, tmp_path / "keys.json")
        pipeline.connect(2)
        accounts = {account.id: account.open_id for account in list_accounts(warehouse)}
        today = pipeline.ledger().today()
        missing = missing_days(warehouse, accounts, today - 3 * DAY, today - DAY)
        assert len(missing) == 2 * 3
        one_day = [one for one in missing if one[1] == today - DAY]
        assert list(import_missing(warehouse, sandbox, settings, accounts, one_day)) == [2, 2]
        assert list(import_missing(warehouse, sandbox, settings, accounts, missing)) == [4, 4]
        assert missing_days(warehouse, accounts, today - 3 * DAY, today - DAY) == []
