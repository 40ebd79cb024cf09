"""TikTok accounts of stores: connecting them, listing them, noting that one needs a person."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

import psycopg
from psycopg.rows import DictRow

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.hub.stores import require_store
from tiktok_pipeline.hub.words import storable
from tiktok_pipeline.vault import TokenVault
from tiktok_pipeline.warehouse.connection import Warehouse, run

if TYPE_CHECKING:
    from tiktok_pipeline.tiktok.oauth import OAuthClient

# All that a snapshot is made of. With fewer the account is captured in reduced mode.
NEEDED_SCOPES = ("user.info.basic", "user.info.profile", "user.info.stats", "video.list")


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
    """The account that `auth_code` stands for, connected to the store, or connected anew.

    The code is exchanged once; account and sealed tokens are saved together or not at all. Look at
    `missing_scopes` of the result: a person may grant less than was asked.
    Raises PipelineError when there is no such store (the code is then not spent) or the account belongs to
    another store, and the errors of `OAuthClient.exchange`.
    """
    # A code is valid once: what can be refused without spending it is refused first.
    code = _decoded(auth_code)
    with warehouse.transaction() as cursor:
        require_store(cursor, store_code)
    grant = oauth.exchange(code, redirect_uri)
    with vault.warehouse.transaction() as cursor:
        require_store(cursor, store_code)
        _refuse_second_store(cursor, store_code, grant.open_id)
        [connected] = run(
            cursor,
            "hub/connect_account",
            {"store_code": store_code, "open_id": grant.open_id, "client_key": client_key},
        )
        vault.save_grant(cursor, connected["id"], grant)
        [account] = run(cursor, "hub/list_accounts", {"account_id": connected["id"]})
    return Account(**account)


def list_accounts(warehouse: Warehouse) -> list[Account]:
    """All accounts, by store and the order in which they were connected."""
    return [Account(**row) for row in warehouse.execute("hub/list_accounts", {"account_id": None})]


def mark_need_reconnect(cursor: psycopg.Cursor[DictRow], account_id: int, reason: str) -> bool:
    """Whether the account became NEED_RECONNECT now. One that waits already or is DISABLED stays as it is."""
    values = {"account_id": account_id, "reason": storable(reason)}
    return bool(run(cursor, "hub/mark_need_reconnect", values))


def _decoded(auth_code: str) -> str:
    # In the address bar a code ends like %2A1%214608.va; TikTok wants it decoded, *1!4608.va (Login Kit).
    code = unquote(auth_code.strip())
    if not code.isascii() or not code.isprintable() or not code:
        raise PipelineError(
            "auth code: not one. Paste the value of `code` from the address TikTok returned to."
        )
    return code


def _refuse_second_store(cursor: psycopg.Cursor[DictRow], store_code: str, open_id: str) -> None:
    run(cursor, "hub/hold_open_id", {"open_id": open_id})
    elsewhere = run(cursor, "hub/account_elsewhere", {"store_code": store_code, "open_id": open_id})
    if elsewhere:
        # The new grant is left alone: revoking it would cut off the other store, too.
        raise PipelineError(
            f"account {open_id}: connected to store {elsewhere[0]['store_code']} already, and an account "
            "belongs to one store. Nothing was changed. "
            f"Log in to TikTok as the account of store {store_code} and try again."
        )
