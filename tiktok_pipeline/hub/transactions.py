"""What becomes of an OAuth transaction: begun, come back, and what the person is told in the end."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Literal

from tiktok_pipeline.hub.accounts import NEEDED_SCOPES

Outcome = Literal[
    "connected",
    "reduced",
    "declined",
    "wrong_account",
    "conflict",
    "failed",
    "restarted",
    "orphaned",
    "spent",
    "disabled",
]


@dataclass(frozen=True)
class Begun:
    """Where to send the browser, and the value of the cookie that binds the transaction to it."""

    address: str = field(repr=False)
    binding: str = field(repr=False)


@dataclass(frozen=True)
class BegunAgain:
    """A transaction in place of another. `moved`: the other one was begun in another browser."""

    begun: Begun
    store_name: str
    moved: bool


@dataclass(frozen=True)
class Consumed:
    """A transaction whose state came back. `account_id` is the only account it may reconnect, None: any."""

    id: int
    store_code: str
    account_id: int | None
    link_id: int | None
    redirect_uri: str
    scopes: str
    code_verifier: bytes | None = field(repr=False)


@dataclass(frozen=True)
class Result:
    """What became of the transaction that a browser began; `outcome` is None while it goes on.

    `waits`: TikTok has not sent the browser back yet. `granted`: the connected account's scopes, comma-separated.
    """

    outcome: Outcome | None
    waits: bool
    actor: str
    store_name: str
    wanted_name: str | None
    granted: str | None
    met_store_name: str | None
    by_link: bool
    may_begin_again: bool

    @property
    def missing_scopes(self) -> tuple[str, ...]:
        """What was needed and not granted."""
        return tuple(scope for scope in NEEDED_SCOPES if scope not in (self.granted or "").split(","))


@dataclass(frozen=True)
class OrphanedGrant:
    """A transaction whose code was spent and whose grant was lost. `account_id`: the one to reconnect, if any."""

    id: int
    store_code: str
    account_id: int | None
    consumed_at: dt.datetime
