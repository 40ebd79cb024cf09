"""Importing history that was not captured here: it keeps its days, and says `source = 'import'` for ever."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import psycopg
from psycopg.rows import DictRow

from tiktok_pipeline.warehouse.connection import Warehouse, run

ACCOUNT_DAYS_PER_BATCH = 200
COPY_IMPORTED = """
    copy capture.imported (account_id, endpoint, day, item_id, fields, observed_at, imported_from) from stdin
"""


@dataclass(frozen=True, slots=True)
class ImportedDay:
    """One account's profile and videos as somebody saw them on a past day, in TikTok's field names."""

    account_id: int
    day: dt.date
    user: dict[str, Any]
    videos: list[dict[str, Any]]
    observed_at: dt.datetime | None


def import_history(
    warehouse: Warehouse, days: Iterable[ImportedDay], *, zone: str, imported_from: str
) -> int:
    """Import `days`; how many account-days (two per ImportedDay, one per endpoint) were taken.

    Only past days in the time zone `zone` are taken, and only where nothing was captured or imported
    before; a gap is filled. `imported_from` says where the history comes from. Batches commit one by one,
    so a cut-off import goes on where it stopped when it is started again.
    """
    taken = 0
    batches = iter(days)
    while batch := list(islice(batches, ACCOUNT_DAYS_PER_BATCH)):
        with warehouse.transaction() as cursor:
            taken += _import_batch(cursor, batch, zone, imported_from)
    return taken


def _import_batch(
    cursor: psycopg.Cursor[DictRow], batch: list[ImportedDay], zone: str, imported_from: str
) -> int:
    first, last = min(day.day for day in batch), max(day.day for day in batch)
    run(cursor, "capture/ensure_partitions", {"first": first, "last": last})
    accepted = {
        (row["account_id"], row["endpoint"], row["day"])
        for row in run(
            cursor,
            "capture/accept_imports",
            {
                "account_ids": [day.account_id for day in batch],
                "days": [day.day for day in batch],
                "zone": zone,
            },
        )
    }
    with cursor.copy(COPY_IMPORTED) as copy:
        for endpoint, day, item_id, fields in _items(batch):
            if (day.account_id, endpoint, day.day) in accepted:
                copy.write_row(
                    (
                        day.account_id,
                        endpoint,
                        day.day,
                        item_id,
                        json.dumps(fields),
                        day.observed_at,
                        imported_from,
                    )
                )
    return len(accepted)


def _items(batch: list[ImportedDay]) -> Iterator[tuple[str, ImportedDay, str, dict[str, Any]]]:
    for day in batch:
        yield "user_info", day, "profile", day.user
        for video in day.videos:
            yield "video_list", day, str(video["id"]), video
