"""A capture on demand while the nightly one saturates the quota: soon over, and TikTok's limit is kept."""

from __future__ import annotations

import datetime as dt
import threading
import time
from pathlib import Path

import pytest

from tiktok_pipeline.capture.account import AccountRequests
from tiktok_pipeline.capture.days import capture_days
from tiktok_pipeline.capture.loop import CaptureLoop
from tiktok_pipeline.on_demand import running
from tiktok_pipeline.on_demand.jobs import Asker, Wanted, ask, outcomes
from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.tiktok.client import TikTokClient
from tiktok_pipeline.tiktok.quota import Quota
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.capturing import Pipeline

LIMIT, WINDOW, SHARE = 60, 6.0, 20  # ten requests a second, two of them for who waits
MOST_SECONDS = 15


@pytest.mark.slow
def test_it_is_over_within_fifteen_seconds_and_the_limit_is_kept(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    with SandboxProcess(accounts=40, videos=100, even=True, limit=LIMIT, window_seconds=WINDOW) as sandbox:
        pipeline = Pipeline(warehouse, sandbox, tmp_path / "keys.json")
        *_, last = pipeline.connect(40)
        sandbox.reset_requests()

        def requests(*, on_demand: bool) -> AccountRequests:
            quota = Quota(
                warehouse,
                sandbox.client_key,
                LIMIT,
                on_demand_share=SHARE,
                on_demand=on_demand,
                window_seconds=WINDOW,
            )
            client = TikTokClient(sandbox.base_url, sandbox.client_key, quota)
            return AccountRequests(client, pipeline.oauth, pipeline.vault)

        book = pipeline.ledger("video_list")
        nightly = requests(on_demand=False)

        def capture_all() -> None:
            capture_days(book, CaptureLoop(book, nightly, 2), [book.today()])

        night = threading.Thread(target=capture_all)
        night.start()
        time.sleep(WINDOW)  # it uses what it may by now
        job = ask(warehouse, "UTC", Wanted("video_list", accounts=(last,)), Asker("crm"), 1000)
        assert running.begin(warehouse, job.id, "run-1")
        began = time.monotonic()
        running.capture_job(
            warehouse,
            requests(on_demand=True),
            job,
            zone="UTC",
            grace=dt.timedelta(hours=6),
            workers=1,
            run_id="run-1",
        )
        took = time.monotonic() - began
        left = book.left(book.today())
        night.join()
        [seen] = sandbox.requests()["endpoints"].values()
    assert [row["state"] for row in outcomes(warehouse, job.id)] == ["captured"]
    assert took < MOST_SECONDS, f"{took:.1f} s"
    assert left > 5  # the night was not over
    assert (seen["rate_limited"], seen["max_in_window"] <= LIMIT) == (0, True)
