"""What holds for every answer of the portal."""

from __future__ import annotations

from tiktok_pipeline_tests.integration.portal.conftest import Portal


def test_it_lives_and_is_ready(portal: Portal) -> None:
    assert (portal.get("/health").status_code, portal.get("/health").text) == (200, "ok\n")
    assert (portal.get("/ready").status_code, portal.get("/ready").text) == (200, "ready\n")
