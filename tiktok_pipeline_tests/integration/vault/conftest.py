"""A vault in a database of its own, an account to keep tokens for, and a strict TikTok without HTTP."""

import itertools
import threading
from pathlib import Path

import pytest

from tiktok_pipeline.tiktok.errors import AuthError
from tiktok_pipeline.tiktok.oauth import TokenGrant
from tiktok_pipeline.vault import SecretToken, TokenVault
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import add_account

OPEN_ID = "-000open"
SCOPES = ("user.info.basic", "video.list")


class StrictTikTok:
    """Grants of one account; a refresh token works once. `expires_in`: seconds that the next answer says."""

    def __init__(self) -> None:
        self.calls = 0
        self.expires_in = 7200
        self.open_id = OPEN_ID
        self._numbers = itertools.count(1)
        self._live = ""
        self._lock = threading.Lock()

    def grant(self) -> TokenGrant:
        number = next(self._numbers)
        self._live = f"rft.canary-{number}"
        return TokenGrant(
            open_id=self.open_id,
            scopes=SCOPES,
            access_token=SecretToken(f"act.canary-{number}"),
            refresh_token=SecretToken(self._live),
            expires_in=self.expires_in,
            refresh_expires_in=15_552_000,
        )

    def refresh(self, refresh_token: SecretToken) -> TokenGrant:
        with self._lock:
            self.calls += 1
            if refresh_token.reveal() != self._live:
                raise AuthError("Refresh token is invalid or expired.", code="invalid_grant")
            return self.grant()

    def out_of_reach(self, refresh_token: SecretToken) -> TokenGrant:
        raise AssertionError("TikTok was called")


@pytest.fixture
def tiktok() -> StrictTikTok:
    return StrictTikTok()


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


@pytest.fixture
def vault(warehouse: Warehouse, keys_file: Path) -> TokenVault:
    return TokenVault.open(warehouse, keys_file, "test", create=True)


@pytest.fixture
def account_id(warehouse: Warehouse, vault: TokenVault, tiktok: StrictTikTok) -> int:
    """An account with a fresh grant, version 1."""
    number = add_account(warehouse, OPEN_ID)
    with warehouse.transaction() as cursor:
        vault.save_grant(cursor, number, tiktok.grant())
    return number


def let_pass(warehouse: Warehouse, account_id: int, seconds: float) -> None:
    """Make the account's tokens `seconds` older."""
    with warehouse.transaction() as cursor:
        cursor.execute(
            "update vault.token set saved_at = saved_at - make_interval(secs => %(seconds)s), "
            "access_expires_at = access_expires_at - make_interval(secs => %(seconds)s), "
            "refresh_expires_at = refresh_expires_at - make_interval(secs => %(seconds)s) "
            "where account_id = %(account_id)s",
            {"seconds": seconds, "account_id": account_id},
        )


def let_waits_pass(warehouse: Warehouse) -> None:
    """Let the time of the next refresh come: leases, waits after a failure and stops are over."""
    with warehouse.transaction() as cursor:
        cursor.execute(
            "update vault.token set lease_until = least(lease_until, ops.now() - interval '1 second'), "
            "next_attempt_at = null"
        )
        cursor.execute("update vault.refresh_stop set stopped_until = ops.now() - interval '1 second'")
