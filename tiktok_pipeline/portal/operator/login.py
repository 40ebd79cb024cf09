"""Logging in and out."""

from __future__ import annotations

import hmac
import logging
import secrets
from typing import Annotated

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from tiktok_pipeline.portal.attempts import require_allowed
from tiktok_pipeline.portal.context import Context, PortalContext
from tiktok_pipeline.portal.operator.password import opens
from tiktok_pipeline.portal.operator.session import (
    OperatorSession,
    begin_session,
    csrf_token,
    end_session,
    known_device,
    operator_session,
    remember_device,
)
from tiktok_pipeline.portal.pages import page
from tiktok_pipeline.portal.security import client_address, cookie_name, is_https

# A minute. The second limit keeps many addresses together from guessing, and from keeping the machine busy: checking a
# password is slow on purpose. They could use it up and keep the operator out, so a browser in which an operator has
# logged in before is counted by itself.
ATTEMPTS_OF_AN_ADDRESS = 5
ATTEMPTS_OF_ALL = 20
ATTEMPTS_OF_A_DEVICE = 5
MINUTE = 60
BEFORE_LOGIN = "login"  # the cookie that a login form's token is bound to
REFUSED = "That was not right. Check the password, and the code if you use one."

logger = logging.getLogger(__name__)
router = APIRouter()


def signed_in(request: Request) -> OperatorSession:
    """The operator's session. A page asked for without one becomes the login, a form is refused."""
    session = operator_session(request)
    if session is None and request.method == "GET":
        raise HTTPException(303, headers={"Location": "/login"})
    if session is None:
        raise HTTPException(403)
    request.state.csrf = session.csrf
    return session


async def form_of_session(request: Request, session: Annotated[OperatorSession, Depends(signed_in)]) -> None:
    """Refuse whatever changes something without the session's token."""
    if request.method != "GET":
        given = (await request.form()).get("csrf")
        if not isinstance(given, str) or not _same(given, session.csrf):
            raise HTTPException(403)


@router.get("/login")
def login_page(request: Request, context: Context) -> Response:
    """The login form."""
    if operator_session(request) is not None:
        return RedirectResponse("/", 303)
    return _login_page(request, context)


@router.post("/login")
def log_in(
    request: Request,
    context: Context,
    password: Annotated[str, Form()] = "",
    code: Annotated[str, Form()] = "",
    csrf: Annotated[str, Form()] = "",
) -> Response:
    """Begin a session. The answer is the same whatever was wrong."""
    bound_to = request.cookies.get(cookie_name(context.settings, BEFORE_LOGIN))
    if not bound_to or not _same(csrf, csrf_token(context, bound_to)):
        raise HTTPException(403)
    address = client_address(request)
    device = known_device(request)
    if device is not None:
        require_allowed(context.warehouse, f"login of device {device}", ATTEMPTS_OF_A_DEVICE, MINUTE)
    else:
        require_allowed(context.warehouse, f"login from {address}", ATTEMPTS_OF_AN_ADDRESS, MINUTE)
        require_allowed(context.warehouse, "login", ATTEMPTS_OF_ALL, MINUTE)
    if not opens(context, password, code):
        logger.warning("operator login from %s: refused", address)
        return _login_page(request, context, REFUSED, 403)
    logger.info("operator login from %s", address)
    answer = RedirectResponse("/", 303)
    end_session(request, answer)
    begin_session(context, answer)
    remember_device(context, answer)
    return answer


@router.post("/logout", dependencies=[Depends(form_of_session)])
def log_out(request: Request) -> Response:
    """End the session."""
    answer = RedirectResponse("/login", 303)
    end_session(request, answer)
    return answer


def _login_page(request: Request, context: PortalContext, problem: str = "", status: int = 200) -> Response:
    name = cookie_name(context.settings, BEFORE_LOGIN)
    bound_to = request.cookies.get(name) or secrets.token_urlsafe(24)
    answer = page(
        request,
        "operator/login.html",
        status,
        login_csrf=csrf_token(context, bound_to),
        problem=problem,
        asks_for_code=context.settings.operator_totp_secret is not None,
    )
    answer.set_cookie(name, bound_to, httponly=True, samesite="strict", secure=is_https(context.settings))
    return answer


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())
