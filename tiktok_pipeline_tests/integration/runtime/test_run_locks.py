"""The lock of a run in Dagster's database: held while its process lives, and no longer, however that ends."""

from __future__ import annotations

import subprocess
import sys
import time

from tiktok_pipeline.runtime.dagster_storage import dagster_storage

RUN = "11111111-2222-3333-4444-555555555555"
HOLD = """
import sys, time
from tiktok_pipeline.runtime.dagster_storage import dagster_storage
with dagster_storage(sys.argv[1], "DAGSTER_POSTGRES_URL") as storage, storage.holding(sys.argv[2]):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_lock_ends_with_its_process(database_url: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, database_url, RUN], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        with dagster_storage(database_url, "DAGSTER_POSTGRES_URL") as storage:
            assert storage.is_held(RUN)
            assert not storage.is_held("another run")
            process.kill()
            process.wait(30)
            deadline = time.monotonic() + 10
            while storage.is_held(RUN) and time.monotonic() < deadline:
                time.sleep(0.05)
            assert not storage.is_held(RUN)
            assert not storage.is_held(RUN)  # looking does not take it
    finally:
        process.kill()
        process.wait(30)
        assert process.stdout
        process.stdout.close()


def test_a_lock_ends_with_its_block(database_url: str) -> None:
    with (
        dagster_storage(database_url, "DAGSTER_POSTGRES_URL") as one,
        dagster_storage(database_url, "DAGSTER_POSTGRES_URL") as other,
    ):
        with one.holding(RUN):
            assert other.is_held(RUN)
        assert not other.is_held(RUN)
