"""What becomes of a refresh that failed. Only a confirmed end of the grant touches the account.

| TikTok says                          | then                                                                |
|--------------------------------------|---------------------------------------------------------------------|
| nothing, 5xx, or something unreadable | uncertain: it may have issued the pair; tried again after a wait    |
| 429, or the request never left       | idle; tried again after a wait                                      |
| invalid_grant, access_denied, unauthorized_client | confirmed, then NEED_RECONNECT; the pair is not sent again |
| invalid_client                       | our key or secret: all refreshes stop, no account is touched        |
| any other refusal                    | idle; tried again after a wait                                      |
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable

from tiktok_pipeline.hub.words import storable
from tiktok_pipeline.tiktok.errors import (
    AuthError,
    PermanentError,
    RateLimitedError,
    ScopeError,
    TikTokError,
    TransientError,
)
from tiktok_pipeline.vault.claim import Claim, patiently
from tiktok_pipeline.vault.errors import GrantMismatch
from tiktok_pipeline.warehouse.connection import Warehouse, run

# TikTok: "OAuth Error Handling". With these the grant has ended, and only a person can give another.
GRANT_ENDED = frozenset({"invalid_grant", "access_denied", "unauthorized_client"})
APP_REFUSED = "invalid_client"  # our key or secret, and no account's fault

FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 5.0, 600.0  # after a temporary failure of one account
FIRST_STOP_SECONDS, LONGEST_STOP_SECONDS = 60.0, 900.0  # of all refreshes, after a refusal of the app

TOKEN = "/v2/oauth/token/"  # noqa: S105 - a path
LOST_ROTATION = (
    "lost_rotation: the refresh of {since:%Y-%m-%d %H:%M:%S} UTC was cut off after TikTok had issued new tokens, "
    "and they were lost with it. "
)

log = logging.getLogger(__name__)


class Failures:
    """Notes failed refreshes. `replay` looks through the spool, for pairs that make a refusal out of date."""

    def __init__(self, warehouse: Warehouse, replay: Callable[[], object]) -> None:
        self.warehouse = warehouse
        self.replay = replay

    def failed(self, claim: Claim, error: Exception) -> None:
        """Note the failure and raise what the caller is to hear. Only an end of the grant touches the account."""
        code = error.code if isinstance(error, TikTokError) else type(error).__name__
        if code in GRANT_ENDED:
            self.refused(claim, error, code)
        elif code == APP_REFUSED:
            patiently(lambda: self._stop_all(claim))
            log.error(
                "TikTok refuses the app: the refreshes of all accounts are stopped, and tried again one at a time. "
                "Check TIKTOK_CLIENT_KEY and TIKTOK_CLIENT_SECRET. %s",
                error,
            )
            raise later(claim.account_id, "TikTok refuses the app, so refreshes are stopped", code)
        elif isinstance(error, AuthError | PermanentError | ScopeError):  # a clear no, but not to the grant
            patiently(lambda: self._note(claim, code, unknown=False))
            raise later(claim.account_id, str(error), code)
        else:
            # Without an answer, or with one that cannot be read, TikTok may have issued the new pair all the same.
            known = isinstance(error, RateLimitedError) or (
                isinstance(error, TransientError) and not error.sent
            )
            wait = error.retry_after if isinstance(error, TransientError) else None
            patiently(lambda: self._note(claim, code, unknown=not known, retry_after=wait))
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

    def refused(self, claim: Claim, error: Exception, code: str) -> None:
        """Flag the account, if the refusal is confirmed; raises it then. If not, the stored pair is another by now.

        Whoever was cut off before us may have got the new pair: it stands in the spool, or was saved meanwhile, and
        TikTok's refusal is about a token that is used up, not about the grant.
        """
        patiently(self.replay)
        lost = patiently(lambda: self._flag(claim, error, code))
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
