"""A row of a daily table, checked, as what TikTok would have said: its fields in TikTok's names."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from tiktok_pipeline.capture.imports import PROFILE, Item
from tiktok_pipeline.importing.people import Known
from tiktok_pipeline.importing.tables import COUNTERS, MEASURES, VIDEO_COUNTERS
from tiktok_pipeline.importing.values import (
    LARGEST_MEASURE,
    Refused,
    Times,
    counter,
    identifier,
    truth,
    words,
)

Row = Mapping[str, str | None]


def profile_of(row: Row, line: int, known: Known, times: Times) -> Item:
    """A row of tiktok_user_daily. Raises Refused."""
    account_id = known.account(row)
    day = times.past_day(row["snapshot_date"], "snapshot_date")
    said: dict[str, Any] = {
        name: words(row.get(name)) for name in ("display_name", "avatar_url", "username", "bio_description")
    }
    said |= {name: counter(row.get(name), name) for name in COUNTERS}
    said["is_verified"] = truth(row.get("is_verified"), "is_verified")
    return Item("user_info", day, account_id, PROFILE, _json(said), _observed_at(row, day, times), line)


def video_of(row: Row, line: int, known: Known, times: Times) -> Item:
    """A row of tiktok_video_daily. Raises Refused."""
    account_id = known.account_of_video(row)
    video_id = identifier(row["video_id"], "video_id")
    day = times.past_day(row["snapshot_date"], "snapshot_date")
    said: dict[str, Any] = {
        "id": video_id,
        "video_description": words(row.get("description")),
        "cover_image_url": words(row.get("cover_image_url")),
        "share_url": words(row.get("share_url")),
        "title": words(row.get("title")),
        "create_time": times.unix_seconds(row.get("create_time"), "create_time"),
    }
    said |= {name: counter(row.get(name), name) for name in VIDEO_COUNTERS}
    said |= {name: counter(row.get(name), name, LARGEST_MEASURE) for name in MEASURES}
    return Item("video_list", day, account_id, video_id, _json(said), _observed_at(row, day, times), line)


def _json(said: dict[str, Any]) -> str:
    return json.dumps({name: value for name, value in said.items() if value is not None})


def _observed_at(row: Row, day: dt.date, times: Times) -> dt.datetime | None:
    """When the source saw it: it says so, or the row was written on its day."""
    said = times.past_instant(row.get("observed_at"), "observed_at")
    if said is not None:
        return said
    try:
        written = times.instant(row.get("created_at"), "created_at")
    except Refused:
        return None  # when the hub wrote the row is no counter: a row is not refused for it
    if written is None or written.astimezone(times.zone).date() != day:
        return None
    return written
