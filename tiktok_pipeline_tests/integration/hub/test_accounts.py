"""Accounts are connected with real codes, whole or not at all, to one store each."""

import datetime as dt
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.hub.accounts import Account, connect_account, list_accounts, mark_need_reconnect
from tiktok_pipeline.hub.stores import add_store
from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.tiktok.client import TikTokClient
from tiktok_pipeline.tiktok.errors import AuthError, TikTokError
from tiktok_pipeline.tiktok.oauth import OAuthClient, TokenGrant
from tiktok_pipeline.vault import SecretToken, TokenVault
from tiktok_pipeline.warehouse.connection import Warehouse

REDIRECT = "https://hub.example.com/callback"

Connect = Callable[..., Account]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxProcess]:
    with SandboxProcess(accounts=2, videos=1, limit=0) as sandbox:
        yield sandbox


@pytest.fixture
def oauth(sandbox: SandboxProcess) -> OAuthClient:
    sandbox.set_faults()
    sandbox.reset_requests()
    return OAuthClient(sandbox.base_url, sandbox.client_key, SecretToken(sandbox.client_secret))


@pytest.fixture
def vault(warehouse: Warehouse, tmp_path: Path) -> TokenVault:
    return TokenVault.open(warehouse, tmp_path / "keys.json", "test", create=True)


@pytest.fixture
def connect(warehouse: Warehouse, vault: TokenVault, oauth: OAuthClient, sandbox: SandboxProcess) -> Connect:
    """Connect an account of the sandbox to a store; there are `jakarta_01` and `bali_02`."""
    add_store(warehouse, "jakarta_01", "Jakarta", "Ayu")
    add_store(warehouse, "bali_02", "Bali", "Made")

    def connect(
        store: str = "jakarta_01", *, code: str | None = None, scopes: list[str] | None = None
    ) -> Account:
        return connect_account(
            warehouse,
            vault,
            oauth,
            store_code=store,
            auth_code=sandbox.authorize(0, scopes, redirect_uri=REDIRECT) if code is None else code,
            redirect_uri=REDIRECT,
            client_key=sandbox.client_key,
        )

    return connect


def marked_now(warehouse: Warehouse, account_id: int, reason: str) -> bool:
    with warehouse.transaction() as cursor:
        return mark_need_reconnect(cursor, account_id, reason)


def test_an_account_is_connected_and_its_token_works(
    connect: Connect, warehouse: Warehouse, vault: TokenVault, oauth: OAuthClient, sandbox: SandboxProcess
) -> None:
    account = connect()
    assert account.open_id == sandbox.accounts()[0]["open_id"]
    assert (account.store_code, account.client_key, account.status) == (
        "jakarta_01",
        sandbox.client_key,
        "CONNECTED",
    )
    assert account.missing_scopes == ()
    assert account.refresh_token_expires_at - account.token_expires_at > dt.timedelta(days=179)
    assert list_accounts(warehouse) == [account]
    access = vault.access_token(account.id, oauth.refresh)
    assert access.expires_at == account.token_expires_at
    TikTokClient(sandbox.base_url, sandbox.client_key).user_info(access.token, access.scopes)


def test_the_same_code_does_not_connect_twice(
    connect: Connect, sandbox: SandboxProcess, warehouse: Warehouse
) -> None:
    code = sandbox.authorize(0, redirect_uri=REDIRECT)
    before = connect(code=code)
    with pytest.raises(TikTokError):
        connect(code=code)
    assert list_accounts(warehouse) == [before]


def test_a_store_that_does_not_exist_is_refused_before_the_code_is_spent(
    connect: Connect, sandbox: SandboxProcess
) -> None:
    code = sandbox.authorize(0, redirect_uri=REDIRECT)
    for store in ("nowhere", "", "No Such\0Store"):
        with pytest.raises(PipelineError, match="there is none"):
            connect(store, code=code)
    assert sandbox.requests()["total"] == 0
    assert connect(code=code).status == "CONNECTED"


def test_what_cannot_be_a_code_is_not_sent(connect: Connect, sandbox: SandboxProcess) -> None:
    for code in ("", "  ", "a\0b", "a b\nc", "código"):
        with pytest.raises(PipelineError, match="auth code"):
            connect(code=code)
    assert sandbox.requests()["total"] == 0


def test_connecting_again_keeps_the_account_and_clears_its_trouble(
    connect: Connect, warehouse: Warehouse, vault: TokenVault, oauth: OAuthClient
) -> None:
    first = connect()
    assert marked_now(warehouse, first.id, "the grant is dead")
    again = connect()
    assert (again.id, again.connected_at) == (first.id, first.connected_at)
    assert (again.status, again.status_reason) == ("CONNECTED", None)
    assert again.token_expires_at > first.token_expires_at
    assert list_accounts(warehouse) == [again]
    assert vault.access_token(again.id, oauth.refresh).version == 2


def test_an_account_of_another_store_is_refused_and_nothing_changes(
    connect: Connect, warehouse: Warehouse, vault: TokenVault, oauth: OAuthClient
) -> None:
    before = connect("jakarta_01")
    with pytest.raises(PipelineError, match=r"connected to store jakarta_01 already.*store bali_02"):
        connect("bali_02")
    assert list_accounts(warehouse) == [before]
    assert vault.access_token(before.id, oauth.refresh).version == 1


def test_two_stores_that_connect_one_account_at_once_do_not_both_get_it(
    connect: Connect, warehouse: Warehouse
) -> None:
    gate = threading.Barrier(2)

    def try_it(store: str) -> str:
        gate.wait()
        try:
            return connect(store).store_code
        except PipelineError as error:
            return str(error)

    with ThreadPoolExecutor(2) as threads:
        outcomes = list(threads.map(try_it, ["jakarta_01", "bali_02"]))
    [account] = list_accounts(warehouse)
    assert sorted("already" in outcome for outcome in outcomes) == [False, True]
    assert account.store_code in outcomes


def test_fewer_scopes_connect_in_reduced_mode_and_the_result_says_what_is_missing(
    connect: Connect, vault: TokenVault, oauth: OAuthClient
) -> None:
    account = connect(scopes=["user.info.basic", "video.list"])
    assert account.status == "CONNECTED"
    assert account.missing_scopes == ("user.info.profile", "user.info.stats")
    assert vault.access_token(account.id, oauth.refresh).scopes == {"user.info.basic", "video.list"}


def test_an_account_is_not_saved_when_its_tokens_cannot_be(
    connect: Connect, warehouse: Warehouse, vault: TokenVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(vault, "save_grant", fail)
    with pytest.raises(RuntimeError):
        connect()
    assert list_accounts(warehouse) == []


def test_a_refused_code_changes_nothing_and_is_not_shown(connect: Connect, warehouse: Warehouse) -> None:
    with pytest.raises(AuthError) as refusal:
        connect(code="canary*0!6410.va")
    assert "canary" not in str(refusal.value)
    assert list_accounts(warehouse) == []


def test_connecting_again_during_a_refresh_wins_over_the_refreshed_pair(
    connect: Connect, vault: TokenVault, oauth: OAuthClient, sandbox: SandboxProcess
) -> None:
    account = connect()
    refused = vault.access_token(account.id, oauth.refresh)
    answered, connected = threading.Event(), threading.Event()

    def refresh(token: SecretToken) -> TokenGrant:
        grant = oauth.refresh(token)
        answered.set()
        connected.wait(20)
        return grant

    with ThreadPoolExecutor(1) as threads:
        renewed = threads.submit(vault.renew, account.id, refused, refresh)
        answered.wait(20)
        assert connect().id == account.id
        connected.set()
        assert renewed.result().version == 2
    again = vault.renew(account.id, refused, oauth.refresh)
    assert again.version == 2
    assert vault.renew(account.id, again, oauth.refresh).version == 3  # the newer grant's refresh token lives


@pytest.mark.parametrize(
    ("status", "marked"),
    [("CONNECTED", True), ("ERROR", True), ("NEED_RECONNECT", False), ("DISABLED", False)],
)
def test_only_an_account_at_work_can_come_to_need_a_person(
    connect: Connect, warehouse: Warehouse, status: str, marked: bool
) -> None:
    account = connect()
    with warehouse.transaction() as cursor:
        cursor.execute(
            "update hub.store_accounts set status = %s, status_changed_at = '2026-01-01T00:00Z'", (status,)
        )
    assert marked_now(warehouse, account.id, "invalid_grant\0\ud800") is marked
    with warehouse.transaction() as cursor:
        cursor.execute("select status, status_reason, status_changed_at from hub.store_accounts")
        row = cursor.fetchone()
    assert row
    assert row["status"] == ("NEED_RECONNECT" if marked else status)
    assert row["status_reason"] == ("invalid_grant\ufffd?" if marked else None)
    assert (row["status_changed_at"].year == 2026 and row["status_changed_at"].month == 1) is not marked
    assert marked_now(warehouse, account.id + 1, "nobody") is False
