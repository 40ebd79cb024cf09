"""The operator's part of the portal: login, and the overview of stores and accounts."""

from tiktok_pipeline.portal.operator.routes import router

__all__ = ["router"]
