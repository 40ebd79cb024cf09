"""Importing history that was not captured here: it keeps its days, and says `source = 'import'` for ever."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import DictRow

from tiktok_pipeline.capture.ledger import Endpoint
from tiktok_pipeline.warehouse.connection import Warehouse, run
from tiktok_pipeline.warehouse.derive import months

ACCOUNT_DAYS_PER_BATCH = 200
COPY_STAGED = "copy staged (endpoint, day, account_id, item_id, fields, observed_at, line) from stdin"
PROFILE = "profile"  # the item of a user_info day


@dataclass(frozen=True, slots=True)
class ImportedDay:
    """One account's profile and videos as somebody saw them on a past day, in TikTok's field names.

    None is what the source does not tell: a profile without a list of videos says nothing of videos. An empty
    list says that there were none.
    """

    account_id: int
    day: dt.date
    user: dict[str, Any] | None
    videos: list[dict[str, Any]] | None
    observed_at: dt.datetime | None


class Item(NamedTuple):
    """A profile or a video of an account-day, as it is staged; `line` is where in its source it stands."""

    endpoint: Endpoint
    day: dt.date
    account_id: int
    item_id: str | None
    fields: str | None  # JSON
    observed_at: dt.datetime | None
    line: int


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of the staged rows of an endpoint."""

    endpoint: Endpoint
    account_days: int
    rows: int
    imported_before: int
    captured_here: int


def import_history(
    warehouse: Warehouse, days: Iterable[ImportedDay], *, zone: str, imported_from: str
) -> int:
    """Import `days`; how many account-days (of an ImportedDay one per endpoint that it tells of) were taken.

    Only past days in the time zone `zone` are taken, and only where nothing was captured or imported
    before; a gap is filled. `imported_from` says where the history comes from. Batches commit one by one,
    so a cut-off import goes on where it stopped when it is started again.
    """
    taken = 0
    remaining = iter(days)
    while batch := list(islice(remaining, ACCOUNT_DAYS_PER_BATCH)):
        with warehouse.transaction() as cursor:
            run(cursor, "capture/stage_imports")
            stage(cursor, _items(batch))
            taken += sum(
                now.account_days
                for now in take_staged(
                    cursor, {day.day for day in batch}, zone=zone, imported_from=imported_from
                )
            )
            cursor.execute("drop table staged")
    return taken


def stage(cursor: psycopg.Cursor[DictRow], items: Iterable[Item]) -> None:
    """Put `items` into the connection's table `staged`."""
    with cursor.copy(COPY_STAGED) as copy:
        for item in items:
            copy.write_row(item)


def take_staged(
    cursor: psycopg.Cursor[DictRow], days: set[dt.date], *, zone: str, imported_from: str
) -> list[Taken]:
    """Import what is staged of the days from the first to the last of `days`, in the caller's transaction."""
    first, last = min(days), max(days)
    # Only the months that have days: between a mistyped year and the next day there may be a thousand.
    for month in {day.replace(day=1) for day in days}:
        start, end = next(months(month, last))
        run(cursor, "capture/ensure_partitions", {"first": start, "last": end})
    values = {"first": first, "last": last, "zone": zone, "imported_from": imported_from}
    return [Taken(**row) for row in run(cursor, "capture/accept_imports", values)]


def _items(batch: list[ImportedDay]) -> Iterator[Item]:
    for day in batch:
        if day.user is not None:
            yield Item(
                "user_info", day.day, day.account_id, PROFILE, json.dumps(day.user), day.observed_at, 0
            )
        if day.videos is None:
            continue
        yield Item("video_list", day.day, day.account_id, None, None, None, 0)
        for video in day.videos:
            fields = json.dumps(video)
            yield Item("video_list", day.day, day.account_id, str(video["id"]), fields, day.observed_at, 0)
