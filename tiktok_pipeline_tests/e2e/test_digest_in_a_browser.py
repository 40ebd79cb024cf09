"""The digest's page in a real browser, on a phone without JavaScript: its charts are drawn, and nothing is refused."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, expect

from tiktok_pipeline.digest.charts import draw
from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import DatabaseClock
from tiktok_pipeline_tests.e2e.browser import log_in, phone, tap
from tiktok_pipeline_tests.integration.digest.week import NASTY, Week
from tiktok_pipeline_tests.integration.portal.conftest import PASSWORD, running_portal

OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
DRAWN = "[...document.images].map(image => image.naturalWidth)"


def test_an_operator_reads_the_digest_and_goes_from_day_to_day_and_into_a_store(
    browser: Browser, warehouse: Warehouse, tmp_path: Path
) -> None:
    week = Week(warehouse, DatabaseClock(warehouse))
    week.fill()
    week.name(NASTY)
    draw(week.digest(5), "svg")  # the first chart of a process takes its time
    with (
        SandboxProcess(accounts=1, videos=1) as sandbox,
        running_portal(warehouse, sandbox, tmp_path) as portal,
        phone(browser) as operator,
    ):
        page = operator.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("dialog", lambda dialog: said.append(f"dialog: {dialog.message}"))
        log_in(page, portal.url, PASSWORD)
        tap(page.get_by_role("link", name="Digest", exact=True))
        expect(page.get_by_role("heading", level=1)).to_have_text(
            "What changed on Friday, 6 March 2026: all stores"
        )
        assert [width > 300 for width in page.evaluate(DRAWN)] == [True] * 3
        assert page.evaluate(OVERFLOW) == 0
        tap(page.get_by_role("link", name="Day before"))
        tap(page.get_by_role("link", name="Day before"))
        expect(page.get_by_text("over 2 days").first).to_be_visible()
        tap(page.get_by_role("link", name=NASTY).first)
        expect(page.get_by_role("heading", level=1)).to_contain_text(f"4 March 2026: {NASTY}")
        assert said == []
