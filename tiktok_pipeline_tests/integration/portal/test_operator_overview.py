"""What an operator sees of stores and accounts, and does to them."""

from __future__ import annotations

import datetime as dt
import html
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote

import pytest
import requests

from tiktok_pipeline.history import deletion
from tiktok_pipeline.hub.accounts import connect_account, list_accounts
from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import UTC, add_account, rows
from tiktok_pipeline_tests.integration.portal.conftest import Operator, Portal, running_portal

NASTY = """<script>alert("1")</script>' onmouseover='{{ 7*7 }}"""


@pytest.fixture(scope="module")
def operator(portal: Portal) -> Operator:
    return portal.operator()


@pytest.fixture
def store(portal: Portal) -> str:
    return portal.store()


@pytest.fixture(scope="module")
def jakarta(
    portal_warehouse: Warehouse, portal_sandbox: SandboxProcess, portal_folder: Path
) -> Iterator[Portal]:
    """A portal whose days are Jakarta's, seven hours ahead of UTC."""
    with running_portal(
        portal_warehouse, portal_sandbox, portal_folder, reporting_timezone="Asia/Jakarta"
    ) as portal:
        yield portal


def words(answer: requests.Response) -> str:
    """The text of a page as a person reads it."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def page_text(answer: requests.Response) -> str:
    """Text and field values of a page, whose markup is only what our templates use."""
    parser = OurMarkupOnly()
    parser.feed(answer.text)
    return " ".join(parser.texts)


class OurMarkupOnly(HTMLParser):
    """Collects text and values; fails on a tag or an attribute that no template of ours has."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag != "script"
        assert not [name for name, _ in attrs if name.startswith("on") or name == "style"]
        self.texts += [value for name, value in attrs if name == "value" and value]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def card(answer: requests.Response, code: str) -> str:
    """What the overview says of one store."""
    page = answer.text.partition(f'<section class="card" id="{code}">')[2].partition("</section>")[0]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def link_in(answer: requests.Response) -> str:
    """The link that a page shows, in its read-only field."""
    found = re.search(r'<input readonly value="([^"]+)"', answer.text)
    assert found, words(answer)
    return html.unescape(found[1])


def status_of(portal: Portal, account_id: int) -> tuple[str, str | None]:
    [account] = [account for account in list_accounts(portal.warehouse) if account.id == account_id]
    return account.status, account.status_reason


def connected(portal: Portal, store: str, index: int) -> int:
    """An account of the sandbox, connected to the store."""
    return connect_account(
        portal.warehouse,
        portal.vault,
        portal.oauth,
        store_code=store,
        auth_code=portal.sandbox.authorize(index),
        redirect_uri=portal.settings.tiktok_redirect_uri or "",
        client_key=portal.oauth.client_key,
    ).id


def test_it_shows_accounts_of_every_status_with_reason_dates_and_missing_scopes(jakarta: Portal) -> None:
    store = jakarta.store("All Four", contact="0812 3456")
    for status in ("CONNECTED", "NEED_RECONNECT", "ERROR", "DISABLED"):
        number = add_account(jakarta.warehouse, f"-000{status}", store=store, status=status)
        rows(
            jakarta.warehouse,
            """
            update hub.store_accounts
            set status_reason = %s, scope = 'user.info.basic,video.list', last_sync_at = %s,
                token_expires_at = %s, refresh_token_expires_at = %s
            where id = %s
            """,
            None if status == "CONNECTED" else f"because of {status}",
            dt.datetime(2026, 3, 31, 18, 30, tzinfo=UTC),
            dt.datetime(2026, 4, 30, 23, 59, tzinfo=UTC),
            dt.datetime(2026, 12, 31, 17, 0, tzinfo=UTC),
            number,
        )
    shown = card(jakarta.operator().get(f"/?search={store}"), store)
    assert shown.startswith(f"All Four {store} Ayu · 0812 3456 ")
    for status, word in (
        ("CONNECTED", "Connected"),
        ("NEED_RECONNECT", "Must reconnect because of NEED_RECONNECT"),
        ("ERROR", "Keeps failing because of ERROR"),
        ("DISABLED", "Disabled because of DISABLED"),
    ):
        assert (
            f"-000{status} {word} Last capture 2026-04-01 01:30 Token until 2026-05-01 06:59 "
            "Grant ends 2027-01-01" in shown
        )
    assert shown.count("Not granted user.info.profile, user.info.stats") == 4


def test_a_thousand_stores_are_found_and_paged(
    server_url: str, migrated_template: str, portal: Portal, operator: Operator
) -> None:
    rows(
        portal.warehouse,
        """
        insert into hub.stores (store_code, store_name, pic_name, pic_contact)
        select 'many_' || to_char(n, 'FM0000'), 'Toko ' || n, 'Budi 100%% & Sons', 'budi' || n || '@example.com'
        from generate_series(1, 1000) as n
        """,
    )
    try:
        codes = [
            re.findall(
                r'<section class="card" id="(many_\d+)">', operator.get(f"/?search=many_&page={n}").text
            )
            for n in (1, 2, 20)
        ]
        assert [len(page) for page in codes] == [50, 50, 50]
        assert (codes[0][0], codes[1][0], codes[2][-1]) == ("many_0001", "many_0051", "many_1000")
        assert "Page 20 of 20" in words(operator.get("/?search=many_&page=20"))
        assert 'id="many_0001"' in operator.get("/?search=many_&page=21").text  # beyond the end: the start
        following = re.search(r'href="([^"]+)">Next<', operator.get("/?search=100%25+%26+Sons").text)
        assert following
        assert 'id="many_0051"' in operator.get(html.unescape(following[1])).text
        assert "many_0777" in operator.get("/?search=BUDI777@").text
        assert "Nothing found." in words(operator.get("/?search=nobody"))
        assert "Nothing found." in words(operator.get("/?search=%00nobody"))
        seconds = operator.get("/").elapsed.total_seconds()
        assert seconds < 1, f"{seconds} s"
    finally:
        rows(portal.warehouse, "delete from hub.stores where store_code like 'many\\_%%'")


def test_stores_are_found_by_an_account_and_by_its_status(portal: Portal, operator: Operator) -> None:
    one, other = portal.store(), portal.store()
    add_account(portal.warehouse, "-000findable", store=one, status="ERROR")
    for address in ("/?search=FINDABLE", "/?status=ERROR"):
        page = operator.get(address).text
        assert f'id="{one}"' in page
        assert f'id="{other}"' not in page


def test_names_are_shown_as_they_were_typed_and_never_run(portal: Portal, operator: Operator) -> None:
    form = {"code": "nasty", "name": NASTY, "pic": NASTY, "contact": NASTY}
    assert operator.send("/add-store", **form).headers["Location"] == "/stores/nasty?done=added"
    rows(
        portal.warehouse,
        "update hub.store_accounts set display_name = %s, status_reason = %s where id = %s",
        NASTY,
        NASTY,
        add_account(portal.warehouse, NASTY, store="nasty", status="ERROR"),
    )
    shown = operator.send("/stores/nasty/link")
    link = link_in(shown).removeprefix(portal.url)
    refused = operator.send("/add-store", **{**form, "code": NASTY})
    found = operator.get("/?search=" + quote(NASTY))
    for page in (operator.get("/"), operator.get("/stores/nasty"), shown, portal.get(link), refused, found):
        assert NASTY in page_text(page)  # as text, or as the value of a field; nothing of it is markup
    assert operator.get("/").text.count("<script") == 0
    assert operator.get("/?done=%3Cb%3E").text.count("notice") == 0


def test_a_store_may_have_any_code(portal: Portal, operator: Operator) -> None:
    form = {"code": "new", "name": "Newmarket", "pic": "Ayu", "contact": ""}
    added = operator.send("/add-store", **form).headers["Location"]
    assert "Newmarket" in operator.get(added).text


def test_a_store_is_added_and_changed_and_mistakes_are_explained(portal: Portal, operator: Operator) -> None:
    form = {"code": "bandung_01", "name": "Kopi Bandung", "pic": "Budi", "contact": " "}
    assert operator.send("/add-store", **form).status_code == 303
    again = operator.send("/add-store", **form)
    assert again.status_code == 400
    assert "store bandung_01: exists already" in words(again)
    assert 'value="Kopi Bandung"' in again.text  # nothing typed is lost
    assert operator.send("/add-store", **{**form, "code": "New Store"}).status_code == 400
    assert operator.send("/stores/bandung_01/change", name="", pic="Citra").status_code == 400
    changed = operator.send(
        "/stores/bandung_01/change", name="Teh Bandung", pic="Citra", contact="c@example.com"
    )
    assert changed.headers["Location"] == "/stores/bandung_01?done=saved"
    shown = words(operator.get("/stores/bandung_01?done=saved"))
    assert "Saved." in shown
    assert "Teh Bandung bandung_01 Citra · c@example.com" in shown


def test_a_store_that_is_not_there_is_a_404(operator: Operator, portal: Portal, store: str) -> None:
    account_id = add_account(portal.warehouse, f"-000{store}", store=store)
    other = portal.store()
    for path in ("/stores/none", "/stores/NONE", "/stores/%00", "/stores/a%2Fb"):
        assert operator.get(path).status_code == 404, path
    for path in (
        "/stores/none/link",
        "/stores/none/change",
        "/stores/none/delete",
        "/stores/none/disable",
        "/stores/none/enable",
        f"/stores/{other}/accounts/{account_id}/link",  # another store's account
        f"/stores/{other}/accounts/{account_id}/disable",
        f"/stores/{other}/accounts/{account_id}/disconnect",
        f"/stores/{store}/accounts/{account_id + 1000}/enable",
    ):
        assert operator.send(path, name="x", pic="x", confirmation=other).status_code == 404, path
    assert operator.send(f"/stores/{store}/accounts/{2**63}/link").status_code == 400
    assert status_of(portal, account_id)[0] == "CONNECTED"


def test_links_to_connect_and_to_reconnect_are_made_when_asked_and_shown_once(
    portal: Portal, operator: Operator, store: str
) -> None:
    account_id = add_account(portal.warehouse, f"-000{store}", store=store)
    connect = operator.send(f"/stores/{store}/link")
    reconnect = operator.send(f"/stores/{store}/accounts/{account_id}/link")
    texts = []
    for answer, account in ((connect, None), (reconnect, account_id)):
        url = link_in(answer)
        assert url.startswith(f"{portal.url}/connect/")
        texts.append(url.rpartition("/")[2])
        found = portal.context.links.look(texts[-1])
        assert (found.state, found.store_code, found.account_id) == ("usable", store, account)
    made_by = rows(
        portal.warehouse, "select distinct made_by from ops.connect_link where store_code = %s", store
    )
    assert made_by == [{"made_by": "operator"}]
    later = operator.get(f"/stores/{store}").text + operator.get("/").text
    assert not any(text in later for text in texts)


def test_an_account_is_disabled_and_enabled(portal: Portal, operator: Operator, store: str) -> None:
    account_id = connected(portal, store, 20)
    place = f"/stores/{store}/accounts/{account_id}"
    assert operator.send(f"{place}/disable").headers["Location"] == f"/stores/{store}?done=disabled"
    assert status_of(portal, account_id)[0] == "DISABLED"
    assert operator.send(f"{place}/enable").headers["Location"] == f"/stores/{store}?done=enabled"
    assert status_of(portal, account_id)[0] == "CONNECTED"


def test_a_store_is_disabled_with_all_its_accounts(portal: Portal, operator: Operator, store: str) -> None:
    accounts = [connected(portal, store, 21), connected(portal, store, 22)]
    other = connected(portal, portal.store(), 23)
    operator.send(f"/stores/{store}/disable")
    assert [status_of(portal, account)[0] for account in accounts] == ["DISABLED", "DISABLED"]
    assert status_of(portal, other)[0] == "CONNECTED"
    operator.send(f"/stores/{store}/enable")
    assert [status_of(portal, account)[0] for account in accounts] == ["CONNECTED", "CONNECTED"]
    empty = portal.store()
    assert operator.send(f"/stores/{empty}/disable").status_code == 303


def test_disconnecting_needs_the_stores_code_and_tells_tiktok(
    portal: Portal, operator: Operator, store: str
) -> None:
    account_id = connected(portal, store, 24)
    place = f"/stores/{store}/accounts/{account_id}/disconnect"
    for typed in ("", "yes", store.upper()):
        answer = operator.send(place, confirmation=typed)
        assert answer.status_code == 400
        assert "Not disconnected" in words(answer)
    assert status_of(portal, account_id)[0] == "CONNECTED"
    portal.sandbox.reset_requests()
    answer = operator.send(place, confirmation=f" {store} ")
    assert answer.headers["Location"] == f"/stores/{store}?done=disconnected"
    assert portal.sandbox.requests()["endpoints"]["oauth/revoke"]["count"] == 1
    assert status_of(portal, account_id) == ("DISABLED", "disconnected by an operator")
    assert rows(portal.warehouse, "select 1 from vault.token where account_id = %s", account_id) == []


def test_when_tiktok_cannot_be_asked_nothing_is_disconnected(
    portal: Portal, operator: Operator, store: str
) -> None:
    account_id = connected(portal, store, 25)
    portal.sandbox.set_faults(internal_error=True)
    try:
        answer = operator.send(f"/stores/{store}/accounts/{account_id}/disconnect", confirmation=store)
    finally:
        portal.sandbox.clear_faults()
    assert answer.status_code == 400
    assert f"account {account_id}: not disconnected" in words(answer)
    assert status_of(portal, account_id)[0] == "CONNECTED"


def test_deleting_a_store_needs_its_code_and_takes_all_of_it(
    portal: Portal, operator: Operator, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    account_id = connected(portal, store, 26)
    operator.send(f"/stores/{store}/link")
    assert "cannot be undone" in words(operator.get(f"/stores/{store}"))
    assert "Not deleted" in words(operator.send(f"/stores/{store}/delete", confirmation="yes"))
    assert operator.get(f"/stores/{store}").status_code == 200
    with monkeypatch.context() as patched, portal.warehouse.transaction() as cursor:
        patched.setattr(deletion, "LOCK_TIMEOUT", "50ms")
        cursor.execute("select from hub.stores where store_code = %s for key share", (store,))
        busy = operator.send(f"/stores/{store}/delete", confirmation=store)
        assert (busy.status_code, "Try again in a minute" in words(busy)) == (409, True)
    answer = operator.send(f"/stores/{store}/delete", confirmation=store)
    assert answer.headers["Location"] == "/?done=deleted"
    [noted] = rows(portal.warehouse, "select actor from ops.deletion_log where store_code = %s", store)
    assert re.fullmatch("[0-9a-f]{16}", noted["actor"])  # the operator's session
    assert operator.get(f"/stores/{store}").status_code == 404
    left = "select 1 from hub.store_accounts where id = %s union all select 1 from vault.token where account_id = %s"
    assert rows(portal.warehouse, left, account_id, account_id) == []
