"""Events that are posted: who sent them, and when. Any library for Standard Webhooks does the same."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping

PREFIX = "whsec_"
TOLERANCE_SECONDS = 300


class BadSignature(Exception):
    """It was not signed with the secret, or not lately: answer 401, and take nothing of it."""


def verify(
    secret: str, headers: Mapping[str, str], body: bytes, *, now: Callable[[], float] = time.time
) -> None:
    """Return when `body` was signed with `secret` (`whsec_…`) within five minutes. Raises BadSignature."""
    given = {name.lower(): value for name, value in headers.items()}
    event_id, seconds = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
    if not seconds.isascii() or not seconds.isdigit() or abs(now() - int(seconds)) > TOLERANCE_SECONDS:
        raise BadSignature("webhook-timestamp is missing, or too far from now")
    key = base64.b64decode(secret.removeprefix(PREFIX))
    expected = base64.b64encode(hmac.digest(key, f"{event_id}.{seconds}.".encode() + body, hashlib.sha256))
    signatures = [one.removeprefix("v1,") for one in given.get("webhook-signature", "").split()]
    if not any(hmac.compare_digest(one.encode(), expected) for one in signatures):
        raise BadSignature("webhook-signature does not fit the body")
