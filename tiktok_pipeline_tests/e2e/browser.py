"""The machine's browser, headless, as people hold it: a phone-sized window with touch, and no JavaScript."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Locator, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
PHONE = {"width": 390, "height": 844}


def chromium_here() -> str | None:
    """Where the machine's browser is; None when it has none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@contextmanager
def headless(program: str) -> Iterator[Browser]:
    """The browser while the block runs."""
    with sync_playwright() as playwright:
        # Containers forbid it a sandbox of its own, and it meets no pages but ours.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


def phone(browser: Browser, **more: Any) -> BrowserContext:
    """A phone of its own: no cookie in common with another."""
    told: dict[str, Any] = {
        "viewport": PHONE, "has_touch": True, "is_mobile": True, "java_script_enabled": False, **more,
    }  # fmt: skip
    context = browser.new_context(**told)
    context.set_default_timeout(10_000)
    return context


def tap(what: Locator) -> None:
    """Tap a button or a link, and wait for the page it leads to."""
    with what.page.expect_navigation():
        what.tap()


def log_in(page: Page, url: str, password: str) -> None:
    """Log in as the operator."""
    page.goto(f"{url}/login")
    page.get_by_label("Password").fill(password)
    tap(page.get_by_role("button", name="Log in"))


def make_link(page: Page, button: str = "Connect link") -> str:
    """The link that the first button of this name makes."""
    tap(page.get_by_role("button", name=button).first)
    return page.get_by_label("Link").input_value()


def decide(page: Page, account: int, *, without: str | None = None, button: str = "Continue") -> None:
    """Decide at TikTok: choose the account by its number, untick `without`, press the button."""
    page.get_by_label("Account").select_option(str(account))
    if without:
        page.get_by_label(without).uncheck()
    tap(page.get_by_role("button", name=button, exact=True))


def connect(page: Page, link: str, account: int, **decision: Any) -> None:
    """Open a link, go to TikTok and decide there."""
    page.goto(link)
    tap(page.get_by_role("button", name="Continue to TikTok"))
    decide(page, account, **decision)
