"""The vault: an account's tokens, sealed in PostgreSQL, opened only to call TikTok, renewed when needed.

How a pair is renewed, and why nobody else does so meanwhile, is in `refresh` and `attempt`. A new pair is committed
before anyone uses it.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import psycopg
from psycopg.rows import DictRow

from tiktok_pipeline.vault.attempt import Attempts, Refresh
from tiktok_pipeline.vault.errors import GrantMismatch, TokenMissing, retired_refused
from tiktok_pipeline.vault.opened import AccessToken, OpenedTokens
from tiktok_pipeline.vault.refresh import PATIENCE_SECONDS, Refresher
from tiktok_pipeline.vault.sealer import Sealer
from tiktok_pipeline.vault.sealing import Field, Place
from tiktok_pipeline.vault.secret import SecretToken
from tiktok_pipeline.vault.spool import Spool
from tiktok_pipeline.warehouse.connection import Warehouse, run

if TYPE_CHECKING:
    from tiktok_pipeline.tiktok.oauth import TokenGrant


class TokenVault:
    """The tokens of all accounts of one database. Safe to share between threads and processes."""

    def __init__(self, warehouse: Warehouse, sealer: Sealer, environment: str, spool: Spool) -> None:
        self.warehouse = warehouse
        self.sealer = sealer
        self._environment = environment
        self._opened = OpenedTokens()
        self._attempts = Attempts(warehouse, sealer, environment, spool)
        self._refresher = Refresher(warehouse, self._attempts)

    @classmethod
    def open(
        cls,
        warehouse: Warehouse,
        keys_file: Path,
        environment: str,
        *,
        create: bool,
        spool_folder: Path | None = None,
    ) -> TokenVault:
        """The vault, with the keys of `keys_file` checked against this database.

        What a refresh that was cut off has left in `spool_folder` (absent: `spool` beside the keys) is saved first.

        `create` makes a missing file while the database knows no key; pass it only for the default place, so
        that a mistyped ENCRYPTION_KEYS_FILE is an error in every environment. `environment` is part of every
        seal: tokens copied from one environment's database into another's do not open.
        Raises KeyRingError, and PipelineError when the spool cannot be written.
        """
        sealer = Sealer.open(warehouse, keys_file, environment, create=create)
        spool = Spool(spool_folder or keys_file.parent / "spool")
        spool.prepare()
        vault = cls(warehouse, sealer, environment, spool)
        vault._attempts.replay()
        return vault

    def save_grant(self, cursor: psycopg.Cursor[DictRow], account_id: int, grant: TokenGrant) -> None:
        """Seal and save a new pair for the account, with its scope and times, in the caller's transaction.

        Raises TokenMissing when there is no such account, GrantMismatch when the grant is another account's, and
        KeyRetired when this machine's key ring lacks the key that seals now.
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
        values = {
            "account_id": account_id,
            "access_token": self._seal(account_id, "access_token", version, grant.access_token),
            "refresh_token": self._seal(account_id, "refresh_token", version, grant.refresh_token),
            "token_version": version,
            "expires_in": grant.expires_in,
            "refresh_expires_in": grant.refresh_expires_in,
            "scope": ",".join(grant.scopes),
        }
        with retired_refused():
            run(cursor, "vault/save_token", values)
        run(cursor, "vault/end_stop", {"account_id": account_id})  # TikTok has just accepted the app

    def access_token(
        self, account_id: int, refresh: Refresh, *, patience_seconds: float = PATIENCE_SECONDS
    ) -> AccessToken:
        """A valid access token of the account, refreshed first when it has ended or is about to.

        Waits for `patience_seconds` at most; a refresh goes on and is saved even if nobody waits for it any more.
        Raises TransientError when there is no valid token now (the account needs nothing), AuthError when the grant
        has ended (the account is flagged), MalformedError, TokenMissing, VaultKeyMissing, VaultTampered,
        GrantMismatch.
        """
        held = self._opened.get(account_id)
        if held:
            return held
        return self._up_to_date(account_id, refresh, None, patience_seconds)

    def renew(
        self,
        account_id: int,
        refused: AccessToken,
        refresh: Refresh,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> AccessToken:
        """An access token in place of one that TikTok refused: a newer one that somebody saved, or refreshed.

        Waits and raises as `access_token`.
        """
        self._opened.forget(account_id)
        return self._up_to_date(account_id, refresh, refused.version, patience_seconds)

    def stop_waiting(self) -> None:
        """End every wait for a refresh; the refreshes under way go on and are saved."""
        self._refresher.stop_waiting()

    def holds(self, cursor: psycopg.Cursor[DictRow], account_id: int, version: int | None) -> bool:
        """Whether the stored pair is still that of `version` (None: no pair at all).

        The account is held until the caller's transaction ends, so that no reconnect comes in between.
        """
        self._lock(cursor, account_id)
        pairs = run(cursor, "vault/read_token", {"account_id": account_id})
        return (pairs[0]["token_version"] if pairs else None) == version

    def _up_to_date(
        self, account_id: int, refresh: Refresh, refused_version: int | None, patience_seconds: float
    ) -> AccessToken:
        pair = self._refresher.fresh_pair(account_id, refresh, refused_version, patience_seconds)
        return self._open_access(account_id, pair)

    def _open_access(self, account_id: int, pair: DictRow) -> AccessToken:
        place = Place(self._environment, account_id, "access_token", pair["token_version"])
        opened = AccessToken(
            token=self.sealer.unseal(pair["access_token"], place),
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

    def _seal(self, account_id: int, field: Field, version: int, token: SecretToken) -> bytes:
        return self.sealer.seal(token, Place(self._environment, account_id, field, version))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a TokenVault cannot be pickled or copied: open it in the process that uses it")
