"""What a store's person sees: the link's page, its one button, and a page for everything that can become of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tiktok_pipeline.hub.accounts import list_accounts
from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.integration.portal.conftest import Portal
from tiktok_pipeline_tests.integration.portal.phone import TOKEN, Phone, path_of, state_of, wait_until


@pytest.fixture(autouse=True)
def as_new(portal: Portal) -> None:
    portal.forget_attempts()
    portal.sandbox.set_faults()


def link_to(portal: Portal, store: str, account_id: int | None = None) -> str:
    return portal.context.links.make(store, account_id, made_by="operator").url


def transactions(portal: Portal, store: str) -> int:
    [found] = rows(
        portal.warehouse, "select count(*) as many from ops.oauth_transaction where store_code = %s", store
    )
    return int(found["many"])


def waiting(portal: Portal) -> int:
    """How many sessions of the portal's database wait for a row."""
    statement = """
        select count(*) as many from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'
    """
    return int(rows(portal.warehouse, statement)[0]["many"])


def test_the_page_names_the_store_and_says_what_is_read_and_has_one_button(portal: Portal) -> None:
    link = link_to(portal, portal.store("Kopi & Kue <Jakarta>"))
    page = Phone(portal).get(path_of(link))
    assert page.status_code == 200
    assert "Kopi &amp; Kue &lt;Jakarta&gt;" in page.text
    assert "What we read" in page.text
    assert page.text.count("<button") == 1
    assert "<script" not in page.text
    assert 'name="viewport"' in page.text


def test_a_reconnect_page_names_the_account(portal: Portal) -> None:
    store = portal.store()
    assert Phone(portal).connect(link_to(portal, store), account=1).status_code == 200
    [account] = [account for account in list_accounts(portal.warehouse) if account.store_code == store]
    rows(
        portal.warehouse,
        "update hub.store_accounts set display_name = 'Ayu''s <b>' where id = %s",
        account.id,
    )
    page = Phone(portal).get(path_of(link_to(portal, store, account.id)))
    assert "Reconnect" in page.text
    assert "Ayu&#39;s &lt;b&gt;" in page.text


def test_a_messengers_preview_uses_nothing_up(portal: Portal) -> None:
    store = portal.store()
    link = link_to(portal, store)
    for method in ("GET", "HEAD", "GET"):
        answer = requests.request(method, portal.url + path_of(link), timeout=30)
        assert answer.status_code == 200
    assert transactions(portal, store) == 0
    assert "Connected" in Phone(portal).connect(link, account=2).text


def test_the_button_leads_to_tiktok_which_always_asks_which_account(portal: Portal) -> None:
    address = Phone(portal).start(link_to(portal, portal.store()))
    assert address.startswith(portal.settings.tiktok_authorize_url)
    assert "disable_auto_auth=1" in address
    assert requests.get(address, timeout=30).status_code == 200
    assert len(state_of(address)) == 43


def test_after_connecting_the_link_is_used_up_for_everybody(portal: Portal) -> None:
    link, phone = link_to(portal, portal.store()), Phone(portal)
    assert phone.connect(link, account=3).status_code == 200
    for somebody in (phone, Phone(portal)):
        page = somebody.get(path_of(link))
        assert page.status_code == 410
        assert "used already" in page.text
        assert "<button" not in page.text


def test_after_the_button_the_link_goes_on_in_the_same_browser_only(portal: Portal) -> None:
    link, phone = link_to(portal, portal.store()), Phone(portal)
    ready = Phone(portal)
    page_before = ready.get(path_of(link))
    phone.start(link)
    assert "used already" in Phone(portal).get(path_of(link)).text
    late = ready.press(page_before)
    assert late.status_code == 410
    assert "location" not in late.headers
    assert "Connected" in phone.connect(link, account=4).text


def test_an_expired_and_an_unknown_link_say_so(portal: Portal) -> None:
    link, phone = link_to(portal, portal.store()), Phone(portal)
    page = phone.get(path_of(link))
    rows(portal.warehouse, "update ops.connect_link set expires_at = ops.now() where finished_at is null")
    assert "expired" in Phone(portal).get(path_of(link)).text
    late = phone.press(page)
    assert late.status_code == 410
    assert "expired" in late.text
    for text in ("nonsense", "a.b", "%00", "x" * 3000, "../x"):
        page = Phone(portal).get(f"/connect/{text}")
        assert page.status_code == 404, text
        assert "nonsense" not in page.text


@pytest.mark.parametrize("what", ["no token", "wrong token", "no cookie", "another browser's cookie"])
def test_a_form_that_this_browser_was_not_shown_is_refused_and_uses_nothing(
    portal: Portal, what: str
) -> None:
    store = portal.store()
    link, phone, other = link_to(portal, store), Phone(portal), Phone(portal)
    token = TOKEN.search(phone.get(path_of(link)).text)
    assert token
    other.get(path_of(link))
    sender = {"no cookie": Phone(portal), "another browser's cookie": other}.get(what, phone)
    form = {"no token": {}, "wrong token": {"token": "0" * 64}}.get(what, {"token": token[1]})
    for path in (path_of(link), "/auth/again"):
        answer = sender.session.post(portal.url + path, data=form, timeout=30, allow_redirects=False)
        assert answer.status_code == 403
    assert transactions(portal, store) == 0
    assert portal.context.links.look(path_of(link).rpartition("/")[2]).state == "usable"


def test_who_declines_is_told_and_may_start_again(portal: Portal) -> None:
    link, phone = link_to(portal, portal.store()), Phone(portal)
    page = phone.connect(link, decision="deny")
    assert "You did not allow it" in page.text
    answer = phone.press(page)
    assert answer.status_code == 303
    assert "Connected" in phone.come_back(phone.decide(answer.headers["location"], 5)).text
    assert phone.get(path_of(link)).status_code == 410


def test_with_fewer_scopes_the_page_says_what_will_be_missing_and_connects_once_more(portal: Portal) -> None:
    store = portal.store()
    link, phone = link_to(portal, store), Phone(portal)
    page = phone.connect(link, account=6, scopes=["user.info.basic", "video.list"])
    assert page.status_code == 200
    assert "followers" in page.text
    assert "description" in page.text
    assert "the videos" not in page.text
    answer = phone.press(page)
    page = phone.come_back(phone.decide(answer.headers["location"], 6))
    assert "nothing more to do" in page.text
    [account] = [account for account in list_accounts(portal.warehouse) if account.store_code == store]
    assert account.missing_scopes == ()
    assert Phone(portal).get(path_of(link)).status_code == phone.get(path_of(link)).status_code == 410


def test_what_is_allowed_at_all_is_kept_even_when_nothing_useful_is(portal: Portal) -> None:
    link = link_to(portal, portal.store())
    portal.sandbox.set_faults(token_answer={"replace": {"scope": "something.else"}})
    page = Phone(portal).connect(link, account=7)
    assert page.status_code == 200
    assert "Nothing was allowed" in page.text


def test_coming_back_in_the_browser_of_tiktoks_app_one_can_start_again_there(portal: Portal) -> None:
    store = portal.store("Medan <Plaza>")
    link, phone, inside_the_app = link_to(portal, store), Phone(portal), Phone(portal)
    callback = phone.decide(phone.start(link), 8)
    page = inside_the_app.get(callback)
    assert page.status_code == 400
    assert "opened another" in page.text
    assert "Medan" not in page.text
    moved = inside_the_app.press(page)
    assert "account of Medan &lt;Plaza&gt;" in moved.text  # whoever was lured here sees for which store it is
    again = inside_the_app.press(page)
    assert again.status_code == 303  # it is this browser's link now
    assert "another browser" in phone.get("/auth/result").text
    assert phone.press(phone.get(callback)).status_code == 410
    assert "Connected" in inside_the_app.come_back(inside_the_app.decide(again.headers["location"], 8)).text
    assert phone.press(phone.get(callback)).status_code == 410
    [account] = [account for account in list_accounts(portal.warehouse) if account.store_code == store]
    assert account.status == "CONNECTED"


def test_the_address_on_the_page_that_names_the_store_leads_to_tiktok(portal: Portal) -> None:
    phone = Phone(portal)
    callback = phone.decide(phone.start(link_to(portal, portal.store())), 9)
    inside_the_app = Phone(portal)
    address = inside_the_app.start_here(inside_the_app.get(callback))
    assert state_of(address) != state_of(callback)
    assert "Connected" in inside_the_app.come_back(inside_the_app.decide(address, 9)).text


def test_of_two_browsers_that_start_again_from_one_state_at_once_one_goes_on(portal: Portal) -> None:
    store = portal.store()
    phone = Phone(portal)
    callback = phone.decide(phone.start(link_to(portal, store)), 9)
    others = [Phone(portal), Phone(portal)]
    pages = [other.get(callback) for other in others]
    with ThreadPoolExecutor(2) as threads:
        with portal.warehouse.transaction() as cursor:
            # Both find the state open, and wait here to take it.
            cursor.execute("select 1 from ops.oauth_transaction where store_code = %s for update", (store,))
            answers = [threads.submit(other.press, page) for other, page in zip(others, pages, strict=True)]
            wait_until(lambda: waiting(portal) == 2)
        assert sorted(answer.result().status_code for answer in answers) == [200, 410]


def test_a_button_that_was_shown_before_the_link_was_spent_does_nothing(portal: Portal) -> None:
    store = portal.store()
    link, phone = link_to(portal, store), Phone(portal)
    page = phone.get(path_of(link))
    assert "Connected" in phone.connect(link, account=11).text
    assert phone.press(page).status_code == 410
    assert transactions(portal, store) == 1


def test_a_state_that_is_too_old_starts_again_only_where_the_button_was_pressed(portal: Portal) -> None:
    store = portal.store()
    phone = Phone(portal)
    callback = phone.decide(phone.start(link_to(portal, store)), 9)
    rows(
        portal.warehouse,
        "update ops.oauth_transaction set expires_at = ops.now() where store_code = %s",
        store,
    )
    other = Phone(portal)
    assert other.press(other.get(callback)).status_code == 410
    phone.session.cookies.pop("oauth_txn")
    assert phone.press(phone.get(callback)).status_code == 303


def test_login_with_a_link_shows_its_page_and_uses_nothing_up(portal: Portal) -> None:
    store, other = portal.store(), portal.store()
    text = path_of(link_to(portal, store)).rpartition("/")[2]
    for query in (f"link={text}", f"store_code={store}&link={text}"):
        answer = Phone(portal).get(f"/auth/login?{query}")
        assert (answer.status_code, answer.headers["location"]) == (303, f"/connect/{text}")
    assert Phone(portal).get(f"/auth/login?store_code={other}&link={text}").status_code == 404
    assert Phone(portal).get("/auth/login?link=//evil.example").status_code == 404
    assert portal.context.links.look(text).state == "usable"


def test_login_without_a_link_is_for_operators(portal: Portal) -> None:
    store = portal.store()
    for query in (f"?store_code={store}", "?store_code=nowhere", ""):
        answer = Phone(portal).get(f"/auth/login{query}")
        assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert transactions(portal, store) == 0


def test_starting_is_limited_per_minute_and_says_when_to_try_again(portal: Portal) -> None:
    answers = [Phone(portal).get("/auth/login?store_code=x").status_code for _ in range(61)]
    assert answers == [303] * 60 + [429]
    phone = Phone(portal)
    refused = phone.press(phone.get(path_of(link_to(portal, portal.store()))))
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 60


def test_the_result_page_is_the_browsers_own(portal: Portal) -> None:
    phone = Phone(portal)
    assert phone.get("/auth/result").status_code == 404
    address = phone.start(link_to(portal, portal.store("Bandung Mall")))
    assert "TikTok has not answered yet" in phone.get("/auth/result").text
    assert "Bandung Mall" in phone.come_back(phone.decide(address, 10)).text
    assert "Bandung Mall" in phone.get("/auth/result").text
    assert "Bandung Mall" not in Phone(portal).get("/auth/result").text
