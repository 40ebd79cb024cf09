from __future__ import annotations

import pytest

from tiktok_pipeline.tiktok.client import TikTokClient
from tiktok_pipeline.tiktok.errors import ScopeError
from tiktok_pipeline.tiktok.fields import user_fields, video_fields
from tiktok_pipeline.vault.secret import SecretToken


def test_only_fields_of_granted_scopes_are_asked_for() -> None:
    basic = user_fields(["user.info.basic", "video.list", "something.else"])
    assert "display_name" in basic
    assert "follower_count" not in basic
    assert "username" not in basic
    assert set(user_fields(["user.info.stats"])) == {
        "follower_count",
        "following_count",
        "likes_count",
        "video_count",
    }
    assert video_fields(["user.info.basic"]) == ()


def test_without_a_scope_no_request_is_sent() -> None:
    client = TikTokClient("http://127.0.0.1:9", "key")
    with pytest.raises(ScopeError, match=r"video\.list"):
        client.video_list(SecretToken("act.x"), ["user.info.basic"])
    with pytest.raises(ScopeError, match=r"user\.info\.basic"):
        client.user_info(SecretToken("act.x"), ["video.list"])
    assert client.requests_sent == 0
