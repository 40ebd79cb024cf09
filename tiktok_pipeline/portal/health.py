"""Whether the portal lives, and whether it can work; for probes, so without login and without details."""

from __future__ import annotations

import logging

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse, Response

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.portal.context import Context
from tiktok_pipeline.runtime.portal_secret import is_registered
from tiktok_pipeline.vault.keyring import read_key_ring
from tiktok_pipeline.vault.registry import must_fit, registered_keys
from tiktok_pipeline.warehouse.connection import AWAY
from tiktok_pipeline.warehouse.migrations import pending

logger = logging.getLogger(__name__)
router = APIRouter()


@router.api_route("/health", methods=["GET", "HEAD"])
async def health() -> Response:
    """The process lives and answers, also while every thread waits for TikTok."""
    return PlainTextResponse("ok\n")


@router.api_route("/ready", methods=["GET", "HEAD"])
def ready(context: Context) -> Response:
    """The database is there with all tables, and the key ring is the one that it knows."""
    try:
        missing = pending(context.warehouse)
        if not missing:
            settings = context.settings
            with context.vault.warehouse.transaction() as cursor:
                known = registered_keys(cursor)
            must_fit(settings.keys_file, read_key_ring(settings.keys_file), settings.environment, known)
            if is_registered(context.warehouse, context.secret):
                return PlainTextResponse("ready\n")
            logger.warning("not ready: the portal's secret was replaced. Restart the portal.")
        else:
            logger.warning("not ready: %s migration(s) missing, from %s", len(missing), missing[0])
    except (PipelineError, *AWAY) as reason:
        logger.warning("not ready: %s", reason)
    return PlainTextResponse("not ready\n", 503)
