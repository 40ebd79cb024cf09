"""Whether the portal lives, and whether it can work; for probes, so without login and without details."""

from __future__ import annotations

import logging

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse, Response

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.portal.context import Context, PortalContext
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
    return PlainTextResponse("ready\n") if is_ready(context) else PlainTextResponse("not ready\n", 503)


def is_ready(context: PortalContext) -> bool:
    """Whether requests can be answered; the log says what keeps them from it."""
    try:
        missing = pending(context.warehouse)
        if missing:
            logger.warning("not ready: %s migration(s) missing, from %s", len(missing), missing[0])
            return False
        settings = context.settings
        with context.vault.warehouse.transaction() as cursor:
            known = registered_keys(cursor)
        must_fit(settings.keys_file, read_key_ring(settings.keys_file), settings.environment, known)
        if is_registered(context.warehouse, context.secret):
            return True
        logger.warning("not ready: the portal's secret was replaced. Restart the portal.")
    except (PipelineError, *AWAY) as reason:
        logger.warning("not ready: %s", reason)
    return False
