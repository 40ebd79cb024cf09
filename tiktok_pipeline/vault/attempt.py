"""One refresh, from the call to the saved pair. Whoever begins it has claimed it before (see `refresh`).

    call TikTok -> seal -> spool file, fsynced -> save, fenced by the pair that was sent -> forget the file

It runs in a thread of its own that outlives its caller: neither an impatient caller, Ctrl-C, SIGTERM's SystemExit nor
the end of a thread pool throws TikTok's answer away, and the interpreter does not exit before the thread has ended.
"""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING

import psycopg

from tiktok_pipeline.crash_points import crash_point
from tiktok_pipeline.vault.claim import Claim, patiently
from tiktok_pipeline.vault.errors import GrantMismatch, KeyRetired, VaultError, retired_refused
from tiktok_pipeline.vault.failures import Failures
from tiktok_pipeline.vault.keyring import KeyRing
from tiktok_pipeline.vault.sealer import Sealer
from tiktok_pipeline.vault.sealing import Field, Place, seal
from tiktok_pipeline.vault.secret import SecretToken
from tiktok_pipeline.vault.spool import Spool, SpooledPair
from tiktok_pipeline.vault.window import UnprotectedWindow
from tiktok_pipeline.warehouse.connection import AWAY, Warehouse, run

if TYPE_CHECKING:
    from tiktok_pipeline.tiktok.oauth import TokenGrant

Refresh = Callable[[SecretToken], "TokenGrant"]  # in practice OAuthClient.refresh

unprotected_window = UnprotectedWindow()
SLOW_SECONDS = 0.05  # from answer to disk; a process that is killed within loses the pair

log = logging.getLogger(__name__)


class Attempts:
    """Carries refreshes out, and saves what an earlier one has left in the spool."""

    def __init__(self, warehouse: Warehouse, sealer: Sealer, environment: str, spool: Spool) -> None:
        self.warehouse = warehouse
        self.sealer = sealer
        self.environment = environment
        self.spool = spool
        self.failures = Failures(warehouse, self.replay)

    def place(self, account_id: int, field: Field, version: int) -> Place:
        """Where a token of the account belongs."""
        return Place(self.environment, account_id, field, version)

    def begin(self, claim: Claim, refresh: Refresh) -> Future[None]:
        """Refresh in a thread of its own. The future is done when the outcome is in the database.

        It raises TransientError (nothing is known to be wrong with the grant), AuthError (it has ended, and the
        account is flagged), GrantMismatch, MalformedError, or a database's error.
        """
        outcome: Future[None] = Future()

        def work() -> None:
            try:
                self._carry_out(claim, refresh)
            except BaseException as error:
                log.warning("account %s: no new token: %s", claim.account_id, error)
                outcome.set_exception(error)
            else:
                outcome.set_result(None)

        threading.Thread(target=work, name=f"refresh-{claim.account_id}", daemon=False).start()
        return outcome

    def replay(self) -> int:
        """Save the pairs that this machine's spool holds; how many files are gone by that.

        A file whose pair does not open with this vault's keys is left, and the log says so.
        """
        done = 0
        for pair in self.spool.pairs():
            try:
                saved = self._save(self._sealed_again(pair))
            except AWAY:
                raise
            except (VaultError, psycopg.Error) as error:
                log.error("spool: the pair of account %s was not saved: %s", pair.account_id, error)
                continue
            self.spool.remove(pair)
            done += 1
            log.warning(
                "spool: the pair of account %s %s",
                pair.account_id,
                "was saved, after a refresh that was cut off" if saved else "is not needed any more",
            )
        return done

    def _carry_out(self, claim: Claim, refresh: Refresh) -> None:
        keys = (
            self.sealer.current()
        )  # looked at before the call: between answer and disk nothing may be waited for
        crash_point("before_send")
        try:
            grant = refresh(claim.refresh_token)
        except Exception as error:
            self.failures.failed(claim, error)
        else:
            self._answered(claim, grant, keys, time.perf_counter())

    def _answered(self, claim: Claim, grant: TokenGrant, keys: KeyRing, at: float) -> None:
        crash_point("after_answer")
        if grant.open_id != claim.open_id:
            mismatch = GrantMismatch(
                f"account {claim.account_id}: TikTok answered with tokens of {grant.open_id}, not of {claim.open_id}. "
                "Nothing was saved. Reconnect the account with the right TikTok login."
            )
            self.failures.refused(claim, mismatch, "grant_mismatch")
            return
        pair = self._sealed(claim, grant, keys)
        crash_point("after_seal")
        try:
            self.spool.put(pair)
        except OSError as error:  # a full disk must not cost a token that the database can still take
            log.error("spool %s: %s. The new pair is saved without it.", self.spool.folder, error.strerror)
        seconds = time.perf_counter() - at
        unprotected_window.note(seconds)
        level = logging.WARNING if seconds > SLOW_SECONDS else logging.DEBUG
        log.log(level, "account %s: %.1f ms from answer to disk", claim.account_id, seconds * 1000)
        crash_point("after_spool")
        self._save_sealed(pair)
        crash_point("after_save")
        self.spool.remove(pair)
        crash_point("before_return")

    def _sealed(self, claim: Claim, grant: TokenGrant, keys: KeyRing) -> SpooledPair:
        account_id, version = claim.account_id, claim.base_version + 1
        key = keys.keys[keys.primary]
        return SpooledPair(
            account_id=account_id,
            attempt_id=claim.attempt_id,
            open_id=claim.open_id,
            base_version=claim.base_version,
            base_saved_at=claim.base_saved_at,
            access_token=seal(
                grant.access_token, self.place(account_id, "access_token", version), keys.primary, key
            ),
            refresh_token=seal(
                grant.refresh_token, self.place(account_id, "refresh_token", version), keys.primary, key
            ),
            expires_in=grant.expires_in,
            refresh_expires_in=grant.refresh_expires_in,
            scope=",".join(grant.scopes),
            answered_at=time.time(),
        )

    def _save_sealed(self, pair: SpooledPair) -> None:
        """Save the pair that TikTok has just given; sealed again when its key was retired meanwhile."""
        try:
            patiently(lambda: self._save(pair, alive=True))
        except KeyRetired:
            self.sealer.look_now()
            again = self._sealed_again(pair)
            patiently(lambda: self._save(again, alive=True))

    def _sealed_again(self, pair: SpooledPair) -> SpooledPair:
        """The pair sealed with the key that seals now: it may have waited in the spool through a rotation."""
        access, refresh = (
            self.place(pair.account_id, name, pair.version) for name in ("access_token", "refresh_token")
        )
        return dataclasses.replace(
            pair,
            access_token=self.sealer.seal(self.sealer.unseal_spooled(pair.access_token, access), access),
            refresh_token=self.sealer.seal(self.sealer.unseal_spooled(pair.refresh_token, refresh), refresh),
        )

    def _save(self, pair: SpooledPair, *, alive: bool = False) -> bool:
        """Save the pair unless the stored one is another by now; whether that was done.

        `alive`: TikTok has just answered, so our app is accepted.
        """
        with retired_refused(), self.warehouse.transaction() as cursor:
            accounts = run(cursor, "vault/lock_account", {"account_id": pair.account_id})
            if not accounts or accounts[0]["open_id"] != pair.open_id:
                return False
            saved = run(
                cursor,
                "vault/save_refreshed",
                {
                    "account_id": pair.account_id,
                    "base_version": pair.base_version,
                    "base_saved_at": pair.base_saved_at,
                    "access_token": pair.access_token,
                    "refresh_token": pair.refresh_token,
                    "expires_in": pair.expires_in - pair.age,
                    "refresh_expires_in": pair.refresh_expires_in - pair.age,
                    "scope": pair.scope,
                },
            )
            if alive and run(cursor, "vault/end_stop", {"account_id": pair.account_id}):
                log.warning("TikTok accepts the app again: refreshes go on")
        if saved and saved[0]["connected_again"]:
            log.warning("account %s: its new pair came late; it is connected again", pair.account_id)
        return bool(saved)
