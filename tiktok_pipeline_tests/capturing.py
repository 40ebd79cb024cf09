"""A small pipeline for tests: a sandbox over HTTP, connected accounts, and the real capture loop."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from tiktok_pipeline.capture.account import AccountRequests
from tiktok_pipeline.capture.days import CapturedDays, capture_days
from tiktok_pipeline.capture.ledger import Endpoint, Ledger
from tiktok_pipeline.capture.loop import CaptureLoop
from tiktok_pipeline.hub.accounts import connect_account, list_accounts
from tiktok_pipeline.hub.stores import add_store, list_stores
from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.tiktok.client import TikTokClient
from tiktok_pipeline.tiktok.oauth import OAuthClient
from tiktok_pipeline.tiktok.quota import Quota
from tiktok_pipeline.vault import TokenVault
from tiktok_pipeline.vault.secret import SecretToken
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.derive import derive

VIDEOS = "snapshots.tiktok_video_daily"
USERS = "snapshots.tiktok_user_daily"
REDIRECT = "http://localhost:8000/auth/callback"


class Pipeline:
    """What a run has in hand, without Dagster."""

    def __init__(
        self,
        warehouse: Warehouse,
        sandbox: SandboxProcess,
        keys_file: Path,
        *,
        attempts: int = 2,
        zone: str = "UTC",
        vault_warehouse: Warehouse | None = None,
    ) -> None:
        self.warehouse = warehouse
        self.sandbox = sandbox
        self.zone = zone
        self.vault = TokenVault.open(vault_warehouse or warehouse, keys_file, "test", create=True)
        self.oauth = OAuthClient(sandbox.base_url, sandbox.client_key, SecretToken(sandbox.client_secret))
        quota = Quota(warehouse, sandbox.client_key, 1_000_000)
        self.client = TikTokClient(sandbox.base_url, sandbox.client_key, quota, max_attempts=attempts)

    def connect(self, accounts: int, scopes: list[str] | None = None, first: int = 0) -> list[int]:
        """Connect the sandbox's accounts from number `first` on, one store each; their ids."""
        ids = []
        for index in range(first, first + accounts):
            code = f"store_{index:03}"
            if code not in {store.code for store in list_stores(self.warehouse)}:
                add_store(self.warehouse, code, f"Store {index}", "Ayu")
            account = connect_account(
                self.warehouse,
                self.vault,
                self.oauth,
                store_code=code,
                auth_code=self.sandbox.authorize(index, scopes),
                redirect_uri=REDIRECT,
                client_key=self.sandbox.client_key,
            )
            ids.append(account.id)
        return ids

    def ledger(self, endpoint: Endpoint = "video_list", **more: Any) -> Ledger:
        """A worker's view of the ledger."""
        return Ledger(self.warehouse, endpoint, self.zone, dt.timedelta(hours=6), **more)

    def capture(
        self,
        endpoint: Endpoint = "video_list",
        days: list[dt.date] | None = None,
        *,
        force: bool = False,
        workers: int = 4,
        **more: Any,
    ) -> CapturedDays:
        """Capture `days` (today when not given), as the asset does."""
        book = self.ledger(endpoint, **more)
        loop = CaptureLoop(book, AccountRequests(self.client, self.oauth, self.vault), workers)
        return capture_days(book, loop, days or [book.today()], force=force)

    def snapshot(self, day: dt.date | None = None) -> None:
        """Derive both snapshot tables for `day` (today when not given)."""
        day = day or self.ledger().today()
        for table in (USERS, VIDEOS):
            derive(self.warehouse, table, day, day)

    def outcomes(
        self, endpoint: Endpoint = "video_list", day: dt.date | None = None
    ) -> dict[int, dict[str, Any]]:
        """What became of each account on `day`, by account id."""
        book = self.ledger(endpoint)
        return {row["account_id"]: row for row in book.outcomes(day or book.today())}

    def vault_accounts(self) -> list[int]:
        """Ids of the connected accounts, in the order of their stores."""
        return [account.id for account in list_accounts(self.warehouse)]
