"""The store's part of the portal: the connect page, the way to TikTok and back, and what became of it."""

from tiktok_pipeline.portal.connect.routes import router

__all__ = ["router"]
