"""TikTok is slow, or does not answer: the portal's other pages do, and nobody waits for ever."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tiktok_pipeline.hub import disconnecting
from tiktok_pipeline.portal import tiktok_calls
from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.integration.portal.conftest import Portal
from tiktok_pipeline_tests.integration.portal.phone import Phone


@pytest.fixture
def slow(portal: Portal) -> Iterator[None]:
    """Every answer of TikTok's token endpoint takes three seconds."""
    portal.sandbox.set_faults(slow={"endpoint": "oauth/token", "delay_ms": 3000})
    yield
    portal.sandbox.clear_faults()


def test_pages_answer_while_tiktok_does_not_and_nothing_is_used_up_by_those_turned_away(
    portal: Portal, slow: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiktok_calls, "WAIT_SECONDS", 0.5)
    begun = []
    for account in range(tiktok_calls.MOST_AT_ONCE + 2):
        phone = Phone(portal)
        link = portal.context.links.make(portal.store(), made_by="cli").url
        begun.append((phone.decide(phone.start(link), account), phone.session.cookies))

    def come_back(callback: str, cookies: requests.cookies.RequestsCookieJar) -> int:
        return requests.get(callback, cookies=cookies, allow_redirects=False, timeout=30).status_code

    with ThreadPoolExecutor(len(begun)) as browsers:
        answers = [browsers.submit(come_back, *one) for one in begun]
        time.sleep(1)
        started = time.monotonic()
        assert portal.get("/health").status_code == 200
        assert portal.get("/login").status_code == 200
        assert time.monotonic() - started < 1.5
    codes = [answer.result() for answer in answers]
    assert sorted(codes) == [303] * tiktok_calls.MOST_AT_ONCE + [503] * 2
    portal.sandbox.clear_faults()
    again = [come_back(*one) for one, code in zip(begun, codes, strict=True) if code == 503]
    assert again == [303, 303]


def test_a_person_does_not_wait_for_a_slow_refresh_to_disconnect(
    portal: Portal, slow: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disconnecting, "INTERACTIVE_SECONDS", 0.5)
    store = portal.store()
    portal.sandbox.clear_faults()
    Phone(portal).connect(portal.context.links.make(store, made_by="cli").url, account=20)
    portal.sandbox.set_faults(slow={"endpoint": "oauth/token", "delay_ms": 3000})
    [account] = rows(portal.warehouse, f"select id from hub.store_accounts where store_code = '{store}'")
    rows(
        portal.warehouse,
        f"update vault.token set access_expires_at = ops.now() where account_id = {account['id']}",
    )
    answer = portal.operator().send(
        f"/stores/{store}/accounts/{account['id']}/disconnect", confirmation=store
    )
    assert answer.status_code == 400
    assert "still under way, try again in a minute" in answer.text
