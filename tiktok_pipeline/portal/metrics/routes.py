"""The one route. Without METRICS_TOKEN there is none: what it tells is nobody's business by default."""

from __future__ import annotations

import secrets

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest

from tiktok_pipeline.portal.context import Context
from tiktok_pipeline.portal.metrics.tables import Tables

router = APIRouter()


@router.get("/metrics")
def metrics(request: Request, context: Context) -> Response:
    """Everything, in Prometheus's text format: of this process, then of the tables."""
    wanted = context.settings.metrics_token
    if wanted is None:
        raise HTTPException(404)
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    if not secrets.compare_digest(given.encode(), wanted.get_secret_value().encode()):
        raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})
    if context.oauth.counts:
        context.oauth.counts.add_up()
    tables = CollectorRegistry()
    tables.register(Tables(context.warehouse, context.settings))
    return Response(generate_latest(REGISTRY) + generate_latest(tables), media_type=CONTENT_TYPE_LATEST)
