"""Webhooks as TikTok sends them: `content` is a string holding JSON, the signature covers the raw body."""

import hashlib
import hmac
import json
from typing import Any, Literal

import requests

Kind = Literal["valid", "wrong", "old", "future"]

#: Age in seconds of an "old" signature; receivers commonly accept 300.
OLD_SECONDS = 86_400


def authorization_removed(client_key: str, open_id: str, reason: int, created: int) -> bytes:
    """Return the raw body of the event that an account has disconnected the app (`created`: unix seconds)."""
    event = {
        "client_key": client_key,
        "event": "authorization.removed",
        "create_time": created,
        "user_openid": open_id,
        "content": json.dumps({"reason": reason}, separators=(",", ":")),
    }
    return json.dumps(event, separators=(",", ":")).encode()


def signature(secret: str, body: bytes, now: int, kind: Kind) -> str:
    """Return the TikTok-Signature header for a body: right, by another secret, or right but of another day."""
    moment = now + {"old": -OLD_SECONDS, "future": OLD_SECONDS}.get(kind, 0)
    key = secret if kind != "wrong" else f"not-{secret}"
    digest = hmac.new(key.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},s={digest}"


def deliver(url: str, body: bytes, header: str, times: int) -> list[dict[str, Any]]:
    """Post a body to an address several times; return each answer's status, or why there was none."""
    answers: list[dict[str, Any]] = []
    headers = {"content-type": "application/json", "tiktok-signature": header, "user-agent": "TikTok sandbox"}
    with requests.Session() as session:
        session.trust_env = False
        for _ in range(times):
            try:
                answer = session.post(url, data=body, headers=headers, timeout=10, allow_redirects=False)
                answers.append({"status": answer.status_code})
            except requests.RequestException as error:
                answers.append({"status": None, "error": str(error)})
    return answers
