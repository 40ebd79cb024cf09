"""What holds for every request and every answer, errors included.

Addresses are built from PORTAL_URL alone. Of what a proxy adds only the last X-Forwarded-For entry is read, only
from a neighbour (loopback or a private network, where a proxy stands): to tell callers apart for rate limits, where
a caller who can set it gains nothing but a new bucket, and to know whether an administrator calls from ADMIN_NETWORKS,
who needs a token all the same.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import re
import secrets
import time
from typing import Protocol
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.responses import Response
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tiktok_pipeline.logs import request_id as of_request
from tiktok_pipeline.portal.metrics.requests import note_request, route_of
from tiktok_pipeline.settings import OWN_MACHINE, Settings
from tiktok_pipeline.tracing import span

logger = logging.getLogger(__name__)
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

LARGEST_BODY = 64 * 1024
BODY_SECONDS = 20.0  # a phone on a bad line needs a second or two
API = "/api/"
DOCS = "/api/v1/docs"
PROBES = (
    "/health",
    "/ready",
    "/metrics",
    "/api/v1/health",
    "/api/v1/ready",
)  # Kubernetes and Prometheus name the pod's address as host; these pages do not depend on it
REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
TO_TIKTOK = ("/connect/", "/auth/")  # where a form may end at TikTok


class ErrorPage(Protocol):
    """Makes the page for a status; given to the guard, which answers some requests itself."""

    def __call__(self, request: Request, status: int) -> Response:
        """The page."""
        ...


class Guard:
    """ASGI middleware: request id, host, origin, size of the body, headers, access log, the last exception.

    The log names routes, not paths, since a connect link is a path; and never a query.
    """

    def __init__(self, app: ASGIApp, settings: Settings, error_page: ErrorPage) -> None:
        self._app = app
        self._error_page = error_page
        portal = urlsplit(settings.portal_url)
        self._hosts = {portal.hostname, *OWN_MACHINE}
        self._origins = _own_origins(settings.portal_url)
        self._api_origins = set(settings.origins)
        self._plain_headers = headers_for(settings)
        self._tiktok_headers = headers_for(settings, forms_to_tiktok=True)
        self._docs_headers = headers_for(settings, own_script=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(Headers(scope=scope))
        of_request.set(request_id)
        scope.setdefault("state", {})["request_id"] = request_id
        headers = self._headers_of(scope["path"])
        status = 0
        began = time.perf_counter()

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message).update({**headers, "X-Request-ID": request_id})
            await send(message)

        with span("request", caller=Headers(scope=scope), server=True, request_id=request_id) as traced:
            try:
                await self._answer(scope, receive, send_with_headers)
            except Exception:
                logger.exception("request %s failed", request_id)
                if status == 0:
                    await self._refuse(scope, receive, send_with_headers, 500)
            finally:
                route = route_of(scope)
                logger.info("%s %s %s %s", scope["method"], route, status, request_id)
                note_request(scope["method"], route, status, time.perf_counter() - began)
                if traced:
                    traced.update_name(f"{scope['method']} {route}")
                    traced.set_attribute("http.response.status_code", status)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        if not self._host_is_ours(headers) and scope["path"] not in PROBES:
            await self._refuse(scope, receive, send, 400)
            return
        if not scope[
            "path"
        ].isprintable():  # no route has such a path, and some patterns stop at a line's end
            await self._refuse(scope, receive, send, 404)
            return
        if scope["method"] not in ("GET", "HEAD") and not self._may_send(scope["path"], headers):
            await self._refuse(scope, receive, send, 403)
            return
        body = await _read(receive)
        if isinstance(body, int):
            await self._refuse(scope, receive, send, body)
            return
        await self._app(scope, _whole(body, receive), send)

    def _host_is_ours(self, headers: Headers) -> bool:
        hosts = headers.getlist("host")
        try:
            return len(hosts) == 1 and urlsplit(f"//{hosts[0]}").hostname in self._hosts
        except ValueError:
            return False

    def _headers_of(self, path: str) -> dict[str, str]:
        if path.startswith(TO_TIKTOK):
            return self._tiktok_headers
        return self._docs_headers if path.startswith(DOCS) else self._plain_headers

    def _may_send(self, path: str, headers: Headers) -> bool:
        """The API knows no cookies: pages of the origins that it is open to may send there, too."""
        if path.startswith(API) and headers.get("origin") in self._api_origins:
            return True
        return self._comes_from_us(headers)

    def _comes_from_us(self, headers: Headers) -> bool:
        """False for what a browser says another site sent. Other programs say nothing, and need a secret.

        Origin is `null` for our own forms too, because our pages send no referrer; then Sec-Fetch-Site, which
        pages cannot set, and the form's token decide.
        """
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return False
        return headers.get("origin", "null") in ("null", *self._origins)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, status: int) -> None:
        await self._error_page(Request(scope), status)(scope, receive, send)


def _request_id(headers: Headers) -> str:
    """The caller's own id for the request, where it is one; else a new one."""
    given = headers.get("x-request-id", "")
    return given if REQUEST_ID.fullmatch(given) else secrets.token_hex(8)


def headers_for(
    settings: Settings, *, forms_to_tiktok: bool = False, own_script: bool = False
) -> dict[str, str]:
    """The headers of every answer. No page but the API's documentation has a script.

    Browsers hold a form's target to `form-action` also when it redirects, and TikTok's authorize page may redirect
    to other hosts of TikTok that it does not name. So where a form ends at TikTok any https address is allowed.
    """
    targets = ["'self'"]
    if forms_to_tiktok:
        targets += ["https:", origin_of(settings.tiktok_authorize_url)]
    policy = {
        "default-src": "'none'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "form-action": " ".join(targets),
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
    }
    if own_script:  # it writes styles into the elements it makes
        policy |= {"script-src": "'self'", "connect-src": "'self'", "style-src": "'self' 'unsafe-inline'"}
    headers = {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
    if is_https(settings):
        headers["Strict-Transport-Security"] = "max-age=31536000"
    return headers


def is_https(settings: Settings) -> bool:
    """Whether people reach the portal by https; then cookies are Secure and named __Host-…"""
    return urlsplit(settings.portal_url).scheme == "https"


def cookie_name(settings: Settings, name: str) -> str:
    """`name` with the prefix that makes browsers keep a cookie to this host and https."""
    return f"__Host-{name}" if is_https(settings) else name


def origin_of(url: str) -> str:
    """Scheme, host and port of an address, as the Origin header has it: without the scheme's own port."""
    parts = urlsplit(url)
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port not in (None, usual) else "")


def _own_origins(portal_url: str) -> set[str]:
    """The portal's origin; on this machine under each of its names, since people type either."""
    origin, host = origin_of(portal_url), urlsplit(portal_url).hostname or ""
    names = OWN_MACHINE if host in OWN_MACHINE else (host,)
    return {origin.replace(f"//{host}", f"//{name}", 1) for name in names} | {origin}


def client_address(request: Request) -> str:
    """Who calls, to count attempts by: an IPv4 address, or the /64 network that an IPv6 caller can choose from."""
    address = caller_address(request)
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address) if address is not None else "unknown"


def caller_address(request: Request) -> Address | None:
    """From where the request comes, as far as is known: what a neighbour says that it forwards, or the peer."""
    peer = _address(request.client.host if request.client else "")
    forwarded = request.headers.getlist("x-forwarded-for")
    if forwarded and peer is not None and peer.is_private:
        peer = _address(forwarded[-1].rpartition(",")[2].strip()) or peer
    return peer.ipv4_mapped or peer if isinstance(peer, ipaddress.IPv6Address) else peer


def _address(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


async def _read(receive: Receive) -> bytes | int:
    """The whole body, or the status that refuses it. Every body here is small, so it is read before it is used."""
    body = b""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return 400
                body += message.get("body", b"")
                if len(body) > LARGEST_BODY:
                    return 413
                more = message.get("more_body", False)
    except TimeoutError:
        return 408
    return body


def _whole(body: bytes, receive: Receive) -> Receive:
    """`body` in one message, then whatever the connection says."""
    unread = True

    async def once() -> Message:
        nonlocal unread
        if unread:
            unread = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return once
