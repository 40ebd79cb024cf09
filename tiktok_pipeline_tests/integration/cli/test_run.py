"""What `tiktok-pipeline run` says when the job has ended."""

from __future__ import annotations

import io

from rich.console import Console

from tiktok_pipeline.capture.ledger import Failure
from tiktok_pipeline.cli.run import print_outcomes
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import add_account, ledger, video, videos_body


def test_the_day_is_summed_up_and_what_failed_is_named_with_its_cause(warehouse: Warehouse) -> None:
    for name in ("fine", "refused"):
        add_account(warehouse, name)
    off = add_account(warehouse, "off", status="DISABLED")
    book = ledger(warehouse)
    today = book.today()
    book.ensure_partitions(today, today)
    book.plan(today)
    fine, refused = sorted(book.claim(today, 2), key=lambda unit: unit.account_id)
    book.land(fine, videos_body(video("1")), log_id="L", items=1, refused=0, next_cursor=None, last=True)
    book.fail(refused, Failure("malformed", "invalid_params", "TikTok refused it", 400, "L2", final=True))
    said = io.StringIO()
    settings = Settings(_env_file=None, reporting_timezone="UTC")
    assert print_outcomes(warehouse, settings, str(today), Console(file=said, width=120)) == 1
    assert "account 2 (store jakarta_01), video_list: failed: TikTok refused it" in said.getvalue()
    assert f"account {off} (store jakarta_01), video_list: gap: cancelled" in said.getvalue()
