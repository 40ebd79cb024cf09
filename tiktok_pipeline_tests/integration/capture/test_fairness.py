"""A giant account does not keep others waiting: pages are fetched in turn."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.capturing import Pipeline

A_MINUTE = 540  # pages, at the speed of scheduled captures


def test_beside_giants_every_account_has_its_first_page_within_a_minute(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    accounts, workers = 40, 2  # eight places in turn, and many accounts with dozens of pages
    with SandboxProcess(accounts=accounts, videos=1300, limit=0) as sandbox:
        giant = max(sandbox.accounts(), key=lambda account: account["video_count"])
        assert giant["video_count"] > 10_000
        pipeline = Pipeline(warehouse, sandbox, tmp_path / "keys.json")
        pipeline.connect(accounts)
        capturing = threading.Thread(target=pipeline.capture, kwargs={"workers": workers})
        capturing.start()
        deadline = time.monotonic() + 30
        while _begun(warehouse) < accounts and time.monotonic() < deadline:
            time.sleep(0.02)
        pipeline.client.close()  # the rest of the day is of no interest here
        capturing.join()
    [seen] = rows(
        warehouse,
        """
        with numbered as (
            select open_id, page_no, row_number() over (order by observed_at) as page
            from capture.page inner join hub.store_accounts on account_id = id
        ),
        last as (select max(page) as page from numbered where page_no = 0)
        select
            count(*) as all_pages,
            count(*) filter (where open_id = %s) as of_the_giant
        from numbered, last
        where numbered.page < last.page
        """,
        giant["open_id"],
    )
    assert _begun(warehouse) == accounts
    assert seen["all_pages"] <= A_MINUTE / 2
    assert seen["of_the_giant"] <= 10


def _begun(warehouse: Warehouse) -> int:
    return int(rows(warehouse, "select count(*) as begun from capture.page where page_no = 0")[0]["begun"])
