"""The API's documentation in a real browser: drawn by what the portal serves itself, and nothing is refused."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, expect

from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.e2e.browser import phone
from tiktok_pipeline_tests.integration.portal.conftest import running_portal


def test_the_documentation_is_drawn_with_nothing_from_elsewhere(
    browser: Browser, warehouse: Warehouse, tmp_path: Path
) -> None:
    with (
        SandboxProcess(accounts=1, videos=1) as sandbox,
        running_portal(warehouse, sandbox, tmp_path) as portal,
        phone(browser, java_script_enabled=True) as reader,
    ):
        page = reader.new_page()
        asked: list[str] = []
        said: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.goto(f"{portal.url}/docs")
        expect(page.locator("[data-path='/stores/{code}/daily']")).to_be_visible(timeout=20_000)
        assert said == []
        hosts = {urlsplit(url).netloc for url in asked if not url.startswith("data:")}
        assert hosts == {urlsplit(portal.url).netloc}
        assert urlsplit(page.url).path == "/api/v1/docs"
