"""A month as the demonstration makes it, and something wrong with it, so that no chart has nothing to show."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from tiktok_pipeline.capture.imports import ImportedDay, import_history
from tiktok_pipeline.demo.history import import_missing, missing_days
from tiktok_pipeline.demo.stores import connect_stores
from tiktok_pipeline.history.rebuild import rebuild
from tiktok_pipeline.hub.disconnecting import disable
from tiktok_pipeline.quality.evaluate import evaluate
from tiktok_pipeline.quality.rules import rules
from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.roles import apply_roles
from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.capturing import REDIRECT, Pipeline

DAYS = 30
DAY = dt.timedelta(days=1)


def fill_month(warehouse: Warehouse, sandbox: SandboxProcess, keys_file: Path) -> None:
    """Connect all accounts of the sandbox but one, import 30 days, capture today, derive and check everything.

    Of some accounts a day is missing or wrong, one has ended its grant, one fails today, one is switched off.
    """
    pipeline = Pipeline(warehouse, sandbox, keys_file)
    accounts = dict(connect_stores(warehouse, pipeline.vault, pipeline.oauth, sandbox, REDIRECT))
    revoked, failing, disabled, zeroed, *_ = accounts
    today = pipeline.ledger().today()
    rows(warehouse, "update hub.store_accounts set connected_at = connected_at - %s, known_since = connected_at - %s",
         DAYS * DAY, DAYS * DAY)  # fmt: skip

    wrong = today - 5 * DAY
    missing = missing_days(warehouse, accounts, today - DAYS * DAY, today - DAY)
    missing = [one for one in missing if one not in ((zeroed, wrong), (revoked, today - 9 * DAY))]
    settings = Settings.model_construct(data_dir=Path())
    list(import_missing(warehouse, sandbox, settings, accounts, missing))
    _import_zeros(pipeline, zeroed, accounts[zeroed], wrong)

    sandbox.revoke(accounts[revoked])
    sandbox.set_faults(internal_error={"accounts": [accounts[failing]], "endpoint": "video/list"})
    disable(warehouse, disabled)
    for endpoint in ("user_info", "video_list"):
        pipeline.capture(endpoint)
        pipeline.ledger(endpoint).close_all()
    dates = [today - n * DAY for n in range(DAYS, -1, -1)]
    list(rebuild(warehouse, dates[0], dates[-1]))
    for rule in rules():
        evaluate(warehouse, rule, dates, "UTC")
    apply_roles(warehouse)


def _import_zeros(pipeline: Pipeline, account_id: int, open_id: str, day: dt.date) -> None:
    """A day on which TikTok gave zeros for counters that were not zero before."""
    known = pipeline.sandbox.history(open_id, day, "UTC")
    videos = [video | {"view_count": 0, "like_count": 0} for video in known["videos"]]
    seen_at = dt.datetime.combine(day, dt.time(2), dt.UTC)
    imported = ImportedDay(account_id, day, known["user"], videos, seen_at)
    import_history(pipeline.warehouse, [imported], zone="UTC", imported_from="sandbox")
