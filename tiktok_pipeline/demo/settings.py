"""The settings of a demonstration: its own, so that nothing of yours can be reached or changed by it."""

from __future__ import annotations

from pathlib import Path

from tiktok_pipeline.settings import Settings


def demo_settings(given: Settings, data_dir: Path) -> Settings:
    """The defaults, whatever is `given`, which decides LOG_LEVEL only. Where TikTok is comes with the sandbox."""
    return Settings.model_construct(
        data_dir=data_dir, tiktok_redirect_uri="http://localhost/connected", log_level=given.log_level
    )
