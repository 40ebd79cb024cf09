"""`make screenshots`: the portal's pages as a phone shows them, the digest, mails, and where a report comes from.

A portal of its own on an embedded PostgreSQL, with made-up stores and the sandbox as TikTok; then a small demo.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page

from docs.digest_pictures import take_digest_pictures
from tiktok_pipeline.hub.stores import add_store
from tiktok_pipeline.runtime.database import ensure_database
from tiktok_pipeline.runtime.ports import free_port
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
        with _demonstration() as dagster:
            _of_a_report(browser, dagster)
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


@contextmanager
def _demonstration() -> Iterator[str]:
    """The address of the Dagster UI of a small demonstration."""
    port, portal_port = free_port(), free_port()
    with tempfile.TemporaryDirectory() as folder:
        demo = [
            sys.executable,
            "-m",
            "tiktok_pipeline.cli",
            "demo",
            "--accounts",
            "4",
            "--videos",
            "5",
            "--days",
            "7",
        ]
        places = ["--data-dir", folder, "--port", str(port), "--portal-port", str(portal_port)]
        process = subprocess.Popen([*demo, *places], stdout=subprocess.PIPE, text=True)
        assert process.stdout
        try:
            if not any(line.startswith("Open http") for line in process.stdout):
                sys.exit("the demonstration did not come up; what it said is above")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate()


def _of_a_report(browser: Browser, dagster: str) -> None:
    """A report in the Dagster UI: everything that it is made of, and its columns."""
    page = browser.new_page(viewport={"width": 1400, "height": 620})
    page.set_default_timeout(300_000)
    page.goto(f"{dagster}/assets/reporting/video_daily?view=lineage&lineageScope=upstream&lineageDepth=9")
    page.get_by_text("store_accounts").wait_for()
    page.get_by_text("Loading").first.wait_for(state="hidden")
    page.wait_for_timeout(2000)  # the graph comes to rest
    page.screenshot(path=IMAGES / "report-lineage.png")
    page.goto(f"{dagster}/assets/reporting/video_daily?view=overview")
    page.get_by_text("engagement_rate").first.scroll_into_view_if_needed()
    page.screenshot(path=IMAGES / "report-columns.png")


def _take(page: Page, name: str) -> None:
    """What a phone shows of a page between its browser's bars."""
    page.screenshot(path=IMAGES / f"{name}.png", clip={"x": 0, "y": 0, "width": 390, "height": 700})


if __name__ == "__main__":
    main()
