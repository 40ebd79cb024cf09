"""Who calls the API: a service with a token, and what it may."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from tiktok_pipeline.hub.services import Scope
from tiktok_pipeline.portal.api.tokens import BadToken, Caller, Tokens
from tiktok_pipeline.portal.context import PortalContext
from tiktok_pipeline.portal.security import caller_address

bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", description="A token of POST /api/v1/token.")
UNAUTHORIZED = {"WWW-Authenticate": 'Bearer realm="tiktok_pipeline"'}


def known_caller(request: Request) -> Caller | None:
    """Whom the token of `request` speaks for; None without exactly one that is good."""
    said = request.headers.getlist("authorization")
    kind, _, token = said[0].partition(" ") if len(said) == 1 else ("", "", "")
    if kind.lower() != "bearer":
        return None
    tokens: Tokens = request.app.state.tokens
    try:
        return tokens.caller(token.strip())
    except BadToken:
        return None


def caller_with(*scopes: Scope) -> Callable[..., Caller]:
    """A dependency: the caller, who must have one of these scopes; 401 without a good token, 403 without a scope."""

    def caller(
        request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
    ) -> Caller:
        found = known_caller(request)
        if found is None:
            raise HTTPException(401, headers=UNAUTHORIZED)
        if found.scopes.isdisjoint(scopes):
            wanted = f'Bearer realm="tiktok_pipeline", error="insufficient_scope", scope="{scopes[0]}"'
            raise HTTPException(403, headers={"WWW-Authenticate": wanted})
        return found

    return caller


def from_admin_networks(request: Request) -> None:
    """A dependency: 403 unless the request comes from ADMIN_NETWORKS, where these are set."""
    context: PortalContext = request.app.state.context
    networks, address = context.settings.administration, caller_address(request)
    if networks and not any(address in network for network in networks if address is not None):
        raise HTTPException(403, "The administration is not open to the network that this comes from.")


def administrator(
    caller: Annotated[Caller, Depends(caller_with("admin"))], _: Annotated[None, Depends(from_admin_networks)]
) -> Caller:
    """A dependency: a caller with the scope admin, from where the administration is open to."""
    return caller


def syncer(
    caller: Annotated[Caller, Depends(caller_with("sync", "admin"))],
    _: Annotated[None, Depends(from_admin_networks)],
) -> Caller:
    """A dependency: a caller who may ask for captures, from where the administration is open to."""
    return caller


Reader = Annotated[Caller, Depends(caller_with("read"))]
Syncer = Annotated[Caller, Depends(syncer)]
Administrator = Annotated[Caller, Depends(administrator)]
