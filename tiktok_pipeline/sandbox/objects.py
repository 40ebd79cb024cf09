"""User and video objects with all their documented fields, and the scope that each field needs."""

import zlib
from html import escape
from typing import Any

from tiktok_pipeline.sandbox.noise import key_of, mix
from tiktok_pipeline.sandbox.world import Account, Counters, Profile, Video

USER_FIELDS: dict[str, str] = {
    "open_id": "user.info.basic",
    "union_id": "user.info.basic",
    "avatar_url": "user.info.basic",
    "avatar_url_100": "user.info.basic",
    "avatar_large_url": "user.info.basic",
    "display_name": "user.info.basic",
    "bio_description": "user.info.profile",
    "profile_deep_link": "user.info.profile",
    "is_verified": "user.info.profile",
    "username": "user.info.profile",
    "follower_count": "user.info.stats",
    "following_count": "user.info.stats",
    "likes_count": "user.info.stats",
    "video_count": "user.info.stats",
}

VIDEO_FIELDS: tuple[str, ...] = (
    "id", "create_time", "cover_image_url", "share_url", "video_description", "duration", "height", "width",
    "title", "embed_html", "embed_link",
    "like_count", "comment_count", "share_count", "view_count", "is_aigc",
)  # fmt: skip

COVER_SECONDS = 6 * 3600
AVATAR_SECONDS = 48 * 3600


class Objects:
    """Makes the objects that TikTok serves. `step` is how long (seconds) one moment's objects are served."""

    def __init__(self, public_url: str, step: int) -> None:
        self._media = f"{public_url}/sandbox/media"
        self._step = step

    def user(self, account: Account, profile: Profile, open_id: str, at: int, visit: int) -> dict[str, Any]:
        """Return an account's object at a moment; `visit` makes the deep link differ from call to call."""
        expires = at + self._step + AVATAR_SECONDS
        return {
            "open_id": open_id,
            "union_id": account.union_id,
            "avatar_url": self._signed("avatar", f"{account.index}-168", expires),
            "avatar_url_100": self._signed("avatar", f"{account.index}-100", expires),
            "avatar_large_url": self._signed("avatar", f"{account.index}-1080", expires),
            "display_name": account.display_name,
            "bio_description": account.bio,
            "profile_deep_link": f"https://vm.tiktok.com/ZS{_short(key_of(account.key, visit))}/",
            "is_verified": account.is_verified,
            "username": account.username,
            "follower_count": profile.followers,
            "following_count": profile.following,
            "likes_count": profile.likes,
            "video_count": profile.videos,
        }

    def video(
        self, account: Account, video: Video, counters: Counters, client_key: str, at: int
    ) -> dict[str, Any]:
        """Return a video's object at a moment, with the app's key in its links as TikTok has it."""
        id_ = video.id
        campaign = f"utm_campaign=tt4d_open_api&utm_source={client_key}"
        page = f"https://www.tiktok.com/@{account.username}/video/{id_}"
        return {
            "id": id_,
            "create_time": video.create_time,
            "cover_image_url": self._signed("cover", id_, at + self._step + COVER_SECONDS),
            "share_url": f"{page}?{campaign}",
            "video_description": video.caption,
            "duration": video.duration,
            "height": video.height,
            "width": video.width,
            "title": video.caption[:150],
            "embed_html": (
                f'<blockquote class="tiktok-embed" cite="{page}?{campaign}" data-video-id="{id_}" '
                f'style="max-width: 605px;min-width: 325px;" > <section> <a target="_blank" '
                f'title="@{account.username}" href="https://www.tiktok.com/@{account.username}">'
                f"@{account.username}</a> <p>{escape(video.caption)}</p> </section> </blockquote> "
                f'<script async src="https://www.tiktok.com/embed.js"></script>'
            ),
            "embed_link": f"https://www.tiktok.com/static/profile-video?id={id_}&hide_author=1&{campaign}",
            "like_count": counters.likes,
            "comment_count": counters.comments,
            "share_count": counters.shares,
            "view_count": counters.views,
            "is_aigc": video.is_aigc,
        }

    def _signed(self, kind: str, name: str, expires: int) -> str:
        signature = signature_of(kind, name, expires)
        return f"{self._media}/{kind}/{name}.svg?x-expires={expires}&x-signature={signature}%3D"


def signature_of(kind: str, name: str, expires: int) -> str:
    """Return the signature in an image's address; it protects nothing, it only looks like the real one."""
    return f"{mix(zlib.crc32(f'{kind}/{name}'.encode()) ^ expires << 32):016x}"


def _short(key: int) -> str:
    letters = (
        "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # pragma: allowlist secret - an alphabet
    )
    return "".join(letters[(key >> (8 * n)) % len(letters)] for n in range(7))
