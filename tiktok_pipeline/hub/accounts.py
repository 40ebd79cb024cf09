"""TikTok accounts of stores: connecting them, listing them, noting that one needs a person."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
from psycopg.rows import DictRow

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.hub.stores import require_store
from tiktok_pipeline.hub.words import DISCONNECTED, storable
from tiktok_pipeline.vault import TokenVault
from tiktok_pipeline.vault.claim import patiently
from tiktok_pipeline.warehouse.connection import Warehouse, run

if TYPE_CHECKING:
    from tiktok_pipeline.tiktok.oauth import OAuthClient, TokenGrant

# All that a snapshot is made of. With fewer the account is captured in reduced mode.
NEEDED_SCOPES = ("user.info.basic", "user.info.profile", "user.info.stats", "video.list")


LONGEST_CODE = 4096  # TikTok's have about 100 characters


class ConnectedElsewhere(PipelineError):
    """The TikTok account is another store's account, `account_id`; nothing was changed."""

    def __init__(self, open_id: str, store_code: str, other_store_code: str, account_id: int) -> None:
        super().__init__(
            f"account {open_id}: connected to store {other_store_code} already, and an account "
            "belongs to one store. Nothing was changed. "
            f"Log in to TikTok as the account of store {store_code} and try again."
        )
        self.account_id = account_id


class WrongAccount(PipelineError):
    """The login was that of another TikTok account than the one to be reconnected; nothing was changed."""


class AccountDisabled(PipelineError):
    """An operator took the account out of service, and only operators put it back; nothing was changed."""


@dataclass(frozen=True)
class Account:
    """A TikTok account of a store. Times are aware; `status_reason` says why it is not CONNECTED."""

    id: int
    store_code: str
    client_key: str
    open_id: str
    display_name: str | None
    avatar_url: str | None
    scope: str
    status: str
    status_reason: str | None
    token_expires_at: dt.datetime
    refresh_token_expires_at: dt.datetime
    last_sync_at: dt.datetime | None
    connected_at: dt.datetime

    @property
    def missing_scopes(self) -> tuple[str, ...]:
        """What the account did not grant of what is needed; empty when nothing is missing."""
        granted = self.scope.split(",")
        return tuple(scope for scope in NEEDED_SCOPES if scope not in granted)


def connect_account(
    warehouse: Warehouse,
    vault: TokenVault,
    oauth: OAuthClient,
    *,
    store_code: str,
    auth_code: str,
    redirect_uri: str,
    client_key: str,
) -> Account:
    """The account that `auth_code` (URL-decoded) stands for, connected to the store, or connected anew.

    The code is exchanged once; account and sealed tokens are saved together or not at all. Look at
    `missing_scopes` of the result: a person may grant less than was asked.
    Raises PipelineError when there is no such store (the code is then not spent), ConnectedElsewhere, and the
    errors of `OAuthClient.exchange`.
    """
    # A code is valid once: what can be refused without spending it is refused first.
    code = checked_code(auth_code)
    with warehouse.transaction() as cursor:
        require_store(cursor, store_code)
    grant = oauth.exchange(code, redirect_uri)

    def save() -> Account:
        with vault.warehouse.transaction() as cursor:
            return save_connection(cursor, vault, grant, store_code=store_code, client_key=client_key)

    return patiently(save)  # TikTok gives the grant once


def save_connection(
    cursor: psycopg.Cursor[DictRow],
    vault: TokenVault,
    grant: TokenGrant,
    *,
    store_code: str,
    client_key: str,
    account_id: int | None = None,
    by_link: bool = False,
) -> Account:
    """The account of `grant`, connected to the store in the caller's transaction, which is the vault's.

    With `account_id` only that account may be connected anew. `by_link`: nobody of the operators does it, so an
    account that they disabled stays so. Raises WrongAccount, ConnectedElsewhere, AccountDisabled, or PipelineError
    when there is no such store.
    A grant that is refused here is not revoked: TikTok would cut off every grant that the account gave this
    app, also one that works for another store.
    """
    require_store(cursor, store_code)
    if account_id is not None:
        _require_account(cursor, account_id, grant.open_id)
    run(cursor, "hub/hold_open_id", {"open_id": grant.open_id})
    elsewhere = run(cursor, "hub/account_elsewhere", {"store_code": store_code, "open_id": grant.open_id})
    if elsewhere:
        raise ConnectedElsewhere(grant.open_id, store_code, **elsewhere[0])
    whose = {"store_code": store_code, "open_id": grant.open_id, "disconnected": DISCONNECTED}
    if by_link and run(cursor, "hub/disabled_account", whose):
        raise AccountDisabled(
            f"account {grant.open_id} of store {store_code}: disabled by an operator. Nothing was changed. "
            "Enable it first: tiktok-pipeline account enable"
        )
    [connected] = run(
        cursor,
        "hub/connect_account",
        {"store_code": store_code, "open_id": grant.open_id, "client_key": client_key},
    )
    vault.save_grant(cursor, connected["id"], grant)
    [account] = run(cursor, "hub/list_accounts", {"account_id": connected["id"], "store_codes": None})
    return Account(**account)


def list_accounts(warehouse: Warehouse) -> list[Account]:
    """All accounts, by store and the order in which they were connected."""
    everything = {"account_id": None, "store_codes": None}
    return [Account(**row) for row in warehouse.execute("hub/list_accounts", everything)]


def mark_need_reconnect(cursor: psycopg.Cursor[DictRow], account_id: int, reason: str) -> bool:
    """Whether the account became NEED_RECONNECT now. One that waits already or is DISABLED stays as it is."""
    values = {"account_id": account_id, "reason": storable(reason)}
    return bool(run(cursor, "hub/mark_need_reconnect", values))


def checked_code(text: str) -> str:
    """An authorization code as TikTok wants it, URL-decoded. Raises PipelineError when it cannot be one."""
    code = text.strip()
    if not code.isascii() or not code.isprintable() or not code or len(code) > LONGEST_CODE:
        raise PipelineError(
            "auth code: not one. Paste the value of `code` from the address TikTok returned to."
        )
    return code


def _require_account(cursor: psycopg.Cursor[DictRow], account_id: int, open_id: str) -> None:
    accounts = run(cursor, "hub/list_accounts", {"account_id": account_id, "store_codes": None})
    if not accounts or accounts[0]["open_id"] != open_id:
        raise WrongAccount(
            f"account {account_id}: the login was that of {open_id}, another TikTok account. Nothing was changed. "
            "Log in to TikTok as the account that is to be reconnected and try again."
        )
