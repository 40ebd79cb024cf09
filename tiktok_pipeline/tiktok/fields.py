"""Which fields are asked for, by the scope that allows them.

One field without its scope fails the whole request with 401, so only what was granted is asked for.
Source: TikTok's pages "Get User Info", "Video Object" and the user info scope migration.
"""

from __future__ import annotations

from collections.abc import Collection
from types import MappingProxyType

VIDEO_SCOPE = "video.list"

USER_FIELDS = MappingProxyType(
    {
        "user.info.basic": (
            "open_id",
            "union_id",
            "avatar_url",
            "avatar_url_100",
            "avatar_large_url",
            "display_name",
        ),
        "user.info.profile": ("bio_description", "profile_deep_link", "is_verified", "username"),
        "user.info.stats": ("follower_count", "following_count", "likes_count", "video_count"),
    }
)

# Without embed_html and embed_link: they repeat the id and would double the size of a page.
VIDEO_FIELDS = (
    "id",
    "create_time",
    "cover_image_url",
    "share_url",
    "video_description",
    "duration",
    "height",
    "width",
    "title",
    "like_count",
    "comment_count",
    "share_count",
    "view_count",
)


def user_fields(scopes: Collection[str]) -> tuple[str, ...]:
    """The fields of user/info that these scopes allow; empty when they allow none."""
    return tuple(field for scope, fields in USER_FIELDS.items() if scope in scopes for field in fields)


def video_fields(scopes: Collection[str]) -> tuple[str, ...]:
    """The fields of video/list that these scopes allow; empty when they allow none."""
    return VIDEO_FIELDS if VIDEO_SCOPE in scopes else ()
