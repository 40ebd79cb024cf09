"""Webhooks: each event is posted, signed as Standard Webhooks has it (https://www.standardwebhooks.com).

The signature is HMAC-SHA256 over `<id>.<seconds>.<body>`; whoever gets it refuses what is not signed, or was long ago.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Iterator
from contextlib import contextmanager

import requests

from tiktok_pipeline.events.event import Event
from tiktok_pipeline.events.targets import Sink
from tiktok_pipeline.posting import post
from tiktok_pipeline.tracing import passed_on

PREFIX = "whsec_"
SHORTEST_KEY, LONGEST_KEY = 24, 64  # bytes


class Webhook:
    """One address. Redirects are not followed; any 2xx is a yes."""

    position = None

    def __init__(self, session: requests.Session, url: str, source: str, key: bytes) -> None:
        self._session = session
        self._url = url
        self._source = source
        self._key = key

    def lost(self, _position: str) -> bool:
        """Nobody knows."""
        return False

    def prepare(self) -> None:
        """There is nothing to make."""

    def send(self, event: Event) -> None:
        """Post it."""
        headers = {f"ce-{name}": said for name, said in event.attributes(self._source).items()}
        headers |= signed(self._key, str(event.event_id), int(time.time()), event.body)
        headers |= passed_on()
        headers["content-type"] = headers.pop("ce-datacontenttype")
        post(self._session, self._url, data=event.body, headers=headers)


@contextmanager
def reach(url: str, source: str, key: bytes) -> Iterator[Sink]:
    """The address, with connections that are kept."""
    with requests.Session() as session:
        session.trust_env = False  # no proxy and no .netrc of the machine: the address says it all
        yield Webhook(session, url, source, key)


def signed(key: bytes, event_id: str, seconds: int, body: bytes) -> dict[str, str]:
    """The headers that sign a body sent at `seconds` since 1970."""
    content = f"{event_id}.{seconds}.".encode() + body
    signature = base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": f"v1,{signature}",
    }


def key_of(secret: str) -> bytes:
    """The key in `whsec_<base64>`; ValueError when it is none, without the secret in its text."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(PREFIX) or not SHORTEST_KEY <= len(key) <= LONGEST_KEY:
        raise ValueError(
            f"must be {PREFIX} and {SHORTEST_KEY} to {LONGEST_KEY} bytes in base64; "
            "`tiktok-pipeline events secret` makes one"
        )
    return key
