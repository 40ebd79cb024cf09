"""`make screenshots`: the portal's pages as a phone shows them, the digest and mails, into docs/images.

A portal of its own on an embedded PostgreSQL, with made-up stores and the sandbox as TikTok.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page

from docs.digest_pictures import take_digest_pictures
from tiktok_pipeline.hub.stores import add_store
from tiktok_pipeline.runtime.database import ensure_database
from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.embedded import EmbeddedServer
from tiktok_pipeline.warehouse.migrations import migrate
from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.e2e.browser import chromium_here, connect, headless, log_in, phone
from tiktok_pipeline_tests.integration.portal.conftest import PASSWORD, Portal, running_portal

IMAGES = Path(__file__).parent / "images"
STORES = (
    ("jakarta_batik", "Batik Jakarta", "Ayu Lestari", "ayu@example.com"),
    ("bandung_kopi", "Kopi Bandung", "Budi Santoso", "+62 812 5550 142"),
    ("medan_snack", "Snack Medan", "Citra Dewi", "citra@example.com"),
)
RECONNECT = "TikTok ended the grant: its owner removed our access in TikTok's settings"
CAPTURED = """
update hub.store_accounts set display_name = initcap(replace(store_code, '_', ' ')), last_sync_at = ops.now()
"""
ENDED = "update hub.store_accounts set status = 'NEED_RECONNECT', status_reason = %s where store_code = 'bandung_kopi'"


def main() -> None:
    """Take all pictures."""
    program = chromium_here()
    if program is None:
        sys.exit("no chromium, chromium-browser or google-chrome on this machine: install one of them")
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedServer(Path(folder) / "postgres") as server,
        SandboxProcess(accounts=5, videos=1) as sandbox,
        headless(program) as browser,
    ):
        warehouse = Warehouse(server.url("postgres"))
        migrate(warehouse)
        with running_portal(warehouse, sandbox, Path(folder), reporting_timezone="Asia/Jakarta") as portal:
            for store in STORES:
                add_store(warehouse, *store)
            with (
                phone(browser, device_scale_factor=2) as manager,
                phone(browser, device_scale_factor=2) as desk,
            ):
                _of_a_manager(portal, manager.new_page())
                _of_an_operator(portal, desk.new_page())
            with phone(browser, device_scale_factor=2, color_scheme="dark") as desk:
                page = desk.new_page()
                log_in(page, portal.url, PASSWORD)
                _take(page, "portal-overview-dark")
        warehouse.close()
        ensure_database(server.url("postgres"), "month")
        month = Warehouse(server.url("month"))
        migrate(month)
        take_digest_pictures(month, sandbox, browser, Path(folder), IMAGES)
        month.close()


def _of_a_manager(portal: Portal, page: Page) -> None:
    link = portal.context.links.make("jakarta_batik", made_by="docs").url
    page.goto(link)
    _take(page, "portal-connect")
    connect(page, link, 0)
    _take(page, "portal-connected")
    connect(page, portal.context.links.make("bandung_kopi", made_by="docs").url, 1)
    rows(portal.warehouse, CAPTURED)
    rows(portal.warehouse, ENDED, RECONNECT)
    [account] = rows(portal.warehouse, "select id from hub.store_accounts where status = 'NEED_RECONNECT'")
    connect(page, portal.context.links.make("bandung_kopi", account["id"], made_by="docs").url, 2)
    _take(page, "portal-wrong-account")


def _of_an_operator(portal: Portal, page: Page) -> None:
    page.goto(f"{portal.url}/login")
    _take(page, "portal-login")
    log_in(page, portal.url, PASSWORD)
    _take(page, "portal-overview")


def _take(page: Page, name: str) -> None:
    """What a phone shows of a page between its browser's bars."""
    page.screenshot(path=IMAGES / f"{name}.png", clip={"x": 0, "y": 0, "width": 390, "height": 700})


if __name__ == "__main__":
    main()
