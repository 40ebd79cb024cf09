"""TikTok's webhooks: only what TikTok signed just now counts, it counts once, and never against a newer connection."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import itertools
import json
import logging
import time
from typing import Any

import pytest

from tiktok_pipeline.hub.accounts import Account, connect_account, list_accounts
from tiktok_pipeline.hub.disconnecting import disable, enable
from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.integration.portal.conftest import Portal

REDIRECT = "http://localhost:8000/auth/callback"
PATH = "/webhooks/tiktok"
fresh = itertools.count(1)  # so that no two events of this file are the same


@pytest.fixture
def account(portal: Portal) -> Account:
    """Account 0 of the sandbox, connected just now to the one store of this file; no event was heard of it yet."""
    rows(portal.warehouse, "delete from ops.webhook_event")
    store = next((a.store_code for a in list_accounts(portal.warehouse)), None) or portal.store()
    return connect_account(
        portal.warehouse,
        portal.vault,
        portal.oauth,
        store_code=store,
        auth_code=portal.sandbox.authorize(0),
        redirect_uri=REDIRECT,
        client_key=portal.sandbox.client_key,
    )


def look(portal: Portal, account: Account) -> Account:
    return next(found for found in list_accounts(portal.warehouse) if found.id == account.id)


def event(portal: Portal, **fields: Any) -> bytes:
    return json.dumps(
        {
            "client_key": portal.sandbox.client_key,
            "event": "authorization.removed",
            "create_time": int(time.time()),
            "user_openid": portal.sandbox.accounts()[0]["open_id"],
            "content": json.dumps({"reason": 1, "n": next(fresh)}),
            **fields,
        }
    ).encode()


def signed(portal: Portal, body: bytes, ago: float = 0) -> str:
    moment = int(time.time() - ago)
    secret = portal.sandbox.client_secret.encode()
    return f"t={moment},s={hmac.new(secret, f'{moment}.'.encode() + body, hashlib.sha256).hexdigest()}"


def send(portal: Portal, body: bytes, signature: str | None = None, **headers: str) -> int:
    headers = {
        "Content-Type": "application/json",
        "TikTok-Signature": signature or signed(portal, body),
        **headers,
    }
    return portal.post(PATH, data=body, headers=headers).status_code


def kept(portal: Portal) -> list[dict[str, Any]]:
    return rows(portal.warehouse, "select event, reason, effect from ops.webhook_event order by received_at")


def sent_by_tiktok(portal: Portal, **wanted: Any) -> list[int]:
    answers = portal.sandbox.webhook(portal.url + PATH, 0, **wanted)["answers"]
    return [answer["status"] for answer in answers]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "no reason"),
        (1, "owner disconnected"),
        (2, "deleted"),
        (3, "age"),
        (4, "banned"),
        (5, "developer"),
    ],
)
def test_a_removed_authorization_flags_the_account_at_once_with_the_reason_in_words(
    portal: Portal, account: Account, number: int, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "tiktok_pipeline"):
        assert sent_by_tiktok(portal, reason=number) == [200]
    now = look(portal, account)
    assert now.status == "NEED_RECONNECT"
    assert words in (now.status_reason or "")
    assert kept(portal)[-1]["reason"] == now.status_reason
    assert rows(portal.warehouse, "select 1 from vault.token where account_id = %s", account.id)
    assert account.open_id not in caplog.text


def test_delivered_twice_it_counts_once(portal: Portal, account: Account) -> None:
    before = len(kept(portal))
    assert sent_by_tiktok(portal, times=3) == [200, 200, 200]
    assert [row["effect"] for row in kept(portal)[before:]] == [f"account {account.id} must be reconnected"]
    changes = "select count(*)::int as n from hub.status_change where account_id = %s and to_status = 'NEED_RECONNECT'"
    [flagged] = rows(portal.warehouse, changes, account.id)
    body = event(portal)
    spaced = json.dumps(json.loads(body), indent=2).encode()
    assert [send(portal, body), send(portal, spaced)] == [200, 200]
    assert len(kept(portal)) == before + 2
    assert rows(portal.warehouse, changes, account.id) == [flagged]


@pytest.mark.parametrize("kind", ["wrong", "future"])
def test_what_tiktok_did_not_sign_changes_nothing(portal: Portal, account: Account, kind: str) -> None:
    before = len(kept(portal))
    assert sent_by_tiktok(portal, signature=kind) == [401]
    assert look(portal, account).status == "CONNECTED"
    assert len(kept(portal)) == before


@pytest.mark.parametrize(("ago", "status"), [(72 * 3600, 200), (-290, 200), (74 * 3600, 401), (-310, 401)])
def test_what_tiktok_repeats_for_three_days_is_taken_and_five_minutes_ahead(
    portal: Portal, ago: float, status: int
) -> None:
    body = event(portal, event="something.else")
    assert send(portal, body, signed(portal, body, ago)) == status


def test_the_age_is_by_the_databases_clock(portal: Portal, account: Account) -> None:
    body = event(portal, event="something.else")
    try:
        portal.clock.set("2030-01-01T00:00:00")
        assert send(portal, body) == 401
    finally:
        portal.clock.set(dt.datetime.now(dt.UTC))
    assert send(portal, body) == 200


@pytest.mark.parametrize(
    "spoil",
    [
        lambda header: header.upper(),
        lambda header: header + ",x=1",
        lambda header: header.replace(",", ", "),
        lambda header: header.partition(",")[2],
        lambda header: header[:-1],
        lambda header: header.replace("t=", "t=-"),
        lambda header: header.replace("t=", "t=٣"),
        lambda header: "t=" + "9" * 40 + header[header.index(",") :],
        lambda header: f"{header},{header}",
        lambda _: "garbage",
    ],
)
def test_a_signature_in_any_other_form_is_none(portal: Portal, account: Account, spoil: Any) -> None:
    body = event(portal)
    assert send(portal, body, spoil(signed(portal, body)).encode()) == 401
    assert portal.post(PATH, data=body).status_code == 401
    assert look(portal, account).status == "CONNECTED"


def test_a_changed_body_is_not_what_was_signed_and_the_answer_tells_nothing(
    portal: Portal, account: Account
) -> None:
    body = event(portal)
    headers = {"TikTok-Signature": signed(portal, body)}
    answer = portal.post(PATH, data=body + b" ", headers=headers)
    assert (answer.status_code, answer.text) == (401, "{}")
    assert look(portal, account).status == "CONNECTED"


def test_one_that_is_older_than_the_connection_does_not_undo_it(portal: Portal, account: Account) -> None:
    assert sent_by_tiktok(portal, seconds_ago=60) == [200]  # TikTok tries for 72 hours
    assert look(portal, account).status == "CONNECTED"
    assert kept(portal)[-1]["effect"] == "nothing: the account got new tokens after it"
    assert sent_by_tiktok(portal, seconds_ago=0, reason=2) == [200]
    assert look(portal, account).status == "NEED_RECONNECT"


def test_it_is_about_one_app_and_one_account(portal: Portal, account: Account) -> None:
    for other in ({"client_key": "another app"}, {"user_openid": "somebody else"}, {"user_openid": ""}):
        assert send(portal, event(portal, **other)) == 200
        assert kept(portal)[-1]["effect"] == "nothing: there is no such account"
    assert look(portal, account).status == "CONNECTED"


def test_a_disabled_account_stays_so_and_has_no_grant_when_it_is_enabled(
    portal: Portal, account: Account
) -> None:
    disable(portal.warehouse, account.id)
    assert sent_by_tiktok(portal, reason=3) == [200]
    assert look(portal, account).status == "DISABLED"
    assert enable(portal.warehouse, account.id) == {account.id: "NEED_RECONNECT"}


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[1]", b"{", b'{"event": "authorization.removed"}', b"\xff\xfe", b"[" * 60_000,
        b'{"client_key":"\\u0000","event":"x\\u0000","create_time":1,"user_openid":"\\ud800","content":"{"}',
        b'{"client_key":"k","event":"e","create_time":"soon"}',
        b'{"client_key":"k","event":"e","create_time":1e99}',
    ],
)  # fmt: skip
def test_signed_garbage_is_kept_and_harms_nothing(portal: Portal, account: Account, body: bytes) -> None:
    before = len(kept(portal))
    assert send(portal, body) == 200
    assert len(kept(portal)) == before + 1
    assert look(portal, account).status == "CONNECTED"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"reason": "x"}', '{"reason": 99}', '{"reason": null}'])
def test_a_reason_that_cannot_be_read_still_flags(portal: Portal, account: Account, content: str) -> None:
    assert send(portal, event(portal, content=content)) == 200
    assert look(portal, account).status == "NEED_RECONNECT"


def test_a_removal_that_is_repeated_as_it_was_counts_and_a_replay_after_reconnecting_does_not(
    portal: Portal, account: Account
) -> None:
    rows(portal.warehouse, "update vault.token set saved_at = ops.now() - interval '2 hours'")
    body = event(portal, create_time=int(time.time()) - 3600)
    signature = signed(portal, body, 3600)
    assert send(portal, body, signature) == 200
    assert look(portal, account).status == "NEED_RECONNECT"
    rows(portal.warehouse, "update vault.token set saved_at = ops.now()")
    rows(portal.warehouse, "update hub.store_accounts set status = 'CONNECTED', status_reason = null")
    rows(portal.warehouse, "delete from ops.webhook_event")
    assert send(portal, body, signature) == 200
    assert look(portal, account).status == "CONNECTED"


@pytest.mark.parametrize("fields", [{"user_openid": "\0x"}, {"event": "\0"}, {"create_time": 99_999_999_999}])
def test_what_cannot_be_stored_or_has_not_happened_yet_is_kept_and_ignored(
    portal: Portal, account: Account, fields: dict[str, Any]
) -> None:
    assert send(portal, event(portal, **fields)) == 200
    assert [found["event"] for found in kept(portal)] == ["unreadable"]
    assert look(portal, account).status == "CONNECTED"


def test_a_reason_is_shown_as_a_small_number_or_not_at_all(portal: Portal, account: Account) -> None:
    assert send(portal, event(portal, content=json.dumps({"reason": 10**28}))) == 200
    assert "0000" not in str(look(portal, account).status_reason)


def test_an_unknown_event_is_kept(portal: Portal, account: Account) -> None:
    assert send(portal, event(portal, event="post.publish.no_longer_publicaly_available")) == 200
    assert kept(portal)[-1]["event"] == "post.publish.no_longer_publicaly_available"
    assert look(portal, account).status == "CONNECTED"


def test_a_body_over_64_kilobytes_is_not_read(portal: Portal) -> None:
    assert send(portal, b"x" * (64 * 1024 + 1)) == 413
    assert portal.get(PATH).status_code == 405
