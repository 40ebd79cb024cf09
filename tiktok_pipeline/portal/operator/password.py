"""The operator's password and second factor: how they are made and how they are checked."""

from __future__ import annotations

import binascii
import hmac

import pyotp
from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError

from tiktok_pipeline.portal.attempts import allow
from tiktok_pipeline.portal.context import PortalContext
from tiktok_pipeline.settings import Settings, SettingsError

SHORTEST_PASSWORD = 12
CODE_SECONDS = 30
STEPS_APART = 1  # a phone's clock may be half a minute off
SHORTEST_SECRET = 16  # base32 characters: 80 bits, the least that RFC 4226 knows


def password_hash(password: str) -> str:
    """What OPERATOR_PASSWORD_HASH holds: argon2id with the library's parameters (RFC 9106, low memory)."""
    return PasswordHasher().hash(password)


def require_login_settings(settings: Settings) -> None:
    """Raise SettingsError unless an operator can log in with what is set."""
    settings.require("operator_password_hash")
    assert settings.operator_password_hash is not None
    try:
        extract_parameters(settings.operator_password_hash.get_secret_value())
    except InvalidHashError:
        raise SettingsError(
            "OPERATOR_PASSWORD_HASH: not an argon2 hash. Make one: tiktok-pipeline portal hash-password "
            "(in .env or a shell, quote it with ', since it holds $)."
        ) from None
    secret = settings.operator_totp_secret
    if secret is not None and not _is_base32(secret.get_secret_value()):
        raise SettingsError(
            f"OPERATOR_TOTP_SECRET: not a secret in base32 of {SHORTEST_SECRET} characters or more. Make one: "
            "python -c 'import pyotp; print(pyotp.random_base32())'"
        )


def opens(context: PortalContext, password: str, code: str) -> bool:
    """Whether password and one-time code are right. Both are always looked at, so that time says nothing.

    A code is accepted once, over all processes.
    """
    step = _matching_step(context, code)
    password_is_right = _password_is_right(context.settings, password)
    if not password_is_right or step is None:
        return False
    if context.settings.operator_totp_secret is None:
        return True
    return allow(context.warehouse, f"one-time code {step}", 1, CODE_SECONDS * (2 * STEPS_APART + 2))


def _password_is_right(settings: Settings, password: str) -> bool:
    assert settings.operator_password_hash is not None
    try:
        return PasswordHasher().verify(
            settings.operator_password_hash.get_secret_value(), password.encode(errors="replace")
        )
    except (VerificationError, InvalidHashError):
        return False


def _matching_step(context: PortalContext, code: str) -> int | None:
    """The time step whose code this is; 0 when no second factor is asked for, None when it is wrong."""
    secret = context.settings.operator_totp_secret
    if secret is None:
        return 0
    codes = pyotp.TOTP(secret.get_secret_value().replace(" ", ""), interval=CODE_SECONDS)
    given = code.replace(" ", "").encode(errors="replace")
    [now] = context.warehouse.execute("portal/seconds")
    current = int(now["seconds"]) // CODE_SECONDS
    matching = None
    for step in range(current - STEPS_APART, current + STEPS_APART + 1):
        if hmac.compare_digest(codes.generate_otp(step).encode(), given):
            matching = step
    return matching


def _is_base32(secret: str) -> bool:
    plain = secret.replace(" ", "")
    try:
        return len(plain) >= SHORTEST_SECRET and bool(pyotp.TOTP(plain).byte_secret())
    except (binascii.Error, ValueError):
        return False
