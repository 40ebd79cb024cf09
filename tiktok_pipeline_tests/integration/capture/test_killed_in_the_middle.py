"""A run that is killed resumes at the page it had reached."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.capturing import VIDEOS, Pipeline

PAGES = 3  # 45 videos
LEASE_SECONDS = 2


@pytest.mark.parametrize("landed", [1, 2, 4])
def test_at_most_one_request_is_repeated_after_kill_9(
    pipeline: Pipeline, sandbox: SandboxProcess, database_url: str, tmp_path: Path, landed: int
) -> None:
    pipeline.connect(2)
    sandbox.reset_requests()
    sandbox.set_faults(slow={"delay_ms": 300, "endpoint": "video/list"})
    child = subprocess.Popen(
        [
            sys.executable, "-m", "tiktok_pipeline_tests.integration.capture.child",
            database_url, sandbox.base_url, str(tmp_path / "keys.json"), str(LEASE_SECONDS),
        ]
    )  # fmt: skip
    deadline = time.monotonic() + 30
    while _pages(pipeline) < landed and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert landed <= _pages(pipeline) < 2 * PAGES
    sandbox.clear_faults()
    pipeline.capture(lease=dt.timedelta(seconds=LEASE_SECONDS))
    lists = [request for request in sandbox.requests(log=True)["log"] if request["endpoint"] == "video/list"]
    assert 2 * PAGES <= len(lists) <= 2 * PAGES + 1
    assert _pages(pipeline) == 2 * PAGES
    attempts = rows(pipeline.warehouse, "select sum(attempts)::int as attempts from capture.account_day")
    assert attempts[0]["attempts"] in {3, 4}  # counted before work starts, so the killed ones count
    pipeline.snapshot()
    for index in (0, 1):
        truth = {video["id"] for video in sandbox.history(index, at=sandbox.now())["videos"]}
        open_id = sandbox.accounts()[index]["open_id"]
        found = rows(pipeline.warehouse, f"select video_id from {VIDEOS} where open_id = %s", open_id)
        assert {row["video_id"] for row in found} == truth


def _pages(pipeline: Pipeline) -> int:
    return int(rows(pipeline.warehouse, "select count(*) as pages from capture.page")[0]["pages"])
