import hashlib
import re

import pytest
import requests

from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline_tests.integration.sandbox.calling import REDIRECT, App

VERIFIER = "abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOPQ_0123456789.~"
HEX_CHALLENGE = hashlib.sha256(VERIFIER.encode()).hexdigest()


def refused(answer: requests.Response, error: str, description: str, status: int = 200) -> None:
    body = answer.json()
    assert answer.status_code == status
    assert (body["error"], body["error_description"]) == (error, description)
    assert re.fullmatch(r"20\d{12}[0-9A-F]{20}", body["log_id"])
    assert set(body) == {"error", "error_description", "log_id"}


def test_a_code_becomes_tokens_in_flat_json(app: App) -> None:
    answer = app.exchange(app.sandbox.authorize(1)).json()
    assert set(answer) == {
        "access_token", "expires_in", "open_id", "refresh_expires_in", "refresh_token", "scope", "token_type",
    }  # fmt: skip
    assert answer["access_token"].startswith("act.")
    assert answer["refresh_token"].startswith("rft.")
    assert answer["token_type"] == "Bearer"
    assert answer["open_id"] == app.sandbox.accounts()[1]["open_id"]
    assert answer["open_id"].startswith("-")
    assert answer["scope"] == "user.info.basic,user.info.profile,user.info.stats,video.list"


def test_codes_hold_a_star_and_an_exclamation_mark(app: App) -> None:
    assert re.fullmatch(r"[\w-]+\*\d!\d{4}\.va", app.sandbox.authorize(0))


def test_a_code_works_once(app: App) -> None:
    code = app.sandbox.authorize(0)
    assert "access_token" in app.exchange(code).json()
    refused(app.exchange(code), "invalid_grant", "Authorization code is expired.")


def test_a_code_expires_after_ten_minutes(app: App) -> None:
    code = app.sandbox.authorize(0)
    app.later(seconds=601)
    refused(app.exchange(code), "invalid_grant", "Authorization code is expired.")


def test_an_undecoded_code_is_refused(app: App) -> None:
    code = app.sandbox.authorize(0).replace("*", "%2A").replace("!", "%21")
    refused(app.exchange(code), "invalid_grant", "Authorization code is expired.")


def test_the_redirect_uri_must_be_the_one_of_the_authorization(app: App) -> None:
    code = app.sandbox.authorize(0, redirect_uri="https://example.org/callback")
    refused(
        app.exchange(code),
        "invalid_request",
        "Redirect_uri is not matched with the uri when requesting code.",
    )
    assert "access_token" in app.exchange(code, redirect_uri="https://example.org/callback").json()


def test_a_hexadecimal_challenge_is_met_by_its_verifier(app: App) -> None:
    code = app.sandbox.authorize(0, code_challenge=HEX_CHALLENGE)
    assert "access_token" in app.exchange(code, code_verifier=VERIFIER).json()


@pytest.mark.parametrize("verifier", [None, "", VERIFIER[:-1], "short", VERIFIER + "é"])
def test_a_wrong_verifier_is_refused(app: App, verifier: str | None) -> None:
    code = app.sandbox.authorize(0, code_challenge=HEX_CHALLENGE)
    refused(
        app.exchange(code, code_verifier=verifier),
        "invalid_request",
        "Code verifier or code challenge is invalid.",
    )


def test_a_base64url_challenge_is_refused_at_the_token_endpoint(app: App) -> None:
    code = app.sandbox.authorize(0, code_challenge="E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
    refused(
        app.exchange(code, code_verifier=VERIFIER),
        "invalid_request",
        "Code verifier or code challenge is invalid.",
    )


def test_json_is_refused(app: App) -> None:
    answer = app.http.post(app.url("oauth/token/"), json=app.credentials(), timeout=10)
    refused(
        answer,
        "invalid_request",
        "Only `application/x-www-form-urlencoded` is accepted as Content-Type.",
    )


@pytest.mark.parametrize(
    ("form", "error", "description"),
    [
        ({"client_secret": None}, "invalid_request", "Client secret is missed in request."),
        ({"client_secret": "wrong"}, "invalid_client", "Client key or secret is incorrect."),
        ({"client_key": "nobody"}, "invalid_client", "Client key or secret is incorrect."),
        ({"client_key": None}, "invalid_request", "Client key is missed in request."),
        ({"code": None}, "invalid_request", "The request parameters are malformed."),
        ({"redirect_uri": None}, "invalid_request", "The request parameters are malformed."),
        ({"grant_type": None}, "invalid_request", "The request parameters are malformed."),
        ({"grant_type": "password"}, "unsupported_grant_type", "Grant type is not supported."),
        ({"code": "made-up"}, "invalid_grant", "Authorization code is expired."),
    ],
)
def test_a_wrong_exchange_is_refused(
    app: App, form: dict[str, str | None], error: str, description: str
) -> None:
    right = {"grant_type": "authorization_code", "code": app.sandbox.authorize(0), "redirect_uri": REDIRECT}
    refused(app.token(**{**right, **form}), error, description)


def test_a_code_of_another_app_is_refused(app: App) -> None:
    code = app.sandbox.authorize(0, client_key="other-key")
    refused(app.exchange(code), "invalid_grant", "Authorization code is expired.")
    answer = app.exchange(code, client_key="other-key", client_secret="other-secret").json()
    assert answer["open_id"] != app.sandbox.accounts()[0]["open_id"]
    assert answer["open_id"] == app.sandbox.accounts(client_key="other-key")[0]["open_id"]


def test_a_refresh_without_its_token_is_refused(app: App) -> None:
    refused(app.token(grant_type="refresh_token"), "invalid_request", "The request parameters are malformed.")


def test_client_credentials_give_a_client_token(app: App) -> None:
    answer = app.token(grant_type="client_credentials").json()
    assert answer["access_token"].startswith("clt.")
    assert answer["expires_in"] == 7200


def test_the_strict_regime_lives_2_hours_and_180_days_and_kills_the_old_refresh_token(app: App) -> None:
    first = app.exchange(app.sandbox.authorize(2)).json()
    assert (first["expires_in"], first["refresh_expires_in"]) == (7_200, 15_552_000)
    second = app.refresh(first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    refused(app.refresh(first["refresh_token"]), "invalid_grant", "Refresh token is invalid or expired.")
    assert app.info(second["access_token"]).status_code == 200
    assert "access_token" in app.refresh(second["refresh_token"]).json()


def test_the_lenient_regime_lives_a_day_and_a_year_and_keeps_the_refresh_token(app: App) -> None:
    app.sandbox.configure(token_regime="lenient")
    first = app.exchange(app.sandbox.authorize(2)).json()
    assert (first["expires_in"], first["refresh_expires_in"]) == (86_400, 31_536_000)
    for _ in range(2):
        again = app.refresh(first["refresh_token"]).json()
        assert again["refresh_token"] == first["refresh_token"]
        assert again["access_token"] != first["access_token"]


def test_a_refresh_does_not_prolong_the_life_of_the_refresh_token(app: App) -> None:
    tokens = app.exchange(app.sandbox.authorize(2)).json()
    for days, day in ((1, 1), (99, 100), (79, 179)):
        app.later(days=days)
        tokens = app.refresh(tokens["refresh_token"]).json()
        assert tokens["refresh_expires_in"] == pytest.approx((180 - day) * 86_400, abs=3)
    app.later(days=1, seconds=5)
    refused(app.refresh(tokens["refresh_token"]), "invalid_grant", "Refresh token is invalid or expired.")


def test_lifetimes_can_be_set(app: App) -> None:
    app.sandbox.configure(access_token_seconds=5, refresh_token_seconds=50)
    answer = app.exchange(app.sandbox.authorize(2)).json()
    assert (answer["expires_in"], answer["refresh_expires_in"]) == (5, 50)


def test_an_access_token_expires(app: App) -> None:
    token = app.connected(2)
    app.later(hours=2, seconds=1)
    answer = app.info(token)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "access_token_invalid")


def test_revoking_disconnects_the_app(app: App) -> None:
    tokens = app.sandbox.connect(3)
    answer = app.revoke(tokens["access_token"])
    assert (answer.status_code, answer.json()) == (200, {})
    assert app.info(tokens["access_token"]).status_code == 401
    refused(app.refresh(tokens["refresh_token"]), "invalid_grant", "Refresh token is invalid or expired.")


def test_an_expired_access_token_cannot_be_revoked(app: App) -> None:
    tokens = app.sandbox.connect(3)
    app.sandbox.expire(3)
    refused(app.revoke(tokens["access_token"]), "invalid_grant", "Access token is invalid or expired.")
    fresh = app.refresh(tokens["refresh_token"]).json()
    assert app.revoke(fresh["access_token"]).json() == {}


def test_oauth_errors_can_come_with_their_http_status(app: App) -> None:
    app.sandbox.configure(oauth_errors_as_http_status=True)
    refused(app.refresh("made-up"), "invalid_grant", "Refresh token is invalid or expired.", 400)
    wrong = app.exchange("x", client_secret="wrong")
    refused(wrong, "invalid_client", "Client key or secret is incorrect.", 401)


def test_a_person_may_grant_less_than_was_asked(app: App) -> None:
    answer = app.exchange(app.sandbox.authorize(2, ["user.info.basic", "video.list"])).json()
    assert answer["scope"] == "user.info.basic,video.list"


def test_two_accounts_do_not_disturb_each_other(app: App, sandbox: SandboxProcess) -> None:
    one, two = sandbox.connect(4), sandbox.connect(5)
    sandbox.revoke(4)
    assert app.info(one["access_token"]).status_code == 401
    assert app.info(two["access_token"]).status_code == 200
