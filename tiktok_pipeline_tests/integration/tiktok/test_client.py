from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import pytest
from tenacity import wait_none

from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.tiktok.client import TikTokClient
from tiktok_pipeline.tiktok.errors import (
    AuthError,
    MalformedError,
    PermanentError,
    RateLimitedError,
    ScopeError,
    TikTokError,
    TransientError,
)
from tiktok_pipeline.tiktok.oauth import TokenGrant
from tiktok_pipeline.vault.secret import SecretToken

Connect = Callable[..., TokenGrant]


@pytest.fixture(autouse=True)
def no_back_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tiktok_pipeline.tiktok.client._backoff", wait_none())


def page(client: TikTokClient, grant: TokenGrant, **options: Any) -> dict[str, Any]:
    return client.video_list(grant.access_token, grant.scopes, **options).data


def test_profile_and_all_pages_arrive_as_the_sandbox_served_them(
    client: TikTokClient, connect: Connect, sandbox: SandboxProcess
) -> None:
    grant = connect()
    truth = sandbox.history(0, at=sandbox.now())
    user = client.user_info(grant.access_token, grant.scopes).data["user"]
    assert user["open_id"] == grant.open_id
    assert user["follower_count"] == truth["user"]["follower_count"]
    videos: list[dict[str, Any]] = []
    answer = client.video_list(grant.access_token, grant.scopes)
    videos += answer.data["videos"]
    while answer.data["has_more"]:
        answer = client.video_list(grant.access_token, grant.scopes, answer.data["cursor"])
        videos += answer.data["videos"]
    assert {video["id"] for video in videos} == {video["id"] for video in truth["videos"]}
    assert len(videos) == 45
    assert client.requests_sent == 4
    assert client.requests_sent == 4


def test_a_grant_of_basic_only_gets_the_basic_fields(client: TikTokClient, connect: Connect) -> None:
    grant = connect(1, ["user.info.basic"])
    user = client.user_info(grant.access_token, grant.scopes).data["user"]
    assert "display_name" in user
    assert "follower_count" not in user


def test_a_wrong_token_is_an_auth_error_and_sent_once(client: TikTokClient, sandbox: SandboxProcess) -> None:
    with pytest.raises(AuthError) as error:
        client.user_info(SecretToken("act.wrong"), ["user.info.basic"])
    assert (error.value.code, error.value.http_status) == ("access_token_invalid", 401)
    assert error.value.log_id
    assert "act.wrong" not in str(error.value)
    assert client.requests_sent == 1


@pytest.mark.parametrize("text", ["", "act.with\r\nInjected: header", "act.ü", "act. x"])
def test_a_stored_token_that_is_no_token_is_never_sent_nor_quoted(client: TikTokClient, text: str) -> None:
    with pytest.raises(AuthError) as error:
        client.user_info(SecretToken(text), ["user.info.basic"])
    assert client.requests_sent == 0
    assert not text or text not in str(error.value)


def test_a_dead_token_is_an_auth_error(
    client: TikTokClient, connect: Connect, sandbox: SandboxProcess
) -> None:
    grant = connect(2)
    sandbox.expire(2)
    with pytest.raises(AuthError):
        page(client, grant)
    sandbox.revoke(2)
    with pytest.raises(AuthError):
        client.user_info(grant.access_token, grant.scopes)


def test_an_ungranted_scope_under_401_is_no_auth_error(client: TikTokClient, connect: Connect) -> None:
    grant = connect(1, ["user.info.basic"])
    with pytest.raises(ScopeError) as error:
        client.user_info(grant.access_token, ["user.info.basic", "user.info.profile"])
    assert (error.value.code, error.value.http_status) == ("scope_not_authorized", 401)


def test_invalid_parameters_are_permanent_and_sent_once(client: TikTokClient, connect: Connect) -> None:
    with pytest.raises(PermanentError) as error:
        page(client, connect(), max_count=21)
    assert error.value.code == "invalid_params"
    assert client.requests_sent == 1


@pytest.mark.parametrize(
    "faults",
    [
        {"internal_error": {"times": 2}},
        {"html_error": {"status": 502, "times": 2}},
        {"error_code": {"code": "internal_error", "status": 200, "times": 2}},
        {"drop": {"at": "request", "times": 2}},
        {"drop": {"at": "body", "times": 2}},
        {"drop": {"at": "body", "reset": True, "times": 2}},
        {"wrong_length": {"by": 100, "times": 2}},
        {"html_ok": {"times": 1}},
        {"truncated_json": {"times": 1}},
    ],
    ids=str,
)
def test_what_passes_is_repeated(
    client: TikTokClient, connect: Connect, sandbox: SandboxProcess, faults: dict[str, Any]
) -> None:
    grant = connect()
    sandbox.set_faults(**faults)
    assert len(page(client, grant)["videos"]) == 20
    assert client.requests_sent == 1 + next(iter(faults.values()))["times"]


def test_trouble_that_stays_ends_after_the_last_attempt(sandbox: SandboxProcess, connect: Connect) -> None:
    grant = connect()
    sandbox.set_faults(internal_error=True)
    client = TikTokClient(sandbox.base_url, sandbox.client_key, max_attempts=2)
    with pytest.raises(TransientError) as error:
        page(client, grant)
    assert (error.value.code, error.value.http_status) == ("internal_error", 500)
    assert client.requests_sent == 2


@pytest.mark.parametrize(
    ("faults", "requests"),
    [
        ({"html_ok": True}, 2),
        ({"empty_body": True}, 2),
        ({"truncated_json": True}, 2),
        ({"deep_json": {"depth": 10_000}}, 2),
        ({"deep_json": {"depth": 1_000_000}}, 2),
        ({"counters": {"value": "NaN"}}, 2),
        ({"counters": {"value": "Infinity"}}, 2),
        ({"oversize": {"megabytes": 11}}, 1),
        ({"gzip_bomb": {"megabytes": 300}}, 1),
    ],
    ids=str,
)
def test_what_is_not_the_documented_answer_is_malformed(
    client: TikTokClient, connect: Connect, sandbox: SandboxProcess, faults: dict[str, Any], requests: int
) -> None:
    grant = connect()
    sandbox.set_faults(**faults)
    started = time.monotonic()
    with pytest.raises(MalformedError):
        page(client, grant)
    assert client.requests_sent == requests
    assert time.monotonic() - started < 3
    sandbox.clear_faults()
    assert page(client, grant)["videos"]


@pytest.mark.parametrize("content", ["nul", "surrogate", "long"])
def test_odd_texts_are_no_reason_to_lose_a_page(
    client: TikTokClient, connect: Connect, sandbox: SandboxProcess, content: str
) -> None:
    grant = connect()
    sandbox.set_faults(texts={"content": content})
    assert len(page(client, grant)["videos"]) == 20


@pytest.mark.parametrize(
    "faults", [{"extra_fields": True}, {"missing_fields": True}, {"renamed_fields": True}]
)
def test_more_fewer_and_renamed_fields_are_handed_over(
    client: TikTokClient, connect: Connect, sandbox: SandboxProcess, faults: dict[str, Any]
) -> None:
    grant = connect()
    sandbox.set_faults(**faults)
    assert len(page(client, grant)["videos"]) == 20


@pytest.mark.parametrize(
    "faults",
    [
        {"drip": {"bytes_per_second": 20}},
        {"silence": {"at": "headers"}},
        {"silence": {"at": "request"}},
        {"slow": {"delay_ms": 5000}},
    ],
    ids=str,
)
def test_the_total_deadline_holds_however_the_answer_dawdles(
    connect: Connect, sandbox: SandboxProcess, faults: dict[str, Any]
) -> None:
    grant = connect()
    sandbox.set_faults(**faults)
    client = TikTokClient(sandbox.base_url, sandbox.client_key, timeout_seconds=0.4, max_attempts=1)
    started = time.monotonic()
    with pytest.raises(TransientError) as error:
        page(client, grant)
    assert 0.35 < time.monotonic() - started < 1
    assert (error.value.code, error.value.sent) == ("deadline", True)


def test_a_429_is_waited_out_and_is_no_attempt(connect: Connect, sandbox: SandboxProcess) -> None:
    grant = connect()
    sandbox.set_faults(rate_limited={"retry_after": "0.3", "times": 3})
    client = TikTokClient(sandbox.base_url, sandbox.client_key, max_attempts=1)
    started = time.monotonic()
    assert page(client, grant)["videos"]
    assert time.monotonic() - started > 0.9
    assert client.requests_sent == 4


def test_a_429_that_stays_ends_after_a_bounded_number_of_waits(
    connect: Connect, sandbox: SandboxProcess
) -> None:
    grant = connect()
    sandbox.set_faults(rate_limited={"retry_after": "0.01"})
    client = TikTokClient(sandbox.base_url, sandbox.client_key)
    with pytest.raises(RateLimitedError) as error:
        page(client, grant)
    assert error.value.http_status == 429
    assert client.requests_sent == 9


def test_closing_ends_a_wait(connect: Connect, sandbox: SandboxProcess) -> None:
    import threading

    grant = connect()
    sandbox.set_faults(rate_limited={"retry_after": "600"})
    client = TikTokClient(sandbox.base_url, sandbox.client_key)
    threading.Timer(0.3, client.close).start()
    started = time.monotonic()
    with pytest.raises(TikTokError):
        page(client, grant)
    assert time.monotonic() - started < 2


def test_nobody_listening_is_a_transient_error_of_a_request_not_sent(unused_port: int) -> None:
    client = TikTokClient(f"http://127.0.0.1:{unused_port}", "key", max_attempts=1)
    with pytest.raises(TransientError) as error:
        client.user_info(SecretToken("act.x"), ["user.info.basic"])
    assert (error.value.code, error.value.sent) == ("network_error", False)


def test_a_name_that_does_not_resolve_is_a_transient_error() -> None:
    client = TikTokClient("http://tiktok.invalid", "key", max_attempts=1)
    with pytest.raises(TransientError) as error:
        client.user_info(SecretToken("act.x"), ["user.info.basic"])
    assert error.value.sent is False


def test_the_log_tells_the_call_and_no_token(
    client: TikTokClient, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="tiktok_pipeline")  # a run in this process may have set it
    grant = connect()
    answer = client.user_info(grant.access_token, grant.scopes)
    assert f"GET /v2/user/info/: HTTP 200 ok, log_id {answer.log_id}" in caplog.text
    for token in (grant.access_token, grant.refresh_token):
        assert token.reveal() not in caplog.text
        assert token.reveal() not in repr(grant)


def test_threads_share_a_few_connections(
    client: TikTokClient, connect: Connect, sandbox: SandboxProcess
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    grant = connect()
    with ThreadPoolExecutor(8) as threads:
        pages = list(threads.map(lambda _: page(client, grant), range(80)))
    assert all(len(one["videos"]) == 20 for one in pages)
    assert client.requests_sent == 80
