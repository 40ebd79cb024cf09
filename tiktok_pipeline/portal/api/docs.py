"""The API's documentation as a page: Swagger UI, with its script and style served from here."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from fastapi import APIRouter, HTTPException
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from tiktok_pipeline.portal.context import Context
from tiktok_pipeline.portal.security import DOCS

PAGE = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>The API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{DOCS}/swagger-ui.css">
</head>
<body>
<div id="page"></div>
<script src="{DOCS}/swagger-ui-bundle.js"></script>
<script src="{DOCS}/begin.js"></script>
</body>
</html>
"""
BEGIN = 'SwaggerUIBundle({ url: "/api/v1/openapi.json", dom_id: "#page", deepLinking: true });\n'
SERVED = {"swagger-ui.css": "text/css", "swagger-ui-bundle.js": "text/javascript"}

router = APIRouter(include_in_schema=False)
redirect = APIRouter(include_in_schema=False)


@redirect.get("/docs")
def lead_on(context: Context) -> Response:
    """Where people look for it."""
    _require_shown(context)
    return RedirectResponse(DOCS, 303)


@router.get("/docs")
def page(context: Context) -> Response:
    """The page."""
    _require_shown(context)
    return HTMLResponse(PAGE)


@router.get("/docs/begin.js")
def begin(context: Context) -> Response:
    """What starts the script: the page may hold none itself."""
    _require_shown(context)
    return Response(BEGIN, media_type="text/javascript")


@router.get("/docs/{name}")
def served(context: Context, name: str) -> Response:
    """The script and the style."""
    _require_shown(context)
    if name not in SERVED:
        raise HTTPException(404)
    return Response(_file(name), media_type=SERVED[name])


@cache
def _file(name: str) -> bytes:
    return (files("fastapi_offline") / "static" / name).read_bytes()


def _require_shown(context: Context) -> None:
    if not context.settings.shows_api_docs:
        raise HTTPException(404)
