"""A real browser, and phones in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page

from tiktok_pipeline_tests.e2e.browser import chromium_here, headless, phone

NewPhone = Callable[[], Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = chromium_here()
    if program is None:
        pytest.skip("no chromium, chromium-browser or google-chrome on this machine")
    with headless(program) as browser:
        yield browser


@pytest.fixture
def new_phone(browser: Browser) -> Iterator[NewPhone]:
    """Makes phones; they are put away after the test."""
    phones = []

    def made() -> Page:
        phones.append(phone(browser))
        return phones[-1].new_page()

    yield made
    for context in phones:
        context.close()
