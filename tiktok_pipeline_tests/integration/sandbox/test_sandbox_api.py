import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import requests

from tiktok_pipeline.sandbox.objects import USER_FIELDS, VIDEO_FIELDS
from tiktok_pipeline_tests.integration.sandbox.calling import App, bearer

EVERY_USER_FIELD = ",".join(USER_FIELDS)
EVERY_VIDEO_FIELD = ",".join(VIDEO_FIELDS)


def refused(answer: requests.Response, status: int, code: str, message: str | None = None) -> None:
    body = answer.json()
    assert answer.status_code == status
    assert body["data"] == {}
    assert set(body["error"]) == {"code", "message", "log_id"}
    assert body["error"]["code"] == code
    if message is not None:
        assert body["error"]["message"] == message


def good(answer: requests.Response) -> dict[str, Any]:
    body = answer.json()
    assert answer.status_code == 200, body
    assert list(body) == ["data", "error"]
    assert (body["error"]["code"], body["error"]["message"]) == ("ok", "")
    data: dict[str, Any] = body["data"]
    return data


def test_a_user_has_all_documented_fields_with_their_types(app: App) -> None:
    user = good(app.info(app.connected(1), EVERY_USER_FIELD))["user"]
    assert set(user) == set(USER_FIELDS)
    for field in ("follower_count", "following_count", "likes_count", "video_count"):
        assert type(user[field]) is int
    assert type(user["is_verified"]) is bool
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", user["union_id"])
    assert user["profile_deep_link"].startswith("https://vm.tiktok.com/ZS")
    assert not user["username"].startswith("@")


def test_only_the_asked_for_fields_come_back(app: App) -> None:
    assert list(good(app.info(app.connected(1), "display_name,open_id"))["user"]) == [
        "display_name",
        "open_id",
    ]
    assert list(app.videos(app.connected(2), fields="view_count,id")[0]) == ["view_count", "id"]


def test_the_deep_link_changes_between_calls(app: App) -> None:
    token = app.connected(1)
    links = {good(app.info(token, "profile_deep_link"))["user"]["profile_deep_link"] for _ in range(3)}
    assert len(links) == 3


@pytest.mark.parametrize("field", USER_FIELDS)
def test_a_user_field_needs_its_scope(app: App, field: str) -> None:
    scopes = sorted(set(USER_FIELDS.values()))
    assert app.info(app.connected(1, [USER_FIELDS[field]]), field).status_code == 200
    token = app.connected(1, [scope for scope in scopes if scope != USER_FIELDS[field]])
    answer = app.info(token, f"{field},{field}")
    refused(answer, 401, "scope_not_authorized")
    assert "did not authorize the scope" in answer.json()["error"]["message"]


def test_one_ungranted_field_fails_the_whole_request(app: App) -> None:
    token = app.connected(1, ["user.info.basic"])
    refused(app.info(token, "open_id,username"), 401, "scope_not_authorized")


def test_videos_need_their_scope(app: App) -> None:
    token = app.connected(2, ["user.info.basic"])
    refused(app.page(token), 401, "scope_not_authorized")
    refused(app.query(token, {"filters": {"video_ids": ["1"]}}), 401, "scope_not_authorized")


@pytest.mark.parametrize("endpoint", ["info", "list", "query"])
def test_fields_are_required_and_known(app: App, endpoint: str) -> None:
    token = app.connected(2)
    body = {"filters": {"video_ids": ["1"]}}
    call: Callable[[str | None], requests.Response] = {
        "info": lambda fields: app.info(token, fields),
        "list": lambda fields: app.page(token, {}, fields),
        "query": lambda fields: app.query(token, body, fields),
    }[endpoint]
    missing = "Fields is required, please provide fields in the request"
    refused(call(None), 400, "invalid_params", missing)
    refused(call(""), 400, "invalid_params", missing)
    refused(call("non_existent_field"), 400, "invalid_params", "Invalid field(s): non_existent_field")
    known = "open_id" if endpoint == "info" else "id"
    refused(call(f"{known},nonsense,rubbish"), 400, "invalid_params", "Invalid field(s): nonsense, rubbish")


@pytest.mark.parametrize("headers", [{}, bearer("act.made-up"), {"Authorization": "Basic abc"}, bearer("")])
def test_a_missing_or_wrong_token_is_refused(app: App, headers: dict[str, str]) -> None:
    message = "The access token is invalid or not found in the request."
    for method, path in (("GET", "user/info/"), ("POST", "video/list/"), ("POST", "video/query/")):
        answer = app.http.request(method, app.url(path), headers=headers, timeout=10)
        refused(answer, 401, "access_token_invalid", message)


def test_a_client_token_opens_nothing(app: App) -> None:
    token = app.token(grant_type="client_credentials").json()["access_token"]
    refused(app.info(token), 401, "access_token_invalid")


def test_videos_have_all_documented_fields_with_their_types(app: App, big: int) -> None:
    video = app.videos(app.connected(big), fields=EVERY_VIDEO_FIELD)[0]
    assert list(video) == list(VIDEO_FIELDS)
    whole = {"create_time", "duration", "height", "width", "like_count", "comment_count", "share_count"}
    assert all(type(video[field]) is int for field in whole | {"view_count"})
    assert type(video["id"]) is str
    assert int(video["id"]) > 1 << 53
    assert type(video["is_aigc"]) is bool
    assert (
        f"/video/{video['id']}?utm_campaign=tt4d_open_api&utm_source=sandbox-client-key" in video["share_url"]
    )
    assert len(video["title"]) <= 150
    assert video["video_description"].startswith(video["title"])


def test_the_share_url_holds_the_key_of_the_app_that_asks(app: App, big: int) -> None:
    ours = app.videos(app.connected(big), fields="share_url")[0]["share_url"]
    assert ours.endswith("utm_source=sandbox-client-key")
    code = app.sandbox.authorize(big, client_key="other-key")
    token = app.exchange(code, client_key="other-key", client_secret="other-secret").json()["access_token"]
    assert app.videos(token, fields="share_url")[0]["share_url"].endswith("utm_source=other-key")


def test_picture_addresses_are_signed_and_expire(app: App, big: int) -> None:
    token = app.connected(big)
    cover = app.videos(token, fields="cover_image_url")[0]["cover_image_url"]
    avatar = good(app.info(token, "avatar_large_url"))["user"]["avatar_large_url"]
    assert app.http.get(cover, timeout=10).status_code == 200
    assert app.http.get(avatar, timeout=10).headers["content-type"].startswith("image/")
    assert app.http.get(cover[:-5] + "1%3D", timeout=10).status_code == 403
    app.later(hours=8)
    assert app.http.get(cover, timeout=10).status_code == 403
    assert app.http.get(avatar, timeout=10).status_code == 200
    app.later(hours=42)
    assert app.http.get(avatar, timeout=10).status_code == 403


def test_the_default_page_has_10_videos_and_the_largest_20(app: App, big: int) -> None:
    token = app.connected(big)
    assert len(good(app.page(token))["videos"]) == 10
    assert len(good(app.page(token, {"max_count": 20}))["videos"]) == 20
    answer = app.http.post(app.url("video/list/?fields=id"), headers=bearer(token), timeout=10)
    assert len(good(answer)["videos"]) == 10


@pytest.mark.parametrize("size", [1, 7, 10, 20])
def test_pages_hold_every_video_once_in_descending_order_even_in_one_second(
    app: App, big: int, size: int
) -> None:
    videos = app.videos(app.connected(big), size)
    truth = app.sandbox.history(big, at=app.sandbox.now())["videos"]
    assert [video["id"] for video in videos] == [video["id"] for video in truth]
    assert all(a["create_time"] >= b["create_time"] for a, b in pairwise(videos))
    assert any(a["create_time"] == b["create_time"] for a, b in pairwise(videos))


def test_the_cursor_is_in_milliseconds_and_means_posted_before(app: App, big: int) -> None:
    token = app.connected(big)
    page = good(app.page(token))
    assert page["cursor"] // 1000 == page["videos"][-1]["create_time"]
    chosen = page["videos"][4]["create_time"]
    later = good(app.page(token, {"cursor": chosen * 1000}))["videos"]
    assert all(video["create_time"] < chosen for video in later)
    assert good(app.page(token, {"cursor": 1000}))["videos"] == []


def test_an_empty_account_is_answered_as_recorded(app: App, empty: int) -> None:
    assert good(app.page(app.connected(empty))) == {"videos": [], "cursor": 0, "has_more": False}
    assert good(app.info(app.connected(empty), "likes_count,video_count"))["user"] == {
        "likes_count": 0,
        "video_count": 0,
    }


@pytest.mark.parametrize(
    "body",
    [
        {"max_count": 21}, {"max_count": 0}, {"max_count": -1}, {"max_count": "20"}, {"max_count": True},
        {"max_count": 5.0}, {"cursor": "1643332803000"}, {"cursor": -1}, {"cursor": 1 << 63}, [], "text",
    ],
)  # fmt: skip
def test_a_wrong_list_body_is_refused(app: App, body: object) -> None:
    refused(app.page(app.connected(2), body), 400, "invalid_params")


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_json_is_refused(app: App, body: bytes) -> None:
    answer = app.http.post(
        app.url("video/list/?fields=id"), headers=bearer(app.connected(2)), data=body, timeout=10
    )
    refused(answer, 400, "invalid_params")


def test_a_query_returns_what_belongs_to_the_account_and_leaves_out_the_rest(app: App, big: int) -> None:
    token = app.connected(big)
    mine = [video["id"] for video in app.videos(token)][:3]
    foreign = app.videos(app.connected(2))[0]["id"]
    data = good(app.query(token, {"filters": {"video_ids": [mine[2], foreign, "123", mine[0]]}}))
    assert [video["id"] for video in data["videos"]] == [mine[0], mine[2]]
    unknown = good(app.query(token, {"filters": {"video_ids": ["123"]}}))
    assert unknown == {"cursor": 0, "has_more": False, "videos": []}


@pytest.mark.parametrize(
    "body",
    [
        {}, {"filters": {}}, {"filters": {"video_ids": []}}, {"filters": {"video_ids": [1]}},
        {"filters": {"video_ids": ["1"] * 21}}, {"filters": ["1"]}, {"filters": {"video_ids": "1"}},
    ],
)  # fmt: skip
def test_a_wrong_query_body_is_refused(app: App, body: object) -> None:
    refused(app.query(app.connected(2), body), 400, "invalid_params")


def test_a_query_takes_20_ids(app: App, big: int) -> None:
    token = app.connected(big)
    ids = [video["id"] for video in app.videos(token)][:20]
    assert len(good(app.query(token, {"filters": {"video_ids": ids}}))["videos"]) == 20


def test_log_ids_are_new_each_time_and_hold_the_time_in_utc_plus_8(app: App) -> None:
    token = app.connected(1)
    app.sandbox.set_clock(now="2026-12-31T20:15:00Z")
    token = app.connected(1)
    answers = [app.info(token) for _ in range(5)]
    log_ids = [answer.json()["error"]["log_id"] for answer in answers]
    assert len(set(log_ids)) == 5
    assert all(re.fullmatch(r"20270101041[5-6]\d\d[0-9A-F]{20}", log_id) for log_id in log_ids)
    assert [answer.headers["x-tt-logid"] for answer in answers] == log_ids


def test_the_order_of_keys_in_data_varies(app: App, big: int) -> None:
    token = app.connected(big)
    orders = {tuple(good(app.page(token))) for _ in range(12)}
    assert len(orders) > 2
    assert {frozenset(order) for order in orders} == {frozenset({"videos", "cursor", "has_more"})}


def test_tomorrow_has_new_counters_and_yesterdays_videos(app: App, big: int) -> None:
    before = {video["id"]: video for video in app.videos(app.connected(big))}
    app.later(days=40)
    after = {video["id"]: video for video in app.videos(app.connected(big))}
    assert set(before) < set(after)
    assert all(after[id_]["view_count"] >= video["view_count"] for id_, video in before.items())
    assert any(after[id_]["view_count"] > video["view_count"] for id_, video in before.items())


def test_wrong_methods_and_paths_are_refused(app: App) -> None:
    assert app.http.get(app.url("video/list/"), timeout=10).status_code == 405
    assert app.http.post(app.url("user/info/"), timeout=10).status_code == 405
    assert app.http.get(app.url("user/info"), timeout=10).status_code == 404
    assert app.http.get(app.url("research/"), timeout=10).status_code == 404
    assert app.http.post(app.url("video/list/"), data=b"x" * 1_100_000, timeout=10).status_code == 413


def test_no_header_speaks_of_limits(app: App) -> None:
    headers = {name.lower() for name in app.page(app.connected(2)).headers}
    assert not any("limit" in name or name == "retry-after" for name in headers)
