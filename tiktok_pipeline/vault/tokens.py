"""The vault: an account's tokens, sealed in PostgreSQL, opened only to call TikTok, renewed when needed.

TikTok rotates the refresh token with every refresh and the previous one stops working ("Refresh a user access
token", 2 Nov 2026), so of several callers that find a token expired exactly one may refresh. They queue at
the account's row lock; whoever comes next reads what the first has saved. A new pair is committed before
anyone uses it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import psycopg
from psycopg.rows import DictRow

from tiktok_pipeline.tiktok.errors import AuthError
from tiktok_pipeline.vault.errors import GrantMismatch, TokenMissing
from tiktok_pipeline.vault.opened import AccessToken, OpenedTokens
from tiktok_pipeline.vault.sealer import Sealer
from tiktok_pipeline.vault.sealing import Field, Place
from tiktok_pipeline.vault.secret import SecretToken
from tiktok_pipeline.warehouse.connection import Warehouse, run

if TYPE_CHECKING:
    from tiktok_pipeline.tiktok.oauth import TokenGrant

Refresh = Callable[[SecretToken], "TokenGrant"]  # in practice OAuthClient.refresh


class TokenVault:
    """The tokens of all accounts of one database. Safe to share between threads and processes."""

    def __init__(self, warehouse: Warehouse, sealer: Sealer, environment: str) -> None:
        self.warehouse = warehouse
        self.sealer = sealer
        self._environment = environment
        self._opened = OpenedTokens()

    @classmethod
    def open(cls, warehouse: Warehouse, keys_file: Path, environment: str, *, create: bool) -> TokenVault:
        """The vault, with the keys of `keys_file` checked against this database.

        `create` makes a missing file while the database knows no key; pass it only for the default place, so
        that a mistyped ENCRYPTION_KEYS_FILE is an error in every environment. `environment` is part of every
        seal: tokens copied from one environment's database into another's do not open. Raises KeyRingError.
        """
        return cls(warehouse, Sealer.open(warehouse, keys_file, environment, create=create), environment)

    def save_grant(self, cursor: psycopg.Cursor[DictRow], account_id: int, grant: TokenGrant) -> None:
        """Seal and save a new pair for the account, with its scope and times, in the caller's transaction.

        Raises TokenMissing when there is no such account, GrantMismatch when the grant is another account's.
        """
        open_id = self._lock(cursor, account_id)
        if grant.open_id != open_id:
            raise GrantMismatch(
                f"account {account_id}: TikTok answered with tokens of {grant.open_id}, not of {open_id}. "
                "Nothing was saved. Reconnect the account with the right TikTok login."
            )
        self._opened.forget(account_id)
        [next_version] = run(cursor, "vault/next_version", {"account_id": account_id})
        version = next_version["token_version"]
        run(
            cursor,
            "vault/save_token",
            {
                "account_id": account_id,
                "access_token": self._seal(account_id, "access_token", version, grant.access_token),
                "refresh_token": self._seal(account_id, "refresh_token", version, grant.refresh_token),
                "token_version": version,
                "expires_in": grant.expires_in,
                "refresh_expires_in": grant.refresh_expires_in,
                "scope": ",".join(grant.scopes),
            },
        )

    def access_token(self, account_id: int, refresh: Refresh) -> AccessToken:
        """A valid access token of the account, refreshed first when it has ended or is about to.

        Raises TokenMissing, VaultKeyMissing, VaultTampered, GrantMismatch, and whatever `refresh` raises; the
        stored pair is then as before.
        """
        held = self._opened.get(account_id)
        if held:
            return held
        pair = _only(self.warehouse.execute("vault/read_token", {"account_id": account_id}), account_id)
        if pair["renew_in_seconds"] > 0:
            return self._open_access(account_id, pair)
        return self._renewed(account_id, refresh, refused_version=None)

    def renew(self, account_id: int, refused: AccessToken, refresh: Refresh) -> AccessToken:
        """An access token in place of one that TikTok refused: a newer one that somebody saved, or refreshed.

        Raises as `access_token`.
        """
        self._opened.forget(account_id)
        return self._renewed(account_id, refresh, refused_version=refused.version)

    def holds(self, cursor: psycopg.Cursor[DictRow], account_id: int, version: int | None) -> bool:
        """Whether the stored pair is still that of `version` (None: no pair at all).

        The account is held until the caller's transaction ends, so that no reconnect comes in between.
        """
        self._lock(cursor, account_id)
        pairs = run(cursor, "vault/read_token", {"account_id": account_id})
        return (pairs[0]["token_version"] if pairs else None) == version

    def _renewed(self, account_id: int, refresh: Refresh, refused_version: int | None) -> AccessToken:
        with self.warehouse.transaction() as cursor:
            self._lock(cursor, account_id)
            pair = self._read(cursor, account_id)
            if pair["renew_in_seconds"] <= 0 or pair["token_version"] == refused_version:
                try:
                    grant = refresh(self._unseal(account_id, "refresh_token", pair))
                    self.save_grant(cursor, account_id, grant)
                except (AuthError, GrantMismatch) as refused:
                    refused.token_version = pair["token_version"]
                    raise
                pair = self._read(cursor, account_id)
        return self._open_access(account_id, pair)

    def _open_access(self, account_id: int, pair: DictRow) -> AccessToken:
        opened = AccessToken(
            token=self._unseal(account_id, "access_token", pair),
            version=pair["token_version"],
            scopes=frozenset(filter(None, pair["scope"].split(","))),
            expires_at=pair["access_expires_at"].astimezone(dt.UTC),
        )
        self._opened.keep(account_id, opened, pair["renew_in_seconds"])
        return opened

    def _lock(self, cursor: psycopg.Cursor[DictRow], account_id: int) -> str:
        accounts = run(cursor, "vault/lock_account", {"account_id": account_id})
        if not accounts:
            raise TokenMissing(f"account {account_id}: no such account. It may have been deleted.")
        return str(accounts[0]["open_id"])

    def _read(self, cursor: psycopg.Cursor[DictRow], account_id: int) -> DictRow:
        return _only(run(cursor, "vault/read_token", {"account_id": account_id}), account_id)

    def _seal(self, account_id: int, field: Field, version: int, token: SecretToken) -> bytes:
        place = Place(self._environment, account_id, field, version)
        return self.sealer.seal(token, place)

    def _unseal(self, account_id: int, field: Field, pair: DictRow) -> SecretToken:
        place = Place(self._environment, account_id, field, pair["token_version"])
        return self.sealer.unseal(pair[field], place)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a TokenVault cannot be pickled or copied: open it in the process that uses it")


def _only(pairs: list[DictRow], account_id: int) -> DictRow:
    if not pairs:
        raise TokenMissing(f"account {account_id}: no token is stored for it. Reconnect the account.")
    return pairs[0]
