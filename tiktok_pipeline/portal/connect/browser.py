"""Which browser is this? Two cookies that nobody else can guess or set.

`oauth_txn` binds a transaction to the browser that began it, for as long as the transaction lives. `connect` binds
a link to the browser in which its button was pressed, for as long as links live, and the forms of these pages to
the browser that was shown them. Both are Lax, not Strict: TikTok sends people back from its own site.
"""

from __future__ import annotations

import hmac
import re
import secrets

from fastapi import Request
from fastapi.responses import Response

from tiktok_pipeline.hub.authorization import SECONDS
from tiktok_pipeline.portal.context import PortalContext
from tiktok_pipeline.portal.operator.session import csrf_token
from tiktok_pipeline.portal.security import cookie_name, is_https
from tiktok_pipeline.settings import Settings

BINDING = "oauth_txn"
BROWSER = "connect"
RANDOM = re.compile(r"[A-Za-z0-9_-]{43}")


def binding_of(request: Request, settings: Settings) -> str | None:
    """The cookie of the transaction that this browser began last."""
    return _cookie(request, settings, BINDING)


def browser_of(request: Request, settings: Settings) -> str | None:
    """The cookie that links are bound to."""
    return _cookie(request, settings, BROWSER)


def new_browser() -> str:
    """A cookie for a browser that has none."""
    return secrets.token_urlsafe(32)


def bind(response: Response, settings: Settings, binding: str) -> None:
    """Give the cookie of a transaction to the browser that gets `response`."""
    _set(response, settings, BINDING, binding, SECONDS)


def remember(response: Response, settings: Settings, browser: str) -> None:
    """Give the cookie that links are bound to to the browser that gets `response`."""
    _set(response, settings, BROWSER, browser, settings.connect_link_days * 86_400)


def form_token(context: PortalContext, browser: str) -> str:
    """The token of the forms shown to this browser."""
    return csrf_token(context, f"connect {browser}")


def sent_from_our_page(context: PortalContext, browser: str | None, token: str) -> bool:
    """Whether a form was shown to this very browser: another site can send one, but not with this token."""
    return browser is not None and hmac.compare_digest(
        form_token(context, browser).encode(), token.encode(errors="replace")
    )


def random_or_empty(text: str) -> str:
    """`text` when it looks like one of our random values, else nothing: so that no other text gets onto a page."""
    return text if RANDOM.fullmatch(text) else ""


def _cookie(request: Request, settings: Settings, name: str) -> str | None:
    return random_or_empty(request.cookies.get(cookie_name(settings, name), "")) or None


def _set(response: Response, settings: Settings, name: str, value: str, seconds: int) -> None:
    response.set_cookie(
        cookie_name(settings, name),
        value,
        max_age=seconds,
        path="/",
        secure=is_https(settings),
        httponly=True,
        samesite="lax",
    )
