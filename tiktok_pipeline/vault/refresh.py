"""Refreshing: of all who find a token expired, on however many machines, one asks TikTok.

TikTok rotates the refresh token with every refresh and the previous one stops working ("Refresh a user access
token", 2 Nov 2026). So the intent is written before the call (a claim with a lease, in `vault.token`), no lock is held
across it, and the answer is journaled before it is saved (see `attempt`). Whoever does not get the claim waits
without a connection, or goes on with the old access token while that is valid.

A claim whose lease has run out was cut off: TikTok may or may not have issued a new pair. Then the spool is looked
through, and if it does not hold the pair, the old refresh token is tried: it works when the call never arrived.
"""

from __future__ import annotations

import random
import threading
import time
import uuid
from concurrent.futures import Future
from dataclasses import dataclass

from psycopg.rows import DictRow

from tiktok_pipeline.crash_points import crash_point
from tiktok_pipeline.tiktok.errors import AuthError, TransientError
from tiktok_pipeline.vault.attempt import Attempts, Refresh
from tiktok_pipeline.vault.claim import Claim
from tiktok_pipeline.vault.errors import TokenMissing
from tiktok_pipeline.vault.failures import TOKEN, later
from tiktok_pipeline.warehouse.connection import Warehouse, run

CALL_SECONDS = 60.0  # a token call may take this in total; giving up early would lose an answer on its way
LEASE_SECONDS = 90.0  # afterwards a claim counts as cut off
RESOLVING_SECONDS = 20.0  # looking up a host's name is outside the call's total
if CALL_SECONDS + RESOLVING_SECONDS >= LEASE_SECONDS:
    raise AssertionError("a second refresh could begin while the first is still waiting for its answer")

STOP_SECONDS = 75.0  # a process that is asked to end may take this: a call, and its save
PATIENCE_SECONDS = LEASE_SECONDS + 5  # a capture sees a refresh that was cut off through to its recovery
INTERACTIVE_SECONDS = 10.0  # a person who waits for a page
# Refreshes under way over all processes: so many can be refused before the first refusal stops the rest.
MOST_AT_ONCE = 5
POLL_SECONDS = (0.05, 0.15)
STILL_GOOD_SECONDS = 5.0  # an old access token with less is not worth a request


class Refresher:
    """Brings an account's pair up to date. Safe to share between threads."""

    def __init__(self, warehouse: Warehouse, attempts: Attempts) -> None:
        self.warehouse = warehouse
        self.attempts = attempts
        self._stopped = threading.Event()

    def read(self, account_id: int) -> DictRow:
        """The stored pair, and how it stands with refreshing it. Raises TokenMissing."""
        pairs = self.warehouse.execute("vault/read_token", {"account_id": account_id})
        if not pairs:
            raise TokenMissing(f"account {account_id}: no token is stored for it. Reconnect the account.")
        return pairs[0]

    def stop_waiting(self) -> None:
        """End every wait: the callers get a TransientError. Refreshes under way go on and are saved."""
        self._stopped.set()

    def fresh_pair(
        self, account_id: int, refresh: Refresh, refused_version: int | None, patience_seconds: float
    ) -> DictRow:
        """A pair whose access token may be used, other than the refused one: refreshed if need be.

        Raises TransientError when there is none now, and as `Attempts.begin`.
        """
        wait = _Wait(account_id, time.monotonic() + patience_seconds, self._stopped)
        while True:
            pair = self.read(account_id)
            if pair["token_version"] != refused_version and pair["renew_in_seconds"] > 0:
                return pair
            if pair["refused"]:
                raise _refused_before(account_id, pair)
            # The old token serves while somebody else refreshes it, or nobody can.
            usable = pair["token_version"] != refused_version and pair["ends_in_seconds"] > STILL_GOOD_SECONDS
            try:
                going_on = self._try(pair, refresh, wait)
            except TransientError:
                if usable:
                    return pair
                raise
            if not going_on:
                if usable:
                    return pair
                wait.a_moment()

    def _try(self, pair: DictRow, refresh: Refresh, wait: _Wait) -> bool:
        """Refresh the pair if that is ours to do; whether the stored pair may be another one now."""
        account_id = pair["account_id"]
        if pair["try_in_seconds"] > 0:
            what = f"no refresh for another {pair['try_in_seconds']:.0f} s after a failure"
            raise later(account_id, what, pair["fail_code"] or "refresh_failed", pair["try_in_seconds"])
        if pair["under_way"]:
            return False
        if (pair["cut_off"] or pair["uncertain"]) and self.attempts.replay():
            return True
        claim = self._claim(pair)
        if claim is None:
            return False
        wait.for_outcome(self.attempts.begin(claim, refresh))
        return True

    def _claim(self, pair: DictRow) -> Claim | None:
        """The right to refresh this pair, committed; None when it is not to be had now."""
        # Opened first: a token that does not open must not leave a claim behind.
        account_id, version = pair["account_id"], pair["token_version"]
        place = self.attempts.place(account_id, "refresh_token", version)
        token = self.attempts.sealer.unseal(pair["refresh_token"], place)
        crash_point("before_claim")
        with self.warehouse.transaction() as cursor:
            run(cursor, "vault/hold_refreshes")
            claimed = run(
                cursor,
                "vault/claim_refresh",
                {
                    "account_id": account_id,
                    "token_version": version,
                    "attempt_id": uuid.uuid4(),
                    "lease_seconds": LEASE_SECONDS,
                    "most_at_once": MOST_AT_ONCE,
                },
            )
        if not claimed:
            return None
        crash_point("after_claim")
        return Claim(
            account_id=account_id,
            attempt_id=str(claimed[0]["attempt_id"]),
            open_id=claimed[0]["open_id"],
            base_version=version,
            base_saved_at=claimed[0]["saved_at"],
            refresh_token=token,
        )


@dataclass(frozen=True, slots=True)
class _Wait:
    """One caller's patience: until an instant of the monotonic clock, or until everybody is to stop."""

    account_id: int
    until: float
    stopped: threading.Event

    def a_moment(self) -> None:
        """Sleep until the next look. No connection is held meanwhile. Raises TransientError."""
        self._left()
        self.stopped.wait(random.uniform(*POLL_SECONDS))  # noqa: S311 - so that waiters do not look all at once

    def for_outcome(self, outcome: Future[None]) -> None:
        """Wait for a refresh. Raises what it raises, and TransientError when it is not waited for any longer."""
        while True:
            try:
                outcome.result(timeout=min(self._left(), 0.5))
            except TimeoutError:
                if outcome.done():  # it was the refresh that raised it
                    raise
            else:
                return

    def _left(self) -> float:
        left = self.until - time.monotonic()
        if left <= 0 or self.stopped.is_set():
            raise later(
                self.account_id, "its refresh is still under way, try again in a minute", "refresh_under_way"
            )
        return left


def _refused_before(account_id: int, pair: DictRow) -> AuthError:
    error = AuthError(
        f"account {account_id}: TikTok has refused its tokens before. Reconnect the account.",
        code=pair["fail_code"] or "invalid_grant",
        endpoint=TOKEN,
    )
    error.token_version = pair["token_version"]
    return error
