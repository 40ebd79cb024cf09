from __future__ import annotations

import json
import logging
from urllib.parse import quote, quote_plus

import pytest

from tiktok_pipeline.tiktok.answers import DataShape, UserInfoData, VideoListData, read_display, read_oauth
from tiktok_pipeline.tiktok.errors import (
    AuthError,
    MalformedError,
    PermanentError,
    RateLimitedError,
    ScopeError,
    TikTokError,
    TransientError,
)
from tiktok_pipeline_tests.unit.tiktok.answers_for_tests import LOG_ID, envelope, http_answer

PAGE = {"videos": [{"id": "7"}], "has_more": True, "cursor": 1643332803000}


def test_a_page_is_handed_over_as_it_came() -> None:
    body = b'{ "error": {"log_id":"L1","code":"ok","message":""}, "data": {"has_more":false,"videos":[]} }'
    answer = read_display(http_answer(body), VideoListData)
    assert answer.body == body.decode()
    assert answer.data == {"has_more": False, "videos": []}
    assert answer.log_id == "L1"


@pytest.mark.parametrize(
    "data",
    [
        PAGE,
        {**PAGE, "cursor": 0},
        {"videos": [], "cursor": 0, "has_more": False},
        {"videos": [], "cursor": None, "has_more": False},
        {"videos": [], "has_more": False},
        {**PAGE, "videos": [{"id": 7, "is_aigc": True, "new_in_2027": {}}], "new": 1},
        {**PAGE, "videos": []},
    ],
)
def test_pages_of_the_documented_shape_are_accepted(data: object) -> None:
    assert read_display(http_answer(envelope(data)), VideoListData).data == data


@pytest.mark.parametrize(
    ("shape", "data"),
    [
        (VideoListData, None),
        (VideoListData, []),
        (VideoListData, {}),
        (VideoListData, {**PAGE, "videos": None}),
        (VideoListData, {**PAGE, "videos": {}}),
        (VideoListData, {**PAGE, "videos": ["7"]}),
        (VideoListData, {**PAGE, "has_more": 1}),
        (VideoListData, {**PAGE, "has_more": "true"}),
        (VideoListData, {"videos": [], "cursor": 0}),
        (VideoListData, {**PAGE, "cursor": None}),
        (VideoListData, {"videos": [], "has_more": True}),
        (VideoListData, {**PAGE, "cursor": "1643332803000"}),
        (VideoListData, {**PAGE, "cursor": 1.5}),
        (VideoListData, {**PAGE, "cursor": True}),
        (VideoListData, {**PAGE, "cursor": -1}),
        (VideoListData, {**PAGE, "cursor": 2**63}),
        (UserInfoData, {}),
        (UserInfoData, {"user": None}),
        (UserInfoData, {"user": []}),
    ],
)
def test_data_of_another_shape_is_malformed(shape: type[DataShape], data: object) -> None:
    with pytest.raises(MalformedError):
        read_display(http_answer(envelope(data)), shape)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Log in</html>",
        b"[]",
        b"null",
        b'"ok"',
        b"{}",
        b'{"data":{"videos":[],"has_more":false}}',
        b'{"data":{"videos":[],"has_more":false},"error":null}',
        b'{"data":{"videos":[],"has_more":false},"error":{"code":0}}',
        b'{"data":{"videos":[],"has_more":false},"error":{"code":"ok"},"error":{"code":"ok"}}',
        b'{"data":{"videos":[{"n":NaN}],"has_more":false},"error":{"code":"ok"}}',
        b'{"data":{"videos":[],"has_more":fal',
    ],
)
@pytest.mark.parametrize("status", [200, 302, 401, 404])
def test_a_body_without_the_envelope_is_malformed(body: bytes, status: int) -> None:
    with pytest.raises(MalformedError) as malformed:
        read_display(http_answer(body, status, x_tt_logid="L2"), VideoListData)
    assert (malformed.value.http_status, malformed.value.log_id) == (status, "L2")


@pytest.mark.parametrize(
    ("status", "kind"),
    [(500, TransientError), (502, TransientError), (408, TransientError), (429, RateLimitedError)],
)
def test_an_html_page_of_a_gateway_passes_when_its_status_says_so(
    status: int, kind: type[TikTokError]
) -> None:
    with pytest.raises(kind) as error:
        read_display(http_answer(b"<html>Bad Gateway</html>", status, Retry_After="7"), VideoListData)
    assert isinstance(error.value, TransientError)
    assert error.value.retry_after == 7


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("access_token_invalid", 401, AuthError),
        ("access_token_expired", 401, AuthError),
        ("scope_not_authorized", 401, ScopeError),
        ("scope_permission_missed", 400, ScopeError),
        ("invalid_params", 400, PermanentError),
        ("invalid_file_upload", 400, PermanentError),
        ("rate_limit_exceeded", 429, RateLimitedError),
        ("internal_error", 500, TransientError),
        ("new_in_2027", 503, TransientError),
        ("new_in_2027", 429, RateLimitedError),
        ("new_in_2027", 401, AuthError),
        ("new_in_2027", 400, PermanentError),
    ],
)
def test_every_error_code_has_its_class(code: str, status: int, kind: type[TikTokError]) -> None:
    with pytest.raises(TikTokError) as error:
        read_display(http_answer(envelope({}, code, "why"), status), VideoListData)
    assert type(error.value) is kind
    assert (error.value.code, error.value.http_status, error.value.log_id) == (code, status, LOG_ID)
    assert (
        str(error.value) == f"/v2/video/list/: TikTok refused: why ({code}, HTTP {status}, log_id {LOG_ID})"
    )


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("access_token_invalid", AuthError),
        ("internal_error", TransientError),
        ("new_in_2027", PermanentError),
    ],
)
def test_an_error_under_status_200_is_that_error(code: str, kind: type[TikTokError]) -> None:
    with pytest.raises(kind):
        read_display(http_answer(envelope(PAGE, code)), VideoListData)


def test_an_error_counts_whatever_its_data_is() -> None:
    with pytest.raises(AuthError):
        read_display(http_answer(envelope("", "access_token_invalid"), 401), VideoListData)


def test_ok_under_an_error_status_is_no_success() -> None:
    with pytest.raises(TransientError):
        read_display(http_answer(envelope(PAGE), 500), VideoListData)
    with pytest.raises(MalformedError):
        read_display(http_answer(envelope(PAGE), 404), VideoListData)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("access_denied", AuthError),
        ("invalid_grant", AuthError),
        ("invalid_client", PermanentError),
        ("invalid_request", PermanentError),
        ("invalid_scope", ScopeError),
        ("unauthorized_client", PermanentError),
        ("unsupported_grant_type", PermanentError),
        ("unsupported_response_type", PermanentError),
        ("server_error", TransientError),
        ("temporarily_unavailable", TransientError),
    ],
)
@pytest.mark.parametrize("status", [200, 400, 401])
def test_every_oauth_error_has_its_class_under_any_status(
    code: str, kind: type[TikTokError], status: int
) -> None:
    body = json.dumps({"error": code, "error_description": "Why.", "log_id": LOG_ID}).encode()
    with pytest.raises(TikTokError) as error:
        read_oauth(http_answer(body, status))
    assert type(error.value) is kind
    assert (error.value.code, error.value.log_id, error.value.http_status) == (code, LOG_ID, status)


def test_an_oauth_error_in_the_other_envelope_is_understood() -> None:
    with pytest.raises(AuthError):
        read_oauth(http_answer(envelope({}, "invalid_grant")))


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"error": 7}', b'{"error": {"code": null}}'])
def test_an_oauth_answer_of_another_shape_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedError):
        read_oauth(http_answer(body))


def test_a_request_that_is_echoed_shows_no_secret() -> None:
    secret = "a/b+c=d e"
    echoed = f"bad request: client_secret={quote_plus(secret)} or {quote(secret)} or {quote(secret, safe='')}"
    body = json.dumps({"error": "invalid_request", "error_description": echoed}).encode()
    with pytest.raises(TikTokError) as error:
        read_oauth(http_answer(body), secret)
    assert "client_secret=*** or *** or ***" in str(error.value)


def test_no_secret_shows_in_an_error_or_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "tiktok_pipeline")
    with pytest.raises(AuthError) as error:
        read_display(
            http_answer(envelope({}, "access_token_invalid", "act.secret is\nno token"), 401),
            VideoListData,
            "act.secret",
        )
    assert "*** is no token" in str(error.value)
    assert "secret" not in caplog.text
    assert "access_token_invalid" in caplog.text
    assert LOG_ID in caplog.text
