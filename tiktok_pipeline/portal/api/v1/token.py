"""Tokens for services: the client credentials grant (RFC 6749, section 4.4)."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Literal
from urllib.parse import unquote_plus

from fastapi import APIRouter, Form, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel

from tiktok_pipeline.hub.services import SCOPES, service_known_by
from tiktok_pipeline.portal.api.tokens import LIFETIME_SECONDS, Tokens
from tiktok_pipeline.portal.attempts import require_allowed
from tiktok_pipeline.portal.context import Context
from tiktok_pipeline.portal.security import client_address

router = APIRouter(tags=["token"])
MOST_FAILURES, MOST_TOKENS, PERIOD_SECONDS = 10, 60, 60


class Granted(BaseModel):
    """A token, good for `expires_in` seconds."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - a kind, no secret
    expires_in: int = LIFETIME_SECONDS
    scope: str


class Refused(BaseModel):
    """Why there is no token, in the words of RFC 6749."""

    error: Literal["invalid_client", "invalid_scope", "unsupported_grant_type"]
    error_description: str


@router.post("/token", response_model=Granted, responses={400: {"model": Refused}, 401: {"model": Refused}})
def token(
    request: Request,
    context: Context,
    grant_type: Annotated[str, Form(max_length=100)],
    client_id: Annotated[str, Form(max_length=100)] = "",
    client_secret: Annotated[str, Form(max_length=200)] = "",
    scope: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    """A token for a service that shows its secret, in the form or as HTTP Basic; `scope` may ask for less."""
    tokens: Tokens = request.app.state.tokens
    if grant_type != "client_credentials":
        return _refused(400, "unsupported_grant_type", "Only client_credentials is known here.")
    name, secret = _basic(request) or (client_id, client_secret)
    require_allowed(context.warehouse, f"token {client_address(request)}", MOST_TOKENS, PERIOD_SECONDS)
    known = service_known_by(context.warehouse, name, secret)
    if known is None:
        require_allowed(
            context.warehouse, f"no token {client_address(request)}", MOST_FAILURES, PERIOD_SECONDS
        )
        return _refused(401, "invalid_client", "No such service, or another secret.")
    scopes, stores = known
    asked = scope.split()
    if any(one not in scopes for one in asked):
        return _refused(400, "invalid_scope", f"This service has: {' '.join(scopes)}.")
    given = tuple(one for one in SCOPES if one in (asked or scopes))
    said = Granted(access_token=tokens.issue(name, given, stores), scope=" ".join(given))
    return JSONResponse(said.model_dump())


def _refused(status: int, error: str, description: str) -> Response:
    headers = {"WWW-Authenticate": 'Basic realm="tiktok_pipeline"'} if status == 401 else {}
    return JSONResponse({"error": error, "error_description": description}, status, headers=headers)


def _basic(request: Request) -> tuple[str, str] | None:
    """Name and secret of an Authorization: Basic header; None without a readable one."""
    kind, _, said = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(said, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return unquote_plus(name), unquote_plus(secret)
