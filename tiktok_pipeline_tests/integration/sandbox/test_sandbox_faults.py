"""Every kind of fault, as a client meets it."""

import gzip
import http.client
import json
import math
import socket
import time
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tiktok_pipeline.sandbox.faults import Faults
from tiktok_pipeline_tests.integration.sandbox.calling import App, bearer

COUNTERS = "id,view_count,like_count,comment_count,share_count"


def raw(app: App, token: str, *, until: bytes | None = None, seconds: float = 5.0) -> bytes:
    """Return what comes over the wire for one page, to the end of the connection or until some bytes came."""
    address = urlsplit(app.sandbox.base_url)
    with socket.create_connection((address.hostname, address.port), timeout=seconds) as wire:
        wire.sendall(
            f"POST /v2/video/list/?fields=id HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
            "Content-Length: 2\r\nConnection: close\r\n\r\n{}".encode()
        )
        came = b""
        try:
            while (piece := wire.recv(65536)) and not (until and until in came + piece):
                came += piece
            return came + piece
        except TimeoutError:
            return came + b"<silence>"
        except ConnectionResetError:
            return came + b"<reset>"


def error_code(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


# whom and how often


def test_a_fault_may_hit_one_endpoint_only(app: App) -> None:
    token = app.connected(2)
    app.sandbox.set_faults(internal_error={"endpoint": "video/list"})
    assert app.page(token).status_code == 500
    assert app.info(token).status_code == 200
    app.sandbox.set_faults(internal_error={"endpoint": ["user/info", "video/list"]})
    assert app.page(token).status_code == 500
    assert app.info(token).status_code == 500


def test_a_fault_may_hit_some_accounts_only(app: App) -> None:
    tokens = [app.connected(index) for index in (1, 2, 3)]
    app.sandbox.set_faults(internal_error={"accounts": [1, app.sandbox.accounts()[3]["open_id"]]})
    assert [app.info(token).status_code for token in tokens] == [500, 200, 500]


def test_a_fault_may_hit_some_times_only(app: App) -> None:
    token = app.connected(2)
    app.sandbox.set_faults(internal_error={"after": 1, "times": 2})
    assert [app.info(token).status_code for _ in range(5)] == [200, 500, 500, 200, 200]
    assert app.sandbox.fault_hits() == {"internal_error": 2}


def test_a_fault_may_count_for_each_account(app: App) -> None:
    tokens = [app.connected(index) for index in (1, 2)]
    app.sandbox.set_faults(internal_error={"times": 1, "per_account": True})
    assert [app.info(token).status_code for token in tokens * 2] == [500, 500, 200, 200]


def test_a_fault_may_hit_by_chance(app: App) -> None:
    token = app.connected(2)
    app.sandbox.set_faults(internal_error={"probability": 0.3})
    hits = sum(app.info(token).status_code == 500 for _ in range(100))
    assert 15 < hits < 45


def test_two_rules_of_a_kind_may_differ(app: App) -> None:
    one, two = app.connected(1), app.connected(2)
    app.sandbox.set_faults(html_error=[{"accounts": [1], "status": 502}, {"accounts": [2], "status": 504}])
    assert (app.info(one).status_code, app.info(two).status_code) == (502, 504)


def test_every_kind_of_fault_can_be_switched_on_without_particulars(app: App) -> None:
    for kind in Faults.model_fields:
        app.sandbox.set_faults(**{kind: True})


# instead of an answer


def test_internal_error(app: App) -> None:
    token = app.connected(2)
    app.sandbox.set_faults(internal_error=True)
    assert error_code(app.page(token)) == (500, "internal_error")
    answer = app.refresh("x")
    assert (answer.status_code, answer.json()["error"]) == (500, "server_error")


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_gateways_page(app: App, status: int) -> None:
    token = app.connected(2)
    app.sandbox.set_faults(html_error={"status": status})
    for answer in (app.page(token), app.refresh("x")):
        assert answer.status_code == status
        assert answer.headers["content-type"].startswith("text/html")
        assert answer.text.startswith("<html>")


@pytest.mark.parametrize("retry_after", [None, "5", -5, 99999999999, "soon", "date+30", "date-30"])
def test_429_with_any_retry_after(app: App, retry_after: str | int | None) -> None:
    token = app.connected(2)
    app.sandbox.set_faults(rate_limited={"retry_after": retry_after})
    answer = app.page(token)
    assert error_code(answer) == (429, "rate_limit_exceeded")
    sent = answer.headers.get("retry-after")
    if isinstance(retry_after, str) and retry_after.startswith("date"):
        assert sent is not None
        assert parsedate_to_datetime(sent).timestamp() == pytest.approx(
            time.time() + int(retry_after[4:]), abs=3
        )
    else:
        assert sent == (None if retry_after is None else str(retry_after))


def test_token_and_scope_refusals(app: App) -> None:
    token = app.connected(2)
    app.sandbox.set_faults(token_invalid={"times": 1}, scope_refused=True)
    assert error_code(app.page(token)) == (401, "access_token_invalid")
    assert error_code(app.page(token)) == (401, "scope_not_authorized")


def test_an_error_with_status_200(app: App) -> None:
    token = app.connected(2)
    app.sandbox.set_faults(error_code={"code": "rate_limit_exceeded"})
    assert error_code(app.page(token)) == (200, "rate_limit_exceeded")
    app.sandbox.set_faults(error_code={"code": "spam_risk", "status": 403, "message": "no"})
    assert error_code(app.page(token)) == (403, "spam_risk")


def test_a_page_of_html_and_a_page_of_nothing(app: App) -> None:
    token = app.connected(2)
    app.sandbox.set_faults(html_ok={"times": 1}, empty_body=True)
    assert app.page(token).text.startswith("<!DOCTYPE html>")
    answer = app.page(token)
    assert (answer.status_code, answer.content) == (200, b"")


def test_an_oversized_body_a_gzip_bomb_and_a_deep_one(app: App) -> None:
    token = app.connected(2)
    app.sandbox.set_faults(oversize={"megabytes": 3})
    assert len(app.page(token).content) > 3_000_000
    app.sandbox.set_faults(gzip_bomb={"megabytes": 3})
    head, _, packed = raw(app, token).partition(b"\r\n\r\n")
    assert b"content-encoding: gzip" in head
    assert len(packed) < 10_000
    assert len(gzip.decompress(packed)) > 3_000_000
    app.sandbox.set_faults(deep_json={"depth": 20_000})
    assert app.page(token).content.count(b"[") == 20_000


# on the way


def test_a_slow_answer(app: App) -> None:
    token = app.connected(2)
    app.sandbox.set_faults(slow={"delay_ms": 150})
    started = time.monotonic()
    assert app.page(token).status_code == 200
    assert 0.15 <= time.monotonic() - started < 1


def test_a_body_in_drops(app: App) -> None:
    token = app.connected(2)
    app.sandbox.set_faults(drip={"bytes_per_second": 1000})
    started = time.monotonic()
    assert app.page(token, {"max_count": 1}, "id").json()["error"]["code"] == "ok"
    assert time.monotonic() - started > 0.08
    app.sandbox.set_faults(drip={"bytes_per_second": 1})
    came = raw(app, token, until=b"<never>", seconds=0.3).partition(b"\r\n\r\n")[2]
    assert came == b"{<silence>"


@pytest.mark.parametrize(("at", "head"), [("request", False), ("answer", False), ("headers", True)])
def test_an_open_connection_on_which_nothing_comes(app: App, at: str, head: bool) -> None:
    token = app.connected(2)
    app.sandbox.set_faults(silence={"at": at})
    came = raw(app, token, seconds=0.2)
    assert came.endswith(b"<silence>")
    assert came.startswith(b"HTTP/1.1 200") == head
    assert (b"content-length" in came) == head


@pytest.mark.parametrize("reset", [True, False])
@pytest.mark.parametrize("at", ["request", "answer", "body"])
def test_a_connection_that_is_cut(app: App, at: str, reset: bool) -> None:
    token = app.connected(2)
    app.sandbox.set_faults(drop={"at": at, "reset": reset})
    came = raw(app, token)
    assert came.endswith(b"<reset>") == reset
    came = came.removesuffix(b"<reset>")
    if at != "body":
        assert came == b""
    with pytest.raises(requests.RequestException):
        app.page(token)


def test_a_connection_cut_in_the_body_has_sent_a_part_of_it(app: App) -> None:
    token = app.connected(2)
    app.sandbox.set_faults(drop={"at": "body"})
    head, _, body = raw(app, token).partition(b"\r\n\r\n")
    announced = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    assert 0 < len(body) < announced


@pytest.mark.parametrize("by", [100, -40])
def test_a_wrong_content_length(app: App, by: int) -> None:
    token = app.connected(2)
    app.sandbox.set_faults(wrong_length={"by": by})
    head, _, body = raw(app, token).partition(b"\r\n\r\n")
    assert int(head.partition(b"content-length: ")[2].split(b"\r\n")[0]) == len(body) + by
    assert json.loads(body)["error"]["code"] == "ok"


def test_json_that_stops_in_the_middle(app: App) -> None:
    token = app.connected(2)
    app.sandbox.set_faults(truncated_json={"keep": 0.9})
    answer = app.page(token)
    assert answer.status_code == 200
    assert len(answer.content) == int(answer.headers["content-length"])
    with pytest.raises(ValueError, match=r"char \d+"):
        json.loads(answer.content)


def test_another_content_type(app: App) -> None:
    token = app.connected(2)
    app.sandbox.set_faults(content_type={"value": "application/octet-stream"})
    assert app.page(token).headers["content-type"] == "application/octet-stream"


def test_what_was_dropped_is_logged_as_unanswered(app: App) -> None:
    token = app.connected(2)
    app.sandbox.set_faults(drop=True)
    app.sandbox.reset_requests()
    assert raw(app, token) == b""
    deadline = time.monotonic() + 2
    while "video/list" not in app.sandbox.requests()["endpoints"] and time.monotonic() < deadline:
        time.sleep(0.01)
    assert app.sandbox.requests()["endpoints"]["video/list"]["statuses"] == {"0": 1}


# paging, over HTTP; that nothing is lost on the way is held by the properties of test_sandbox_paging


def test_paging_faults(app: App, big: int) -> None:
    token = app.connected(big)
    truth = [video["id"] for video in app.videos(token)]
    app.sandbox.set_faults(stuck_cursor=True)
    pages = app.pages(token, at_most=6)
    assert len({page["cursor"] for page in pages}) == 1
    app.sandbox.set_faults(cursor_loop=True)
    cursors = [page["cursor"] for page in app.pages(token, at_most=6)]
    assert cursors[0] == cursors[2] != cursors[1] == cursors[3]
    app.sandbox.set_faults(endless=True)
    pages = app.pages(token, at_most=30)
    assert len(pages) == 30
    assert pages[-1]["videos"] == []
    for kind in ("short_pages", "empty_pages", "overlap"):
        app.sandbox.set_faults(**{kind: True})
        ids = [video["id"] for page in app.pages(token) for video in page["videos"]]
        assert list(dict.fromkeys(ids)) == truth
        assert (len(ids) > len(truth)) == (kind == "overlap")


def test_an_endless_empty_account(app: App, empty: int) -> None:
    token = app.connected(empty)
    app.sandbox.set_faults(endless=True)
    pages = app.pages(token, at_most=5)
    assert [page["has_more"] for page in pages] == [True] * 5


# in what is served


def numbers(app: App, token: str, field: str = "view_count") -> list[Any]:
    return [
        video.get(field, "absent")
        for video in app.page(token, {"max_count": 20}, COUNTERS).json()["data"]["videos"]
    ]


@pytest.mark.parametrize(
    ("value", "served"),
    [
        ("missing", "absent"), ("null", None), ("zero", 0), ("negative", -1), ("2^63", 1 << 63),
        ("1e30", 1e30), ("Infinity", math.inf),
    ],
)  # fmt: skip
def test_counters_that_are_not_counters(app: App, value: str, served: object) -> None:
    token = app.connected(2)
    app.sandbox.set_faults(counters={"value": value})
    assert set(numbers(app, token)) == {served}
    assert set(numbers(app, token, "share_count")) == {served}


def test_counters_of_another_type(app: App) -> None:
    token = app.connected(2)
    truth = numbers(app, token)
    app.sandbox.set_faults(counters={"value": "string", "fields": ["view_count"]})
    assert numbers(app, token) == [str(n) for n in truth]
    assert all(type(n) is int for n in numbers(app, token, "like_count"))
    app.sandbox.set_faults(counters={"value": "float"})
    assert numbers(app, token) == [n + 0.5 for n in truth]
    app.sandbox.set_faults(counters={"value": "NaN"})
    assert b":NaN" in app.page(token, {}, COUNTERS).content


def test_counters_of_users(app: App) -> None:
    token = app.connected(2)
    app.sandbox.set_faults(counters={"value": "null", "fields": ["follower_count"]})
    user = app.info(token, "follower_count,likes_count").json()["data"]["user"]
    assert user["follower_count"] is None
    assert type(user["likes_count"]) is int


def test_a_content_fault_may_hit_a_part_of_the_videos_always_the_same(app: App, big: int) -> None:
    token = app.connected(big)
    app.sandbox.set_faults(counters={"value": "null", "fraction": 0.5})
    first, second = (numbers(app, token) for _ in range(2))
    assert first == second
    assert 0 < first.count(None) < 20


def test_falling_views(app: App) -> None:
    token = app.connected(2)
    truth = numbers(app, token)
    app.sandbox.set_faults(falling_counters={"factor": 0.5})
    assert numbers(app, token) == [n // 2 for n in truth]


def test_rising_counters_of_all_videos_or_of_those_that_are_named(app: App) -> None:
    token = app.connected(2)
    fields = ("view_count", "like_count", "comment_count", "share_count")
    truth = {field: numbers(app, token, field) for field in fields}
    app.sandbox.set_faults(rising_counters={"factor": 3})
    for field in fields:
        assert numbers(app, token, field) == [3 * n for n in truth[field]]
    videos = app.page(token, {"max_count": 20}, "id").json()["data"]["videos"]
    chosen = videos[1]["id"]
    app.sandbox.set_faults(rising_counters={"ids": [chosen], "factor": 40, "fields": ["view_count"]})
    assert numbers(app, token) == [
        n * (40 if video["id"] == chosen else 1) for n, video in zip(truth["view_count"], videos, strict=True)
    ]
    assert numbers(app, token, "like_count") == truth["like_count"]
    app.sandbox.clear_faults()
    assert numbers(app, token) == truth["view_count"]


def test_texts_with_a_nul_half_an_emoji_great_length_or_nothing(app: App) -> None:
    token = app.connected(2)

    def captions() -> tuple[bytes, list[str]]:
        answer = app.page(token, {}, "video_description")
        return answer.content, [v["video_description"] for v in answer.json()["data"]["videos"]]

    truth = captions()[1]
    app.sandbox.set_faults(texts={"content": "nul"})
    sent, texts = captions()
    assert b"\\u0000" in sent
    assert [text.replace("\x00", "") for text in texts] == truth
    app.sandbox.set_faults(texts={"content": "surrogate"})
    sent, texts = captions()
    assert b"\\ud83d" in sent
    assert texts == [text + "\ud83d" for text in truth]
    app.sandbox.set_faults(texts={"content": "long", "length": 10_000})
    assert {len(text) for text in captions()[1]} == {10_000}
    app.sandbox.set_faults(texts={"content": "empty"})
    assert set(captions()[1]) == {""}


def test_fields_that_are_missing_renamed_or_new(app: App) -> None:
    token = app.connected(2)

    def served() -> set[str]:
        return set(app.page(token, {}, "id,create_time,view_count").json()["data"]["videos"][0])

    app.sandbox.set_faults(missing_fields=True)
    assert served() == {"id", "view_count"}
    app.sandbox.set_faults(renamed_fields=True)
    assert served() == {"id", "create_time", "play_count"}
    app.sandbox.set_faults(extra_fields=True)
    assert served() == {"id", "create_time", "view_count", "save_count", "new_in_2027"}


def test_hidden_videos_are_in_no_list_and_no_query_and_not_counted(app: App, big: int) -> None:
    token = app.connected(big)
    ids = [video["id"] for video in app.videos(token)]
    app.sandbox.set_faults(hidden_videos={"ids": ids[3:5]})
    assert [video["id"] for video in app.videos(token)] == ids[:3] + ids[5:]
    found = app.query(token, {"filters": {"video_ids": ids[2:5]}}).json()["data"]["videos"]
    assert [video["id"] for video in found] == [ids[2]]
    assert app.info(token, "video_count").json()["data"]["user"]["video_count"] == len(ids) - 2
    app.sandbox.set_faults(hidden_videos={"fraction": 0.3})
    assert 0.5 < len(app.videos(token)) / len(ids) < 0.9


def test_content_is_right_again_when_the_fault_ends(app: App) -> None:
    token = app.connected(2)
    truth = numbers(app, token)
    app.sandbox.set_faults(counters={"value": "null"})
    assert numbers(app, token) != truth
    app.sandbox.clear_faults()
    assert numbers(app, token) == truth


# at the token endpoint


def test_a_dead_refresh_token(app: App) -> None:
    dead, alive = app.sandbox.connect(1), app.sandbox.connect(2)
    app.sandbox.set_faults(dead_refresh_token={"accounts": [1]})
    answer = app.refresh(dead["refresh_token"]).json()
    assert (answer["error"], answer["error_description"]) == (
        "invalid_grant",
        "Refresh token is invalid or expired.",
    )
    assert "access_token" in app.refresh(alive["refresh_token"]).json()


def test_oauth_refusals_leave_the_token_as_it_was(app: App) -> None:
    tokens = app.sandbox.connect(1)
    app.sandbox.set_faults(
        invalid_client={"times": 1}, oauth_error={"after": 1, "times": 1, "error": "server_error"}
    )
    assert app.refresh(tokens["refresh_token"]).json()["error"] == "invalid_client"
    answer = app.refresh(tokens["refresh_token"])
    assert (answer.status_code, answer.json()["error"]) == (200, "server_error")
    assert "access_token" in app.refresh(tokens["refresh_token"]).json()


def test_an_oauth_refusal_may_be_for_refreshes_only(app: App) -> None:
    app.sandbox.set_faults(oauth_error={"grant_type": "refresh_token", "status": 400})
    tokens = app.exchange(app.sandbox.authorize(1)).json()
    assert app.refresh(tokens["refresh_token"]).status_code == 400


def test_token_answers_with_fields_missing_or_exchanged(app: App) -> None:
    tokens = app.sandbox.connect(1)
    app.sandbox.set_faults(
        token_answer={"remove": ["refresh_token"], "replace": {"open_id": "_000someone-else"}}
    )
    answer = app.refresh(tokens["refresh_token"]).json()
    assert "refresh_token" not in answer
    assert answer["open_id"] == "_000someone-else"


def test_a_slow_token_endpoint_and_a_broken_one(app: App) -> None:
    tokens = app.sandbox.connect(1)
    app.sandbox.set_faults(
        slow={"endpoint": "oauth/token", "delay_ms": 120}, html_error={"endpoint": "oauth/token"}
    )
    started = time.monotonic()
    assert app.refresh(tokens["refresh_token"]).status_code == 503
    assert time.monotonic() - started >= 0.12
    app.sandbox.clear_faults()
    assert "access_token" in app.refresh(tokens["refresh_token"]).json()


def test_a_refresh_lost_before_it_was_done_can_be_repeated(app: App) -> None:
    tokens = app.sandbox.connect(1)
    app.sandbox.set_faults(drop={"endpoint": "oauth/token", "at": "request"})
    with pytest.raises(requests.ConnectionError):
        app.refresh(tokens["refresh_token"])
    app.sandbox.clear_faults()
    assert "access_token" in app.refresh(tokens["refresh_token"]).json()


@pytest.mark.parametrize("at", ["answer", "body"])
def test_a_refresh_whose_answer_is_lost_has_cost_the_old_token(app: App, at: str) -> None:
    tokens = app.sandbox.connect(1)
    app.sandbox.set_faults(drop={"endpoint": "oauth/token", "at": at})
    with pytest.raises(requests.RequestException):
        app.refresh(tokens["refresh_token"])
    app.sandbox.clear_faults()
    assert app.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"


def test_a_client_that_hangs_up_does_not_harm_the_next(app: App) -> None:
    token = app.connected(2)
    app.sandbox.set_faults(slow={"delay_ms": 100, "times": 1})
    address = urlsplit(app.sandbox.base_url)
    wire = http.client.HTTPConnection(str(address.hostname), address.port, timeout=5)
    wire.request("POST", "/v2/video/list/?fields=id", "{}", bearer(token))
    wire.close()
    assert app.page(token).status_code == 200
