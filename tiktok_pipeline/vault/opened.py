"""Access tokens that this process has opened, kept for a minute.

A giant account is hundreds of pages: without this, each would read and open the same token again.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from tiktok_pipeline.vault.secret import SecretToken

KEEP_SECONDS = 60.0


@dataclass(frozen=True)
class AccessToken:
    """An access token to call TikTok with, and what it is good for.

    `version` grows with every pair saved for the account; `expires_at` is UTC, by the database's clock.
    """

    token: SecretToken
    version: int
    scopes: frozenset[str]
    expires_at: dt.datetime


class OpenedTokens:
    """Opened tokens by account, each for `KEEP_SECONDS` at most. Safe to share between threads.

    How long one may be used is the database's word; only the passing of that time is measured here.
    """

    def __init__(self, elapsed: Callable[[], float] = time.monotonic) -> None:
        self._elapsed = elapsed
        self._lock = threading.Lock()
        self._held: dict[int, tuple[AccessToken, float]] = {}

    def get(self, account_id: int) -> AccessToken | None:
        """The account's token while it may be used, or None."""
        with self._lock:
            token, until = self._held.get(account_id, (None, 0.0))
            return token if self._elapsed() < until else None

    def keep(self, account_id: int, token: AccessToken, seconds: float) -> None:
        """Keep the token for `seconds` at most, unless a newer one is held; what has run out is let go."""
        now = self._elapsed()
        with self._lock:
            self._held = {held: entry for held, entry in self._held.items() if now < entry[1]}
            newest = self._held.get(account_id)
            if newest is None or newest[0].version <= token.version:
                self._held[account_id] = (token, now + min(seconds, KEEP_SECONDS))

    def forget(self, account_id: int) -> None:
        """Let the account's token go."""
        with self._lock:
            self._held.pop(account_id, None)
