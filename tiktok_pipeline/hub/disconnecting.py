"""Taking accounts out of service: disabling keeps the tokens and can be undone, disconnecting gives the grant back.

TikTok revokes by a valid access token only ("Manage User Access Tokens"), so an account is refreshed first when
its token has ended, then revoked, and only then are its tokens forgotten. Each step may be repeated: what is cut
off in between is finished by disconnecting again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psycopg
from psycopg.rows import DictRow
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.hub.words import DISCONNECTED, one_line
from tiktok_pipeline.tiktok.errors import AuthError, RateLimitedError, TikTokError
from tiktok_pipeline.vault import TokenMissing, TokenVault
from tiktok_pipeline.vault.refresh import INTERACTIVE_SECONDS, PATIENCE_SECONDS
from tiktok_pipeline.warehouse.connection import AWAY, Warehouse, run

if TYPE_CHECKING:
    from tiktok_pipeline.tiktok.oauth import OAuthClient

WORKERS = 8
GIVE_UP_AFTER = 20  # failures in a row: then it is not the accounts

log = logging.getLogger(__name__)


@dataclass
class MassDisconnect:
    """What became of disconnecting all accounts. `failures` are lines by account; `left` were not tried."""

    disconnected: int = 0
    left: int = 0
    failures: dict[int, str] = field(default_factory=dict)


def disable(warehouse: Warehouse, *account_ids: int) -> list[int]:
    """The accounts that were disabled now: nothing is captured of them, tokens and history stay.

    Links that could connect them anew end, and so does what was begun with them: only operators enable.
    Raises PipelineError, changing nothing, when one of the numbers is no account's.
    """
    require_accounts(warehouse, account_ids)
    values = {"account_ids": list(account_ids), "reason": "disabled by an operator"}
    with warehouse.transaction() as cursor:
        _end_ways_back(cursor, account_ids)
        return [row["id"] for row in run(cursor, "hub/disable", values)]


def enable(warehouse: Warehouse, *account_ids: int) -> dict[int, str]:
    """The accounts that were enabled now, and what they are: CONNECTED, or NEED_RECONNECT without a grant.

    Raises PipelineError, changing nothing, when one of the numbers is no account's.
    """
    require_accounts(warehouse, account_ids)
    rows = warehouse.execute("hub/enable", {"account_ids": list(account_ids)})
    return {row["id"]: row["status"] for row in rows}


def disconnected_accounts(warehouse: Warehouse) -> list[int]:
    """The accounts that were disconnected and are still DISABLED."""
    return [row["id"] for row in warehouse.execute("hub/disconnected_accounts", {"reason": DISCONNECTED})]


def disconnect(vault: TokenVault, oauth: OAuthClient, account_id: int, *, force: bool = False) -> bool:
    """Give the account's grant back and forget its tokens; whether TikTok revoked it.

    False when there was nothing to revoke (no token, or TikTok had ended the grant), and with `force`, which
    forgets the tokens without asking TikTok. Raises PipelineError, changing nothing, when there is no such
    account or TikTok could not be asked; also after ten seconds of waiting for a new token, which is saved all the
    same when it comes.
    """
    require_accounts(vault.warehouse, [account_id])
    try:
        return _disconnect(vault, oauth, account_id, force=force, patience_seconds=INTERACTIVE_SECONDS)
    except (TikTokError, PipelineError) as error:
        raise PipelineError(
            f"account {account_id}: not disconnected: {error}. It is as it was. Try again later, or forget its "
            f"tokens without telling TikTok: tiktok-pipeline account disconnect {account_id} --force"
        ) from None


def disconnect_all(
    vault: TokenVault, oauth: OAuthClient, *, force: bool = False, done: Callable[[], None] = lambda: None
) -> MassDisconnect:
    """Disconnect every account that has tokens; run again, it goes on with what is left.

    `done` is called after each account. Gives up after 20 failures in a row.
    """
    result, over = MassDisconnect(), threading.Event()
    in_a_row = 0
    patient = Retrying(
        retry=retry_if_exception_type(RateLimitedError),
        wait=wait_random_exponential(multiplier=1, max=20),
        stop=stop_after_attempt(6),
        reraise=True,
    )

    def one(account_id: int) -> bool:
        if over.is_set():
            return False
        patient.copy()(_disconnect, vault, oauth, account_id, force=force)
        return True

    with ThreadPoolExecutor(WORKERS, thread_name_prefix="disconnect") as pool:
        tasks = {pool.submit(one, account_id): account_id for account_id in stored_accounts(vault)}
        try:
            for task in as_completed(tasks):
                try:
                    tried = task.result()
                except (TikTokError, PipelineError, *AWAY) as error:
                    result.failures[tasks[task]] = one_line(str(error))
                    in_a_row += 1
                    if in_a_row >= GIVE_UP_AFTER:
                        over.set()
                else:
                    result.disconnected += tried
                    result.left += not tried
                    in_a_row = in_a_row if not tried else 0
                done()
        finally:
            over.set()  # told to stop: what is under way is finished, nothing new begun
    return result


def stored_accounts(vault: TokenVault) -> list[int]:
    """The accounts that have tokens: what is left to disconnect."""
    return [row["account_id"] for row in vault.warehouse.execute("vault/stored_accounts")]


def require_accounts(warehouse: Warehouse, account_ids: tuple[int, ...] | list[int]) -> None:
    """Raise PipelineError that names the numbers that are no account's."""
    missing = warehouse.execute("hub/missing_accounts", {"account_ids": list(account_ids)})
    if missing:
        numbers = ", ".join(str(row["id"]) for row in missing)
        raise PipelineError(f"account {numbers}: there is none. Look it up: tiktok-pipeline account list")


def _disconnect(
    vault: TokenVault,
    oauth: OAuthClient,
    account_id: int,
    *,
    force: bool,
    patience_seconds: float = PATIENCE_SECONDS,
) -> bool:
    revoked, version = (False, None) if force else _revoke(vault, oauth, account_id, patience_seconds)
    if force:
        reason = f"{DISCONNECTED}; its tokens were forgotten without telling TikTok"
    else:
        reason = DISCONNECTED if revoked else f"{DISCONNECTED}; there was no grant left to revoke"
    with vault.warehouse.transaction() as cursor:
        _end_ways_back(cursor, [account_id])
        if not force and not vault.holds(cursor, account_id, version):
            raise PipelineError(
                "it got other tokens meanwhile, from a person or by a refresh, and keeps them"
            )
        run(cursor, "vault/lock_account", {"account_id": account_id})
        run(cursor, "vault/forget_token", {"account_id": account_id})
        run(cursor, "hub/mark_disconnected", {"account_id": account_id, "reason": reason})
    log.info("account %s: %s", account_id, reason)
    return revoked


def _revoke(
    vault: TokenVault, oauth: OAuthClient, account_id: int, patience_seconds: float
) -> tuple[bool, int | None]:
    """Whether TikTok revoked the grant, False when it has ended or we hold no token of it; and the pair's version.

    That the grant has ended is known by a refused refresh alone: an access token dies sooner, and a revoke may be
    refused for reasons of its own.
    """
    stored = vault.warehouse.execute("vault/read_token", {"account_id": account_id})
    version = stored[0]["token_version"] if stored else None
    try:
        access = vault.access_token(account_id, oauth.refresh, patience_seconds=patience_seconds)
    except (TokenMissing, AuthError):
        return False, version
    try:
        oauth.revoke(access.token)
    except AuthError:
        version = access.version
        try:
            access = vault.renew(account_id, access, oauth.refresh, patience_seconds=patience_seconds)
        except AuthError:
            return False, version
        oauth.revoke(access.token)
    return True, access.version


def _end_ways_back(cursor: psycopg.Cursor[DictRow], account_ids: Sequence[int]) -> None:
    """End the links, and what they and operators have begun, by which the accounts could be connected anew."""
    values = {"account_ids": list(account_ids)}
    run(cursor, "hub/end_links", values)  # links first, then transactions, then accounts: one order for all
    run(cursor, "hub/end_authorizations", values)
