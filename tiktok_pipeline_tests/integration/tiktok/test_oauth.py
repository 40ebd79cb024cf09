from __future__ import annotations

from collections.abc import Callable
from traceback import walk_tb
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.tiktok.client import TikTokClient
from tiktok_pipeline.tiktok.errors import (
    AuthError,
    MalformedError,
    PermanentError,
    TikTokError,
    TransientError,
)
from tiktok_pipeline.tiktok.oauth import OAuthClient, TokenGrant
from tiktok_pipeline.vault.secret import SecretToken

REDIRECT_URI = "http://localhost/callback"
Connect = Callable[..., TokenGrant]


def token_requests(sandbox: SandboxProcess) -> int:
    return sum(one["endpoint"] == "oauth/token" for one in sandbox.requests(log=True)["log"])


def test_the_authorize_address_says_everything_tiktok_asks_for(oauth: OAuthClient) -> None:
    url = oauth.authorize_url(
        "https://www.tiktok.com/v2/auth/authorize/",
        "https://a.b/c?d",
        ["user.info.basic", "video.list"],
        "s&t",
    )
    assert url.startswith("https://www.tiktok.com/v2/auth/authorize/?client_key=")
    assert {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()} == {
        "client_key": oauth.client_key,
        "scope": "user.info.basic,video.list",
        "redirect_uri": "https://a.b/c?d",
        "state": "s&t",
        "response_type": "code",
        "disable_auto_auth": "1",
    }


def test_a_code_with_its_odd_signs_becomes_a_grant(oauth: OAuthClient, sandbox: SandboxProcess) -> None:
    code = sandbox.authorize(0, ["user.info.basic", "video.list"])
    assert "*" in code
    assert "!" in code
    grant = oauth.exchange(code, REDIRECT_URI)
    assert grant.open_id
    assert grant.scopes == ("user.info.basic", "video.list")
    assert (grant.expires_in, grant.refresh_expires_in) == (7_200, 15_552_000)


def test_a_code_is_good_once(oauth: OAuthClient, sandbox: SandboxProcess) -> None:
    code = sandbox.authorize(0)
    oauth.exchange(code, REDIRECT_URI)
    with pytest.raises(TikTokError) as error:
        oauth.exchange(code, REDIRECT_URI)
    assert code not in str(error.value)


@pytest.mark.parametrize("as_http_status", [False, True])
def test_a_refresh_rotates_and_the_old_token_is_refused(
    oauth: OAuthClient, connect: Connect, sandbox: SandboxProcess, as_http_status: bool
) -> None:
    sandbox.configure(oauth_errors_as_http_status=as_http_status)
    old = connect()
    new = oauth.refresh(old.refresh_token)
    assert new.open_id == old.open_id
    assert new.refresh_token.reveal() != old.refresh_token.reveal()
    with pytest.raises(AuthError) as error:
        oauth.refresh(old.refresh_token)
    assert error.value.code == "invalid_grant"
    assert (error.value.http_status == 200) is not as_http_status
    assert error.value.log_id
    assert old.refresh_token.reveal() not in str(error.value)


def test_a_wrong_secret_is_permanent(sandbox: SandboxProcess) -> None:
    oauth = OAuthClient(sandbox.base_url, sandbox.client_key, SecretToken("wrong-secret"))
    with pytest.raises(PermanentError) as error:
        oauth.exchange(sandbox.authorize(0), REDIRECT_URI)
    assert error.value.code == "invalid_client"
    assert "wrong-secret" not in str(error.value)


def test_revoking_disconnects_the_account(
    oauth: OAuthClient, client: TikTokClient, connect: Connect, sandbox: SandboxProcess
) -> None:
    grant = connect(3)
    oauth.revoke(grant.access_token)
    with pytest.raises(AuthError):
        client.user_info(grant.access_token, grant.scopes)
    with pytest.raises(AuthError):
        oauth.revoke(grant.access_token)


@pytest.mark.parametrize(
    "fault",
    [
        *({"remove": [field]} for field in ("access_token", "refresh_token", "open_id", "expires_in")),
        *({"replace": {field: ""}} for field in ("access_token", "refresh_token", "open_id")),
        *({"replace": {field: None}} for field in ("access_token", "refresh_token", "open_id", "scope")),
        {"replace": {"access_token": "   "}},
        {"replace": {"access_token": "act.x\n"}},
        {"replace": {"refresh_token": 7}},
        {"replace": {"expires_in": 0}},
        {"replace": {"expires_in": "7200"}},
        {"replace": {"expires_in": True}},
        {"replace": {"refresh_expires_in": -1}},
        {"replace": {"refresh_expires_in": 1.5}},
    ],
    ids=str,
)
def test_an_incomplete_token_answer_is_no_grant(
    oauth: OAuthClient, sandbox: SandboxProcess, fault: dict[str, Any]
) -> None:
    sandbox.set_faults(token_answer=fault)
    with pytest.raises(MalformedError) as error:
        oauth.exchange(sandbox.authorize(0), REDIRECT_URI)
    assert "act." not in str(error.value)
    assert "rft." not in str(error.value)


@pytest.mark.parametrize(
    ("faults", "kind"),
    [
        ({"html_ok": True}, MalformedError),
        ({"empty_body": True}, MalformedError),
        ({"html_error": {"status": 503}}, TransientError),
        ({"drop": {"at": "answer"}}, TransientError),
        ({"drop": {"at": "body", "reset": True}}, TransientError),
        ({"silence": {"at": "answer"}}, TransientError),
        ({"oauth_error": {"error": "server_error"}}, TransientError),
        ({"oauth_error": {"error": "temporarily_unavailable", "status": 400}}, TransientError),
    ],
    ids=str,
)
def test_a_refresh_without_an_answer_is_sent_once_and_may_have_happened(
    oauth: OAuthClient,
    connect: Connect,
    sandbox: SandboxProcess,
    faults: dict[str, Any],
    kind: type[TikTokError],
) -> None:
    grant = connect()
    sandbox.reset_requests()
    sandbox.set_faults(**faults)
    impatient = OAuthClient(
        sandbox.base_url, sandbox.client_key, SecretToken(sandbox.client_secret), timeout_seconds=0.4
    )
    with pytest.raises(kind) as error:
        impatient.refresh(grant.refresh_token)
    assert token_requests(sandbox) == 1
    if isinstance(error.value, TransientError):
        assert error.value.sent
    assert grant.refresh_token.reveal() not in str(error.value)


def test_a_refresh_that_never_left_says_so(unused_port: int) -> None:
    oauth = OAuthClient(f"http://127.0.0.1:{unused_port}", "key", SecretToken("secret"))
    with pytest.raises(TransientError) as error:
        oauth.refresh(SecretToken("rft.x"))
    assert error.value.sent is False


@pytest.mark.parametrize(
    "call",
    [
        lambda oauth: oauth.refresh(SecretToken("rft.canary")),
        lambda oauth: oauth.revoke(SecretToken("act.canary")),
        lambda oauth: oauth.exchange("code", REDIRECT_URI),
    ],
    ids=["refresh", "revoke", "exchange"],
)
def test_a_traceback_that_shows_local_variables_shows_no_secret(
    unused_port: int, call: Callable[[OAuthClient], object]
) -> None:
    oauth = OAuthClient(f"http://127.0.0.1:{unused_port}", "key", SecretToken("canary"))
    with pytest.raises(TransientError) as error:
        call(oauth)
    frames = [frame for frame, _ in walk_tb(error.value.__traceback__)]
    ours = [frame.f_locals for frame in frames if frame.f_code.co_filename.endswith("tiktok/oauth.py")]
    assert ours
    assert "canary" not in repr(ours)
