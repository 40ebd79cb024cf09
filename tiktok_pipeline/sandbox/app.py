"""The sandbox as an ASGI application. TikTok's paths take a short way, because benchmarks live on it."""

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from tiktok_pipeline.sandbox import authorize_page, token_endpoints
from tiktok_pipeline.sandbox.api import DisplayApi
from tiktok_pipeline.sandbox.calls import Call
from tiktok_pipeline.sandbox.control import control_app
from tiktok_pipeline.sandbox.delivery import Delivery, Send, Wires, send_whole
from tiktok_pipeline.sandbox.envelope import (
    HTML,
    ApiError,
    OAuthError,
    Reply,
    api_error_reply,
    oauth_error_reply,
)
from tiktok_pipeline.sandbox.oauth import Grant
from tiktok_pipeline.sandbox.replacements import html_page, replacement
from tiktok_pipeline.sandbox.state import Sandbox

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

MAX_BODY = 1_000_000

AUTHORIZE = "auth/authorize"

_ROUTES: dict[str, tuple[str, tuple[str, ...]]] = {
    "/v2/user/info/": ("user/info", ("GET",)),
    "/v2/video/list/": ("video/list", ("POST",)),
    "/v2/video/query/": ("video/query", ("POST",)),
    "/v2/oauth/token/": ("oauth/token", ("POST",)),
    "/v2/oauth/revoke/": ("oauth/revoke", ("POST",)),
    "/v2/auth/authorize/": (AUTHORIZE, ("GET", "POST")),
}


class SandboxApp:
    """Routes TikTok's paths to their endpoints, through faults and limits, and the rest to the control."""

    def __init__(self, sandbox: Sandbox, wires: Wires) -> None:
        self._sandbox = sandbox
        self._wires = wires
        self._api = DisplayApi(sandbox)
        self._control = control_app(sandbox, self._api)
        self._api_endpoints: dict[str, Callable[[Call, Grant], Reply]] = {
            "user/info": self._api.user_info,
            "video/list": self._api.video_list,
            "video/query": self._api.video_query,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event."""
        if scope["type"] != "http":
            return
        path: str = scope["path"]
        route = _ROUTES.get(path)
        if route is None and path.startswith("/sandbox/"):
            await self._control(scope, receive, send)
            return
        body = await _read(receive)
        if route is None or body is None:
            status = 404 if route is None else 413
            await send_whole(Reply(status, html_page(status), HTML), send)
            return
        endpoint, methods = route
        method: str = scope["method"]
        line = self._sandbox.requests.arrived(method, endpoint, self._sandbox.settings.window_seconds)
        call = Call(method, endpoint, scope["query_string"], scope["headers"], body)
        status = 0
        try:
            if method not in methods:
                status = 405
                await send_whole(Reply(405, html_page(405), HTML, [("allow", ", ".join(methods))]), send)
            elif self._sandbox.faults.quiet or endpoint == AUTHORIZE:
                reply = self._answer(call)
                status = reply.status
                await send_whole(reply, send)
            else:
                status = await self._answer_with_faults(call, scope["client"], send)
        finally:
            open_id = None if call.account is None else self._sandbox.open_id(call.account, call.client_key)
            self._sandbox.requests.answered(line, status, open_id, call.cursor)

    async def _answer_with_faults(self, call: Call, client: tuple[str, int], send: Send) -> int:
        if call.endpoint.startswith("oauth/"):
            call.account = token_endpoints.account_of_form(self._sandbox, call)
        elif (grant := self._grant(call)) is not None:
            call.account, call.client_key = grant.account, grant.client_key
        delivery = Delivery(self._wires, self._sandbox.faults, call, client)
        if not await delivery.before():
            return 0
        reply = replacement(self._sandbox, call) or self._answer(call)
        return await delivery.send(reply, send)

    def _answer(self, call: Call) -> Reply:
        try:
            if call.endpoint in self._api_endpoints:
                return self._api_answer(call)
            if call.endpoint == "oauth/token":
                return token_endpoints.token(self._sandbox, call)
            if call.endpoint == "oauth/revoke":
                return token_endpoints.revoke(self._sandbox, call)
            return authorize_page.authorize(self._sandbox, call)
        except ApiError as error:
            return api_error_reply(error, self._sandbox.log_id())
        except OAuthError as error:
            as_http_status = self._sandbox.settings.oauth_errors_as_http_status
            return oauth_error_reply(error, self._sandbox.log_id(), as_http_status=as_http_status)

    def _api_answer(self, call: Call) -> Reply:
        """Answer an API call: token first, then the limit, then what was asked."""
        grant = self._grant(call)
        if grant is None:
            raise ApiError("access_token_invalid")
        call.account, call.client_key = grant.account, grant.client_key
        settings = self._sandbox.settings
        window = (grant.client_key, call.endpoint)
        if not self._sandbox.limits.allows(window, time.monotonic(), settings.limit, settings.window_seconds):
            error = ApiError("rate_limit_exceeded")
            if settings.retry_after is not None:
                error.headers.append(("retry-after", settings.retry_after))
            raise error
        return self._api_endpoints[call.endpoint](call, grant)

    def _grant(self, call: Call) -> Grant | None:
        scheme, _, token = call.header(b"authorization").decode("latin-1").partition(" ")
        return self._sandbox.tokens.access(token.strip()) if scheme.lower() == "bearer" else None


async def _read(receive: Receive) -> bytes | None:
    """Return a request's body, None when it is larger than any that TikTok needs."""
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body", False):
        message = await receive()
        body += message.get("body", b"")
        if len(body) > MAX_BODY:
            return None
    return body
