"""Our own way: ledger, quota, vault, pages landed and checked, one statement derives the day's snapshot."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from tiktok_pipeline.sandbox.settings import SandboxSettings
from tiktok_pipeline.tiktok.client import TikTokClient
from tiktok_pipeline.tiktok.quota import Quota
from tiktok_pipeline.warehouse.connection import AWAY, Warehouse
from tiktok_pipeline.warehouse.derive import derive
from tiktok_pipeline_tests.capturing import VIDEOS, Pipeline

THREADS = 8
TRIES = 4  # as often as a step of the daily job is begun when its database is away


def opened() -> Pipeline:
    """The pipeline of the environment's database and key ring; `PEER_LIMIT` requests in a window at most."""
    app, api = SandboxSettings(), os.environ["PEER_API"]
    sandbox: Any = SimpleNamespace(base_url=api, client_key=app.client_key, client_secret=app.client_secret)
    pipeline = Pipeline(
        Warehouse(os.environ["PEER_SQLALCHEMY"]),
        cast(Any, sandbox),
        Path(os.environ["PEER_STATE"]) / "keys.json",
    )
    quota = Quota(
        pipeline.warehouse,
        app.client_key,
        int(os.environ["PEER_LIMIT"]),
        window_seconds=float(os.environ["PEER_WINDOW"]),
    )
    pipeline.client = TikTokClient(api, app.client_key, quota)
    return pipeline


def main() -> None:
    for left in reversed(range(TRIES)):
        try:
            pipeline = opened()
            pipeline.capture("video_list", workers=THREADS)
            day = pipeline.ledger().today()
            derive(pipeline.warehouse, VIDEOS, day, day)
        except AWAY:
            if not left:
                raise
            time.sleep(1)
        else:
            return


if __name__ == "__main__":
    main()
