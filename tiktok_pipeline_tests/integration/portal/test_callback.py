"""The way to TikTok and back under attack, trouble and bad luck: thirty cases, by number."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import http.server
import json
import logging
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import psycopg
import pytest
import requests
from fastapi.responses import Response

from tiktok_pipeline.hub.accounts import Account, list_accounts
from tiktok_pipeline.hub.authorization import challenge_of, orphaned_grants
from tiktok_pipeline.portal.operator.session import begin_session
from tiktok_pipeline.runtime.ports import free_port
from tiktok_pipeline.tiktok.client import TikTokClient
from tiktok_pipeline.vault.sealing import Place
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.integration.portal.conftest import Portal, running_portal
from tiktok_pipeline_tests.integration.portal.phone import Phone, path_of, state_of, wait_until

GENERIC = "We could not be sure that this is the browser in which you began"
COOKIE = re.compile(r"[A-Za-z0-9_-]{43}")


@pytest.fixture(autouse=True)
def as_new(portal: Portal) -> Iterator[None]:
    portal.forget_attempts()
    portal.sandbox.set_faults()
    portal.sandbox.reset_requests()
    yield
    portal.sandbox.set_faults()


def link_to(portal: Portal, store: str, account_id: int | None = None) -> str:
    return portal.context.links.make(store, account_id, made_by="operator").url


def accounts_of(portal: Portal, store: str) -> list[Account]:
    return [account for account in list_accounts(portal.warehouse) if account.store_code == store]


def exchanges(portal: Portal) -> int:
    asked: dict[str, dict[str, int]] = portal.sandbox.requests()["endpoints"]
    return asked.get("oauth/token", {"count": 0})["count"]


def transaction_of(portal: Portal, store: str) -> dict[str, Any]:
    """The latest transaction of a store."""
    statement = "select * from ops.oauth_transaction where store_code = %s order by id desc limit 1"
    [found] = rows(portal.warehouse, statement, store)
    return found


def is_refused(answer: requests.Response) -> bool:
    return answer.status_code == 400 and GENERIC in answer.text and "location" not in answer.headers


def operator_cookie(portal: Portal) -> tuple[str, str]:
    """Name and value of the cookie of an operator who has just logged in."""
    response = Response()
    begin_session(portal.context, response)
    name, _, value = response.headers["set-cookie"].partition(";")[0].partition("=")
    return name, value


class Journey:
    """A phone that has decided at TikTok for a store of its own, and not opened the callback yet."""

    def __init__(self, portal: Portal, account: int = 0, scopes: list[str] | None = None) -> None:
        self.portal = portal
        self.store = portal.store()
        self.phone = Phone(portal)
        self.address = self.phone.start(link_to(portal, self.store))
        self.callback = self.phone.decide(self.address, account, scopes)
        self.state = state_of(self.callback)

    def accounts(self) -> list[Account]:
        return accounts_of(self.portal, self.store)


def test_01_a_person_connects_an_account_and_its_tokens_work(portal: Portal) -> None:
    journey = Journey(portal, account=1)
    first = journey.phone.get(journey.callback)
    assert (first.status_code, first.headers["location"]) == (303, "/auth/result")
    page = journey.phone.get("/auth/result")
    assert page.status_code == 200
    assert "nothing more to do" in page.text
    [account] = journey.accounts()
    assert (account.status, account.missing_scopes) == ("CONNECTED", ())
    assert account.open_id == portal.sandbox.accounts()[1]["open_id"]
    access = portal.vault.access_token(account.id, portal.oauth.refresh)
    TikTokClient(portal.sandbox.base_url, portal.sandbox.client_key).user_info(access.token, access.scopes)
    assert transaction_of(portal, journey.store)["outcome"] == "connected"
    assert exchanges(portal) == 1


def test_02_without_a_state_nothing_happens(portal: Portal) -> None:
    journey = Journey(portal)
    for query in ("?code=x", "?code=x&scopes=video.list", "", "?error=access_denied"):
        answer = journey.phone.get(f"/auth/callback{query}")
        assert (answer.status_code, GENERIC in answer.text) == (400, False)
    assert exchanges(portal) == 0
    assert "Connected" in journey.phone.come_back(journey.callback).text


def test_03_an_unknown_state_is_refused_like_every_other(portal: Portal) -> None:
    journey = Journey(portal)
    unknown = journey.callback.replace(journey.state, "A" * 43)
    assert is_refused(journey.phone.get(unknown))
    for state in ("", "short", "x" * 5000, "é", "%00", "%ED%A0%80"):
        assert is_refused(journey.phone.get(f"/auth/callback?code=x&state={state}"))
    assert exchanges(portal) == 0
    assert journey.accounts() == []


def test_04_a_state_of_another_store_is_refused(portal: Portal) -> None:
    journey = Journey(portal, account=2)
    other_store = portal.store()
    journey.phone.start(link_to(portal, other_store))  # in the same browser, which is bound to this one now
    assert is_refused(journey.phone.get(journey.callback))
    assert journey.accounts() == accounts_of(portal, other_store) == []
    assert exchanges(portal) == 0


@pytest.mark.parametrize(("seconds", "in_time"), [(599, True), (601, False)])
def test_05_a_state_is_good_for_ten_minutes(portal: Portal, seconds: int, in_time: bool) -> None:
    journey = Journey(portal, account=2)
    rows(
        portal.warehouse,
        """
        update ops.oauth_transaction
        set created_at = created_at - make_interval(secs => %s), expires_at = expires_at - make_interval(secs => %s)
        where store_code = %s
        """,
        seconds,
        seconds,
        journey.store,
    )
    begun = transaction_of(portal, journey.store)
    assert abs((begun["expires_at"] - begun["created_at"]).total_seconds() - 600) < 1
    answer = journey.phone.get(journey.callback)
    assert is_refused(answer) is not in_time
    assert (exchanges(portal), len(journey.accounts())) == ((1, 1) if in_time else (0, 0))
    rows(portal.warehouse, "delete from hub.store_accounts where store_code = %s", journey.store)


def test_06_a_valid_state_in_another_browser_is_refused(portal: Portal) -> None:
    journey = Journey(portal, account=2)
    assert is_refused(Phone(portal).get(journey.callback))
    assert exchanges(portal) == 0
    assert journey.accounts() == []
    assert transaction_of(portal, journey.store)["consumed_at"] is None


def test_07_a_valid_state_with_an_attackers_cookie_is_refused(portal: Portal) -> None:
    journey, attacker = Journey(portal, account=2), Journey(portal, account=3)
    assert is_refused(attacker.phone.get(journey.callback))
    assert is_refused(journey.phone.get(attacker.callback))
    assert exchanges(portal) == 0
    assert journey.accounts() == attacker.accounts() == []


def test_08_of_a_hundred_callbacks_at_once_exactly_one_exchanges_the_code(portal: Portal) -> None:
    journey = Journey(portal, account=4)
    cookies = journey.phone.session.cookies.get_dict()
    gate = threading.Barrier(100)

    def come_back(_number: int) -> int:
        gate.wait()
        answer = requests.get(journey.callback, cookies=cookies, timeout=60, allow_redirects=False)
        return 303 if answer.status_code == 303 else 400 if is_refused(answer) else answer.status_code

    with ThreadPoolExecutor(100) as threads:
        answers = list(threads.map(come_back, range(100)))
    assert exchanges(portal) == 1
    assert sorted(answers) == [303] + [400] * 99
    assert len(journey.accounts()) == 1


def test_09_a_callback_is_not_replayed_after_success(portal: Portal) -> None:
    journey = Journey(portal, account=4)
    rows(portal.warehouse, "delete from hub.store_accounts")
    assert "Connected" in journey.phone.come_back(journey.callback).text
    [before] = journey.accounts()
    assert is_refused(journey.phone.get(journey.callback))
    assert journey.accounts() == [before]
    assert exchanges(portal) == 1


def test_10_a_callback_is_not_replayed_after_failure(portal: Portal) -> None:
    journey = Journey(portal, account=5)
    portal.sandbox.set_faults(oauth_error={"error": "server_error", "times": 1})
    page = journey.phone.come_back(journey.callback)
    assert page.status_code == 502
    assert "It did not work this time" in page.text
    assert is_refused(journey.phone.get(journey.callback))
    assert exchanges(portal) == 1
    assert journey.accounts() == []
    answer = journey.phone.press(page)
    assert "Connected" in journey.phone.come_back(journey.phone.decide(answer.headers["location"], 5)).text


def test_11_a_transaction_of_one_operator_is_refused_for_another(portal: Portal) -> None:
    store, phone = portal.store(), Phone(portal)
    name, value = operator_cookie(portal)
    phone.session.cookies.set(name, value, domain="127.0.0.1")
    answer = phone.get(f"/auth/login?store_code={store}")
    assert answer.status_code == 303
    assert transaction_of(portal, store)["actor"] not in ("link", value)
    callback = phone.decide(answer.headers["location"], 6)
    phone.session.cookies.set(name, operator_cookie(portal)[1], domain="127.0.0.1")
    assert is_refused(phone.get(callback))
    phone.session.cookies.pop(name)
    assert is_refused(phone.get(callback))
    assert exchanges(portal) == 0
    phone.session.cookies.set(name, value, domain="127.0.0.1")
    page = phone.come_back(callback)
    assert "Connected" in page.text
    assert "Back to the overview" in page.text
    assert [account.status for account in accounts_of(portal, store)] == ["CONNECTED"]


def test_11_an_operator_is_not_sent_to_tiktok_by_another_site(portal: Portal) -> None:
    store, phone = portal.store(), Phone(portal)
    name, value = operator_cookie(portal)
    phone.session.cookies.set(name, value, domain="127.0.0.1")
    assert phone.get(f"/auth/login?store_code={store}", Sec_Fetch_Site="cross-site").status_code == 403
    assert phone.get("/auth/login?store_code=nowhere").status_code == 404
    assert phone.get("/auth/login").status_code == 404
    assert (
        rows(portal.warehouse, "select 1 as found from ops.oauth_transaction where store_code = %s", store)
        == []
    )


def test_11_an_operators_state_does_not_start_again_by_itself(portal: Portal) -> None:
    store, phone, other = portal.store(), Phone(portal), Phone(portal)
    name, value = operator_cookie(portal)
    phone.session.cookies.set(name, value, domain="127.0.0.1")
    callback = phone.decide(phone.get(f"/auth/login?store_code={store}").headers["location"], 6)
    assert other.press(other.get(callback)).status_code == 410
    assert transaction_of(portal, store)["consumed_at"] is None


def test_12_doubled_parameters_are_refused_and_consume_nothing(portal: Portal) -> None:
    journey = Journey(portal, account=7)
    code = parse_qs(urlsplit(journey.callback).query)["code"][0]
    for more in (
        {"code": "x"},
        {"state": "x"},
        {"code": code},
        {"state": journey.state},
        {"error": "access_denied"},
    ):
        answer = journey.phone.get(f"{journey.callback}&{urlencode(more)}")
        assert (answer.status_code, GENERIC in answer.text) == (400, False), more
    both = urlencode({"state": journey.state, "error": "access_denied"}) + "&error=access_denied"
    assert journey.phone.get(f"/auth/callback?{both}").status_code == 400
    assert exchanges(portal) == 0
    assert "Connected" in journey.phone.come_back(journey.callback).text


def test_13_declining_consumes_the_state_and_shows_none_of_tiktoks_text(portal: Portal) -> None:
    store, phone = portal.store(), Phone(portal)
    callback = phone.decide(phone.start(link_to(portal, store)), decision="deny")
    assert "User+denied" in callback
    page = phone.come_back(callback)
    assert "You did not allow it" in page.text
    assert "denied" not in page.text
    assert is_refused(phone.get(callback))
    begun = transaction_of(portal, store)
    assert begun["outcome"] == "declined"
    assert begun["consumed_at"] is not None
    assert exchanges(portal) == 0


def test_14_nothing_of_an_address_is_shown_or_logged(
    portal: Portal, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    attack = "<script>alert(1)</script>"
    journey = Journey(portal, account=8)
    state = quote(journey.state)
    for query in (
        f"error={quote(attack)}&error_description={quote(attack)}&state={state}",
        f"error=access_denied&error_description={quote(attack)}&state={quote(attack)}",
        f"code={quote(attack)}&state={quote(attack)}&scopes={quote(attack)}",
        f"code={quote(attack)}",
        f"{quote(attack)}={quote(attack)}",
    ):
        page = journey.phone.come_back(f"/auth/callback?{query}")
        assert "alert(1)" not in page.text
        assert "alert" not in str(page.headers)
    assert transaction_of(portal, journey.store)["outcome"] == "failed"
    again = Journey(portal, account=8)
    page = again.phone.come_back(
        f"/auth/callback?code={quote(attack)}&scopes={quote(attack)}&state={again.state}"
    )
    assert "It did not work" in page.text
    assert "alert" not in page.text + logged(caplog)
    assert again.state not in logged(caplog)
    assert "GET /auth/callback 303" in logged(caplog)


def test_15_nobody_is_redirected_where_an_attacker_wants(portal: Portal) -> None:
    evil = "https://evil.example/"
    journey = Journey(portal, account=9)
    more = urlencode(dict.fromkeys(("redirect_uri", "next", "return_to", "url", "scopes", "redirect"), evil))
    for headers in (
        {"Host": "evil.example"},
        {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "X-Forwarded-Prefix": evil},
        {"Referer": evil, "Origin": evil, "Forwarded": "host=evil.example"},
    ):
        phone = journey.phone if "Host" in headers else (fresh := Journey(portal, account=9)).phone
        callback = journey.callback if "Host" in headers else fresh.callback
        answer = phone.session.get(f"{callback}&{more}", headers=headers, allow_redirects=False, timeout=30)
        assert answer.headers.get("location", "/auth/result") == "/auth/result"
        assert (answer.status_code == 400) is ("Host" in headers)
        assert "evil" not in str(answer.headers) + answer.text
        page = Phone(portal).get(path_of(link_to(portal, journey.store)), **headers)
        assert "evil" not in page.text + str(page.headers)
        login = Phone(portal).get(f"/auth/login?link={quote(evil)}&{more}", **headers)
        assert "location" not in login.headers
        rows(portal.warehouse, "delete from hub.store_accounts")
    address = Phone(portal).start(link_to(portal, journey.store))
    assert parse_qs(urlsplit(address).query)["redirect_uri"] == [f"{portal.url}/auth/callback"]


@pytest.mark.parametrize("pkce", ["hex", "base64url"])
def test_16_a_verifier_is_new_each_time_and_its_challenge_as_the_flow_wants_it(
    portal: Portal, tmp_path: Path, pkce: str
) -> None:
    with running_portal(
        portal.warehouse, portal.sandbox, tmp_path, **own_keys(portal), tiktok_pkce=pkce
    ) as own:
        verifiers = set()
        for _ in range(3):
            journey = Journey(own, account=10)
            asked = parse_qs(urlsplit(journey.address).query)
            begun = transaction_of(own, journey.store)
            place = Place("test", begun["id"], "code_verifier", 1)
            verifier = own.vault.sealer.unseal(bytes(begun["code_verifier"]), place).reveal()
            assert re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", verifier)
            digest = hashlib.sha256(verifier.encode()).digest()
            rfc = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            assert asked["code_challenge"] == [digest.hex() if pkce == "hex" else rfc]
            assert asked["code_challenge_method"] == ["S256"]
            verifiers.add(verifier)
        assert len(verifiers) == 3
        # The sandbox checks as TikTok's desktop flow does: hexadecimal.
        page = journey.phone.come_back(journey.callback)
        assert ("Connected" in page.text) is (pkce == "hex")
        assert transaction_of(own, journey.store)["code_verifier"] is None
        rows(own.warehouse, "delete from hub.store_accounts")


def test_16_the_challenge_of_rfc_7636_comes_out() -> None:
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert challenge_of(verifier, "base64url") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_16_without_pkce_there_is_neither_challenge_nor_verifier(portal: Portal) -> None:
    journey = Journey(portal)
    assert "code_challenge" not in journey.address
    assert transaction_of(portal, journey.store)["code_verifier"] is None


def test_17_the_verifier_is_in_no_log_address_cookie_or_table(
    portal: Portal, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with running_portal(
        portal.warehouse, portal.sandbox, tmp_path, **own_keys(portal), tiktok_pkce="hex"
    ) as own:
        journey = Journey(own, account=11)
        begun = transaction_of(own, journey.store)
        sealed = bytes(begun["code_verifier"])
        verifier = own.vault.sealer.unseal(sealed, Place("test", begun["id"], "code_verifier", 1)).reveal()
        page = journey.phone.come_back(journey.callback)
        assert "Connected" in page.text
        seen = " ".join(
            [
                logged(caplog),
                journey.address,
                journey.callback,
                page.text,
                str(journey.phone.session.cookies.get_dict()),
                *(
                    row["everything"]
                    for row in rows(
                        own.warehouse, "select t::text as everything from ops.oauth_transaction as t"
                    )
                ),
            ]
        )
        for form in (
            verifier,
            quote(verifier),
            base64.b64encode(verifier.encode()).decode(),
            verifier.encode().hex(),
        ):
            assert form not in seen
        with pytest.raises(psycopg.errors.CheckViolation):
            rows(own.warehouse, "update ops.oauth_transaction set code_verifier = %s", verifier.encode())
        rows(own.warehouse, "delete from hub.store_accounts")


def test_18_an_exchange_that_times_out_ends_the_transaction_and_is_not_repeated(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journey = Journey(portal, account=12)
    monkeypatch.setattr(portal.oauth, "_timeout_seconds", 0.5)
    portal.sandbox.set_faults(silence={"endpoint": "oauth/token", "at": "answer"})
    page = journey.phone.come_back(journey.callback)
    assert page.status_code == 502
    assert "Start again" in page.text
    wait_until(lambda: exchanges(portal) == 1)
    assert is_refused(journey.phone.get(journey.callback))
    assert exchanges(portal) == 1
    assert transaction_of(portal, journey.store)["outcome"] == "failed"
    assert journey.accounts() == []


@pytest.mark.parametrize("error", ["invalid_grant", "invalid_client", "invalid_request", "new_in_2027"])
def test_19_an_error_with_status_200_is_an_error(portal: Portal, error: str) -> None:
    journey = Journey(portal, account=12)
    portal.sandbox.set_faults(oauth_error={"error": error, "description": "<b>canary</b>", "status": 200})
    page = journey.phone.come_back(journey.callback)
    assert (page.status_code, "canary" in page.text) == (502, False)
    assert exchanges(portal) == 1
    assert journey.accounts() == []


@pytest.mark.parametrize("missing", ["refresh_token", "access_token", "open_id", "expires_in"])
def test_20_an_answer_that_lacks_something_connects_nothing(portal: Portal, missing: str) -> None:
    journey = Journey(portal, account=12)
    portal.sandbox.set_faults(token_answer={"remove": [missing]})
    assert journey.phone.come_back(journey.callback).status_code == 502
    assert journey.accounts() == []


def test_21_fewer_scopes_connect_in_reduced_mode_and_the_page_says_what_is_missing(portal: Portal) -> None:
    journey = Journey(portal, account=12, scopes=["user.info.basic", "user.info.stats"])
    page = journey.phone.come_back(journey.callback)
    assert page.status_code == 200
    assert "the videos, with their views" in page.text
    assert "followers" not in page.text
    [account] = journey.accounts()
    assert (account.status, account.missing_scopes) == ("CONNECTED", ("user.info.profile", "video.list"))
    assert transaction_of(portal, journey.store)["outcome"] == "reduced"


@pytest.mark.parametrize(
    ("said", "granted"),
    [
        ("user.info.basic,video.list", "user.info.basic,video.list"),
        ("video.list,admin.everything", "video.list"),
        (None, "user.info.basic,user.info.profile,user.info.stats,video.list"),
    ],
)
def test_21_when_the_answer_says_no_scope_the_callbacks_count(
    portal: Portal, said: str | None, granted: str
) -> None:
    journey = Journey(portal, account=12)
    rows(portal.warehouse, "delete from hub.store_accounts")
    portal.sandbox.set_faults(token_answer={"remove": ["scope"]})
    bare = re.sub(r"&scopes=[^&]*|scopes=[^&]*&", "", journey.callback)
    journey.phone.come_back(bare + (f"&scopes={quote(said)}" if said else ""))
    [account] = journey.accounts()
    assert account.scope == granted


def test_22_a_reconnect_link_refuses_another_account_and_changes_nothing(portal: Portal) -> None:
    journey = Journey(portal, account=13)
    journey.phone.come_back(journey.callback)
    [before] = journey.accounts()
    token = rows(portal.warehouse, "select * from vault.token where account_id = %s", before.id)
    link, phone = link_to(portal, journey.store, before.id), Phone(portal)
    page = phone.connect(link, account=14)
    assert page.status_code == 409
    assert "That was another TikTok account" in page.text
    assert journey.accounts() == [before]
    assert rows(portal.warehouse, "select * from vault.token where account_id = %s", before.id) == token
    assert "oauth/revoke" not in portal.sandbox.requests()["endpoints"]
    answer = phone.press(page)
    assert "Connected" in phone.come_back(phone.decide(answer.headers["location"], 13)).text
    [after] = journey.accounts()
    assert (after.id, after.status) == (before.id, "CONNECTED")
    assert after.token_expires_at > before.token_expires_at


def test_23_an_account_of_another_store_is_refused_by_name_and_nothing_changes(portal: Portal) -> None:
    first = Journey(portal, account=15)
    first.phone.come_back(first.callback)
    before = first.accounts()
    rows(
        portal.warehouse,
        "update hub.stores set store_name = 'Toko <Lama>' where store_code = %s",
        first.store,
    )
    second = Journey(portal, account=15)
    page = second.phone.come_back(second.callback)
    assert page.status_code == 409
    assert "belongs to another store" in page.text
    assert "Toko &lt;Lama&gt;" in page.text
    assert (first.accounts(), second.accounts()) == (before, [])
    assert transaction_of(portal, second.store)["outcome"] == "conflict"
    access = portal.vault.access_token(before[0].id, portal.oauth.refresh)
    TikTokClient(portal.sandbox.base_url, portal.sandbox.client_key).user_info(access.token, access.scopes)


@pytest.mark.parametrize("token", ["x" * 4097, "ünïcödé", "", " ", "a\nb", "a\0b", 7, None])
def test_24_tokens_that_cannot_be_tokens_connect_nothing(portal: Portal, token: object) -> None:
    for name in ("access_token", "refresh_token"):
        journey = Journey(portal, account=16)
        portal.sandbox.set_faults(token_answer={"replace": {name: token}})
        assert journey.phone.come_back(journey.callback).status_code == 502
        assert journey.accounts() == []


def test_24_a_token_of_four_kilobytes_is_kept_whole(portal: Portal) -> None:
    journey = Journey(portal, account=17)
    portal.sandbox.set_faults(token_answer={"replace": {"access_token": "a" * 4096}})
    assert "Connected" in journey.phone.come_back(journey.callback).text
    [account] = journey.accounts()
    assert portal.vault.access_token(account.id, portal.oauth.refresh).token.reveal() == "a" * 4096


def test_25_the_cookies_are_exactly_as_strict_as_they_can_be(portal: Portal, tmp_path: Path) -> None:
    url = "https://stores.example.com"
    with running_portal(
        portal.warehouse, portal.sandbox, tmp_path, **own_keys(portal), portal_url=url
    ) as own:
        path = path_of(link_to(own, own.store()))
        page = own.get(path)
        name, value, flags = parsed(page.headers["set-cookie"])
        assert (name, flags) == ("__Host-connect", strict(14 * 86_400))
        assert COOKIE.fullmatch(value)
        token = re.search(r'name="token" value="([0-9a-f]+)"', page.text)
        assert token
        answer = own.post(path, data={"token": token[1]}, headers={"Cookie": f"{name}={value}"})
        assert answer.status_code == 303
        name, value, flags = parsed(answer.headers["set-cookie"])
        assert (name, flags) == ("__Host-oauth_txn", strict(600))
        assert COOKIE.fullmatch(value)
        assert value not in answer.headers["location"]
        redirect = parse_qs(urlsplit(answer.headers["location"]).query)["redirect_uri"]
        assert redirect == [f"{url}/auth/callback"]
    phone = Phone(portal)
    answer = phone.press(phone.get(path_of(link_to(portal, portal.store()))))
    name, _, flags = parsed(answer.headers["set-cookie"])
    assert (name, flags) == (
        "oauth_txn",
        strict(600) - {"secure"},
    )  # this machine, without https: a demonstration


def test_26_the_headers_of_every_page_on_the_way_are_exact(portal: Portal) -> None:
    origin = portal.sandbox.base_url
    journey = Journey(portal, account=18)
    refused = Phone(portal).get(journey.callback)
    link = path_of(link_to(portal, journey.store))
    answers = [
        journey.phone.get(link),
        journey.phone.press(journey.phone.get(link)),
        refused,
        journey.phone.get("/auth/callback"),
        journey.phone.get(Journey(portal, account=18).callback),
        journey.phone.get("/auth/result"),
        journey.phone.get("/connect/unknown"),
        journey.phone.get("/auth/login"),
    ]
    for answer in answers:
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"] == (
            "default-src 'none'; style-src 'self'; img-src 'self' data:; "
            f"form-action 'self' https: {origin}; frame-ancestors 'none'; base-uri 'none'"
        )
        assert "Server" not in answer.headers


def test_27_a_callback_in_a_frame_or_by_post_is_refused_and_consumes_nothing(portal: Portal) -> None:
    journey = Journey(portal, account=18)
    for destination in ("iframe", "frame", "embed", "image", "script", "empty"):
        assert journey.phone.get(journey.callback, Sec_Fetch_Dest=destination).status_code == 400
    for method in ("POST", "PUT", "HEAD"):
        answer = journey.phone.session.request(method, journey.callback, timeout=30, allow_redirects=False)
        assert answer.status_code == 405
    form = dict(parse_qs(urlsplit(journey.callback).query))
    assert journey.phone.session.post(f"{portal.url}/auth/callback", data=form, timeout=30).status_code == 405
    assert transaction_of(portal, journey.store)["consumed_at"] is None
    assert journey.phone.get(journey.callback, Sec_Fetch_Dest="document").status_code == 303


@pytest.mark.parametrize("skew", [-300, 300])
def test_28_the_databases_clock_decides_and_not_the_portals(portal: Portal, skew: int) -> None:
    start = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=skew)
    try:
        portal.clock.set(start)
        in_time, late = Journey(portal, account=19), Journey(portal, account=20)
        portal.clock.set(start + dt.timedelta(seconds=590))
        assert in_time.phone.get(in_time.callback).status_code == 303
        portal.clock.set(start + dt.timedelta(seconds=602))
        assert is_refused(late.phone.get(late.callback))
    finally:
        portal.clock.set(dt.datetime.now(dt.UTC))


def test_29_abandoned_transactions_are_forgotten_and_the_table_stays_small(portal: Portal) -> None:
    store = portal.store()
    rows(
        portal.warehouse,
        """
        insert into ops.oauth_transaction (
            state_hash, binding_hash, store_code, actor, client_key, redirect_uri, scopes,
            created_at, expires_at, consumed_at
        )
        select
            sha256(number::text::bytea), sha256((-number)::text::bytea), %s, 'link', 'key', 'https://x', 'video.list',
            at, at + interval '10 minutes', case when number = 1 then at end
        from generate_series(1, 10000) as number
        cross join lateral (select ops.now() - interval '25 hours' as at) as past
        """,
        store,
    )
    statement = "select count(*) as many from ops.oauth_transaction where store_code = %s"
    left = []
    for _ in range(11):
        Phone(portal).start(link_to(portal, store))
        left.append(rows(portal.warehouse, statement, store)[0]["many"])
    assert left[0] == 9_001
    assert left[-1] == 12  # those just begun, and the one whose code was spent: somebody has to be told of it
    with portal.warehouse.transaction() as cursor:
        assert [orphan.store_code for orphan in orphaned_grants(cursor)] == [store]
    Phone(portal).start(link_to(portal, store))
    assert rows(portal.warehouse, statement, store)[0]["many"] == 12


SERVE = """
import sys
from pathlib import Path
from tiktok_pipeline.portal.context import open_portal
from tiktok_pipeline.portal.server import serve_portal
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.warehouse.connection import Warehouse
settings = Settings(_env_file=None)
with open_portal(Warehouse(settings.database_url.get_secret_value()), settings) as context:
    serve_portal(context, "127.0.0.1", int(settings.portal_url.rpartition(":")[2]))
"""


def test_30_killed_between_exchange_and_save_nothing_is_half_active_and_somebody_is_told(
    portal: Portal, tmp_path: Path
) -> None:
    port = free_port()
    told = portal.settings
    environment = {
        **os.environ,
        "DATABASE_URL": portal.warehouse.url.render_as_string(hide_password=False).replace("+psycopg", ""),
        "DATA_DIR": str(told.data_dir),
        "ENVIRONMENT": "test",
        "PORTAL_URL": f"http://127.0.0.1:{port}",
        "TIKTOK_API_BASE_URL": told.tiktok_api_base_url,
        "TIKTOK_AUTHORIZE_URL": told.tiktok_authorize_url,
        "TIKTOK_CLIENT_KEY": portal.sandbox.client_key,
        "TIKTOK_CLIENT_SECRET": portal.sandbox.client_secret,
        "TIKTOK_REDIRECT_URI": f"http://127.0.0.1:{port}/auth/callback",
    }
    child = subprocess.Popen([sys.executable, "-c", SERVE], env=environment)
    try:
        own = Portal(
            f"http://127.0.0.1:{port}",
            told,
            portal.warehouse,
            portal.vault,
            portal.oauth,
            portal.sandbox,
            portal.context,
        )
        wait_until(lambda: answers(f"{own.url}/health"))
        journey = Journey(own, account=21)
        open_id = portal.sandbox.accounts()[21]["open_id"]
        with portal.warehouse.transaction() as cursor:
            # The save has to wait for this, so that the code is spent and nothing saved when the process dies.
            cursor.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", (open_id,))
            with ThreadPoolExecutor(1) as threads:
                lost = threads.submit(journey.phone.get, journey.callback)
                wait_until(lambda: exchanges(portal) == 1 and waits_for_lock(portal.warehouse))
                child.send_signal(signal.SIGKILL)
                child.wait()
                assert isinstance(lost.exception(), requests.ConnectionError)
    finally:
        child.kill()
        child.wait()
    assert journey.accounts() == []
    assert (
        rows(
            portal.warehouse,
            "select 1 as found from vault.token where account_id not in (select id from hub.store_accounts)",
        )
        == []
    )
    begun = transaction_of(portal, journey.store)
    assert (begun["consumed_at"] is not None, begun["outcome"]) == (True, None)
    back_home = Phone(portal)
    back_home.session.cookies.update(journey.phone.session.cookies)
    assert "Still connecting" in back_home.get("/auth/result").text
    assert is_refused(back_home.get(journey.callback.replace(own.url, portal.url)))

    def orphans() -> list[str]:
        with portal.warehouse.transaction() as cursor:
            return [orphan.store_code for orphan in orphaned_grants(cursor)]

    assert orphans() == []
    try:
        portal.clock.set(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=121))
        assert orphans() == [journey.store]
        assert orphans() == []
    finally:
        portal.clock.set(dt.datetime.now(dt.UTC))
    page = back_home.get("/auth/result")
    assert page.status_code == 200
    assert "It did not work this time" in page.text
    answer = back_home.press(page)
    assert "Connected" in back_home.come_back(back_home.decide(answer.headers["location"], 21)).text


def test_30_an_answer_that_was_only_late_counts_all_the_same(portal: Portal) -> None:
    journey = Journey(portal, account=22)
    portal.sandbox.set_faults(slow={"endpoint": "oauth/token", "delay_ms": 1500})
    with ThreadPoolExecutor(1) as threads:
        late = threads.submit(journey.phone.get, journey.callback)
        wait_until(lambda: transaction_of(portal, journey.store)["consumed_at"] is not None)
        rows(
            portal.warehouse,
            "update ops.oauth_transaction set consumed_at = consumed_at - interval '2 minutes' where store_code = %s",
            journey.store,
        )
        with portal.warehouse.transaction() as other:
            assert [orphan.store_code for orphan in orphaned_grants(other)] == [journey.store]
        assert late.result().status_code == 303
    assert "Connected" in journey.phone.get("/auth/result").text
    assert transaction_of(portal, journey.store)["outcome"] == "connected"


def test_a_code_is_decoded_exactly_once(portal: Portal, tmp_path: Path) -> None:
    with RecordingTikTok() as tiktok:
        told = {**own_keys(portal), "tiktok_api_base_url": tiktok.url}
        with running_portal(portal.warehouse, portal.sandbox, tmp_path, **told) as own:
            for code in ("a*0!6410.va", "a%2Ab", "a%25b", "100%", "a+b/c=="):
                journey = Journey(own)
                callback = f"/auth/callback?code={quote(code, safe='')}&state={journey.state}"
                assert journey.phone.get(callback).status_code == 303
                assert tiktok.forms[-1]["code"] == [code]


class RecordingTikTok:
    """A token endpoint that refuses everything and keeps what it was sent."""

    def __init__(self) -> None:
        self.forms: list[dict[str, list[str]]] = []
        forms = self.forms

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                forms.append(parse_qs(body))
                answer = json.dumps(
                    {"error": "invalid_grant", "error_description": "", "log_id": "L"}
                ).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> RecordingTikTok:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def logged(caplog: pytest.LogCaptureFixture) -> str:
    """What the portal logged: without the phone's own lines, and those of a log that only pytest listens to."""
    others = ("urllib3", "uvicorn.access")
    return "\n".join(record.getMessage() for record in caplog.records if not record.name.startswith(others))


def own_keys(portal: Portal) -> dict[str, Any]:
    """Settings of a second portal on the same database: the same key ring and the same secret."""
    return {
        "encryption_keys_file": portal.settings.keys_file,
        "portal_secret_file": portal.settings.portal_secret_path,
    }


def parsed(set_cookie: str) -> tuple[str, str, set[str]]:
    """Name, value and flags of the one cookie in a header."""
    first, *flags = set_cookie.split("; ")
    name, _, value = first.partition("=")
    return name, value, {flag.lower() for flag in flags}


def strict(seconds: int) -> set[str]:
    return {"httponly", f"max-age={seconds}", "path=/", "samesite=lax", "secure"}


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=1).ok
    except requests.RequestException:
        return False


def waits_for_lock(warehouse: Warehouse) -> bool:
    statement = "select 1 as found from pg_locks where locktype = 'advisory' and not granted and database = (select oid from pg_database where datname = current_database())"
    return bool(rows(warehouse, statement))
