"""The settings of a demonstration: its own, so that nothing of yours can be reached or changed by it."""

from __future__ import annotations

from pathlib import Path

from tiktok_pipeline.runtime.portal import CALLBACK
from tiktok_pipeline.settings import Settings


def demo_settings(given: Settings, data_dir: Path, portal_port: int = 8000) -> Settings:
    """The defaults, whatever is `given`, which decides LOG_LEVEL only. Where TikTok is comes with the sandbox."""
    portal_url = f"http://127.0.0.1:{portal_port}"
    return Settings.model_construct(
        data_dir=data_dir,
        portal_url=portal_url,
        tiktok_redirect_uri=portal_url + CALLBACK,
        log_level=given.log_level,
    )
