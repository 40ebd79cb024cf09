"""A link connects one account, never one that operators took out of service, and no grant is lost to a blink."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
import requests
from psycopg.rows import DictRow

from tiktok_pipeline.hub.accounts import Account, list_accounts
from tiktok_pipeline.hub.disconnecting import disable, disconnect, enable
from tiktok_pipeline.warehouse.connection import DatabaseUnavailable
from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.integration.portal.conftest import Portal
from tiktok_pipeline_tests.integration.portal.phone import Phone, path_of


@pytest.fixture(autouse=True)
def as_new(portal: Portal) -> None:
    portal.forget_attempts()
    portal.sandbox.set_faults()


def link_to(portal: Portal, store: str, account_id: int | None = None) -> str:
    return portal.context.links.make(store, account_id, made_by="operator").url


def accounts_of(portal: Portal, store: str) -> list[Account]:
    return [account for account in list_accounts(portal.warehouse) if account.store_code == store]


def connected(portal: Portal, number: int) -> Account:
    store = portal.store()
    assert Phone(portal).connect(link_to(portal, store), number).status_code == 200
    [account] = accounts_of(portal, store)
    return account


def outcomes(portal: Portal, store: str) -> list[str | None]:
    found = rows(
        portal.warehouse, "select outcome from ops.oauth_transaction where store_code = %s order by id", store
    )
    return [row["outcome"] for row in found]


def begun(phone: Phone, link: str) -> tuple[str, dict[str, str]]:
    """The address at TikTok after a press of the button, and the cookies of then."""
    address = phone.start(link)
    return address, {cookie.name: cookie.value or "" for cookie in phone.session.cookies}


def test_a_new_press_of_the_button_ends_what_the_link_began_before(portal: Portal) -> None:
    store, phone = portal.store(), Phone(portal)
    link = link_to(portal, store)
    presses = [begun(phone, link) for _ in range(3)]
    answers = [
        requests.get(phone.decide(address, 20 + n), cookies=cookies, allow_redirects=False, timeout=10)
        for n, (address, cookies) in enumerate(presses)
    ]
    assert [answer.status_code for answer in answers] == [400, 400, 303]
    assert outcomes(portal, store) == ["restarted", "restarted", "connected"]
    assert len(accounts_of(portal, store)) == 1


def test_of_two_transactions_under_way_the_one_that_saves_second_connects_nothing(portal: Portal) -> None:
    store, phone = portal.store(), Phone(portal)
    link = link_to(portal, store)
    address, cookies = begun(phone, link)
    rows(portal.warehouse, "update ops.oauth_transaction set link_id = null where store_code = %s", store)
    later, later_cookies = begun(
        phone, link
    )  # does not know of the first, as if that were with TikTok already
    rows(
        portal.warehouse,
        "update ops.oauth_transaction set link_id = (select max(link_id) from ops.oauth_transaction) "
        "where store_code = %s",
        store,
    )
    for at, jar, number in ((later, later_cookies, 3), (address, cookies, 4)):
        callback = phone.decide(at, number)
        answer = requests.get(callback, cookies=jar, allow_redirects=False, timeout=10)
        page = requests.get(portal.url + answer.headers["location"], cookies=jar, timeout=10)
    assert page.status_code == 410
    assert "used already" in page.text
    assert outcomes(portal, store) == ["spent", "connected"]
    assert len(accounts_of(portal, store)) == 1


def test_after_fewer_scopes_the_link_is_for_the_same_account_only(portal: Portal) -> None:
    store, phone = portal.store(), Phone(portal)
    link = link_to(portal, store)
    assert phone.connect(link, 5, scopes=["user.info.basic"]).status_code == 200
    assert phone.connect(link, 6).status_code == 409
    assert len(accounts_of(portal, store)) == 1
    assert phone.connect(link, 5).status_code == 200
    assert accounts_of(portal, store)[0].missing_scopes == ()


@pytest.mark.parametrize("of_the_account", [True, False])
def test_old_links_do_not_undo_disabling_or_disconnecting(portal: Portal, of_the_account: bool) -> None:
    number = 13 + of_the_account
    account = connected(portal, number)
    for take_out in (
        lambda: disable(portal.warehouse, account.id),
        lambda: disconnect(portal.vault, portal.oauth, account.id),
    ):
        link = link_to(portal, account.store_code, account.id if of_the_account else None)
        phone = Phone(portal)
        callback = phone.decide(phone.start(link), number)
        take_out()
        assert phone.get(path_of(link)).status_code == 410
        assert phone.get(callback).status_code == 400
        assert [found.status for found in accounts_of(portal, account.store_code)] == ["DISABLED"]
        enable(portal.warehouse, account.id)


def test_what_was_on_its_way_when_an_operator_disconnected_is_not_saved(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = connected(portal, 8)
    phone = Phone(portal)
    callback = phone.decide(phone.start(link_to(portal, account.store_code)), 8)
    exchange = portal.oauth.exchange

    def meanwhile(*values: Any) -> Any:
        grant = exchange(*values)
        disconnect(portal.vault, portal.oauth, account.id)
        return grant

    monkeypatch.setattr(portal.context.oauth, "exchange", meanwhile)
    page = phone.come_back(callback)
    assert "out of service" in page.text
    assert [found.status for found in accounts_of(portal, account.store_code)] == ["DISABLED"]


def test_a_disabled_account_is_put_back_by_operators_only_and_the_pages_say_so(portal: Portal) -> None:
    account = connected(portal, 9)
    disable(portal.warehouse, account.id)
    page = Phone(portal).get(path_of(link_to(portal, account.store_code, account.id)))
    assert (page.status_code, "out of service" in page.text) == (410, True)
    page = Phone(portal).connect(link_to(portal, account.store_code), 9)
    assert (page.status_code, "out of service" in page.text) == (409, True)
    assert [found.status for found in accounts_of(portal, account.store_code)] == ["DISABLED"]


def test_a_new_link_connects_a_disconnected_account_again(portal: Portal) -> None:
    account = connected(portal, 10)
    disconnect(portal.vault, portal.oauth, account.id)
    assert Phone(portal).connect(link_to(portal, account.store_code, account.id), 10).status_code == 200
    assert [found.status for found in accounts_of(portal, account.store_code)] == ["CONNECTED"]


def test_a_grant_survives_a_database_that_is_away_for_a_moment(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, phone = portal.store(), Phone(portal)
    callback = phone.decide(phone.start(link_to(portal, store)), 11)
    real, exchange = portal.vault.warehouse.transaction, portal.oauth.exchange
    away: list[str] = []

    @contextmanager
    def blinking() -> Iterator[psycopg.Cursor[DictRow]]:
        if len(away) == 1:
            away.append("before")
            raise DatabaseUnavailable("restarting")
        with real() as cursor:
            yield cursor
        if len(away) == 2:
            away.append("after")
            raise psycopg.OperationalError("nobody confirmed the commit")

    def exchanged(*values: Any) -> Any:
        grant = exchange(*values)
        away.append("exchanged")
        return grant

    monkeypatch.setattr(portal.context.oauth, "exchange", exchanged)
    monkeypatch.setattr(portal.vault.warehouse, "transaction", blinking)
    assert "Connected" in phone.come_back(callback).text
    assert away == ["exchanged", "before", "after"]
    assert outcomes(portal, store) == ["connected"]


@pytest.mark.parametrize(("status", "works"), [("CONNECTED", True), ("NEED_RECONNECT", False)])
def test_a_reconnect_page_says_what_is_missing_only_when_it_is(
    portal: Portal, status: str, works: bool
) -> None:
    known = list_accounts(portal.warehouse)
    account = known[0] if known else connected(portal, 12)
    rows(portal.warehouse, "update hub.store_accounts set status = %s where id = %s", status, account.id)
    page = Phone(portal).get(path_of(link_to(portal, account.store_code, account.id))).text
    assert ("still works" in page, "numbers are missing" in page) == (works, not works)
    for read in ("handle", "following", "verified badge"):
        assert read in page
