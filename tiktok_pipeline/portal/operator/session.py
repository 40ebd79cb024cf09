"""Who is logged in: a signed cookie with the id of a session that the database knows.

The signature is bound to the password's hash and the second factor's secret, so that a new one of either ends every
session; the database's row ends
it after twelve hours, by the database's clock, and at logout.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from fastapi import Request
from fastapi.responses import Response
from itsdangerous import BadSignature, URLSafeSerializer

from tiktok_pipeline.portal.context import PortalContext
from tiktok_pipeline.portal.security import cookie_name, is_https

COOKIE = "operator"
SESSION_SECONDS = 12 * 3600
DEVICE = "known_device"
DEVICE_SECONDS = 180 * 24 * 3600


@dataclass(frozen=True)
class OperatorSession:
    """A login. `id` names it, e.g. as the actor of an OAuth transaction; it opens nothing."""

    id: str
    csrf: str


def operator_session(request: Request) -> OperatorSession | None:
    """The session of the operator who sent `request`; None for everybody else."""
    context: PortalContext = request.app.state.context
    if context.settings.operator_password_hash is None:
        return None
    cookie = request.cookies.get(cookie_name(context.settings, COOKIE), "")
    try:
        secret_id = str(_serializer(context).loads(cookie))
    except BadSignature:
        return None
    if not context.warehouse.execute("portal/session", {"session_hash": _hash(secret_id)}):
        return None
    return OperatorSession(_hash(secret_id).hex()[:16], csrf_token(context, secret_id))


def begin_session(context: PortalContext, response: Response) -> None:
    """Begin a session and give its cookie to the browser that gets `response`."""
    secret_id = secrets.token_urlsafe(32)
    values = {"session_hash": _hash(secret_id), "seconds": SESSION_SECONDS}
    context.warehouse.execute("portal/begin_session", values)
    response.set_cookie(
        cookie_name(context.settings, COOKIE),
        str(_serializer(context).dumps(secret_id)),
        max_age=SESSION_SECONDS,
        secure=is_https(context.settings),
        httponly=True,
        samesite="lax",  # strict would look logged out after coming back from TikTok
    )


def end_session(request: Request, response: Response) -> None:
    """End the session of `request`, if there is one: the cookie is worth nothing afterwards, copies included."""
    context: PortalContext = request.app.state.context
    name = cookie_name(context.settings, COOKIE)
    try:
        secret_id = str(_serializer(context).loads(request.cookies.get(name, "")))
    except BadSignature:
        return
    context.warehouse.execute("portal/end_session", {"session_hash": _hash(secret_id)})
    response.delete_cookie(name, secure=is_https(context.settings), httponly=True, samesite="lax")


def known_device(request: Request) -> str | None:
    """A name for the browser of `request` if an operator has logged in with it before; it opens nothing."""
    context: PortalContext = request.app.state.context
    cookie = request.cookies.get(cookie_name(context.settings, DEVICE), "")
    try:
        return _hash(str(_device_serializer(context).loads(cookie))).hex()[:16]
    except BadSignature:
        return None


def remember_device(context: PortalContext, response: Response) -> None:
    """Let the browser that gets `response` be known at its next logins."""
    response.set_cookie(
        cookie_name(context.settings, DEVICE),
        str(_device_serializer(context).dumps(secrets.token_urlsafe(16))),
        max_age=DEVICE_SECONDS,
        secure=is_https(context.settings),
        httponly=True,
        samesite="strict",
    )


def _device_serializer(context: PortalContext) -> URLSafeSerializer:
    return URLSafeSerializer(context.secret, salt=f"known-device:{_way_in(context)}")


def csrf_token(context: PortalContext, bound_to: str) -> str:
    """The token of every form shown to the browser that holds `bound_to`."""
    signed = URLSafeSerializer(context.secret, salt="csrf").dumps(bound_to)
    return hashlib.sha256(str(signed).encode()).hexdigest()


def _hash(secret_id: str) -> bytes:
    return hashlib.sha256(secret_id.encode()).digest()


def _serializer(context: PortalContext) -> URLSafeSerializer:
    return URLSafeSerializer(context.secret, salt=f"operator-session:{_way_in(context)}")


def _way_in(context: PortalContext) -> str:
    """What changes with the password or the second factor, and tells nothing of them."""
    settings = context.settings
    assert settings.operator_password_hash is not None
    secrets_of_login = [settings.operator_password_hash, settings.operator_totp_secret]
    text = "\n".join(secret.get_secret_value() if secret else "" for secret in secrets_of_login)
    return hashlib.sha256(text.encode()).hexdigest()
