"""The tables that can be imported, and their columns: the hub's, and those that our snapshot tables added."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tiktok_pipeline.capture.ledger import Endpoint

COUNTERS = ("follower_count", "following_count", "likes_count", "video_count")
VIDEO_COUNTERS = ("view_count", "like_count", "comment_count", "share_count")
MEASURES = ("duration", "height", "width")


@dataclass(frozen=True)
class Table:
    """A table of the hub. Columns of the source that are neither required nor optional are not read."""

    name: str
    required: tuple[str, ...]
    optional: tuple[str, ...]
    endpoint: Endpoint | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Everything that is read of it."""
        return self.required + self.optional


STORES = Table("stores", ("store_code", "store_name", "pic_name"), ("pic_contact", "created_at"))
# Not the hub's tokens: they are sealed with the hub's key, and none of our business.
ACCOUNTS = Table(
    "store_accounts",
    ("store_code", "open_id"),
    ("display_name", "avatar_url", "status", "connected_at"),
)
USERS = Table(
    "tiktok_user_daily",
    ("store_code", "open_id", "snapshot_date"),
    (
        "display_name",
        "avatar_url",
        *COUNTERS,
        "username",
        "bio_description",
        "is_verified",
        "observed_at",
        "created_at",
    ),
    "user_info",
)
VIDEOS = Table(
    "tiktok_video_daily",
    ("store_code", "video_id", "snapshot_date"),
    (
        "open_id",
        "description",
        "cover_image_url",
        "share_url",
        "create_time",
        *VIDEO_COUNTERS,
        "title",
        *MEASURES,
        "observed_at",
        "created_at",
    ),
    "video_list",
)

# In the order in which they are imported: a row may need one of a table before.
TABLES: Mapping[str, Table] = MappingProxyType(
    {table.name: table for table in (STORES, ACCOUNTS, USERS, VIDEOS)}
)
