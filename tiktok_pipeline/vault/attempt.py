"""One refresh, from the call to the saved pair. Whoever begins it has claimed it before (see `refresh`).

    call TikTok -> seal -> spool file, fsynced -> save, fenced by the pair that was sent -> forget the file

It runs in a thread of its own that outlives its caller: neither an impatient caller, Ctrl-C, SIGTERM's SystemExit nor
the end of a thread pool throws TikTok's answer away, and the interpreter does not exit before the thread has ended.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from tiktok_pipeline.crash_points import crash_point
from tiktok_pipeline.hub.words import storable
from tiktok_pipeline.tiktok.errors import (
    AuthError,
    PermanentError,
    RateLimitedError,
    ScopeError,
    TikTokError,
    TransientError,
)
from tiktok_pipeline.vault.errors import GrantMismatch, VaultError
from tiktok_pipeline.vault.sealer import Sealer
from tiktok_pipeline.vault.sealing import Field, Place
from tiktok_pipeline.vault.secret import SecretToken
from tiktok_pipeline.vault.spool import Spool, SpooledPair
from tiktok_pipeline.vault.window import UnprotectedWindow
from tiktok_pipeline.warehouse.connection import AWAY, Warehouse, run

if TYPE_CHECKING:
    from tiktok_pipeline.tiktok.oauth import TokenGrant

Refresh = Callable[[SecretToken], "TokenGrant"]  # in practice OAuthClient.refresh

# TikTok: "OAuth Error Handling". With these the grant has ended, and only a person can give another.
GRANT_ENDED = frozenset({"invalid_grant", "access_denied", "unauthorized_client"})
APP_REFUSED = "invalid_client"  # our key or secret, and no account's fault

FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 5.0, 600.0  # after a temporary failure of one account
FIRST_STOP_SECONDS, LONGEST_STOP_SECONDS = 60.0, 900.0  # of all refreshes, after a refusal of the app
SAVE_PATIENCE_SECONDS = 60.0  # a database that stays away longer finds the pair in the spool

TOKEN = "/v2/oauth/token/"  # noqa: S105 - a path
LOST_ROTATION = (
    "lost_rotation: the refresh of {since:%Y-%m-%d %H:%M:%S} UTC was cut off after TikTok had issued new tokens, "
    "and they were lost with it. "
)

T = TypeVar("T")

unprotected_window = UnprotectedWindow()

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to send an account's refresh token, once; the database says so already."""

    account_id: int
    attempt_id: str
    open_id: str
    base_version: int
    base_saved_at: dt.datetime
    refresh_token: SecretToken

    @property
    def key(self) -> dict[str, Any]:
        """What a statement needs to speak for this attempt."""
        return {
            "account_id": self.account_id,
            "attempt_id": self.attempt_id,
            "base_version": self.base_version,
        }


class Attempts:
    """Carries refreshes out, and saves what an earlier one has left in the spool."""

    def __init__(self, warehouse: Warehouse, sealer: Sealer, environment: str, spool: Spool) -> None:
        self.warehouse = warehouse
        self.sealer = sealer
        self.environment = environment
        self.spool = spool

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
                self.sealer.unseal(
                    pair.access_token, self.place(pair.account_id, "access_token", pair.version)
                )
                self.sealer.unseal(
                    pair.refresh_token, self.place(pair.account_id, "refresh_token", pair.version)
                )
                saved = self._save(pair)
            except (VaultError, psycopg.DataError, psycopg.IntegrityError) as error:
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
        crash_point("before_send")
        try:
            grant = refresh(claim.refresh_token)
        except Exception as error:
            self._failed(claim, error)
        else:
            self._answered(claim, grant, time.perf_counter())

    def _answered(self, claim: Claim, grant: TokenGrant, at: float) -> None:
        crash_point("after_answer")
        if grant.open_id != claim.open_id:
            mismatch = GrantMismatch(
                f"account {claim.account_id}: TikTok answered with tokens of {grant.open_id}, not of {claim.open_id}. "
                "Nothing was saved. Reconnect the account with the right TikTok login."
            )
            self._refused(claim, mismatch, "grant_mismatch")
            return
        pair = self._sealed(claim, grant)
        crash_point("after_seal")
        try:
            self.spool.put(pair)
        except OSError as error:  # a full disk must not cost a token that the database can still take
            log.error("spool %s: %s. The new pair is saved without it.", self.spool.folder, error.strerror)
        seconds = time.perf_counter() - at
        unprotected_window.note(seconds)
        log.debug("account %s: %.1f ms from answer to disk", claim.account_id, seconds * 1000)
        crash_point("after_spool")
        _patiently(lambda: self._save(pair, alive=True))
        crash_point("after_save")
        self.spool.remove(pair)
        crash_point("before_return")

    def _sealed(self, claim: Claim, grant: TokenGrant) -> SpooledPair:
        account_id, version = claim.account_id, claim.base_version + 1
        return SpooledPair(
            account_id=account_id,
            attempt_id=claim.attempt_id,
            open_id=claim.open_id,
            base_version=claim.base_version,
            base_saved_at=claim.base_saved_at,
            access_token=self.sealer.seal(
                grant.access_token, self.place(account_id, "access_token", version)
            ),
            refresh_token=self.sealer.seal(
                grant.refresh_token, self.place(account_id, "refresh_token", version)
            ),
            expires_in=grant.expires_in,
            refresh_expires_in=grant.refresh_expires_in,
            scope=",".join(grant.scopes),
            answered_at=time.time(),
        )

    def _save(self, pair: SpooledPair, *, alive: bool = False) -> bool:
        """Save the pair unless the stored one is another by now; whether that was done.

        `alive`: TikTok has just answered, so our app is accepted.
        """
        with self.warehouse.transaction() as cursor:
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

    def _failed(self, claim: Claim, error: Exception) -> None:
        """Note the failure and raise what the caller is to hear. Only an end of the grant touches the account."""
        code = error.code if isinstance(error, TikTokError) else type(error).__name__
        if code in GRANT_ENDED:
            self._refused(claim, error, code)
        elif code == APP_REFUSED:
            _patiently(lambda: self._stop_all(claim))
            log.error(
                "TikTok refuses the app: the refreshes of all accounts are stopped, and tried again one at a time. "
                "Check TIKTOK_CLIENT_KEY and TIKTOK_CLIENT_SECRET. %s",
                error,
            )
            raise later(claim.account_id, "TikTok refuses the app, so refreshes are stopped", code)
        elif isinstance(error, AuthError | PermanentError | ScopeError):  # a clear no, but not to the grant
            _patiently(lambda: self._note(claim, code, unknown=False))
            raise later(claim.account_id, str(error), code)
        else:
            # Without an answer, or with one that cannot be read, TikTok may have issued the new pair all the same.
            known = isinstance(error, RateLimitedError) or (
                isinstance(error, TransientError) and not error.sent
            )
            wait = error.retry_after if isinstance(error, TransientError) else None
            _patiently(lambda: self._note(claim, code, unknown=not known, retry_after=wait))
            raise error

    def _note(self, claim: Claim, code: str, *, unknown: bool, retry_after: float | None = None) -> None:
        waits = {"first_wait": FIRST_WAIT_SECONDS, "longest_wait": LONGEST_WAIT_SECONDS}
        noted = {
            "fail_class": "temporary",
            "fail_code": code,
            "unknown": unknown,
            "retry_after": retry_after or 0,
        }
        self.warehouse.execute("vault/note_failure", claim.key | noted | waits)

    def _stop_all(self, claim: Claim) -> None:
        waits = {"first_wait": FIRST_STOP_SECONDS, "longest_wait": LONGEST_STOP_SECONDS}
        none = {"first_wait": 0, "longest_wait": 0, "retry_after": 0}
        noted = {"fail_class": "ours", "fail_code": APP_REFUSED, "unknown": False}
        with self.warehouse.transaction() as cursor:
            run(cursor, "vault/note_failure", claim.key | noted | none)
            run(cursor, "vault/stop_refreshes", {"account_id": claim.account_id, **waits})

    def _refused(self, claim: Claim, error: Exception, code: str) -> None:
        """Flag the account, if the refusal is confirmed; raises it then. If not, the stored pair is another by now.

        Whoever was cut off before us may have got the new pair: it stands in the spool, or was saved meanwhile, and
        TikTok's refusal is about a token that is used up, not about the grant.
        """
        self.replay()
        lost = _patiently(lambda: self._flag(claim, error, code))
        if lost is None:
            log.info("account %s: refused, but its pair is another one by now", claim.account_id)
            return
        if isinstance(error, TikTokError):
            error = AuthError(
                lost + str(error.args[0]),
                code=error.code,
                endpoint=error.endpoint,
                http_status=error.http_status,
                log_id=error.log_id,
            )
        assert isinstance(error, AuthError | GrantMismatch)
        error.token_version = claim.base_version
        raise error

    def _flag(self, claim: Claim, error: Exception, code: str) -> str | None:
        """Flag the account; how its reason begins. None when it is not flagged, because the refusal is out of date."""
        with self.warehouse.transaction() as cursor:
            run(cursor, "vault/lock_account", {"account_id": claim.account_id})
            confirmed = run(cursor, "vault/refuse_pair", {**claim.key, "fail_code": code})
            if not confirmed:
                return None
            since = confirmed[0]["unknown_since"]
            lost = LOST_ROTATION.format(since=since.astimezone(dt.UTC)) if since else ""
            reason = storable(f"{lost}{error}")
            run(cursor, "hub/mark_need_reconnect", {"account_id": claim.account_id, "reason": reason})
            return lost


def later(account_id: int, what: str, code: str, seconds: float | None = None) -> TransientError:
    """The error of a refresh that is not tried now, or not waited for. The account itself needs nothing."""
    return TransientError(
        f"account {account_id}: {what}", code=code, endpoint=TOKEN, sent=False, retry_after=seconds
    )


def _patiently(work: Callable[[], T]) -> T:
    """Do `work` again while the database is away, for a minute."""
    return Retrying(
        retry=retry_if_exception_type(AWAY),
        wait=wait_random_exponential(multiplier=0.2, max=5),
        stop=stop_after_delay(SAVE_PATIENCE_SECONDS),
        reraise=True,
    )(work)
