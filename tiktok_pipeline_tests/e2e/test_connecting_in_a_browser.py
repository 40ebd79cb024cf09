"""A real browser, a phone's size, JavaScript off: everything that people do in the portal to connect a store.

TikTok is the sandbox under another host name than the portal's, so that the browser treats it as another site.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import add_account, rows
from tiktok_pipeline_tests.conftest import database
from tiktok_pipeline_tests.e2e.browser import (
    connect,
    decide,
    log_in,
    make_link,
    phone,
    tap,
)
from tiktok_pipeline_tests.e2e.conftest import NewPhone
from tiktok_pipeline_tests.integration.portal.conftest import PASSWORD, Portal, running_portal

OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
GROUND = "getComputedStyle(document.body).backgroundColor"
LONG_NAME = "Kedaikopinusantarasejahteraberkahmulyabersama " * 4


@pytest.fixture(scope="module")
def portal(
    server_url: str, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Portal]:
    folder: Path = tmp_path_factory.mktemp("portal")
    with (
        SandboxProcess(accounts=10, videos=1) as sandbox,
        database(server_url, "browser", template=migrated_template) as url,
    ):
        warehouse = Warehouse(url)
        tiktok = sandbox.base_url.replace("127.0.0.1", "localhost")
        assert tiktok != sandbox.base_url
        with running_portal(
            warehouse, sandbox, folder, tiktok_authorize_url=f"{tiktok}/v2/auth/authorize/"
        ) as portal:
            yield portal
        warehouse.close()


def test_an_operator_adds_a_store_and_its_manager_connects_it(portal: Portal, new_phone: NewPhone) -> None:
    operator = new_phone()
    log_in(operator, portal.url, PASSWORD)
    expect(operator.get_by_role("heading", level=1)).to_have_text("0 stores")
    tap(operator.get_by_role("link", name="Add a store"))
    operator.get_by_label("Code").fill("jakarta_01")
    operator.get_by_label("Name").fill("Jakarta Mall")
    operator.get_by_label("Person in charge").fill("Ayu")
    tap(operator.get_by_role("button", name="Add"))
    link = make_link(operator)

    manager = new_phone()
    manager.goto(link)
    expect(manager.get_by_role("heading", level=1)).to_have_text("Connect the TikTok account of Jakarta Mall")
    connect(manager, link, 1)
    expect(manager.get_by_role("heading", level=1)).to_have_text("Connected")
    assert link.rpartition("/")[2] not in manager.url
    manager.reload()  # repeats nothing
    expect(manager.get_by_role("heading", level=1)).to_have_text("Connected")

    operator.goto(portal.url)
    expect(operator.locator("#jakarta_01 .badge")).to_have_text("Connected")
    assert status_of(portal, "jakarta_01") == [(1, "CONNECTED")]


def test_another_account_is_refused_on_a_reconnect_link_and_the_right_one_reconnects(
    portal: Portal, new_phone: NewPhone
) -> None:
    store = portal.store("Bandung Kopi")
    manager = new_phone()
    connect(manager, portal.context.links.make(store, made_by="test").url, 2)
    expect(manager.get_by_role("heading", level=1)).to_have_text("Connected")
    [(account, _)] = ids_of(portal, store)
    rows(
        portal.warehouse,
        "update hub.store_accounts set status = 'NEED_RECONNECT', display_name = 'Kopi Ayu' where id = %s",
        account,
    )
    before = saved(portal)

    operator = new_phone()
    log_in(operator, portal.url, PASSWORD)
    operator.goto(f"{portal.url}/stores/{store}")
    expect(operator.locator(".badge")).to_have_text("Must reconnect")
    link = make_link(operator, "Reconnect link")

    connect(manager, link, 3)
    expect(manager.get_by_role("heading", level=1)).to_have_text("That was another TikTok account")
    expect(manager.locator("main")).to_contain_text("reconnects “Kopi Ayu”")
    assert saved(portal) == before  # also the tokens: the foreign grant is kept nowhere

    tap(manager.get_by_role("button", name="Start again"))
    decide(manager, 2)
    expect(manager.get_by_role("heading", level=1)).to_have_text("Connected")
    assert status_of(portal, store) == [(2, "CONNECTED")]
    assert saved(portal) != before


def test_coming_back_in_another_browser_connects_nothing_and_starting_again_there_does(
    portal: Portal, new_phone: NewPhone
) -> None:
    store = portal.store("Medan Batik")
    manager, app = new_phone(), new_phone()
    manager.goto(portal.context.links.make(store, made_by="test").url)
    tap(manager.get_by_role("button", name="Continue to TikTok"))
    app.goto(manager.url)  # TikTok's app takes over, and opens the way back in a browser of its own
    decide(app, 4)
    expect(app.get_by_role("heading", level=1)).to_have_text("Let's do that once more")
    assert status_of(portal, store) == []

    tap(app.get_by_role("button", name="Start again here"))
    expect(app.get_by_role("heading", level=1)).to_have_text("Connect the TikTok account of Medan Batik")
    tap(app.get_by_role("link", name="Continue to TikTok"))
    decide(app, 4)
    expect(app.get_by_role("heading", level=1)).to_have_text("Connected")
    assert status_of(portal, store) == [(4, "CONNECTED")]


def test_a_preview_uses_no_link_up_and_a_used_one_says_so(portal: Portal, new_phone: NewPhone) -> None:
    store = portal.store("Surabaya Snack")
    link = portal.context.links.make(store, made_by="test").url
    messenger, manager, later = new_phone(), new_phone(), new_phone()
    assert messenger.request.head(link).status == 200
    for _ in range(3):
        messenger.goto(link)
    connect(manager, link, 5)
    expect(manager.get_by_role("heading", level=1)).to_have_text("Connected")

    answer = later.goto(link)
    assert answer is not None
    assert answer.status == 410
    expect(later.get_by_role("heading", level=1)).to_have_text("This link was used already")
    expect(later.get_by_role("button")).to_have_count(0)


def test_what_the_manager_unticked_is_named_and_can_be_added(portal: Portal, new_phone: NewPhone) -> None:
    store = portal.store("Malang Gadget")
    manager = new_phone()
    connect(
        manager,
        portal.context.links.make(store, made_by="test").url,
        6,
        without="Your public videos and their",
    )
    expect(manager.get_by_role("heading", level=1)).to_have_text("Connected")
    expect(manager.get_by_role("listitem")).to_have_text(
        ["the videos, with their views, likes, comments and shares"]
    )
    tap(manager.get_by_role("button", name="Connect once more"))
    decide(manager, 6)
    expect(manager.get_by_role("heading", level=1)).to_have_text("Connected")
    expect(manager.get_by_role("listitem")).to_have_count(0)


def test_who_says_no_at_tiktok_is_told_that_nothing_was_connected(
    portal: Portal, new_phone: NewPhone
) -> None:
    store = portal.store("Denpasar Hijab")
    manager = new_phone()
    connect(manager, portal.context.links.make(store, made_by="test").url, 7, button="Cancel")
    expect(manager.get_by_role("heading", level=1)).to_have_text("You did not allow it")
    assert status_of(portal, store) == []


def test_no_page_is_wider_than_a_phone_or_light_in_the_dark(portal: Portal, browser: Browser) -> None:
    store = portal.store(LONG_NAME, f"{'a' * 120}@example.com")
    account = add_account(portal.warehouse, store=store, status="ERROR")
    rows(
        portal.warehouse,
        "update hub.store_accounts set status_reason = %s, display_name = %s where id = %s",
        "x" * 200,
        "y" * 120,
        account,
    )
    link = portal.context.links.make(store, made_by="test").url
    with phone(browser, color_scheme="dark") as context:
        page = context.new_page()
        grounds = set()
        log_in(page, portal.url, PASSWORD)
        make_link(page)
        for address in (
            "/",
            f"/stores/{store}",
            "/add-store",
            "/nowhere",
            link,
            "/auth/result",
        ):
            page.goto(address if address.startswith("http") else portal.url + address)
            for summary in page.locator("summary").all():
                summary.tap()
            assert page.evaluate(OVERFLOW) == 0, address
            grounds.add(page.evaluate(GROUND))
        assert grounds == {"rgb(16, 18, 22)"}


def ids_of(portal: Portal, store: str) -> list[tuple[int, str]]:
    """Number and open_id of each of a store's accounts."""
    found = rows(portal.warehouse, "select id, open_id from hub.store_accounts where store_code = %s", store)
    return [(row["id"], row["open_id"]) for row in found]


def status_of(portal: Portal, store: str) -> list[tuple[int, str]]:
    """The sandbox's number and our status of each of a store's accounts."""
    index = {account["open_id"]: account["index"] for account in portal.sandbox.accounts()}
    found = rows(
        portal.warehouse, "select open_id, status from hub.store_accounts where store_code = %s", store
    )
    return [(index[row["open_id"]], row["status"]) for row in found]


def saved(portal: Portal) -> list[dict[str, object]]:
    """All accounts and sealed tokens as they are."""
    return [
        *rows(portal.warehouse, "select * from hub.store_accounts order by id"),
        *rows(portal.warehouse, "select * from vault.token order by account_id"),
    ]
