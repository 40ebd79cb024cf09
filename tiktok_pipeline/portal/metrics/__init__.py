"""`/metrics`: what Prometheus reads, for whoever has METRICS_TOKEN."""

from tiktok_pipeline.portal.metrics.routes import router

__all__ = ["router"]
