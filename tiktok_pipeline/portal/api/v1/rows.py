"""What the API's answers are made of. Counters are so far, deltas since the observation before; null is unknown."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import BaseModel

Endpoint = Literal["user_info", "video_list"]
Status = Literal["CONNECTED", "NEED_RECONNECT", "DISABLED", "ERROR"]


class Store(BaseModel):
    """A store, without its contacts."""

    store_code: str
    store_name: str
    pic_name: str
    created_at: dt.datetime
    accounts: int
    connected_accounts: int


class StoreAccount(BaseModel):
    """An account of a store."""

    id: int
    store_code: str
    open_id: str
    display_name: str | None
    status: Status
    connected_at: dt.datetime | None


class StoreWithAccounts(Store):
    """A store and its accounts."""

    store_accounts: list[StoreAccount]


class StoreDay(BaseModel):
    """A day of a store: sums over its accounts; counters are null unless each account was observed."""

    snapshot_date: dt.date
    accounts_expected: int
    accounts_observed: int
    is_complete: bool
    follower_count: int | None
    likes_count: int | None
    video_count: int | None
    follower_delta: int | None
    likes_delta: int | None
    video_delta: int | None
    view_delta: int | None
    video_like_delta: int | None
    comment_delta: int | None
    share_delta: int | None
    longest_span_days: int | None
    engagement_rate: float | None


class Account(StoreAccount):
    """An account with the counters of its latest day; null: it has none yet."""

    snapshot_date: dt.date | None
    follower_count: int | None
    following_count: int | None
    likes_count: int | None
    video_count: int | None


class Video(BaseModel):
    """A video with its latest counters; an old `snapshot_date`: it has left its account's list."""

    video_id: str
    snapshot_date: dt.date
    create_time: dt.datetime | None
    view_count: int | None
    like_count: int | None
    comment_count: int | None
    share_count: int | None
    engagement_rate: float | None


class VideoDay(BaseModel):
    """A day of a video."""

    snapshot_date: dt.date
    age_days: int | None
    view_count: int | None
    like_count: int | None
    comment_count: int | None
    share_count: int | None
    view_delta: int | None
    like_delta: int | None
    comment_delta: int | None
    share_delta: int | None
    span_days: int | None
    engagement_rate: float | None
    quarantined: bool


class Gap(BaseModel):
    """An account-day without data, and why; `failed` may still be captured."""

    day: dt.date
    store_code: str
    account_id: int
    endpoint: Endpoint
    state: Literal["gap", "failed"]
    reason: str | None
    error_code: str | None
