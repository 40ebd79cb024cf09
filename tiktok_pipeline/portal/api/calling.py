"""Who calls the API: a service with a token, and what it may."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from tiktok_pipeline.hub.services import Scope
from tiktok_pipeline.portal.api.tokens import BadToken, Caller, Tokens

bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", description="A token of POST /api/v1/token.")
UNAUTHORIZED = {"WWW-Authenticate": 'Bearer realm="tiktok_pipeline"'}


def caller_with(scope: Scope) -> Callable[..., Caller]:
    """A dependency: the caller, who must have this scope; 401 without a good token, 403 without the scope."""

    def caller(
        request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
    ) -> Caller:
        if credentials is None or len(request.headers.getlist("authorization")) != 1:
            raise HTTPException(401, headers=UNAUTHORIZED)
        tokens: Tokens = request.app.state.tokens
        try:
            found = tokens.caller(credentials.credentials)
        except BadToken:
            raise HTTPException(401, headers=UNAUTHORIZED) from None
        if scope not in found.scopes:
            wanted = f'Bearer realm="tiktok_pipeline", error="insufficient_scope", scope="{scope}"'
            raise HTTPException(403, headers={"WWW-Authenticate": wanted})
        return found

    return caller


Reader = Annotated[Caller, Depends(caller_with("read"))]
