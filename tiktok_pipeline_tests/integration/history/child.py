"""Archives and drops, and dies on the way, in a process of its own."""

from __future__ import annotations

import datetime as dt
import os
import signal
from typing import Any

import pyarrow.parquet  # noqa: F401 - loaded once, for all processes that are forked

from tiktok_pipeline.history import archive
from tiktok_pipeline.history.partitions import restored
from tiktok_pipeline.warehouse.connection import Warehouse


def archive_and_die(url: str, folder: str, function: str, when: str, number: int) -> None:
    """Archive and drop January, and die before or after the call of that number of a function."""
    die_at(archive, function, when, number)
    warehouse = Warehouse(url)
    for month in archive.months_to_archive(warehouse, dt.date(2026, 2, 15)):
        archive.drop_month(warehouse, archive.write_month(warehouse, folder, month)[0])


def restore_and_die(url: str, first: dt.date, last: dt.date) -> None:
    """Put archived months back as a rebuild does, and die in the middle of it."""
    with restored(Warehouse(url), first, last, None):
        os.kill(os.getpid(), signal.SIGKILL)


def die_at(module: Any, name: str, when: str, number: int) -> None:
    """Kill this process before or after the call of that number of a function, as a power cut would."""
    real = getattr(module, name)
    calls = 0

    def deadly(*values: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if when == "before" and calls == number:
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*values, **named)
        if when == "after" and calls == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(module, name, deadly)
